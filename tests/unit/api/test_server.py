"""`python -m api serve` as a process: what a flood leaves of it, and what it leaves behind."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS, eventually

pytestmark = pytest.mark.timing

ROOT = Path(__file__).resolve().parents[3]


class Served:
    """A server process on a folder of its own, with a temporary folder of its own."""

    def __init__(self, place: Path, descriptors: int | None = None) -> None:
        self.folder = place / "data"
        self.temporary = place / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.log = Path(tempfile.mkstemp(prefix="log-", dir=place)[1])
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")}
        environment = clean | {
            "COUNTERMARK_ENVIRONMENT": "development",
            "COUNTERMARK_FOLDER": str(self.folder),
            "COUNTERMARK_KEY_PASSPHRASE": "a passphrase for tests",
            "COUNTERMARK_PORT": "0",
            "COUNTERMARK_WORKERS": "1",
            "TMPDIR": str(self.temporary),
        }
        serve = [sys.executable, "-m", "api", "serve"]
        if descriptors is not None:
            serve = ["sh", "-c", f'ulimit -n {descriptors} && exec "$0" "$@"', *serve]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                serve,
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    @property
    def port(self) -> int:
        """The one that it was given; 0 before."""
        said = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.log.read_text())
        return int(said[1]) if said else 0

    def ask(self, path: str = "/livez", address: str = "127.0.0.1") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, HUNG_SECONDS, (address, 0))
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def metrics(self, address: str) -> str:
        """With the key that the first start has made."""
        key = re.search(r"cmk_\S+", self.log.read_text())
        assert key is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, HUNG_SECONDS, (address, 0))
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {key[0]}"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def wait(self) -> None:
        self.until(lambda: self.port)
        assert self.ask("/readyz") == 200

    def until(self, condition: Callable[[], object]) -> None:
        def holds() -> object:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            return condition()

        eventually(holds)

    def ended_by(self, sent: signal.Signals) -> int:
        self.process.send_signal(sent)
        return self.process.wait(HUNG_SECONDS)

    def left(self) -> list[str]:
        """What is for the time of a process alone."""
        spools = self.folder.glob("spool/*")
        return sorted(each.name for each in [*spools, *self.folder.glob("lock"), *self.temporary.iterdir()])


@contextmanager
def served(place: Path, descriptors: int | None = None) -> Iterator[Served]:
    server = Served(place, descriptors)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def test_half_open_connections_do_not_keep_others_out_and_sigterm_closes_everything(tmp_path: Path) -> None:
    with served(tmp_path, descriptors=256) as server, ExitStack() as held:
        server.wait()
        for _ in range(300):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS))
            with suppress(ConnectionError):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert server.ask("/readyz", "127.0.0.2") == 200
        refused = re.search(r'connections_refused_total{reason="of_an_address"} (\d+)', server.metrics("127.0.0.2"))
        assert refused is not None
        assert int(refused[1]) >= 300 - 64  # a quarter of the descriptors
        assert len(server.left()) == 3
        assert server.ended_by(signal.SIGTERM) == 0, server.log.read_text()[-2000:]
        assert server.left() == []


def test_sigterm_closes_everything_while_it_starts(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.until(lambda: any(server.temporary.iterdir()))
        assert server.ended_by(signal.SIGTERM) == 0, server.log.read_text()[-2000:]
        assert server.left() == []


def test_what_a_killed_server_leaves_is_swept_by_the_next_one(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.wait()
        server.ended_by(signal.SIGKILL)
        left = server.left()
        assert len(left) == 3
    with served(tmp_path) as server:
        server.wait()
        assert set(server.left()) & set(left) == {"lock"}  # taken over
        assert server.ended_by(signal.SIGTERM) == 0
        assert server.left() == []
