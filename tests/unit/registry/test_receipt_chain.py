"""The chain of a receipt: what a reader must know comes first, whatever somebody heaps up behind it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from provenance.limits import MAX_RECEIPT_RECORDS
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import ReceiptReport
from registry.database import disputes
from registry.usecases.standing import standing_of
from tests.logs.records import START
from tests.unit.registry.newsroom import Newsroom


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        opened.found().state_key("enrol", "rival key", publisher="rival")
        yield opened


def check(newsroom: Newsroom, record: bytes) -> tuple[Receipt, ReceiptReport]:
    receipt = Receipt.parse(newsroom.proofs.receipt(record).serialise())
    report = verify_receipt(receipt, trusted_keys=[newsroom.sequencer.key])
    assert report.holds
    return receipt, report


def heap_up(newsroom: Newsroom, record: bytes, pairs: int = MAX_RECEIPT_RECORDS // 2) -> None:
    """An accomplice disputes and retracts, so that nothing else fits."""
    for number in range(pairs):
        raised = newsroom.dispute(record, pairs * 1_000 + number, waits=False)
        newsroom.retract(raised, record, waits=number == pairs - 1)


def test_no_number_of_retracted_disputes_hides_one_that_is_open(newsroom: Newsroom) -> None:
    raw = newsroom.register("raw").result().record_id
    asset = newsroom.register("asset", parents=(raw,)).result().record_id
    heap_up(newsroom, asset)
    newsroom.dispute(asset, 1_000)
    receipt, report = check(newsroom, asset)
    assert (report.disputed, report.truncated) == (True, True)
    assert report.chain is not None
    assert [link.state for link in report.chain.links] == ["proven"]
    assert len(receipt.chain) <= MAX_RECEIPT_RECORDS


def test_a_receipt_that_has_no_room_for_what_is_over_says_so_and_shows_no_dispute_as_open(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    heap_up(newsroom, asset)
    report = check(newsroom, asset)[1]
    assert (report.disputed, report.truncated) == (False, False)
    newsroom.retract(newsroom.dispute(asset, 1_000), asset)
    report = check(newsroom, asset)[1]
    assert (report.disputed, report.truncated) == (False, True)


def test_the_open_dispute_and_the_withdrawal_of_an_origin_are_in_the_receipt(newsroom: Newsroom) -> None:
    raw = newsroom.register("raw").result().record_id
    other = newsroom.register("other").result().record_id
    middle = newsroom.register("middle", parents=(raw, other)).result().record_id
    top = newsroom.register("top", parents=(middle,)).result().record_id
    heap_up(newsroom, top)
    assert check(newsroom, top)[1].contested_origins == ()
    newsroom.retract(newsroom.dispute(raw, 1), raw)
    assert check(newsroom, top)[1].contested_origins == ()
    newsroom.dispute(raw, 2)
    newsroom.withdraw(other).result()
    report = check(newsroom, top)[1]
    assert (report.contested_origins, report.steps[10].outcome) == ((raw, other), "fails")


def test_the_stolen_key_of_an_origin_is_in_the_receipt(newsroom: Newsroom) -> None:
    raw = newsroom.register("raw").result().record_id
    newsroom.state_key("rotate", "second key")
    top = newsroom.register("top", parents=(raw,), key="second key").result().record_id
    assert check(newsroom, top)[1].contested_origins == ()
    newsroom.state_key("revoke", "daily key", invalid_since=START)
    report = check(newsroom, top)[1]
    assert (report.contested_origins, report.key_compromised) == ((raw,), False)
    assert check(newsroom, raw)[1].key_compromised


def test_only_who_raised_a_dispute_closes_it_wherever_one_asks(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    dispute = newsroom.dispute(asset)
    newsroom.retract(dispute, asset, key="daily key", publisher="daily")  # no service lets it; a log could hold it
    for still_open in (True, False):
        with newsroom.store.read() as session:
            found = disputes.of_record(session, asset)
            assert (standing_of(session, asset).value == "disputed") is still_open
        assert [each.open for each in found] == [still_open]
        assert check(newsroom, asset)[1].disputed is still_open
        if still_open:
            newsroom.retract(dispute, asset)


def test_a_retraction_with_a_stolen_key_closes_no_dispute_wherever_one_asks(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    front = newsroom.register("front", parents=(asset,)).result().record_id
    newsroom.retract(newsroom.dispute(asset), asset)
    newsroom.state_key("enrol", "second rival key", publisher="rival")

    def asked() -> tuple[str, list[bool], bool | None, tuple[bytes, ...]]:
        with newsroom.store.read() as session:
            standing, found = standing_of(session, asset).value, disputes.of_record(session, asset)
        report = check(newsroom, asset)[1]
        return standing, [each.open for each in found], report.disputed, check(newsroom, front)[1].contested_origins

    closed = ("current", [False], False, ())
    assert asked() == closed
    newsroom.state_key("revoke", "rival key", publisher="rival")
    assert asked() == closed  # lost, and in nobody's hands
    newsroom.state_key("revoke", "rival key", publisher="rival", invalid_since=START + timedelta(days=1))
    assert asked() == ("current", [False], None, ())  # logged before that day, as only the registry can tell
    newsroom.state_key("revoke", "rival key", publisher="rival", invalid_since=START - timedelta(days=1))
    assert asked() == ("disputed", [True], True, (asset,))
    with newsroom.store.read() as session:
        assert "answers that it is retracted: “a mistake”. That does not count" in standing_of(session, asset).detail
    with newsroom.store.read() as session:
        dispute = disputes.of_record(session, asset)[0].dispute.record_id
    newsroom.retract(dispute, asset, key="second rival key", reason="a mistake indeed")
    assert asked() == closed


def test_the_earliest_time_that_any_revocation_states_is_in_the_receipt(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    newsroom.state_key("revoke", "daily key")
    assert check(newsroom, asset)[1].key_compromised is False
    for days in (2, 1, 3):
        newsroom.state_key("revoke", "daily key", invalid_since=START + timedelta(days=days))
    receipt, report = check(newsroom, asset)
    assert report.key_compromised is None
    assert "since 2026-03-02 12:00:00" in report.steps[5].detail
    assert len(receipt.keys) == 3  # enrolled, revoked, and since when that was too late
    newsroom.state_key("revoke", "daily key", invalid_since=START)
    assert check(newsroom, asset)[1].key_compromised is True
    with newsroom.store.read() as session:
        assert "in other hands since 2026-03-01 12:00 UTC" in standing_of(session, asset).detail


def test_disputes_and_their_answers_are_read_with_two_queries(newsroom: Newsroom) -> None:
    def queries() -> int:
        asked: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        event.listen(Engine, "before_cursor_execute", count)
        try:
            with newsroom.store.read() as session:
                disputes.of_record(session, asset)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        return sum(statement.startswith("SELECT") for statement in asked)

    asset = newsroom.register("asset").result().record_id
    heap_up(newsroom, asset, 1)
    few = queries()
    heap_up(newsroom, asset, 5)
    assert queries() == few == 2


def test_the_receipt_and_the_registry_name_the_same_successor(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    second = newsroom.register("second", supersedes=asset).result()
    third = newsroom.register("third", supersedes=asset).result()
    for newest in (third, second):
        heap = check(newsroom, asset)
        assert heap[1].superseded_by == newest.index
        with newsroom.store.read() as session:
            assert f"record {newest.index}" in standing_of(session, asset).detail
        newsroom.withdraw(newest.record_id).result()
    assert check(newsroom, asset)[1].superseded_by is None


def test_a_chain_of_more_origins_than_fit_is_cut_and_says_so(newsroom: Newsroom) -> None:
    below: tuple[bytes, ...] = ()
    for number in range(MAX_RECEIPT_RECORDS + 2):
        below = (newsroom.register(f"picture {number}", parents=below).result().record_id,)
    receipt, report = check(newsroom, below[0])
    assert (report.truncated, report.steps[10].outcome) == (True, "not checked")
    assert len(receipt.chain) == MAX_RECEIPT_RECORDS


def test_many_open_disputes_by_one_publisher_leave_room_for_the_origins(newsroom: Newsroom) -> None:
    raw = newsroom.register("raw").result().record_id
    asset = newsroom.register("asset", parents=(raw,)).result().record_id
    for number in range(MAX_RECEIPT_RECORDS + 2):
        newsroom.dispute(asset, number, waits=number > MAX_RECEIPT_RECORDS)
    report = check(newsroom, asset)[1]
    assert (report.disputed, report.truncated, report.chain is not None and report.chain.complete) == (True, True, True)


def test_more_keys_than_a_receipt_may_hold_cut_the_chain_and_not_the_receipt(newsroom: Newsroom) -> None:
    asset = newsroom.register("asset").result().record_id
    for number in range(MAX_RECEIPT_RECORDS):
        newsroom.state_key("rotate", f"key {number}", publisher="rival", replaces=_before(number))
        raised = newsroom.dispute(asset, number, key=f"key {number}", waits=False)
        newsroom.retract(raised, asset, key=f"key {number}")
    receipt, report = check(newsroom, asset)
    assert (report.truncated, report.disputed) == (True, False)
    assert len(receipt.keys) <= MAX_RECEIPT_RECORDS


def _before(number: int) -> str:
    return f"key {number - 1}" if number else "rival key"
