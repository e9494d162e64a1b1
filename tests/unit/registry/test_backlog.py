"""What waits to be sequenced or published while something else goes on, hangs or fails."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provenance.errors import StoreCorrupt, StoreUnavailable
from provenance.transparency.checkpoint import cosign_checkpoint
from registry.database import checkpoints, heads
from registry.log import sequencer
from registry.log.publication import Publication
from tests.logs.records import signer
from tests.patience import HUNG_SECONDS, POLL_SECONDS, eventually
from tests.unit.registry.newsroom import Newsroom
from tests.unit.registry.test_sequencer import hold_writer, small

pytestmark = pytest.mark.timing


@pytest.fixture
def newsroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Newsroom]:
    monkeypatch.setattr(sequencer, "RETRY_SECONDS", 0.05)
    with Newsroom(tmp_path / "data") as opened:
        opened.store.failover_timeout = HUNG_SECONDS
        yield opened.found()


def refuse(*_: object) -> None:
    raise StoreUnavailable("the bucket is away")


def sequenced(newsroom: Newsroom) -> int:
    with newsroom.store.read() as session:
        return heads.read(session).size


def test_a_log_takes_as_many_entries_as_may_wait_for_a_checkpoint_and_no_more(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "MAX_PENDING_JOBS", 3)
    with monkeypatch.context() as patch:
        patch.setattr(newsroom.sequencer.tiles, "write", refuse)
        for number in range(3):
            newsroom.sequencer.append(*small(number), wait="sequenced").result(HUNG_SECONDS)
        refused = newsroom.sequencer.append(*small(3), wait="sequenced").exception(HUNG_SECONDS)
        assert isinstance(refused, StoreUnavailable)
        assert sequenced(newsroom) == 5
    eventually(lambda: newsroom.sequencer.size == 5)
    assert newsroom.sequencer.append(*small(3)).result(HUNG_SECONDS).index == 5


def test_what_waits_in_the_queue_counts_as_well(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "MAX_PENDING_JOBS", 2)
    gate = hold_writer(newsroom)
    taken = newsroom.sequencer.append(*small(0))
    eventually(newsroom.sequencer._queue.empty)
    queued = [newsroom.sequencer.append(*small(number)) for number in (1, 2)]
    refused = newsroom.sequencer.append(*small(3))
    assert isinstance(refused.exception(0), StoreUnavailable)
    gate.set()
    assert [future.result(HUNG_SECONDS).index for future in (taken, *queued)] == [2, 3, 4]


def test_one_transaction_has_as_many_entries_as_may_share_it_and_no_more(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, sizes = sequencer.insert, []

    def counting(*arguments: Any, **named: Any) -> Any:
        sizes.append(len(named["batch"]))
        return insert(*arguments, **named)

    monkeypatch.setattr(sequencer, "MAX_COMMIT_JOBS", 3)
    monkeypatch.setattr(sequencer, "insert", counting)
    gate = hold_writer(newsroom)
    futures = [newsroom.sequencer.append(*small(0))]
    eventually(newsroom.sequencer._queue.empty)
    futures += [newsroom.sequencer.append(*small(number)) for number in range(1, 8)]
    gate.set()
    assert [future.result(HUNG_SECONDS).index for future in futures] == list(range(2, 10))
    assert sizes == [1, 3, 3, 1]


def test_when_the_log_stops_who_waits_is_told_at_once_and_nothing_queued_is_logged(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, gate = threading.Event(), threading.Event()

    def damaged(_tiles: object) -> None:
        reached.set()
        gate.wait(HUNG_SECONDS)
        raise StoreCorrupt("what is read back is damaged")

    monkeypatch.setattr(newsroom.sequencer.tiles, "write", damaged)
    waiting = newsroom.sequencer.append(*small(1))
    assert reached.wait(HUNG_SECONDS)
    queued = newsroom.sequencer.append(*small(2))
    gate.set()
    assert {type(future.exception(HUNG_SECONDS / 2)) for future in (waiting, queued)} == {StoreCorrupt}
    assert sequenced(newsroom) == 3
    assert isinstance(newsroom.sequencer.trouble, StoreCorrupt)


def test_closing_leaves_nobody_waiting_for_what_could_not_be_published(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newsroom.sequencer.tiles, "write", refuse)
    waiting = newsroom.sequencer.append(*small(1))
    newsroom.sequencer.close()
    assert waiting.done()
    assert isinstance(waiting.exception(0), StoreUnavailable)
    assert isinstance(newsroom.sequencer.append(*small(2)).exception(0), StoreUnavailable)


def test_each_sign_of_a_change_is_looked_at_and_many_at_once_one_time(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, looked, gate = 0, threading.Event(), threading.Event()
    take_part, note = newsroom.sequencer._follow_election, newsroom.sequencer.checkpoint()

    def looking() -> None:
        nonlocal looks
        looks += 1
        looked.set()
        gate.wait(HUNG_SECONDS)
        take_part()

    monkeypatch.setattr(newsroom.sequencer, "_follow_election", looking)
    newsroom.sequencer._request_refresh()
    assert looked.wait(HUNG_SECONDS)
    for _ in range(5):  # while the first look goes on
        newsroom.sequencer._request_refresh()
    queued = newsroom.sequencer._queue.qsize()
    gate.set()
    assert queued == 1
    eventually(lambda: looks == 2)
    newsroom.sequencer._request_refresh()
    eventually(lambda: looks == 3)
    newsroom.sequencer.close()
    assert (looks, newsroom.sequencer.checkpoint()) == (4, note), "where nothing was added, nothing is signed"


def test_who_failed_as_the_leader_stands_for_election_again_though_its_next_batch_waits(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.sequencer._failing_since = time.monotonic() - 2 * sequencer.STALL_SECONDS
    assert not newsroom.sequencer._is_progressing(), "another process should lead"
    with monkeypatch.context() as patch:
        patch.setattr(newsroom.store, "leadership", SimpleNamespace(term=None))
        assert newsroom.sequencer._is_progressing()


def test_listeners_are_told_when_a_checkpoint_is_shown_and_before_old_tiles_go(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    current = newsroom.sequencer._publication
    assert current is not None
    newsroom.sequencer.notify(lambda: seen.append(("told", newsroom.sequencer.size)))
    monkeypatch.setattr(current, "prune", lambda: seen.append(("pruned", newsroom.sequencer.size)))
    for number in (1, 2):
        newsroom.sequencer.append(*small(number)).result(HUNG_SECONDS)
    assert seen == [("told", 3), ("pruned", 3), ("told", 4), ("pruned", 4)]


def test_trouble_is_over_when_the_disks_take_what_is_published_once_more_and_not_before(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, tries, enough = Publication.renew, 0, threading.Event()

    def refused(current: Publication) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            enough.set()
        if not enough.is_set() or tries == 3:
            refuse()
        renew(current)

    monkeypatch.setattr(Publication, "renew", refused)
    newsroom.store.failover_timeout = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(newsroom.store, "write", refuse)
        assert isinstance(newsroom.sequencer.append(*small(1)).exception(HUNG_SECONDS), StoreUnavailable)
        while not enough.wait(POLL_SECONDS):
            assert newsroom.sequencer.trouble is not None
    eventually(lambda: newsroom.sequencer.trouble is None)
    assert tries > 3


# What another process has published: here the same store says so


def test_who_follows_shows_what_witnesses_have_added_and_nothing_older(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = newsroom.sequencer.checkpoint()
    newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
    newer, witness = newsroom.sequencer.checkpoint(), signer("witness")
    cosigned = cosign_checkpoint(newer, "witness.example", witness.sign, witness.public_key.raw, time=1_772_366_400)
    newsroom.store.write(lambda session: checkpoints.cosign(session, size=3, note=cosigned, cosigned_at_ms=1)).result(
        HUNG_SECONDS
    )
    newsroom.sequencer.close()  # so that this thread alone hears
    monkeypatch.setattr(newsroom.store, "alone", False)
    assert newsroom.sequencer.checkpoint() == cosigned
    newsroom.tamper("DELETE FROM checkpoint WHERE size = 3")
    assert newsroom.sequencer.checkpoint() == cosigned != older
    assert newsroom.sequencer.size == 3


def test_a_cosignature_that_comes_late_is_not_shown_over_a_newer_checkpoint(newsroom: Newsroom) -> None:
    older, witness = newsroom.sequencer.checkpoint(), signer("witness")
    cosigned = cosign_checkpoint(older, "witness.example", witness.sign, witness.public_key.raw, time=1_772_366_400)
    newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
    newer = newsroom.sequencer.checkpoint()
    newsroom.sequencer.attach(cosigned)
    assert newsroom.sequencer.checkpoint() == newsroom.sequencer.tiles.checkpoint() == newer
    late = cosign_checkpoint(newer, "witness.example", witness.sign, witness.public_key.raw, time=1_772_366_400)
    newsroom.sequencer.attach(late)
    assert newsroom.sequencer.checkpoint() == newsroom.sequencer.tiles.checkpoint() == late
