"""A service of one's own: the real server on a free loopback port, over a scratch folder, as a child process."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from countermark import Client, ServiceError

from demo.port import kept_port

START_SECONDS = 300.0
"""Seconds a start may take: two warm workers take about 4 on a laptop, a minute on a machine that does other work."""

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """Where a running service is, and a key that may register with it."""

    url: str
    api_key: str
    folder: Path
    process_id: int

    def enrol(self, publisher: str, name: str) -> str:
        """Enrol another publisher; returns a key that registers for it."""
        with httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.api_key}"}) as http:
            enrolled = http.post("/v1/publishers", json={"id": publisher, "name": name}, timeout=START_SECONDS)
            enrolled.raise_for_status()
            asked = {"name": name, "scopes": ["assets:write"], "publisher": publisher}
            minted = http.post("/v1/keys", json=asked, timeout=START_SECONDS)
            minted.raise_for_status()
        return str(minted.json()["key"])


class ServiceDidNotStartError(RuntimeError):
    """The child process ended, or was not ready in time; the text holds the end of its log."""


@contextmanager
def running_service(folder: Path, *, operator: str = "The Demonstration Daily", **settings: str) -> Iterator[Service]:
    """Start the service, wait until it is ready, and stop it again on leaving.

    `settings` are further ones of the server's, by their names in the environment without the prefix.
    """
    with kept_port() as port, _running(port, folder, operator, settings) as service:
        yield service


@contextmanager
def _running(port: int, folder: Path, operator: str, settings: Mapping[str, str]) -> Iterator[Service]:
    environment = os.environ | {
        "COUNTERMARK_ENVIRONMENT": "development",
        "COUNTERMARK_FOLDER": str(folder),
        "COUNTERMARK_OPERATOR": operator,
        "COUNTERMARK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COUNTERMARK_PORT": str(port),
        "COUNTERMARK_KEY_PASSPHRASE": secrets.token_urlsafe(24),
    }
    environment |= {f"COUNTERMARK_{name.upper()}": value for name, value in settings.items()}
    begun = subprocess.run(
        [sys.executable, "-m", "api", "log", "init", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    api_key = json.loads(begun.stdout)["api_key"]
    log_path = folder.parent / f"{folder.name}.log"
    with log_path.open("w+") as log:
        process = subprocess.Popen([sys.executable, "-m", "api", "serve"], env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, url, log_path)
            yield Service(url, api_key, folder, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Client(url, max_retries=0) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.ready()
            except ServiceError:
                time.sleep(0.05)
            else:
                return
    raise ServiceDidNotStartError(f"the service did not start:\n{log_path.read_text()[-2000:]}")
