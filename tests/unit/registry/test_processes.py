"""Several processes on one PostgreSQL database: one leads, all append and read, and whoever dies is replaced.

Each `Newsroom` here has a store of its own, with its own connections, as a process of its own would have.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from provenance.errors import SettingsInvalid, StoreCorrupt, StoreUnavailable
from provenance.transparency.checkpoint import Checkpoint, open_checkpoint
from registry.database import Session, Store, entries, heads
from registry.log import sequencer
from registry.log.high_water import HighWater
from registry.log.publication import Publication
from registry.usecases.maintenance import fsck
from tests.logs.log import Tree
from tests.logs.records import ORIGIN, signer
from tests.patience import HUNG_SECONDS, eventually
from tests.postgres import PostgresServer, database_of
from tests.unit.registry.newsroom import Newsroom, high_water_obstacle


class Newsrooms:
    """Newsrooms on one database and folder."""

    def __init__(self, folder: Path, server: PostgresServer, opened: ExitStack) -> None:
        self.folder = folder
        self.server = server
        self.url = server.new_database()
        self._opened = opened

    def open(self) -> Newsroom:
        return self._opened.enter_context(Newsroom(self.folder, database=self.url))

    def end_connections(self, of: str = "true") -> None:
        self.server.psql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database_of(self.url)}' AND {of}"
        )


@pytest.fixture
def newsrooms(tmp_path: Path, postgres: PostgresServer) -> Iterator[Newsrooms]:
    with ExitStack() as opened:
        yield Newsrooms(tmp_path / "data", postgres, opened)


def assert_whole(newsroom: Newsroom, size: int) -> None:
    """The log has this size, and the checkpoint is that of its entries."""
    eventually(lambda: newsroom.sequencer.size == size)
    checkpoint, _ = open_checkpoint(newsroom.sequencer.checkpoint(), [newsroom.sequencer.key], ORIGIN)
    with newsroom.store.read() as session:
        statements = [row.statement for row in entries.between(session, 0, size + 1)]
    assert (checkpoint.size, checkpoint.root) == (len(statements), Tree(statements).root(len(statements)))
    assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


def test_the_first_leads_and_the_second_follows(newsrooms: Newsrooms) -> None:
    first, second = newsrooms.open(), newsrooms.open()
    assert first.store.leadership.term == 1
    assert second.store.leadership.term is None


@pytest.mark.timing
def test_what_a_follower_appends_is_published_by_the_leader_before_it_is_acknowledged(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    appended = follower.register("harbour").result()
    assert (appended.index, appended.created) == (2, True)
    assert follower.sequencer.size == 3
    assert follower.proofs.tlog_proof(appended.record_id).index == 2
    assert leader.proofs.tlog_proof(appended.record_id).index == 2
    assert_whole(leader, 3)


def test_what_one_process_has_published_another_can_prove_at_once(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    for number in range(20):
        appended = leader.register(f"picture {number}").result()
        assert follower.proofs.tlog_proof(appended.record_id).index == appended.index


@pytest.mark.timing
def test_the_same_claims_made_to_two_processes_at_once_are_one_entry(newsrooms: Newsrooms) -> None:
    rooms = [newsrooms.open().found(), newsrooms.open(), newsrooms.open()]
    futures = [
        room.register(f"picture {number}", salt=str(position))
        for number in range(15)
        for position, room in enumerate(rooms)
    ]
    outcomes = [future.result() for future in futures]
    for start in range(0, len(outcomes), 3):
        same = outcomes[start : start + 3]
        assert len({each.index for each in same}) == 1
        assert sorted(each.created for each in same) == [False, False, True]
    assert_whole(rooms[0], 2 + 15)


@pytest.mark.timing
def test_three_processes_under_load_give_each_index_once(newsrooms: Newsrooms) -> None:
    rooms = [newsrooms.open().found(), newsrooms.open(), newsrooms.open()]
    indices: list[int] = []

    def work(room: Newsroom, first: int) -> None:
        indices.extend(room.register(str(number)).result().index for number in range(first, first + 20))

    threads = [
        threading.Thread(target=work, args=(room, 1000 * (2 * position + half)))
        for position, room in enumerate(rooms)
        for half in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(indices) == list(range(2, 122))
    assert_whole(rooms[1], 122)


@pytest.mark.timing
def test_a_stand_by_takes_over_from_a_leader_that_ends(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    leader.register("harbour").result()
    leader.close()
    assert follower.register("market").result().index == 3
    assert follower.store.leadership.term == 2
    assert_whole(follower, 4)


@pytest.mark.timing
def test_a_leader_whose_connections_break_is_replaced_and_writes_nothing_in_its_old_term(newsrooms: Newsrooms) -> None:
    first, second = newsrooms.open().found(), newsrooms.open()
    for number in range(5):
        newsrooms.end_connections()
        futures = [first.register(f"{number} of the first"), second.register(f"{number} of the second")]
        assert all(future.result().created for future in futures)
    assert sum(room.store.leadership.term is not None for room in (first, second)) == 1
    assert max(room.store.leadership.term or 0 for room in (first, second)) > 1
    assert_whole(second, 12)


def test_a_deposed_leader_cannot_keep_a_checkpoint(newsrooms: Newsrooms) -> None:
    leader = newsrooms.open().found()
    newsrooms.server.psql("UPDATE log_leader SET epoch = epoch + 1", database_of(newsrooms.url))
    with pytest.raises(StoreUnavailable, match="taken over"):
        leader.store.write(lambda session: leader.store.leadership.confirm(session, 1)).result()
    assert not leader.store.leads(1)


@pytest.mark.timing
def test_a_silent_leader_is_replaced_though_its_connection_stands(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    going = depose(newsrooms, leader, follower, monkeypatch)
    assert follower.register("harbour").result().index == 2
    going.set()


def depose(newsrooms: Newsrooms, leader: Newsroom, follower: Newsroom, patch: pytest.MonkeyPatch) -> threading.Event:
    """Have the follower elected while the leader, as a stopped process, beats no more, until the event is set."""
    going = threading.Event()
    patch.setattr(leader.store.leadership, "_turn", lambda: going.wait(HUNG_SECONDS))
    eventually(lambda: follower.store.leadership.term == 2)
    return going


@pytest.mark.timing
def test_a_leader_that_no_notification_reaches_looks_by_itself(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    leader.store.leadership._watchers.clear()
    follower.store.failover_timeout = HUNG_SECONDS
    assert follower.register("harbour").result(HUNG_SECONDS).index == 2
    assert_whole(leader, 3)


@pytest.mark.timing
def test_a_leader_in_trouble_finds_out_that_the_database_takes_writes_again(newsrooms: Newsrooms) -> None:
    log = newsrooms.open().found().sequencer
    log._trouble = StoreUnavailable("the disk was full")
    log._request_refresh()
    eventually(lambda: log.trouble is None)


@pytest.mark.timing
def test_a_follower_too_refuses_when_too_many_entries_wait_for_the_leader(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    _, follower = newsrooms.open().found(), newsrooms.open()
    monkeypatch.setattr(Publication, "advance", hangs)
    monkeypatch.setattr(sequencer, "STALL_SECONDS", 2 * HUNG_SECONDS)  # so that the leader stays the leader
    monkeypatch.setattr(sequencer, "MAX_PENDING_JOBS", 3)
    eventually(lambda: follower.sequencer.size == 2)
    for name in ("harbour", "station", "market"):
        follower.register(name)

    def sequenced() -> int:
        with follower.store.read() as session:
            return heads.read(session).size

    eventually(lambda: sequenced() == 5)
    eventually(lambda: follower.sequencer._queue.qsize() == 0 and follower.sequencer._sequenced == 5)
    refused = follower.register("storm").exception(HUNG_SECONDS)
    assert isinstance(refused, StoreUnavailable)
    assert "too many entries are waiting" in str(refused)


@pytest.mark.timing
def test_a_refresh_that_waits_is_not_counted_as_an_entry(newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "MAX_PENDING_JOBS", 2)
    newsroom = newsrooms.open().found()
    resumed = threading.Event()
    newsroom.store.write(lambda _: resumed.wait(HUNG_SECONDS))
    waiting = [newsroom.register("harbour")]
    eventually(lambda: newsroom.sequencer._queue.qsize() == 0)  # it has been taken, and waits for the writer
    newsroom.sequencer._request_refresh()
    waiting += [newsroom.register(name) for name in ("station", "market")]
    refused = newsroom.register("storm").exception(HUNG_SECONDS)
    resumed.set()
    assert "too many entries are waiting" in str(refused)
    assert [each.result(HUNG_SECONDS).index for each in waiting] == [2, 3, 4]


@pytest.mark.timing
def test_a_follower_that_is_suspended_in_the_middle_of_a_batch_holds_nobody_up(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    suspended, resumed = threading.Event(), threading.Event()

    def batch(session: Session) -> None:
        heads.lock(session)
        driver: Any = session.connection().connection.driver_connection
        with driver.pipeline():  # as many rows are sent
            driver.execute("SELECT 1")
            suspended.set()
            resumed.wait(HUNG_SECONDS)

    follower.store.write(batch)
    assert suspended.wait(HUNG_SECONDS)
    assert leader.register("harbour").result(HUNG_SECONDS).index == 2
    resumed.set()
    assert follower.register("storm").result(HUNG_SECONDS).index == 3


@pytest.mark.parametrize("use", ["reading", "writing"])
def test_the_server_ends_a_transaction_of_a_process_that_was_suspended(newsrooms: Newsrooms, use: str) -> None:
    engine: Engine = getattr(newsrooms.open().store._database, use)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one() != "0"


@pytest.mark.timing
def test_a_mark_that_a_deposed_leader_writes_late_is_taken_over_by_the_next(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = newsrooms.open().found(), newsrooms.open()
    stopped, going, written = threading.Event(), threading.Event(), threading.Event()
    of_first, of_second = (room.sequencer._high_water.advance for room in (first, second))

    def late(note: bytes) -> None:
        stopped.set()
        assert going.wait(HUNG_SECONDS)
        of_first(note)
        written.set()

    def behind(note: bytes) -> None:
        going.set()
        assert written.wait(HUNG_SECONDS)
        of_second(note)

    monkeypatch.setattr(first.sequencer._high_water, "advance", late)
    monkeypatch.setattr(second.sequencer._high_water, "advance", behind)
    interrupted = first.register("harbour", wait="sequenced").result()
    assert stopped.wait(HUNG_SECONDS)
    depose(newsrooms, first, second, monkeypatch).set()
    assert second.register("market").result(HUNG_SECONDS).index == interrupted.index + 1
    assert second.sequencer.state.signing
    assert_whole(second, interrupted.index + 2)


@pytest.mark.timing
def test_a_mark_of_a_larger_tree_of_the_same_entries_is_waited_for(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, other = newsrooms.open().found(), newsrooms.open()
    advance = leader.sequencer._high_water.advance
    ahead: list[int] = []

    def overtaken(note: bytes) -> None:
        """While the leader signs for the harbour, the market is sequenced, and an earlier leader's mark has it."""
        if not ahead:
            other.register("market", wait="sequenced").result()
            with other.store.read() as session:
                head = heads.read(session)
            signed = leader.sequencer.keys.sign(
                Checkpoint(ORIGIN, head.size, head.frontier.root()), lambda _: signer("log").sign, time=0
            )
            mark = HighWater(newsrooms.folder / "high-water")
            mark.expect(mark.read())
            mark.advance(signed)
            ahead.append(other.register("church", wait="sequenced").result().index)
        advance(note)

    monkeypatch.setattr(leader.sequencer._high_water, "advance", overtaken)
    leader.register("harbour").result(HUNG_SECONDS)
    eventually(lambda: leader.sequencer.size == ahead[0] + 1)
    assert_whole(leader, ahead[0] + 1)


