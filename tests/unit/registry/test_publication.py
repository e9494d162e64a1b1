"""The steps between a batch of entries and a checkpoint that all see: what each is for shows when one goes wrong."""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import StoreCorrupt, StoreUnavailable
from provenance.transparency.tiles import TilePath
from registry.database import checkpoints, entries
from registry.log import sequencer
from registry.log.publication import Publication
from tests.patience import HUNG_SECONDS, eventually
from tests.unit.registry.newsroom import Newsroom
from tests.unit.registry.test_sequencer import edit, hold_writer, small

pytestmark = pytest.mark.timing


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        yield opened.found()


def shown(newsroom: Newsroom) -> tuple[int, bytes, bytes | None, bytes]:
    """What all see of the log: (size, note in the store, note among the tiles, note of the high-water mark)."""
    with newsroom.store.read() as session:
        latest = checkpoints.latest(session)
    assert latest is not None
    mark = (newsroom.folder / "high-water").read_bytes()
    return newsroom.sequencer.size, latest.note, newsroom.sequencer.tiles.checkpoint(), mark


def publication(newsroom: Newsroom) -> Publication:
    assert newsroom.sequencer._publication is not None
    return newsroom.sequencer._publication


def fails_once(monkeypatch: pytest.MonkeyPatch, target: object, name: str, error: Exception) -> None:
    call, errors = getattr(target, name), [error]

    def failing(*arguments: Any, **named: Any) -> Any:
        if errors:
            raise errors.pop()
        return call(*arguments, **named)

    monkeypatch.setattr(target, name, failing)


# Batches


def test_an_entry_that_its_caller_gave_up_in_the_queue_is_left_out_and_the_log_goes_on(newsroom: Newsroom) -> None:
    gate = hold_writer(newsroom)
    first = newsroom.sequencer.append(*small(1))
    eventually(lambda: not newsroom.sequencer._queue.qsize())
    given_up, last = newsroom.sequencer.append(*small(2)), newsroom.sequencer.append(*small(3))
    assert given_up.cancel()
    gate.set()
    assert [first.result(HUNG_SECONDS).index, last.result(HUNG_SECONDS).index] == [2, 3]
    assert newsroom.sequencer.append(*small(2)).result(HUNG_SECONDS).created


