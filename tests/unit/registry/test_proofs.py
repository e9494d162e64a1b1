"""Proofs: they convince somebody who has nothing but the log's key, and are never handed out when they would not."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from provenance.errors import NotFound, StoreCorrupt
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.record import parse_record
from provenance.transparency.merkle import inclusion_proof
from provenance.transparency.tlog_proof import TlogProof
from registry.database import entries
from tests.logs.records import ORIGIN, digest
from tests.patience import MOMENT_SECONDS
from tests.unit.registry.newsroom import Newsroom


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        yield opened.found()


def statement_of(newsroom: Newsroom, record_id: bytes) -> bytes:
    with newsroom.store.read() as session:
        return entries.of_record(session, record_id).statement


def holds(newsroom: Newsroom, receipt: Receipt) -> bool:
    """After the way through a file."""
    return verify_receipt(Receipt.parse(receipt.serialise()), trusted_keys=[newsroom.sequencer.key]).holds


def test_a_tlog_proof_verifies_with_the_logs_key_alone(newsroom: Newsroom) -> None:
    for name in ("harbour", "market", "station"):
        appended = newsroom.register(name).result()
    proof = TlogProof.parse(newsroom.proofs.tlog_proof(appended.record_id).serialise())
    checkpoint, _ = proof.verify(statement_of(newsroom, appended.record_id), [newsroom.sequencer.key], ORIGIN)
    assert (checkpoint.size, proof.index) == (5, 4)


def test_a_proof_is_under_the_latest_checkpoint(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    newsroom.register("market").result()
    assert newsroom.proofs.tlog_proof(appended.record_id).checkpoint == newsroom.sequencer.checkpoint()


def test_an_inclusion_proof_is_read_from_the_tiles(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    stored = inclusion_proof(appended.index, 3, newsroom.sequencer.tiles.reader(3))
    proof = newsroom.proofs.tlog_proof(appended.record_id)
    assert list(proof.hashes) == stored
    proof.verify_inclusion(statement_of(newsroom, appended.record_id), proof.signed_checkpoint().checkpoint)


def test_a_receipt_holds_and_speaks_of_its_record(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    receipt = newsroom.proofs.receipt(appended.record_id)
    report = verify_receipt(receipt, trusted_keys=[newsroom.sequencer.key], media_sha256=digest("media harbour"))
    outcomes = [step.outcome for step in report.steps]
    assert outcomes == ["holds"] * 9 + ["not checked", "holds"]  # nobody stamped it
    assert (report.index, report.record_id) == (2, appended.record_id)


def test_a_receipt_brings_the_withdrawal_of_its_record(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    withdrawn = newsroom.withdraw(appended.record_id).result()
    receipt = newsroom.proofs.receipt(appended.record_id)
    assert [entry.index for entry in receipt.chain] == [withdrawn.index]
    assert holds(newsroom, receipt)
    assert verify_receipt(receipt, trusted_keys=[newsroom.sequencer.key]).withdrawn


def test_a_receipt_brings_all_that_its_record_was_made_from(newsroom: Newsroom) -> None:
    origin = newsroom.register("harbour").result()
    middle = newsroom.register("harbour, cropped", parents=(origin.record_id,)).result()
    newsroom.withdraw(origin.record_id).result()
    last = newsroom.register("harbour, framed", parents=(middle.record_id, origin.record_id)).result()
    receipt = newsroom.proofs.receipt(last.record_id)
    assert [entry.index for entry in receipt.chain] == [2, 3, 4]
    assert holds(newsroom, receipt)


def test_the_receipt_of_a_withdrawal_brings_what_it_takes_back(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    withdrawn = newsroom.withdraw(appended.record_id).result()
    receipt = newsroom.proofs.receipt(withdrawn.record_id)
    assert [entry.index for entry in receipt.chain] == [appended.index]
    assert holds(newsroom, receipt)


def test_a_receipt_made_before_a_rotation_and_after_it_hold_both(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    before = newsroom.proofs.receipt(appended.record_id)
    newsroom.state_key("rotate", "second key")
    later = newsroom.register("market", key="second key").result()
    newsroom.state_key("revoke", "second key")
    after = newsroom.proofs.receipt(appended.record_id)
    assert ([key.index for key in before.keys], [key.index for key in after.keys]) == ([1], [1, 3])
    assert [key.index for key in newsroom.proofs.receipt(later.record_id).keys] == [3, 5]
    assert holds(newsroom, before)
    assert holds(newsroom, after)


def test_genesis_and_key_records_have_receipts_too(newsroom: Newsroom) -> None:
    with newsroom.store.read() as session:
        identities = [entries.get(session, index).record_id for index in (0, 1)]
    for identity in identities:
        receipt = newsroom.proofs.receipt(identity)
        assert receipt.subject.record is not None
        assert parse_record(receipt.subject.record).TYPE in ("log.genesis", "publisher.key")
        assert holds(newsroom, receipt)


def test_what_is_not_logged_has_no_proof(newsroom: Newsroom) -> None:
    with pytest.raises(NotFound):
        newsroom.proofs.tlog_proof(bytes(32))
    with pytest.raises(NotFound):
        newsroom.proofs.receipt(bytes(32))


@pytest.mark.parametrize(
    "damage",
    [
        'UPDATE entry SET statement = zeroblob(192) WHERE "index" = 2',
        "UPDATE record SET canonical = CAST(replace(canonical, 'A. Ph', 'B. Ph') AS BLOB) WHERE \"index\" = 2",
        'UPDATE record SET canonical = zeroblob(10) WHERE "index" = 2',
        "UPDATE record SET canonical = CAST(replace(canonical, 'The Daily', 'The Dally') AS BLOB) WHERE \"index\" = 1",
        "UPDATE publisher_key SET enrolled_index = 2",
    ],
)
def test_damaged_rows_make_no_receipt(newsroom: Newsroom, damage: str) -> None:
    appended = newsroom.register("harbour").result()
    with closing(sqlite3.connect(newsroom.folder / "countermark.db")) as database, database:
        database.execute(damage)
    with pytest.raises(StoreCorrupt):
        newsroom.proofs.receipt(appended.record_id)


def test_damaged_and_missing_tiles_make_no_proof(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    tile = newsroom.folder / "objects/log/tile/0/000.p/3"
    tile.write_bytes(bytes(96))
    with pytest.raises(StoreCorrupt):
        newsroom.proofs.tlog_proof(appended.record_id)
    tile.unlink()
    with pytest.raises(StoreCorrupt):
        newsroom.proofs.tlog_proof(appended.record_id)


def test_a_tile_that_was_repaired_proves_again(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    tile = newsroom.folder / "objects/log/tile/0/000.p/3"
    sound = tile.read_bytes()
    tile.write_bytes(bytes(96))
    with pytest.raises(StoreCorrupt):
        newsroom.proofs.tlog_proof(appended.record_id)
    tile.write_bytes(sound)
    assert newsroom.proofs.tlog_proof(appended.record_id).index == appended.index


def test_entries_are_proven_in_the_order_in_which_they_are_asked_for(newsroom: Newsroom) -> None:
    appended = [newsroom.register(name).result() for name in ("harbour", "market", "station")]
    with newsroom.store.read() as session:
        logged = [(each.index, entries.get(session, each.index).statement) for each in reversed(appended)]
    proofs = newsroom.proofs.of_entries(logged)
    assert [proof.index for proof in proofs] == [each.index for each in reversed(appended)]
    assert len({proof.checkpoint for proof in proofs}) == 1


def test_another_statement_is_not_proven_in_an_entrys_place(newsroom: Newsroom) -> None:
    appended = newsroom.register("harbour").result()
    with newsroom.store.read() as session:
        other = entries.get(session, 0).statement
    with pytest.raises(StoreCorrupt):
        newsroom.proofs.of_entries([(appended.index, other)])


@pytest.mark.timing
def test_a_new_tree_is_opened_once_for_all_who_ask_at_the_same_moment(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended = newsroom.register("asked for by many").result()
    opened: list[bytes] = []
    proofs = newsroom.proofs
    open_anew = proofs._open_anew
    monkeypatch.setattr(
        proofs, "_open_anew", lambda note: (opened.append(note), time.sleep(MOMENT_SECONDS), open_anew(note))[2]
    )
    with ThreadPoolExecutor(8) as askers:
        found = list(askers.map(proofs.tlog_proof, [appended.record_id] * 8))
    assert {proof.index for proof in found} == {appended.index}
    assert len(opened) == 1
