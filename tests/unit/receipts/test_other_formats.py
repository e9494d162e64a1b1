"""Which step fails when a tlog-proof or a transparent statement is not what it should be."""

from dataclasses import replace

import pytest

from provenance.errors import MalformedReceipt
from provenance.receipts.other_formats import (
    ProofReport,
    parse_any_receipt,
    receipt_statement,
    verify_tlog_proof,
    verify_transparent_statement,
)
from provenance.receipts.receipt import Receipt
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.transparency import cose_receipt
from provenance.transparency.checkpoint import cosign_checkpoint
from provenance.transparency.cose_receipt import TransparentStatement
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey
from provenance.transparency.tlog_proof import TlogProof
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY, LOG, signer

INDEX = 3
STRANGER = LocalSigner.generate(Algorithm.ED25519)
STRANGERS_KEY = VerifierKey("log.stranger.example", ED25519, STRANGER.public_key.raw)


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(9)


@pytest.fixture
def proof(log: Log) -> TlogProof:
    return log.whole_proof(INDEX)


def outcomes(report: ProofReport) -> dict[str, list[int]]:
    """Step numbers by outcome, but for those that the format has nothing for."""
    found: dict[str, list[int]] = {}
    for step in report.steps:
        if step.number in (1, 2, 3, 8):
            found.setdefault(step.outcome, []).append(step.number)
    return found


def test_a_tlog_proof_shows_that_the_log_has_its_statement(log: Log, proof: TlogProof) -> None:
    report = verify_tlog_proof(proof, [KEY])
    assert report.holds
    assert outcomes(report) == {"holds": [1, 2, 3, 8]}
    assert [step.outcome for step in report.steps if step.number in (4, 5, 6, 7, 9)] == ["not checked"] * 5
    assert report.statement is not None
    assert report.statement.data == log.entries[INDEX]
    assert (report.log, report.index, report.tree_size) == (log.origin, INDEX, 9)


def test_a_transparent_statement_shows_the_same(log: Log) -> None:
    report = verify_transparent_statement(log.transparent(INDEX), [KEY])
    assert report.holds
    assert outcomes(report) == {"holds": [1, 2, 3, 8]}
    assert (report.log, report.index, report.tree_size) == ("https://log.example", INDEX, 9)


@pytest.mark.parametrize("keys", [[], [VerifierKey("witness.example", COSIGNATURE_V1, signer("w").public_key.raw)]])
def test_without_a_log_key_nothing_is_checked(log: Log, proof: TlogProof, keys: list[VerifierKey]) -> None:
    for report in (verify_tlog_proof(proof, keys), verify_transparent_statement(log.transparent(INDEX), keys)):
        assert outcomes(report) == {"holds": [1], "not checked": [2, 3, 8]}
        assert not report.holds
        assert not report.fails


def test_another_log_than_one_trusts_fails_step_2(log: Log, proof: TlogProof) -> None:
    for report in (
        verify_tlog_proof(proof, [STRANGERS_KEY]),
        verify_transparent_statement(log.transparent(INDEX), [STRANGERS_KEY]),
    ):
        assert outcomes(report) == {"holds": [1], "fails": [2], "not checked": [3, 8]}
        assert report.fails


def test_a_checkpoint_that_another_key_signed_fails_step_3(log: Log) -> None:
    forged = replace(log, signer=STRANGER).whole_proof(INDEX)
    assert outcomes(verify_tlog_proof(forged, [KEY])) == {"holds": [1, 2], "fails": [3], "not checked": [8]}


def test_a_root_that_the_log_has_not_signed_fails_step_3(log: Log) -> None:
    for forged in (log.transparent(INDEX, of=4), log.with_entry(7, log.entries[8]).transparent(INDEX, of=2)):
        report = verify_transparent_statement(forged, [KEY])
        assert outcomes(report) == {"holds": [1, 2], "fails": [3], "not checked": [8]}


def test_an_entry_that_is_not_at_its_index_fails_step_8(log: Log, proof: TlogProof) -> None:
    for forged in (
        replace(proof, index=2),
        replace(proof, extra=log.entries[2]),
        replace(proof, hashes=proof.hashes[:-1]),
        replace(proof, index=9),
    ):
        assert outcomes(verify_tlog_proof(forged, [KEY])) == {"holds": [1, 2, 3], "fails": [8]}


def test_a_receipt_with_too_few_hashes_fails_step_8(log: Log) -> None:
    whole = cose_receipt.parse(log.transparent(INDEX).receipts[0])
    assert isinstance(whole.proof, cose_receipt.Inclusion)
    short = cose_receipt.Inclusion(9, INDEX, whole.proof.path[:-1])
    receipt = cose_receipt.issue(short, bytes(32), LOG, issuer="https://log.example", subject="a record")
    report = verify_transparent_statement(TransparentStatement(log.entries[INDEX], (receipt,)), [KEY])
    assert outcomes(report) == {"holds": [1, 2], "not checked": [3], "fails": [8]}


def test_an_entry_that_is_not_in_the_file_can_be_given(log: Log) -> None:
    bare = log.proof(INDEX)
    assert outcomes(verify_tlog_proof(bare, [KEY])) == {"holds": [1, 2, 3], "not checked": [8]}
    assert verify_tlog_proof(bare, [KEY], log.entries[INDEX]).holds
    assert verify_tlog_proof(bare, [KEY], log.entries[2]).fails


def test_the_extra_data_of_others_is_not_taken_for_an_entry(log: Log) -> None:
    report = verify_tlog_proof(replace(log.proof(INDEX), extra=b"age-v1.2.1.tar.gz"), [KEY])
    assert outcomes(report) == {"holds": [1, 2, 3], "not checked": [8]}
    assert report.statement is None


def test_known_witnesses_are_named(proof: TlogProof) -> None:
    witness = signer("witness")
    key = VerifierKey("witness.example", COSIGNATURE_V1, witness.public_key.raw)
    note = cosign_checkpoint(proof.checkpoint, key.name, witness.sign, key.public, time=1_780_000_000)
    report = verify_tlog_proof(replace(proof, checkpoint=note), [KEY, key])
    assert [cosigner.key for cosigner in report.cosigners] == [key]


def test_the_receipt_of_a_log_that_one_knows_is_found_among_others(log: Log) -> None:
    strangers, own = log.transparent(INDEX, by=STRANGER), log.transparent(INDEX)
    both = TransparentStatement(own.statement, (*strangers.receipts, *own.receipts))
    assert verify_transparent_statement(both, [KEY]).holds


def test_the_first_bytes_tell_the_formats_apart(log: Log, proof: TlogProof) -> None:
    for receipt in (log.receipt(INDEX), proof, log.transparent(INDEX)):
        parsed = parse_any_receipt(receipt.serialise())
        assert parsed == receipt
        assert receipt_statement(parsed).data == log.entries[INDEX]


@pytest.mark.parametrize("data", [b"", b"{}", b"c2sp.org/tlog-proof@v2\n", b"\xd2", b"\xd2\x84", b"hello", b"\xff" * 9])
def test_a_file_in_none_of_the_three_formats_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedReceipt):
        parse_any_receipt(data)


def test_a_tlog_proof_without_its_statement_is_no_receipt_for_a_record(log: Log) -> None:
    with pytest.raises(MalformedReceipt):
        receipt_statement(log.proof(INDEX))
    assert isinstance(parse_any_receipt(log.receipt(INDEX).serialise()), Receipt)
