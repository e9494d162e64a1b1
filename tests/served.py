"""`python -m api serve` as a process of its own, for tests from outside."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import HUNG_SECONDS, eventually

ROOT = Path(__file__).resolve().parents[1]


class Served:
    """A server process on a folder of its own, with a temporary folder of its own."""

    def __init__(
        self, place: Path, descriptors: int | None = None, interpreter: str = sys.executable, **settings: str
    ) -> None:
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
        environment |= {f"COUNTERMARK_{name.upper()}": value for name, value in settings.items()}
        serve = [interpreter, "-m", "api", "serve"]
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

    def children(self) -> list[str]:
        """The ids of the processes that it has started."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]

    def left(self) -> list[str]:
        """What is for the time of a process alone."""
        spools = self.folder.glob("spool/*")
        return sorted(each.name for each in [*spools, *self.folder.glob("lock"), *self.temporary.iterdir()])


@contextmanager
def served(
    place: Path, descriptors: int | None = None, interpreter: str = sys.executable, **settings: str
) -> Iterator[Served]:
    server = Served(place, descriptors, interpreter, **settings)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
