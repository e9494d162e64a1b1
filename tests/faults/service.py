"""A real server process that can be killed, and writers who remember what it has acknowledged."""

import http.client
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from demo.port import kept_port
from provenance.statement.keys import LocalSigner
from provenance.statement.statement import sign_statement
from provenance.transparency.note import ED25519, VerifierKey
from registry.keys.keystore import Keystore
from registry.times import utc_now
from tests.conformance.independent_reader import Head, open_note, read_log
from tests.patience import HUNG_SECONDS, POLL_SECONDS

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a passphrase for fault tests"
ORIGIN = "faults.example/log"
NO_ANSWER = (OSError, http.client.HTTPException)


class Server:
    """`python -m api serve` on a data folder: started, killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._kept = ExitStack()
        self.port = self._kept.enter_context(kept_port())
        self.log = folder.parent / f"{folder.name}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")}
        self.environment = clean | {
            "COUNTERMARK_FOLDER": str(folder),
            "COUNTERMARK_ENVIRONMENT": "development",
            "COUNTERMARK_KEY_PASSPHRASE": PASSPHRASE,
            "COUNTERMARK_PORT": str(self.port),
            "COUNTERMARK_ORIGIN": ORIGIN,
            "COUNTERMARK_WORKERS": "1",
            "COUNTERMARK_READ_RATE": "100000000/minute",
            "COUNTERMARK_LOG_LEVEL": "error",
        }
        self.environment |= {f"COUNTERMARK_{name.upper()}": value for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.command("log", "init")  # where the folder has no log yet
        made = self.command("key", "create", "--name", "faults", "--scope", "admin")
        assert made.returncode == 0, made.stderr
        self.api_key = made.stdout.strip()
        keystore = Keystore.open(folder, PASSPHRASE.encode(), utc_now)
        (path,) = (folder / "keys" / "publishers" / "newsroom").glob("*.pem")
        self.signer: LocalSigner = keystore.publisher_key("newsroom", bytes.fromhex(path.stem))
        self.vkey = str(VerifierKey(ORIGIN, ED25519, keystore.log.public_key.raw))

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `python -m api …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )

    def start(self) -> float:
        """Start, and wait until it is ready; returns the seconds that took."""
        started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "serve"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        while self.process.poll() is None and time.monotonic() - started < HUNG_SECONDS:
            try:
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - started
            except NO_ANSWER:
                time.sleep(POLL_SECONDS)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def processor_seconds(self) -> float:
        """What the server itself has used, without its workers."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime

    def import_seconds(self) -> float:
        """The processor time of a process that imports what the server does, and ends."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", "import api.app, api.cli.service"], cwd=ROOT, env=self.environment, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def kill(self) -> None:
        """SIGKILL, to the server alone: what it has started ends with it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Have it end by itself."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(HUNG_SECONDS)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        connection: http.client.HTTPConnection | None = None,
        *,
        media_type: str = "application/cbor-seq",
    ) -> tuple[int, bytes]:
        """(status, body) of an answer; raises one of NO_ANSWER."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": media_type}
        with ExitStack() as opened:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HUNG_SECONDS)
                opened.callback(connection.close)
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path: str) -> tuple[int, bytes]:
        """As `ask`."""
        return self.ask("GET", path)

    def post_statement(self, statement: bytes) -> tuple[int, bytes]:
        """As `ask`."""
        return self.ask("POST", "/v1/statements", statement)

    def head(self) -> Head:
        """The tree head that it shows."""
        return open_note(self.get("/log/checkpoint")[1], self.vkey)

    def read_log(self) -> tuple[Head, list[bytes]]:
        """The tree head that it shows, and the entries, which lead to it."""
        return read_log(f"http://127.0.0.1:{self.port}/log", self.vkey)

    def statement(self) -> bytes:
        """A new one by the publisher."""
        return sign_statement(secrets.token_bytes(32), self.signer)


@dataclass
class Writers:
    """Threads that log statements until they are told to stop; a statement that got no answer is sent again."""

    server: Server
    count: int
    acknowledged: dict[bytes, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(HUNG_SECONDS)

    def _work(self) -> None:
        pending = self.server.statement()
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HUNG_SECONDS)
            try:
                while not self._stop.is_set():
                    status, body = self.server.ask("POST", "/v1/statements", pending, connection)
                    if status == 503:
                        time.sleep(POLL_SECONDS)
                        continue
                    if status != 201:
                        self.faults.append(f"{status}: {body!r}")
                        return
                    self.acknowledged[pending] = json.loads(body)["items"][0]["index"]
                    pending = self.server.statement()
            except NO_ANSWER:
                time.sleep(POLL_SECONDS)
            finally:
                connection.close()
