"""SCITT: registering statements that publishers sign themselves, without their records, and COSE receipts of entries.

RFC 9943, with receipts as of RFC 9942. The publisher keeps the record, of which the log knows only the digest (ADR 11).
"""

from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass

from provenance.errors import (
    Conflict,
    MalformedRequest,
    MalformedStatement,
    SignatureInvalid,
    StoreUnavailable,
)
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import parse_statement, verify_statement
from provenance.transparency.note import ED25519
from registry.database import entries
from registry.registry import Registry
from registry.usecases import receipt_formats
from registry.usecases.statements import key_in_force, while_in_force


@dataclass(frozen=True)
class Submission:
    """The result of a submission: the record's id, and the receipt; None while the entry is not published."""

    record_id: bytes
    receipt: bytes | None


def submit(registry: Registry, data: bytes, *, wait: float) -> Submission:
    """Log a statement signed with a publisher's key; submitting it twice makes one entry.

    Args:
        data: the statement, in its only accepted encoding.
        wait: seconds to wait for its publication.

    Raises:
        EntryTooLarge: the statement is longer than an entry may be.
        MalformedRequest: not a statement in the accepted encoding, or its signature does not verify.
        KeyRefused: the key is unknown, replaced or revoked; the message says which.
        Conflict: another statement about the same record is logged.
        StoreUnavailable, StoreCorrupt: nothing can be logged now.
    """
    try:
        statement = parse_statement(data)
    except MalformedStatement as error:
        raise MalformedRequest(f"Not a statement that this log accepts: {error}.") from error
    with registry.store.read() as session:
        key = key_in_force(session, statement.kid)
    try:
        verify_statement(statement, key)
    except SignatureInvalid as error:
        raise MalformedRequest(f"The statement is not accepted: {error}.") from error
    appending = registry.sequencer.append(data, None, find_duplicate=while_in_force(statement.kid))
    try:
        appending.result(wait)
    except NotInTime:
        return Submission(statement.record_id, None)
    except StoreUnavailable:
        if _find(registry, statement.record_id) is None:
            raise
        return Submission(statement.record_id, None)  # sequenced, and to be published later
    if _find(registry, statement.record_id) != data:
        raise Conflict("Another statement about the same record is logged.")
    return Submission(statement.record_id, receipt(registry, statement.record_id))


def receipt(registry: Registry, record_id: bytes) -> bytes | None:
    """The COSE receipt of a record's entry, by the log's key; None while the entry is not published.

    Raises NotFound, StoreUnavailable, StoreCorrupt.
    """
    with registry.store.read() as session:
        entry = entries.of_record(session, record_id)
    if entry.index >= registry.sequencer.size:
        return None
    return receipt_formats.cose(registry, record_id)


def receipt_keys(registry: Registry) -> tuple[PublicKey, ...]:
    """The keys that verify receipts of this log, retired ones included."""
    spans = registry.sequencer.keys.spans()
    return tuple(PublicKey(Algorithm.ED25519, span.key.public) for span in spans if span.key.key_type == ED25519)


def _find(registry: Registry, record_id: bytes) -> bytes | None:
    """The logged statement about a record."""
    with registry.store.read() as session:
        entry = entries.with_records(session, [record_id]).get(record_id)
    return None if entry is None else entry.statement
