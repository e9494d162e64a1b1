"""Several processes on one PostgreSQL database, while the server restarts, answers are lost, and processes stop.

What was acknowledged is in the log once, at its index, and nobody ever saw a checkpoint of another history.
"""

import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.merkle import Frontier, leaf_hash
from registry.database import assets, checkpoints, entries
from registry.log.tiles import Tiles
from registry.storage.objects import open_objects
from registry.usecases.maintenance import fsck
from tests.buckets import BucketServer
from tests.faults.proxy import Proxy
from tests.logs.records import ORIGIN
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, POLL_SECONDS, eventually
from tests.postgres import NO_POSTGRESQL, PostgresServer, database_of, find_binaries
from tests.unit.registry.newsroom import Newsroom

ROOT = Path(__file__).parents[2]
Place = Path | str


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of the test's own, which flushes to the disk as in production."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(NO_POSTGRESQL)
    opened = PostgresServer(binaries, flushes=True)
    yield opened
    opened.close()


class Process:
    """A `tests.faults.registering` process, and what it has said so far."""

    def __init__(self, log: "Log", run: str) -> None:
        with (log.folder / f"errors-{run}").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.registering", run, *map(str, log.arguments)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.acknowledged: dict[str, tuple[int, str]] = {}
        self.acknowledged_at = 0.0
        self.tries_again = 0
        self.leads = False
        self.terms: list[int] = []
        self.stopped = ""
        self._ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self._ready.wait(HUNG_SECONDS), (log.folder / f"errors-{run}").read_text()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match line.split():
                case ["ready"]:
                    self._ready.set()
                case ["leads", term]:
                    self.leads = True
                    self.terms.append(int(term))
                case ["follows"]:
                    self.leads = False
                case ["again", *_]:
                    self.tries_again += 1
                case ["stopped", *_]:
                    self.stopped = line
                case [name, index, record] if len(record) == 64:
                    self.acknowledged[name] = int(index), record
                    self.acknowledged_at = time.monotonic()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Log:
    """A log that several processes serve, watched from outside for as long as it lasts."""

    def __init__(self, folder: Path, server: PostgresServer, objects: Place, high_water: Place) -> None:
        folder.mkdir()
        self.folder = folder
        self.server = server
        self.url = server.new_database()
        self.objects = objects
        self.high_water = high_water
        self.arguments = (folder / "data", self.url, objects, high_water)
        self.notes: list[bytes] = []
        with self._newsroom() as newsroom:
            newsroom.found()
        self._watching = True
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        self._processes = ExitStack()
        self._all: list[Process] = []

    def _newsroom(self) -> Newsroom:
        return Newsroom(self.folder / "data", database=self.url, objects=self.objects, high_water=self.high_water)

    def start(self) -> Process:
        process = Process(self, str(len(self._all)))
        self._all.append(process)
        self._processes.callback(process.kill)
        return process

    def _watch(self) -> None:
        tiles = Tiles(open_objects(self.objects))
        while self._watching:
            note = tiles.checkpoint()
            if note is not None and (not self.notes or note != self.notes[-1]):
                self.notes.append(note)
            time.sleep(POLL_SECONDS / 5)

    def close(self) -> None:
        self._processes.close()
        self._watching = False
        self._watcher.join()

    def assert_sound(self) -> int:
        """End all processes and check everything; how many pictures were acknowledged."""
        self.close()
        assert not [process.stopped for process in self._all if process.stopped]
        acknowledged = {name: where for process in self._all for name, where in process.acknowledged.items()}
        with self._newsroom() as newsroom:
            with newsroom.store.read() as session:
                size = entries.size(session)
            eventually(lambda: newsroom.sequencer.size == size)  # what was sequenced only is published now
            for index, record in acknowledged.values():
                assert newsroom.proofs.tlog_proof(bytes.fromhex(record)).index == index
            with newsroom.store.read() as session:
                statements = [row.statement for row in entries.between(session, 0, size)]
                titles = Counter(row.title for row in assets.between(session, 0, size))
                kept = checkpoints.between(session, 0, size + 1)
            assert set(titles.values()) == {1}, "each picture is there once"
            assert set(acknowledged) <= set(titles)
            self._assert_one_history(newsroom, statements, [*self.notes, *(row.note for row in kept)])
            key = newsroom.sequencer.key
            assert not list(fsck.check(newsroom.store, newsroom.blobs, key, high_water=self.high_water))
        return len(acknowledged)

    def _assert_one_history(self, newsroom: Newsroom, statements: list[bytes], notes: list[bytes]) -> None:
        roots, frontier = [], Frontier()
        for statement in statements:
            roots.append(frontier.root())
            frontier.append(leaf_hash(statement))
        roots.append(frontier.root())
        seen = [open_checkpoint(note, [newsroom.sequencer.key], ORIGIN)[0] for note in notes]
        assert all(checkpoint.root == roots[checkpoint.size] for checkpoint in seen)
        sizes = [checkpoint.size for checkpoint in seen[: len(self.notes)]]
        assert sizes == sorted(sizes), "what is shown never becomes older"


