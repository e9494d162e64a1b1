"""Proofs: receipts checked under the auditor's keys, and the consistency of two checkpoints, online and offline."""

from collections.abc import Mapping, Sequence
from typing import Any

from countermark.audit.policy import AuditPolicy
from countermark.audit.state import CheckedRecord
from countermark.log.files import LogFiles
from countermark.receipts import verify_receipt
from countermark.trust import Trust
from provenance.errors import CountermarkError, TransparencyError, UntrustedNote
from provenance.receipts.report import ReceiptReport
from provenance.statement.encodings import encode_base64, parse_base64
from provenance.statement.record import AssetRegistered
from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint
from provenance.transparency.merkle import consistency_proof, verify_consistency
from provenance.transparency.tiles import TileReader


def check_receipt(record: str, receipt: bytes, policy: AuditPolicy) -> CheckedRecord:
    """What a receipt proves of a record, under the keys, witnesses and quorum of a policy."""
    keys = policy.keys_digest
    try:
        report = verify_receipt(receipt, log_keys=policy.log_keys, policy=policy.tlog_policy, max_age=policy.max_age)
    except CountermarkError as error:
        return CheckedRecord(record, "fails", f"its receipt does not hold: {error}", keys, False, {})
    fault = _fault(record, report, policy)
    if fault is not None:
        return CheckedRecord(record, "fails", fault, keys, report.log_key_pinned, {})
    return CheckedRecord(record, "holds", "", keys, report.log_key_pinned, _facts(report))


def _fault(record: str, report: ReceiptReport, policy: AuditPolicy) -> str | None:
    failed = [step for step in report.steps if step.outcome == "fails"]
    if report.record_id.hex() != record:
        return "the service gave the receipt of another record"
    if not report.holds:
        return f"its receipt does not hold: {failed[0].detail if failed else 'a step was not checked'}"
    if (policy.log_keys or policy.tlog_policy) and not report.log_key_pinned:
        return "its receipt is of a log that the policy does not name"
    if report.witnessing is not None and not report.witnessing.enough:
        return f"its receipt lacks cosignatures: {report.witnessing.detail}"
    if not isinstance(report.record, AssetRegistered):
        return "the record is no registration"
    return None


def _facts(report: ReceiptReport) -> dict[str, Any]:
    record = report.record
    assert isinstance(record, AssetRegistered)  # noqa: S101  # `_fault` has seen to it
    copies = () if record.credential is None else record.credential.copies
    return {
        "publisher": record.publisher,
        "title": record.title,
        "sha256": sorted({record.media.sha256.hex(), *(copy[0].hex() for copy in copies)}),
        "standing": _standing(report),
        "index": report.index,
    }


def _standing(report: ReceiptReport) -> str:
    if report.withdrawn:
        return "withdrawn"
    if report.key_compromised:
        return "key_revoked"
    return "disputed" if report.disputed else "current"


def prove_consistency(url: str, first: str, last: str) -> dict[str, Any]:
    """Whether the later of two checkpoints extends the earlier, by a proof from the log's tiles, which is returned.

    Raises:
        CountermarkError: the log's files cannot be had.
    """
    earlier, later = _tree(first), _tree(last)
    if later.size < earlier.size:
        return {"outcome": "fails", "detail": f"the log went from {earlier.size} entries to {later.size}"}
    with LogFiles(f"{url.rstrip('/')}/log") as files:
        proof = consistency_proof(earlier.size, later.size, TileReader(files.fetch, later.size))
    return check_consistency(first, last, [encode_base64(node) for node in proof])


def check_consistency(first: str, last: str, proof: Sequence[str]) -> dict[str, Any]:
    """Whether a proof shows that the later checkpoint extends the earlier."""
    try:
        earlier, later = _tree(first), _tree(last)
        if earlier.origin != later.origin:
            raise UntrustedNote("the two checkpoints are of different logs")
        nodes = [parse_base64(node, UntrustedNote) for node in proof]
        verify_consistency(earlier.size, earlier.root, later.size, later.root, nodes)
    except TransparencyError as error:
        return {"outcome": "fails", "detail": str(error), "proof": list(proof)}
    return {"outcome": "holds", "detail": "", "proof": list(proof)}


def check_checkpoint(note: str, policy: AuditPolicy) -> bool | None:
    """Whether a checkpoint is signed with a key that the policy trusts; None if it trusts none.

    Raises:
        TransparencyError: it is not, or is no checkpoint.
    """
    trust = Trust.of(policy.log_keys, policy.tlog_policy, policy.max_age)
    if not trust.keys:
        return None
    signed = SignedCheckpoint.parse(note.encode())
    signed.verify(trust.keys, signed.checkpoint.origin)
    return True


def _tree(note: str) -> Checkpoint:
    return SignedCheckpoint.parse(note.encode()).checkpoint


def holds(consistency: Mapping[str, Any] | None) -> bool:
    return consistency is not None and consistency.get("outcome") == "holds"
