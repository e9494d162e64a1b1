"""Receipts in three formats: Countermark's own, and two that other software reads. All prove the same entry.

Countermark's receipt (`provenance.receipts.receipt`) proves who signed the record. A C2SP tlog-proof and a transparent
statement (RFC 9943, with a COSE receipt of RFC 9942) prove that the log has the statement, and contain it, but nothing
of the record, so that they are public also for sealed and erased records.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from provenance.errors import MalformedReceipt, StoreUnavailable
from provenance.receipts.receipt import RECEIPT_MEDIA_TYPE
from provenance.statement.record import record_urn
from provenance.transparency import cose_receipt
from provenance.transparency.cose_receipt import TransparentStatement
from registry.registry import Registry
from registry.usecases import read as catalogue
from registry.usecases.access import ANYBODY, Reader


def tlog_proof(registry: Registry, record_id: bytes, _reader: Reader = ANYBODY) -> bytes:
    """A `.tlog-proof` file whose extra data is the log entry, so that nothing else is needed to check it.

    Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
    """
    proof = registry.proofs.tlog_proof(record_id)
    return replace(proof, extra=catalogue.statement(registry, record_id)).serialise()


def transparent_statement(registry: Registry, record_id: bytes, _reader: Reader = ANYBODY) -> bytes:
    """The statement with its COSE receipt in header 394. Raises as `cose`."""
    return TransparentStatement(catalogue.statement(registry, record_id), (cose(registry, record_id),)).serialise()


def cose(registry: Registry, record_id: bytes) -> bytes:
    """The COSE receipt of a record's entry, signed now with the log's key over a published root.

    Raises as `tlog_proof`; a log of a single entry has no such receipt (StoreUnavailable).
    """
    proof = registry.proofs.tlog_proof(record_id)
    checkpoint = proof.signed_checkpoint().checkpoint
    try:
        inclusion = cose_receipt.Inclusion(checkpoint.size, proof.index, proof.hashes)
    except MalformedReceipt as error:
        raise StoreUnavailable("a log of one entry has no COSE receipts: it needs a second one") from error
    return cose_receipt.issue(
        inclusion,
        checkpoint.root,
        registry.keystore.log,
        issuer=registry.config.public_url,
        subject=record_urn(record_id),
    )


@dataclass(frozen=True)
class ReceiptFormat:
    """A format: its name in requests, its media type, the suffix of its files, and the function that makes it."""

    name: str
    media_type: str
    suffix: str
    make: Callable[[Registry, bytes, Reader], bytes]


RECEIPT_FORMATS = (
    ReceiptFormat("countermark", RECEIPT_MEDIA_TYPE, ".countermark", catalogue.receipt),
    ReceiptFormat("tlog-proof", "text/plain; charset=utf-8", ".tlog-proof", tlog_proof),
    ReceiptFormat("cose", "application/cose", ".cose", transparent_statement),
)
"""The first is the default."""