@pytest.fixture(params=["folder", "bucket"])
def log(request: pytest.FixtureRequest, tmp_path: Path, server: PostgresServer) -> Iterator[Log]:
    objects: Place = tmp_path / "objects"
    high_water: Place = tmp_path / "high-water"
    if request.param == "bucket":
        buckets: BucketServer = request.getfixturevalue("buckets")
        objects, high_water = buckets.new_bucket(), f"{buckets.new_bucket()}/high-water"
    opened = Log(tmp_path / "log", server, objects, high_water)
    yield opened
    opened.close()


def leader_of(processes: list[Process]) -> Process:
    """The one that leads: on a busy machine another may be elected at any moment."""
    leaders: list[Process] = []

    def is_one() -> bool:
        leaders[:] = [process for process in processes if process.leads]
        return len(leaders) == 1

    eventually(is_one)
    return leaders[0]


@pytest.mark.parametrize("log", ["folder"], indirect=True)
def test_ten_restarts_of_the_server_under_load_lose_and_double_nothing(log: Log) -> None:
    chance = random.Random(20260701)
    processes = [log.start(), log.start()]
    for _ in range(10):
        before = sum(len(process.acknowledged) for process in processes)
        eventually(lambda before=before: sum(len(each.acknowledged) for each in processes) > before + 5)
        time.sleep(chance.uniform(0, 0.3))
        log.server.restart("immediate")
    for process in processes:
        count = len(process.acknowledged)
        eventually(lambda process=process, count=count: len(process.acknowledged) > count)
    assert log.assert_sound() > 60


def test_a_leader_that_is_stopped_is_replaced_and_forks_nothing_when_it_goes_on(log: Log) -> None:
    processes = [log.start(), log.start()]
    took = []
    for round_ in range(8):
        leader = leader_of(processes)
        (other,) = (process for process in processes if process is not leader)
        count = len(leader.acknowledged)
        eventually(lambda leader=leader, count=count: len(leader.acknowledged) > count + 3)
        time.sleep(0.013 * round_)
        leader.send(signal.SIGSTOP)
        stopped_at = time.monotonic()
        eventually(lambda other=other: other.leads)
        elected_at = time.monotonic()
        eventually(lambda other=other, elected_at=elected_at: other.acknowledged_at > elected_at)
        took.append((elected_at - stopped_at, time.monotonic() - stopped_at))
        leader.send(signal.SIGCONT)
        count = len(leader.acknowledged)
        eventually(lambda leader=leader, count=count: len(leader.acknowledged) > count)
    shown = "; ".join(f"{elected:.2f} + {logged - elected:.2f}" for elected, logged in took)
    sys.stdout.write(f"\nseconds until elected + until the next acknowledgement: {shown}\n")
    assert log.assert_sound() > 30


@pytest.mark.parametrize("log", ["folder"], indirect=True)
def test_a_follower_that_is_stopped_holds_nobody_up_and_goes_on_where_it_was(log: Log) -> None:
    processes = [log.start(), log.start()]
    for round_ in range(8):
        leader = leader_of(processes)
        (other,) = (process for process in processes if process is not leader)
        count = len(other.acknowledged)
        eventually(lambda other=other, count=count: len(other.acknowledged) > count + 3)
        time.sleep(0.013 * round_)
        other.send(signal.SIGSTOP)
        count = len(leader.acknowledged)
        eventually(lambda leader=leader, count=count: len(leader.acknowledged) > count + 3)
        other.send(signal.SIGCONT)
    count = len(other.acknowledged)
    eventually(lambda: len(other.acknowledged) > count)
    assert log.assert_sound() > 60


@pytest.mark.parametrize("log", ["folder"], indirect=True)
def test_kills_of_leaders_and_followers_lose_and_double_nothing(log: Log) -> None:
    chance = random.Random(20260702)
    processes = [log.start(), log.start()]
    for _ in range(12):
        time.sleep(chance.uniform(0.05, 0.8))
        victim = chance.choice(processes)
        victim.kill()
        processes.remove(victim)
        (other,) = processes
        count = len(other.acknowledged)
        eventually(lambda other=other, count=count: len(other.acknowledged) > count + 2 * 3)
        processes.append(log.start())
    assert log.assert_sound() > 60


def test_a_commit_whose_answer_is_lost_is_found_and_not_repeated(tmp_path: Path, server: PostgresServer) -> None:
    chance = random.Random(20260703)
    name = database_of(server.new_database())
    with Proxy(server.port) as proxy, Newsroom(tmp_path / "data", database=server.url(name, proxy.port)) as newsroom:
        newsroom.found()
        for number in range(25):
            proxy.lose_answer_to_commit(chance.randint(1, 3))
            appended = newsroom.register(f"picture {number}").result()
            assert (appended.index, appended.created) == (2 + number, True)
        assert proxy.lost >= 15
        assert newsroom.sequencer.size == 27
        assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


def test_what_cannot_be_reached_is_said_without_the_address(tmp_path: Path, server: PostgresServer) -> None:
    url = re.sub("registry@", "registry:secret@", server.new_database())
    with Newsroom(tmp_path / "data", database=url) as newsroom:
        newsroom.found()
        newsroom.store.failover_timeout = EXPIRING_SECONDS
        server.stop("immediate")
        failure = newsroom.register("harbour").exception()
        newsroom.store.failover_timeout = HUNG_SECONDS
        server.start()
        assert failure is not None
        assert "secret" not in str(failure)
        assert newsroom.register("harbour", salt="again").result().index == 2
