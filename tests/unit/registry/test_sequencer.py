"""The sequencer: what it acknowledges is in the log for good, and what is not sound is not signed."""

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from provenance.errors import (
    Conflict,
    EntryTooLarge,
    FrozenLog,
    InvalidRequest,
    MalformedStatement,
    StoreCorrupt,
    StoreUnavailable,
)
from provenance.limits import MAX_ENTRY_BYTES
from provenance.statement.record import LogFrozen, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.merkle import consistency_proof as prove_consistency
from provenance.transparency.merkle import leaf_hash, verify_consistency
from provenance.transparency.tiles import TileReader, entry_bundle
from registry.database import Session, checkpoints, entries
from registry.log import sequencer as module
from registry.log.batch import Pending
from registry.log.sequencer import Appended
from registry.usecases.maintenance import fsck
from tests.logs.log import Tree
from tests.logs.records import ORIGIN, START, signer
from tests.patience import HUNG_SECONDS, MOMENT_SECONDS, eventually
from tests.tile_growth import hash_tile, tiles_between
from tests.unit.registry.newsroom import Clock, Newsroom, high_water_obstacle

ROOT = Path(__file__).parents[3]
REPLACE_ENTRY = 'UPDATE entry SET statement = :statement, leaf_hash = :leaf WHERE "index" = :index'


@pytest.fixture
def newsroom(tmp_path: Path, database: str) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data", database=database) as opened:
        opened.store.failover_timeout = min(opened.store.failover_timeout, 1.0)
        yield opened.found()


def small(number: int) -> tuple[bytes, bytes]:
    """(statement, record) of an entry as small as can be."""
    record = b'{"n":%d,"type":"test"}' % number
    return sign_statement(record, signer("daily key")), record


def fill(newsroom: Newsroom, start: int, stop: int) -> None:
    futures = [newsroom.sequencer.append(*small(number)) for number in range(start, stop)]
    for future in futures:
        future.result()


def statements(newsroom: Newsroom) -> list[bytes]:
    with newsroom.store.read() as session:
        return [row.statement for row in entries.between(session, 0, entries.size(session))]


def edit(folder: Path, sql: str, *values: object) -> None:
    """Tamper with a closed or open store behind its back."""
    with closing(sqlite3.connect(folder / "countermark.db")) as database, database:
        database.execute(sql, values)


def hold_writer(newsroom: Newsroom) -> threading.Event:
    """Keep the writer busy until the event is set, so that what is appended meanwhile is one batch."""
    started, gate = threading.Event(), threading.Event()

    def hold(_session: Session) -> None:
        started.set()
        gate.wait(HUNG_SECONDS)

    newsroom.store.write(hold)
    started.wait(HUNG_SECONDS)
    return gate


def batch(newsroom: Newsroom, *names: str) -> "list[Future[Appended]]":
    """Register pictures in one batch."""
    gate = hold_writer(newsroom)
    first = newsroom.sequencer.append(*small(-1))  # the sequencer takes this one, and waits for the writer
    eventually(lambda: not newsroom.sequencer._queue.qsize())
    futures = [newsroom.register(name, salt=str(number)) for number, name in enumerate(names)]
    gate.set()
    first.result()
    return futures


