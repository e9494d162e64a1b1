"""SCITT: statements that publishers sign themselves and bring without their record, and the COSE receipts of entries.

RFC 9943, with receipts as of RFC 9942. The log takes the statement alone: its publisher keeps the record, of which the
log then knows the digest and nothing else (ADR 11).
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
    """What came of a statement: the entry's id (its record's), and the receipt once it is published."""

    record_id: bytes
    receipt: bytes | None


def submit(registry: Registry, data: bytes, *, wait: float) -> Submission:
    """Log a statement that a publisher's key signed; the same one twice is one entry.

    Args:
        data: the statement, in its one encoding.
        wait: seconds to wait for its publication.

    Raises:
        EntryTooLarge: more bytes than an entry has.
        MalformedRequest: no statement in the accepted encoding, or its signature does not verify.
        KeyRefused: the key is unknown, or was replaced or revoked; the message says which.
        Conflict: another statement about the same record is logged.
        StoreUnavailable, StoreCorrupt: the log cannot take it now.
    """
    try:
        statement = parse_statement(data)
    except MalformedStatement as error:
        raise MalformedRequest(f"Not a statement that this log takes: {error}.") from error
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
    """The COSE receipt of a record's entry, by the log's key; None while no published tree has it.

    Raises NotFound, StoreUnavailable, StoreCorrupt.
    """
    with registry.store.read() as session:
        entry = entries.of_record(session, record_id)
    if entry.index >= registry.sequencer.size:
        return None
    return receipt_formats.cose(registry, record_id)


def receipt_keys(registry: Registry) -> tuple[PublicKey, ...]:
    """The keys that receipts of this log are verified with, those that it has retired included."""
    spans = registry.sequencer.keys.spans()
    return tuple(PublicKey(Algorithm.ED25519, span.key.public) for span in spans if span.key.key_type == ED25519)


def _find(registry: Registry, record_id: bytes) -> bytes | None:
    """The logged statement about a record."""
    with registry.store.read() as session:
        entry = entries.with_records(session, [record_id]).get(record_id)
    return None if entry is None else entry.statement
