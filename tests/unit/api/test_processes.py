"""`serve --processes`: several processes on one machine share a port, a log and the rate limits, and end together."""

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from api import processes
from api.http.limits import Policy, RateLimiter
from api.processes import Parent, SharedLimiter
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, POLL_SECONDS, eventually
from tests.postgres import PostgresServer

pytestmark = pytest.mark.timing

ROOT = Path(__file__).resolve().parents[3]
ALLOWED = 40


class Several:
    """Two processes and the one that watches them."""

    def __init__(self, place: Path, database: str) -> None:
        self.log = place / "log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")}
        environment = clean | {
            "COUNTERMARK_ENVIRONMENT": "development",
            "COUNTERMARK_FOLDER": str(place / "data"),
            "COUNTERMARK_DATABASE_URL": database,
            "COUNTERMARK_PORT": "0",
            "COUNTERMARK_WORKERS": "1",
            "COUNTERMARK_READ_RATE": f"{ALLOWED}/hour",
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "api", "serve", "--processes", "2"]
            self.parent = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        eventually(lambda: self.said(r"listens on http://127\.0\.0\.1:(\d+)"))
        self.port = int(self.said(r"listens on http://127\.0\.0\.1:(\d+)")[0])
        eventually(lambda: len(self.served) == 2)

    def said(self, pattern: str) -> list[str]:
        assert self.parent.poll() is None, self.log.read_text()[-3000:]
        return re.findall(pattern, self.log.read_text())

    @property
    def served(self) -> list[int]:
        """The processes that have begun to accept."""
        return [int(each) for each in self.said(r"Started server process \[(\d+)\]")]

    def ask(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, HUNG_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def several(place: Path, postgres: PostgresServer) -> Iterator[Several]:
    running = Several(place, postgres.new_database())
    try:
        yield running
    finally:
        running.parent.kill()  # the others notice, and stop
        running.parent.wait()
        eventually(lambda: not any(map(runs, running_ids(running))))


def running_ids(running: Several) -> list[int]:
    return [int(each) for each in re.findall(r"Started server process \[(\d+)\]", running.log.read_text())]


def runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_several_processes_share_the_rate_limits_and_one_that_is_killed_is_replaced(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with several(tmp_path, postgres) as running:
        with ThreadPoolExecutor(8) as asking:
            statuses = list(asking.map(running.ask, ["/v1/assets"] * (ALLOWED + 20)))
        assert sorted(statuses) == [200] * ALLOWED + [429] * 20
        lost = running.served[0]
        os.kill(lost, signal.SIGKILL)
        eventually(lambda: len(running.served) == 3)
        assert running.ask("/readyz") == 200
        assert running.ask("/v1/assets") == 429
        running.parent.terminate()
        assert running.parent.wait(HUNG_SECONDS) == 0
        assert not any(map(runs, running_ids(running)))


def test_processes_whose_parent_is_killed_stop(tmp_path: Path, postgres: PostgresServer) -> None:
    with several(tmp_path, postgres) as running:
        children = running.served
        running.parent.kill()
        running.parent.wait()
        eventually(lambda: not any(map(runs, children)))


def test_a_process_stops_also_where_its_parent_was_killed_before_it_had_read_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pair is reset then, and not closed."""
    stopped: list[int] = []
    monkeypatch.setattr("api.processes.os.kill", lambda process_id, _: stopped.append(process_id))
    monkeypatch.setattr("api.processes.ALIVE_SECONDS", POLL_SECONDS)

    async def lose_the_parent() -> None:
        ours, theirs = socket.socketpair()
        async with Parent(theirs):
            while not ours.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                await asyncio.sleep(POLL_SECONDS)
            ours.close()
            while not stopped:
                await asyncio.sleep(POLL_SECONDS)

    asyncio.run(asyncio.wait_for(lose_the_parent(), HUNG_SECONDS))
    assert stopped == [os.getpid()]


def test_a_service_that_cannot_start_ends_with_the_status_of_its_first_process(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    database = postgres.new_database()
    environment = os.environ | {
        "COUNTERMARK_ENVIRONMENT": "development",
        "COUNTERMARK_FOLDER": str(tmp_path),
        "COUNTERMARK_DATABASE_URL": database + "_that_is_not_there",
        "COUNTERMARK_PORT": "0",
    }
    command = [sys.executable, "-m", "api", "serve", "--processes", "2"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=HUNG_SECONDS, check=False)
    assert ended.returncode == 3, ended.stderr.decode()[-2000:]
    assert b"StoreUnavailable" in ended.stderr


def test_a_process_whose_parent_does_not_answer_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> list[bool]:
        ours, theirs = socket.socketpair()
        with ours:
            limiter = RateLimiter(Policy("reads", 2, 60), lambda: 0.0)
            async with Parent(theirs) as parent:
                shared = SharedLimiter(limiter, parent)
                return [(await shared.take("192.0.2.1")).allowed for _ in range(3)]

    monkeypatch.setattr(processes, "COUNT_SECONDS", EXPIRING_SECONDS)
    assert asyncio.run(ask()) == [True, True, False]
