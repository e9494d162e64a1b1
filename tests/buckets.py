"""S3 for the tests: moto's server, a process of its own on this machine's loopback."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from demo.port import kept_port
from tests.patience import HUNG_SECONDS, eventually


class BucketServer:
    """A running server; `environment` is what an S3 client needs to reach it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
        self._buckets = 0

    def new_bucket(self) -> str:
        """Make an empty bucket; its URL, with a prefix."""
        self._buckets += 1
        name = f"bucket-{os.getpid()}-{self._buckets}"
        self.request("PUT", f"/{name}")
        return f"s3://{name}/newsroom"

    def request(self, method: str, path: str, data: bytes | None = None) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of the answer to a plain request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=HUNG_SECONDS) as answer:
            return answer.read(), dict(answer.headers)


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    with kept_port() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def answers() -> bool:
            assert process.poll() is None, "moto's server ended"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            eventually(answers)
            yield BucketServer(port)
        finally:
            process.kill()
            process.wait()