@pytest.mark.timing
def test_a_leader_whose_publishing_hangs_is_replaced(newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    going = threading.Event()
    monkeypatch.setattr(sequencer, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(leader.sequencer.tiles, "write", lambda _: going.wait(HUNG_SECONDS))
    leader.register("harbour", wait="sequenced").result()
    eventually(lambda: follower.store.leadership.term == 2)
    assert follower.register("market").result(HUNG_SECONDS).index == 3
    going.set()
    assert_whole(follower, 4)


@pytest.mark.timing
def test_a_leader_that_cannot_publish_hands_over_to_one_that_can(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()

    def refuse(_: object) -> None:
        raise StoreUnavailable("this host does not reach the bucket")

    monkeypatch.setattr(sequencer, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(leader.sequencer.tiles, "write", refuse)
    leader.register("harbour", wait="sequenced").result()
    eventually(lambda: follower.store.leadership.term is not None)
    assert follower.register("market").result(HUNG_SECONDS).index == 3


@pytest.mark.timing
def test_a_leader_without_a_stand_by_goes_on_trying(newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch) -> None:
    leader = newsrooms.open().found()
    write, tries = leader.sequencer.tiles.write, []

    def refuse(tiles: object) -> dict[str, bytes | None]:
        tries.append(leader.store.leadership.term)
        if len(tries) < 4:
            raise StoreUnavailable("the bucket is away")
        return write(tiles)  # type: ignore[arg-type]

    monkeypatch.setattr(sequencer, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(leader.sequencer.tiles, "write", refuse)
    leader.register("harbour", wait="sequenced").result()
    eventually(lambda: leader.sequencer.size == 3)
    assert set(tries) == {1}


@pytest.mark.timing
def test_a_leader_that_stops_signing_resigns(newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()

    def damaged(_: object) -> None:
        raise StoreCorrupt("what this host reads back is damaged")

    monkeypatch.setattr(leader.sequencer.tiles, "write", damaged)
    leader.register("harbour", wait="sequenced").result()
    eventually(lambda: follower.store.leadership.term == 2)
    assert not leader.sequencer.state.signing
    assert follower.register("market").result(HUNG_SECONDS).index == 3
    assert_whole(follower, 4)
    assert leader.store.leadership.term is None


@pytest.mark.timing
def test_a_log_that_has_no_leader_tells_who_appends_in_bounded_time(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    obstacle = high_water_obstacle(newsrooms.folder)
    obstacle.mkdir()  # the leader can publish nothing
    follower.store.failover_timeout = 1.0
    with pytest.raises(StoreUnavailable, match="not published yet"):
        follower.register("harbour").result(HUNG_SECONDS)
    obstacle.rmdir()
    again = follower.register("harbour", salt="again").result()
    assert (again.index, again.created) == (2, False)
    assert_whole(leader, 3)


def test_reads_go_on_everywhere_after_the_server_was_restarted(newsrooms: Newsrooms) -> None:
    rooms = [newsrooms.open().found(), newsrooms.open()]
    appended = rooms[0].register("harbour").result()
    newsrooms.server.restart()
    for room in rooms:
        assert room.proofs.tlog_proof(appended.record_id).index == 2
        assert room.register(f"market {room.store.leadership.term}").result().index >= 3


def test_a_malformed_address_is_refused_without_repeating_its_password(tmp_path: Path) -> None:
    for url in ("mysql://user:secret@host/name", "postgresql+psycopg://user:secret@host", "no address: secret"):
        with pytest.raises(SettingsInvalid) as refused:
            Store.open(tmp_path, url)
        assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_unavailable_and_its_password_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        Store.open(tmp_path, "postgresql+psycopg://user:secret@127.0.0.1:1/name")
    assert "secret" not in str(refused.value)
