"""Several processes on one PostgreSQL database: one leads, all append and read, and whoever dies is replaced.

Each `Newsroom` here has a store of its own, with its own connections, as a process of its own would have.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from provenance.errors import SettingsInvalid, StoreUnavailable
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.merkle import Frontier, leaf_hash
from registry.store import Store, entries
from registry.upkeep import fsck
from tests.postgres import PostgresServer, database_of, eventually
from tests.unit.registry.newsroom import ORIGIN, Newsroom


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
    frontier = Frontier()
    frontier.extend(map(leaf_hash, statements))
    assert (checkpoint.size, checkpoint.root) == (len(statements), frontier.root())
    assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


def test_the_first_leads_and_the_second_follows(newsrooms: Newsrooms) -> None:
    first, second = newsrooms.open(), newsrooms.open()
    assert first.store.leadership.term == 1
    assert second.store.leadership.term is None


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


def test_a_stand_by_takes_over_from_a_leader_that_ends(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    leader.register("harbour").result()
    leader.close()
    started = time.monotonic()
    assert follower.register("market").result().index == 3
    assert time.monotonic() - started < 5
    assert follower.store.leadership.term == 2
    assert_whole(follower, 4)


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


def test_a_silent_leader_is_replaced_though_its_connection_stands(
    newsrooms: Newsrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    # The leader's thread stands still, as in a stopped process, with its connection and lock held.
    monkeypatch.setattr(leader.store.leadership, "_turn", lambda: time.sleep(6))
    started = time.monotonic()
    eventually(lambda: follower.store.leadership.term == 2, 5)
    assert follower.register("harbour").result().index == 2
    assert time.monotonic() - started < 5


def test_a_log_that_has_no_leader_tells_who_appends_in_bounded_time(newsrooms: Newsrooms) -> None:
    leader, follower = newsrooms.open().found(), newsrooms.open()
    lock = newsrooms.folder / "high-water.lock"
    lock.unlink()
    lock.mkdir()  # the leader can publish nothing
    follower.store.patience = 1.0
    with pytest.raises(StoreUnavailable, match="not published yet"):
        follower.register("harbour").result(timeout=10)
    lock.rmdir()
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


def test_an_address_that_is_none_is_refused_without_repeating_its_password(tmp_path: Path) -> None:
    for url in ("mysql://user:secret@host/name", "postgresql+psycopg://user:secret@host", "no address: secret"):
        with pytest.raises(SettingsInvalid) as refused:
            Store.open(tmp_path, url)
        assert "secret" not in str(refused.value)


def test_a_server_that_is_away_is_unavailable_and_its_password_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        Store.open(tmp_path, "postgresql+psycopg://user:secret@127.0.0.1:1/name")
    assert "secret" not in str(refused.value)