def test_one_entry_that_nobody_can_write_does_not_hold_up_the_others(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, (_, bad) = sequencer.insert, small(2)

    def refusing(*arguments: Any, **named: Any) -> Any:
        if any(pending.record == bad for pending in named["batch"]):
            raise ZeroDivisionError
        return insert(*arguments, **named)

    monkeypatch.setattr(sequencer, "insert", refusing)
    gate = hold_writer(newsroom)
    newsroom.sequencer.append(*small(0))
    eventually(lambda: not newsroom.sequencer._queue.qsize())
    futures = [newsroom.sequencer.append(*small(number)) for number in (1, 2, 3)]
    gate.set()
    assert isinstance(futures[1].exception(HUNG_SECONDS), ZeroDivisionError)
    assert [futures[0].result(HUNG_SECONDS).index, futures[2].result(HUNG_SECONDS).index] == [3, 4]


def test_an_entry_whose_confirmation_was_lost_is_found_and_is_its_callers_own(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, lost = newsroom.store.write, []

    def losing(job: Any) -> "Future[Any]":
        done = write(job)
        if lost:
            return done
        lost.append(done.result(HUNG_SECONDS))
        unheard: Future[Any] = Future()
        unheard.set_exception(StoreUnavailable("the connection broke"))
        return unheard

    monkeypatch.setattr(newsroom.store, "failover_timeout", HUNG_SECONDS)
    monkeypatch.setattr(newsroom.store, "write", losing)
    appended = newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
    assert (appended.index, appended.created) == (2, True)
    assert newsroom.sequencer.size == 3


def test_a_store_that_answers_again_and_again_with_no_is_given_up_when_its_patience_ends(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def refusing(job: object) -> object:
        tries.append(job)
        raise StoreUnavailable("the server is away")

    monkeypatch.setattr(newsroom.store, "failover_timeout", 1.0)
    with monkeypatch.context() as patch:
        patch.setattr(newsroom.store, "write", refusing)
        assert isinstance(newsroom.sequencer.append(*small(1)).exception(HUNG_SECONDS), StoreUnavailable)
        assert isinstance(newsroom.sequencer.trouble, StoreUnavailable)
    assert newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS).created


# Steps


def test_a_read_that_looks_like_damage_once_does_not_stop_the_signing(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_once(monkeypatch, newsroom.sequencer.tiles, "fetch", StoreCorrupt("a read failed"))
    assert newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS).index == 2
    assert newsroom.sequencer.state.signing


@pytest.mark.parametrize("level", ["entries", "0"])
def test_no_checkpoint_covers_tiles_that_do_not_hold_what_was_written(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    before, write = shown(newsroom), newsroom.sequencer.tiles.write

    def damaging(tiles: Iterable[tuple[TilePath, bytes]]) -> dict[str, bytes | None]:
        return write(
            (path, data[:-1] + bytes([data[-1] ^ 1]) if str(path).startswith(f"tile/{level}/") else data)
            for path, data in tiles
        )

    monkeypatch.setattr(newsroom.sequencer.tiles, "write", damaging)
    error = newsroom.sequencer.append(*small(1)).exception(HUNG_SECONDS)
    assert "does not give back the tiles" in str(error)
    assert not newsroom.sequencer.state.signing
    assert shown(newsroom) == before
    monkeypatch.undo()
    refused = newsroom.sequencer.append(*small(2)).exception(HUNG_SECONDS)
    assert isinstance(refused, StoreCorrupt)


def test_a_signature_that_does_not_verify_is_shown_to_nobody(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(newsroom)
    newsroom.store.failover_timeout = 0.0
    monkeypatch.setattr(newsroom.sequencer._known_keys, "signer_for", lambda _key: lambda _data: bytes(64))
    newsroom.sequencer.append(*small(1)).exception(HUNG_SECONDS)
    assert shown(newsroom) == before


def test_who_leads_no_more_keeps_and_shows_no_checkpoint(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept, tile, _ = shown(newsroom)

    def deposed(*_: object) -> None:
        raise StoreUnavailable("another process has taken over the log")

    newsroom.store.failover_timeout = 0.0
    monkeypatch.setattr(newsroom.store.leadership, "confirm", deposed)
    assert isinstance(newsroom.sequencer.append(*small(1)).exception(HUNG_SECONDS), StoreUnavailable)
    assert shown(newsroom)[:3] == (2, kept, tile)
    with pytest.raises(StoreUnavailable, match="taken over"):
        publication(newsroom).renew()


def test_a_checkpoint_is_marked_then_kept_then_shown(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[bool]]] = []
    tiles, mark = newsroom.sequencer.tiles, newsroom.sequencer._high_water
    publish, advance = tiles.publish, mark.advance

    def look(step: str, note: bytes) -> None:
        seen.append((step, [note == each for each in shown(newsroom)[1:]]))

    def marking(note: bytes) -> None:
        look("marked", note)
        advance(note)

    def publishing(note: bytes, *may: Any) -> None:
        look("shown", note)
        publish(note, *may)

    monkeypatch.setattr(mark, "advance", marking)
    monkeypatch.setattr(tiles, "publish", publishing)
    newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
    assert seen == [("marked", [False, False, False]), ("shown", [True, False, True])]


def test_what_could_not_be_pruned_is_pruned_the_next_time(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[object] = []
    current, (first, second) = publication(newsroom), (TilePath(0, 0, 256), TilePath(0, 1, 256))
    current._replaced = [first, second]
    with monkeypatch.context() as patch:
        fails_once(patch, newsroom.sequencer.tiles, "prune", StoreUnavailable("the bucket is away"))
        with pytest.raises(StoreUnavailable):
            current.prune()
    monkeypatch.setattr(newsroom.sequencer.tiles, "prune", pruned.append)
    current.prune()
    assert pruned == [first, second]


def test_trouble_lasts_until_mark_store_and_tiles_take_what_is_published_once_more(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    current, asked = publication(newsroom), []
    for target, name in (
        (newsroom.sequencer._high_water, "advance"),
        (newsroom.store.leadership, "confirm"),
        (checkpoints, "rewrite"),
        (newsroom.sequencer.tiles, "publish"),
    ):
        call = getattr(target, name)
        monkeypatch.setattr(target, name, lambda *given, name=name, call=call: (asked.append(name), call(*given))[1])
    current.renew()
    assert asked == ["advance", "confirm", "rewrite", "publish"]


def test_an_audit_starts_where_the_last_full_tile_ends(newsroom: Newsroom) -> None:
    futures = [newsroom.sequencer.append(*small(number)) for number in range(260)]
    for future in futures:
        future.result(HUNG_SECONDS)
    assert publication(newsroom)._anchor.size == 256


def test_a_head_that_was_changed_while_the_log_was_closed_refuses_to_start(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
    edit(tmp_path / "data", "UPDATE log_head SET frontier = ?", bytes(32))
    with pytest.raises(StoreCorrupt, match="not those that were written"):
        Newsroom(tmp_path / "data")


def test_entries_that_lead_elsewhere_than_the_signed_root_change_no_tile(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found().register("harbour").result(HUNG_SECONDS)
        with newsroom.store.read() as session:
            ((_, hashed, statement),) = entries.leaves(session, 2, 3)

    def tiles() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (folder / "objects").rglob("*") if path.is_file()}

    written = tiles()
    edit(folder, 'UPDATE entry SET statement = ?, leaf_hash = ? WHERE "index" = 1', statement, hashed)
    with pytest.raises(StoreCorrupt, match="do not lead to the root that the log has signed"):
        Newsroom(folder)
    assert tiles() == written


def test_what_was_sequenced_before_a_crash_is_published_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
        monkeypatch.setattr(Publication, "advance", full)
        for name in ("harbour", "station", "market"):
            newsroom.register(name)
        eventually(lambda: newsroom.sequencer._sequenced == 5)
        assert newsroom.sequencer.size == 2
    monkeypatch.undo()
    with Newsroom(tmp_path / "data") as newsroom:
        eventually(lambda: newsroom.sequencer.size == 5)
        assert newsroom.register("storm").result(HUNG_SECONDS).index == 5


# What the leadership asks


def test_a_step_or_a_row_of_failures_that_lasts_too_long_is_no_progress(newsroom: Newsroom) -> None:
    log = newsroom.sequencer
    assert log._is_progressing(), "nothing is to be done"
    now = time.monotonic()
    for step, failing, progresses in (
        (now, None, True),
        (now - sequencer.STALL_SECONDS, None, False),
        (None, now - sequencer.STALL_SECONDS, False),
        (now, now - sequencer.STALL_SECONDS, False),
        (now - sequencer.STALL_SECONDS, now, False),
    ):
        log._step_at, log._failing_since = step, failing
        assert log._is_progressing() is progresses


def test_a_failure_that_has_passed_is_not_held_against_the_leader(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_once(monkeypatch, newsroom.sequencer.tiles, "write", StoreUnavailable("the bucket is away"))
    newsroom.store.failover_timeout = HUNG_SECONDS
    assert newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS).index == 2
    newsroom.sequencer.close()
    assert newsroom.sequencer._failing_since is None
    assert newsroom.sequencer._step_at is None
    assert newsroom.sequencer.trouble is None


def test_failures_are_counted_from_the_first_of_a_row(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    since: list[float | None] = []
    enough = threading.Event()

    def refusing(_tiles: object) -> None:
        since.append(newsroom.sequencer._failing_since)
        if len(since) == 3:
            enough.set()
        raise StoreUnavailable("the bucket is away")

    monkeypatch.setattr(newsroom.sequencer.tiles, "write", refusing)
    newsroom.sequencer.append(*small(1))
    assert enough.wait(HUNG_SECONDS)
    monkeypatch.undo()
    assert since[0] is None
    assert since[1] == since[2] is not None
