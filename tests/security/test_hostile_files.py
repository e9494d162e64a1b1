"""Hostile pictures, verified and registered: nothing fails but by a problem, and nothing is left or grows.

With FULL=1 all of them, else a tenth. `make corpora` gets the pictures of decoders' source packages.
"""

import http.client
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.service import UNBOUNDED
from tests.patience import HUNG_SECONDS
from tests.security.containers import CONTAINERS, POLYGLOTS
from tests.security.hostile import CORPORA, corpus, generated, honest
from tests.served import Served, served

MEBIBYTE = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")
WARM = 8
"""Pictures after which a server has loaded what it loads once."""

# Every connection that the server's process begins, and every name that it looks up, is written down. Its workers have
# no sockets (tests/security/test_sandbox.py).
WATCH = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["NOTED"], "a") as file:
            file.write(f"{event} {arguments!r}\\n")
sys.addaudithook(note)
"""


@dataclass
class Observed:
    """What was seen over all requests of a test."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """The most processor time of a worker for one request."""
    slowest: str = ""
    """The file that took it."""
    resident: int = 0
    """The most bytes of a worker."""
    wrong: list[str] = field(default_factory=list)


@dataclass
class Attacked:
    server: Served
    noted: Path
    key: str

    def post(self, path: str, data: bytes) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HUNG_SECONDS)
        headers = {"Content-Type": "application/octet-stream"}
        if path == "/v1/assets":
            boundary = "x" * 40
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="../../a"\r\n\r\n'
            data = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
            headers = {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Authorization": f"Bearer {self.key}",
            }
        try:
            connection.request("POST", path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.headers)
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=HUNG_SECONDS)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def workers(self) -> dict[int, tuple[float, int]]:
        """Processor time and largest resident set of each worker, by process."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                stat = (process / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == self.server.process.pid:
                    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
                    ticks = int(stat[11]) + int(stat[12])
                    found[int(process.name)] = (ticks / TICKS, int(peak[1]) * 1024 if peak else 0)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def resident(self) -> int:
        return int(Path(f"/proc/{self.server.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def attack(self, name: str, data: bytes, observed: Observed) -> None:
        for path in ("/v1/verifications", "/v1/assets"):
            before = self.workers()
            status, body, headers = self.post(path, data)
            after = self.workers()
            spent = [after[each][0] - before[each][0] for each in after.keys() & before.keys()]
            observed.seconds, observed.slowest = max(
                (observed.seconds, observed.slowest), (max(spent, default=0.0), name)
            )
            observed.resident = max(observed.resident, *(peak for _, peak in after.values()), 0)
            observed.statuses[f"{path} {status}"] += 1
            planned = status == 503 and "Retry-After" in headers
            if status >= 500 and not planned:
                observed.wrong.append(f"{name}: {path}: {status} {body[:200]!r}")
            if status >= 400 and headers.get("content-type") != "application/problem+json":
                observed.wrong.append(f"{name}: {path}: {status} of type {headers.get('content-type')}")

    def left(self) -> list[str]:
        spooled = [each.name for each in self.server.folder.glob("spool/*/*")]
        return [*spooled, *(each.name for each in self.server.temporary.iterdir())]


@pytest.fixture
def attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attacked]:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "watch"))
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    with served(tmp_path, **UNBOUNDED) as server:
        server.wait()
        key = re.search(r"cmk_\S+", server.log.read_text())
        assert key is not None
        yield Attacked(server, tmp_path / "noted", key[0])


def assert_unharmed(attacked: Attacked, cases: Iterator[tuple[str, bytes]], capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(WARM):
        assert attacked.post("/v1/verifications", honest("JPEG") + bytes(number))[0] == 200
        assert attacked.post("/v1/assets", honest("PNG"))[0] in (200, 201)
    before, observed = attacked.resident(), Observed()
    for name, data in cases:
        attacked.attack(name, data, observed)
    grown = attacked.resident() - before
    with capsys.disabled():
        told = ", ".join(f"{path}: {count}" for path, count in sorted(observed.statuses.items()))
        peak, more = observed.resident // MEBIBYTE, grown // MEBIBYTE
        print(f"\n{told}; {observed.seconds:.1f} s ({observed.slowest}), {peak} MiB, server {more:+} MiB")  # noqa: T201
    assert observed.wrong == []
    assert observed.seconds <= 10
    assert observed.resident <= 1024 * MEBIBYTE
    assert grown <= 64 * MEBIBYTE
    assert attacked.server.ask("/livez") == 200
    assert attacked.post("/v1/verifications", honest("JPEG"))[0] == 200
    assert attacked.left() == []
    assert not attacked.noted.exists(), attacked.noted.read_text()
    unhandled = [line for line in attacked.server.log.read_text().splitlines() if "unhandled exception" in line]
    assert [json.loads(line) for line in unhandled] == []
    assert attacked.server.ended_by(signal.SIGTERM) == 0
    assert attacked.server.left() == []


def test_generated_files_do_no_harm(attacked: Attacked, capsys: pytest.CaptureFixture[str]) -> None:
    assert_unharmed(attacked, generated(), capsys)


@pytest.mark.parametrize("form", sorted({name.partition(":")[0] for name in CONTAINERS}))
def test_containers_that_lie_do_no_harm(attacked: Attacked, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {name: make for name, make in CONTAINERS.items() if name.startswith(f"{form}:")}
    assert_unharmed(attacked, ((name, make()) for name, make in cases.items()), capsys)


def test_files_of_two_kinds_do_no_harm(attacked: Attacked, capsys: pytest.CaptureFixture[str]) -> None:
    assert_unharmed(attacked, ((name, make()) for name, make in POLYGLOTS.items()), capsys)


def test_a_file_of_two_kinds_is_handed_out_as_a_picture_alone(attacked: Attacked) -> None:
    registered = 0
    for name, make in POLYGLOTS.items():
        status, body, _ = attacked.post("/v1/assets", make())
        if status != 201:
            continue
        registered += 1
        of = f"/v1/assets/{json.loads(body)['id']}"
        for part in ("credentialed", "thumbnail"):
            status, headers = attacked.get(f"{of}/{part}")
            if status == 200:
                assert headers["content-type"].startswith("image/"), name
                assert headers["x-content-type-options"] == "nosniff", name
                assert "sandbox" in headers["content-security-policy"], name
    assert registered >= len(POLYGLOTS) // 2


@pytest.mark.skipif(not CORPORA.is_dir(), reason="no pictures of decoders' source packages (make corpora gets them)")
def test_the_pictures_that_decoders_are_tested_with_do_no_harm(
    attacked: Attacked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_unharmed(attacked, ((str(each), each.read_bytes()) for each in corpus()), capsys)