def test_an_acknowledged_entry_is_under_a_signed_checkpoint(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    assert appended.created
    assert appended.index == 2  # behind genesis and the publisher's key
    checkpoint, _ = open_checkpoint(newsroom.sequencer.checkpoint(), [newsroom.sequencer.key], ORIGIN)
    assert checkpoint.size == newsroom.sequencer.size == 3
    assert checkpoint.root == Tree(statements(newsroom)).root(3)
    newsroom.proofs.tlog_proof(appended.record_id)  # verifies what it returns


def test_the_checkpoint_is_kept_in_the_store_the_tiles_and_the_high_water_file(newsroom: Newsroom) -> None:
    note = newsroom.sequencer.checkpoint()
    assert newsroom.sequencer.tiles.checkpoint() == note
    assert (newsroom.folder / "high-water").read_bytes() == note
    with newsroom.store.read() as session:
        latest = checkpoints.latest(session)
        assert latest is not None
        assert latest.note == note


def test_an_entry_that_was_waited_for_is_proven_without_asking_the_store_again(newsroom: Newsroom) -> None:
    """A request for one statement would ask twice; what others publish is asked for by those who need it."""
    logged = newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        note_of_it = newsroom.sequencer.checkpoint(covering=logged.index)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert open_checkpoint(note_of_it, [newsroom.sequencer.key], ORIGIN)[0].size > logged.index
    assert not asked


def test_an_empty_log_has_no_checkpoint(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        assert newsroom.sequencer.size == 0
        with pytest.raises(StoreUnavailable):
            newsroom.sequencer.checkpoint()


def test_the_same_record_is_logged_once(newsroom: Newsroom) -> None:
    first = newsroom.sequencer.append(*small(1)).result()
    again = newsroom.sequencer.append(*small(1)).result()
    assert (again.index, again.logged_at, again.created) == (first.index, first.logged_at, False)
    assert newsroom.sequencer.size == 3


@pytest.mark.timing
def test_the_same_claims_are_registered_once_also_within_a_batch(newsroom: Newsroom) -> None:
    size = newsroom.sequencer.size
    first, second, other = (future.result() for future in batch(newsroom, "harbour", "harbour", "market"))
    assert (first.created, second.created, other.created) == (True, False, True)
    assert second == Appended(first.index, first.record_id, first.logged_at, created=False)
    assert other.index == first.index + 1
    assert newsroom.sequencer.size == size + 3
    assert newsroom.register("harbour", salt="later").result().index == first.index


@pytest.mark.timing
def test_an_entry_whose_rows_are_refused_leaves_no_gap_and_harms_no_other(newsroom: Newsroom) -> None:
    def refuse(_session: Session, _index: int, _logged_at: datetime) -> None:
        raise Conflict("the title is taken")

    def fail(_session: Session, _index: int, _logged_at: datetime) -> None:
        raise ZeroDivisionError

    gate = hold_writer(newsroom)
    futures = [
        newsroom.sequencer.append(*small(1)),
        newsroom.sequencer.append(*small(2), refuse),
        newsroom.sequencer.append(*small(3), fail),
        newsroom.sequencer.append(*small(4)),
    ]
    gate.set()
    assert isinstance(futures[1].exception(), Conflict)
    assert isinstance(futures[2].exception(), ZeroDivisionError)
    assert [futures[0].result().index, futures[3].result().index] == [2, 3]


@pytest.mark.usefixtures("uncollected")
def test_what_came_with_an_entry_is_let_go_without_a_next_one(newsroom: Newsroom) -> None:
    def write_views(_session: Session, _index: int, _logged_at: datetime) -> None:
        """Holds, where it is a registration's, its signed copies."""

    came = weakref.ref(write_views)
    newsroom.sequencer.append(*small(1), write_views).result()
    del write_views
    eventually(lambda: came() is None)


def test_what_cannot_be_an_entry_is_refused_before_it_is_sequenced(newsroom: Newsroom) -> None:
    statement, record = small(1)
    with pytest.raises(EntryTooLarge):
        newsroom.sequencer.append(bytes(MAX_ENTRY_BYTES + 1), record)
    with pytest.raises(EntryTooLarge):
        newsroom.sequencer.append(statement, b'{"type":"%s"}' % (b"x" * 65_535))
    with pytest.raises(MalformedStatement):
        newsroom.sequencer.append(statement[:-1], record)
    with pytest.raises(InvalidRequest):
        newsroom.sequencer.append(statement, small(2)[1])
    assert newsroom.sequencer.size == 2


def test_logged_at_never_decreases_when_the_clock_goes_backwards(tmp_path: Path) -> None:
    clock = Clock()
    with Newsroom(tmp_path / "data", clock=clock) as newsroom:
        newsroom.found()
        for number, jump in enumerate([timedelta(hours=-1), timedelta(days=1), timedelta(days=-365), timedelta()]):
            clock.time += jump
            newsroom.sequencer.append(*small(number)).result()
    clock.time = START - timedelta(days=3650)
    with Newsroom(tmp_path / "data", clock=clock) as newsroom:
        newsroom.sequencer.append(*small(9)).result()
        with newsroom.store.read() as session:
            times = [row.logged_at_ms for row in entries.between(session, 0, 100)]
    assert len(times) == 7
    assert times == sorted(times)


@pytest.mark.parametrize("steps", [(256, 700), (255, 256, 257, 513), (3, 2_000)])
def test_the_tiles_are_those_of_the_specification(newsroom: Newsroom, steps: tuple[int, ...]) -> None:
    for stop in steps:
        fill(newsroom, newsroom.sequencer.size, stop)
    size = newsroom.sequencer.size
    logged = statements(newsroom)
    tree = Tree(logged)
    for path in tiles_between(0, size):
        stored = newsroom.sequencer.tiles.fetch(str(path))
        assert stored == hash_tile(path, tree.node), path
        if path.level == 0:
            bundle = str(path).replace("tile/0/", "tile/entries/")
            start = path.index * 256
            assert newsroom.sequencer.tiles.fetch(bundle) == entry_bundle(logged[start : start + path.width]), bundle
    kept = set(newsroom.sequencer.tiles.names())
    assert not any(".p/" in name and name.split(".p/")[0] in kept for name in kept), "a full tile replaces partial ones"


def test_every_published_tree_is_consistent_with_the_next(newsroom: Newsroom) -> None:
    heads = []
    for number in range(12):
        fill(newsroom, 100 * number, 100 * number + number * number)
        heads.append(open_checkpoint(newsroom.sequencer.checkpoint(), [newsroom.sequencer.key], ORIGIN)[0])
    read = TileReader(newsroom.sequencer.tiles.fetch, heads[-1].size)
    for older, newer in pairwise(heads):
        proof = prove_consistency(older.size, newer.size, read)
        verify_consistency(older.size, older.root, newer.size, newer.root, proof)


def test_a_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
        fill(newsroom, 0, 300)
        before = newsroom.sequencer.checkpoint()
    with Newsroom(tmp_path / "data") as newsroom:
        assert newsroom.sequencer.checkpoint() == before
        assert newsroom.sequencer.append(*small(300)).result().index == 302


def test_lost_and_damaged_tiles_are_written_again_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        fill(newsroom, 0, 600)
    tiles = folder / "objects" / "log"
    names = ["checkpoint", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/90"]
    names += ["tile/0/000", "tile/0/001", "tile/0/002.p/90", "tile/1/000.p/2"]
    whole = {name: (tiles / name).read_bytes() for name in names}
    damages = [
        lambda: shutil.rmtree(tiles),
        lambda: (tiles / "tile/0/001").unlink(),
        lambda: (tiles / "tile/entries/000").unlink(),
        lambda: (tiles / "tile/1/000.p/2").write_bytes(bytes(64)),
        lambda: (tiles / "tile/0/002.p/90").write_bytes(bytes(3)),
        lambda: (tiles / "tile/entries/002.p/90").write_bytes(b"\0\3abc"),
        lambda: (tiles / "checkpoint").write_bytes(b""),
    ]
    for damage in damages:
        damage()
        with Newsroom(folder) as newsroom:
            assert newsroom.sequencer.size == 602
        assert {name: (tiles / name).read_bytes() for name in names} == whole


def test_rows_that_were_changed_behind_the_back_stop_the_signing_and_reads_go_on(newsroom: Newsroom) -> None:
    picture = newsroom.register("harbour").result()
    note = newsroom.sequencer.checkpoint()
    newsroom.tamper(
        'UPDATE entry SET statement = :statement, leaf_hash = :leaf WHERE "index" = 2',
        statement=bytes(192),
        leaf=bytes(32),
    )
    with pytest.raises(StoreCorrupt, match="stopped signing"):
        newsroom.register("market").result()
    with pytest.raises(StoreCorrupt, match="stopped signing"):
        newsroom.register("station").result()
    assert not newsroom.sequencer.state.signing
    assert "entry 2" in newsroom.sequencer.state.reason
    assert newsroom.sequencer.checkpoint() == note
    with newsroom.store.read() as session:
        assert entries.record(session, picture.record_id).type == "asset.registered"


def test_a_row_with_a_matching_leaf_hash_is_still_not_the_one_that_was_signed(newsroom: Newsroom) -> None:
    other = small(99)[0]
    newsroom.tamper(REPLACE_ENTRY, statement=other, leaf=leaf_hash(other), index=1)
    with pytest.raises(StoreCorrupt, match="signed last"):
        newsroom.register("market").result()


def test_rows_that_change_between_writing_and_signing_are_not_signed(newsroom: Newsroom) -> None:
    obstacle = high_water_obstacle(newsroom.folder)
    obstacle.mkdir()  # so that what is sequenced stays unpublished
    with pytest.raises(StoreUnavailable):
        newsroom.register("harbour").result()
    other = small(99)[0]
    newsroom.tamper(REPLACE_ENTRY, statement=other, leaf=leaf_hash(other), index=2)
    obstacle.rmdir()
    with pytest.raises(StoreCorrupt, match="not those that were written"):
        newsroom.register("market").result()
    assert newsroom.sequencer.size == 2


def test_a_store_that_was_rolled_back_refuses_to_start_and_says_what_to_do(tmp_path: Path) -> None:
    water = tmp_path / "elsewhere" / "high-water"
    water.parent.mkdir()
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        newsroom.found()
    shutil.copytree(tmp_path / "data", tmp_path / "backup")
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        fill(newsroom, 0, 3)
    with pytest.raises(StoreCorrupt, match=r"has 2 entries, but .*has signed 5.*Restore a newer copy"):
        Newsroom(tmp_path / "backup", high_water=water)
    Newsroom(tmp_path / "data", high_water=water).close()


def test_a_second_history_of_the_same_log_refuses_to_start(tmp_path: Path) -> None:
    water = tmp_path / "high-water"
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        newsroom.found()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        fill(newsroom, 0, 2)
    own = tmp_path / "copy" / "high-water"
    own.write_bytes((tmp_path / "copy/objects/log/checkpoint").read_bytes())
    with Newsroom(tmp_path / "copy") as forked:
        fill(forked, 5, 9)
    with pytest.raises(StoreCorrupt, match="another history"):
        Newsroom(tmp_path / "copy", high_water=water)


def test_of_two_sequencers_on_copies_of_a_store_one_stops(tmp_path: Path) -> None:
    water = tmp_path / "high-water"
    with Newsroom(tmp_path / "one", high_water=water) as newsroom:
        newsroom.found()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with Newsroom(tmp_path / "one", high_water=water) as one, Newsroom(tmp_path / "two", high_water=water) as two:
        fill(one, 0, 1)
        with pytest.raises(StoreCorrupt, match="another process signs"):
            fill(two, 1, 2)
        assert two.sequencer.size == 2
        fill(one, 2, 3)


def test_a_missing_high_water_file_is_not_made_up(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
    (tmp_path / "data" / "high-water").unlink()
    with pytest.raises(StoreCorrupt, match="missing"):
        Newsroom(tmp_path / "data")
    shutil.copy(tmp_path / "data/objects/log/checkpoint", tmp_path / "data/high-water")
    Newsroom(tmp_path / "data").close()


def test_a_crash_between_signing_and_keeping_the_checkpoint_is_made_good(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        newsroom.register("harbour").result()
        newsroom.register("market").result()
        note = newsroom.sequencer.checkpoint()
    edit(folder, "DELETE FROM checkpoint WHERE size > 2")
    with Newsroom(folder) as newsroom:
        newsroom.register("station").result()
        assert newsroom.sequencer.size == 5
        assert newsroom.sequencer.checkpoint() != note
        assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


def test_the_checkpoint_of_another_log_is_refused(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
    edit(tmp_path / "data", "UPDATE checkpoint SET note = CAST(replace(note, 'log.newsroom', 'log.newswire') AS BLOB)")
    with pytest.raises(StoreCorrupt, match="not a checkpoint of the log"):
        Newsroom(tmp_path / "data")


def test_a_sequenced_entry_waits_for_no_checkpoint(newsroom: Newsroom) -> None:
    obstacle = high_water_obstacle(newsroom.folder)
    obstacle.mkdir()  # so that nothing can be published
    appended = newsroom.register("harbour", wait="sequenced").result()
    with pytest.raises(StoreUnavailable, match="not published yet"):
        newsroom.register("market").result()
    assert newsroom.sequencer.size == 2
    with pytest.raises(StoreUnavailable):
        newsroom.proofs.tlog_proof(appended.record_id)
    obstacle.rmdir()
    again = newsroom.register("market").result()  # the retry of the client finds what was sequenced
    assert (again.index, again.created) == (3, False)
    assert newsroom.sequencer.size == 4


@pytest.mark.timing
def test_publication_is_taken_up_again_without_a_new_entry(newsroom: Newsroom) -> None:
    obstacle = high_water_obstacle(newsroom.folder)
    obstacle.mkdir()
    with pytest.raises(StoreUnavailable):
        newsroom.register("harbour").result()
    obstacle.rmdir()
    eventually(lambda: newsroom.sequencer.size == 3)


@pytest.mark.timing
def test_a_disk_that_refuses_shows_as_trouble_until_it_takes_writes_again(newsroom: Newsroom) -> None:
    obstacle = high_water_obstacle(newsroom.folder)
    obstacle.mkdir()
    with pytest.raises(StoreUnavailable):
        newsroom.register("harbour").result()
    assert isinstance(newsroom.sequencer.trouble, StoreUnavailable)
    assert newsroom.sequencer.state.signing
    obstacle.rmdir()
    eventually(lambda: newsroom.sequencer.trouble is None)
    assert newsroom.sequencer.size == 3


def test_an_older_record_is_not_taken_for_that_of_a_newest_entry_whose_publisher_keeps_it(newsroom: Newsroom) -> None:
    newsroom.sequencer.append(sign_statement(b"kept by its publisher", signer("daily key")), None).result()
    with newsroom.store.read() as session:
        assert entries.newest_type(session) is None


@pytest.mark.timing
def test_a_frozen_log_ends_with_the_entry_that_says_so_also_within_a_batch(newsroom: Newsroom, database: str) -> None:
    frozen = to_canonical(LogFrozen(salt=bytes(32), claimed_at=START, reason="moved"))
    gate = hold_writer(newsroom)
    futures = [newsroom.sequencer.append(*small(1))]
    futures.append(newsroom.sequencer.append(sign_statement(frozen, signer("operator")), frozen))
    futures.append(newsroom.sequencer.append(*small(2)))
    gate.set()
    assert [futures[0].result().index, futures[1].result().index] == [2, 3]
    assert isinstance(futures[2].exception(), FrozenLog)
    assert newsroom.sequencer.append(*small(1)).result().index == 2, "what was logged is still found"
    newsroom.close()
    with Newsroom(newsroom.folder, database=database) as again, pytest.raises(FrozenLog):
        again.sequencer.append(*small(3)).result()


def test_a_closed_log_takes_nothing_more(newsroom: Newsroom) -> None:
    waiting = [newsroom.sequencer.append(*small(number)) for number in range(50)]
    newsroom.sequencer.close()
    assert [future.result().index for future in waiting] == list(range(2, 52))
    with pytest.raises(StoreUnavailable, match="closed"):
        newsroom.sequencer.append(*small(50)).result()


@pytest.mark.timing
def test_many_threads_get_each_their_own_index(newsroom: Newsroom) -> None:
    indices: list[int] = []

    def work(first: int) -> None:
        indices.extend(newsroom.sequencer.append(*small(number)).result().index for number in range(first, first + 25))

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(indices) == list(range(2, 202))


@pytest.mark.timing
def test_no_acknowledged_entry_is_lost_or_moved_by_kills(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    acknowledged: dict[str, tuple[int, str]] = {}
    chance = random.Random(20260301)
    for run in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.registry.kill_me", str(folder), str(run)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        seen = [process.stdout.readline() for _ in range(chance.randint(3, 12))]  # however long they take
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        printed, _ = process.communicate()
        for line in "".join((*seen, printed)).splitlines():
            if line.count(" ") == 2 and len(line.split()[2]) == 64:
                name, index, record = line.split()
                acknowledged[name] = int(index), record
    assert len(acknowledged) > 20
    with Newsroom(folder) as newsroom:
        for index, record in acknowledged.values():
            appended = newsroom.proofs.tlog_proof(bytes.fromhex(record))
            assert appended.index == index
        newsroom.register("last").result()  # what a kill left unpublished is published by now
        assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


@pytest.mark.timing
def test_an_entry_waits_for_as_many_as_its_predecessors_came_with_and_a_lone_one_for_none(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer, sequence = newsroom.sequencer, newsroom.sequencer._sequence
    taken, published = threading.Event(), threading.Event()

    def held_up(batch: list[Pending]) -> None:
        sequence(batch)
        if batch:  # none where the database notifies of a change
            taken.set()
            published.wait(HUNG_SECONDS)

    monkeypatch.setattr(module, "COMPANY_SECONDS", HUNG_SECONDS)
    monkeypatch.setattr(sequencer, "_sequence", held_up)
    alone = sequencer.append(*small(0))
    assert taken.wait(HUNG_SECONDS)
    together = [sequencer.append(*small(number)) for number in (1, 2)]  # while the first is published
    published.set()
    assert [each.result(HUNG_SECONDS).index for each in (alone, *together)] == [2, 3, 4]
    early = sequencer.append(*small(3))
    with pytest.raises(TimeoutError):
        early.result(MOMENT_SECONDS)
    late = sequencer.append(*small(4))
    assert [each.result(HUNG_SECONDS).index for each in (early, late)] == [5, 6]
