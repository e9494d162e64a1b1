"""Later records of a receipt's chain that change how its subject stands: withdrawals, disputes and their retraction.

They count only in a receipt whose statements and inclusion proofs have been checked (`receipt_verification`).
"""

from provenance.statement.record import AssetDisputed, AssetRegistered, AssetWithdrawn, DisputeAnswered
from provenance.transparency.receipt import Receipt


def is_withdrawn(receipt: Receipt) -> bool:
    """Whether the publisher of the subject took it back later. Raises MalformedRecord, MalformedStatement."""
    subject = receipt.subject.read_record()
    identity = receipt.subject.read_statement().record_id
    return isinstance(subject, AssetRegistered) and any(
        isinstance(later := entry.read_record(), AssetWithdrawn)
        and entry.index > receipt.subject.index
        and (later.record, later.publisher) == (identity, subject.publisher)
        for entry in receipt.chain
    )


def is_disputed(receipt: Receipt) -> bool:
    """Whether another publisher contradicted the subject later, and has not retracted that.

    A publisher cannot dispute its own registration: a record that says so counts for nothing.

    Raises:
        MalformedRecord, MalformedStatement: an entry does not parse.
    """
    subject = receipt.subject.read_record()
    identity = receipt.subject.read_statement().record_id
    retracted = {
        (answer.dispute, answer.publisher)
        for entry in receipt.chain
        if isinstance(answer := entry.read_record(), DisputeAnswered) and answer.outcome == "retracted"
    }
    return isinstance(subject, AssetRegistered) and any(
        isinstance(dispute := entry.read_record(), AssetDisputed)
        and entry.index > receipt.subject.index
        and dispute.record == identity
        and dispute.publisher != subject.publisher
        and (entry.read_statement().record_id, dispute.publisher) not in retracted
        for entry in receipt.chain
    )
