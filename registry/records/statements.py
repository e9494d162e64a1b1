"""Statements that publishers sign themselves: the log takes them in, many at a time, and their records stay with them.

What is logged is who signed, and the digest of what; a record can be shown later, and its time then stands.
"""

from collections.abc import Sequence

from provenance.errors import Conflict, InvalidRequest, KeyRefused, SignatureInvalid, StoreCorrupt
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import Statement, verify_statement
from registry.log.sequencer import Appended, Existing
from registry.registry import Registry
from registry.store import PublisherKeyRow, Session, entries, publishers


def log_statements(registry: Registry, publisher: str, statements: Sequence[Statement]) -> list[Appended]:
    """Log statements of one publisher, in their order; what was logged before is found. All are checked first.

    Raises:
        KeyRefused: a key that is not in force for the publisher; the message says why.
        InvalidRequest: a signature that does not verify.
        Conflict: another statement about the same record is logged.
        FrozenLog, StoreUnavailable, StoreCorrupt: nothing can be logged now; sending all again takes up where it ended.
    """
    keys: dict[bytes, PublicKey] = {}
    with registry.store.read() as session:
        for position, statement in enumerate(statements):
            try:
                if statement.kid not in keys:
                    keys[statement.kid] = key_in_force(session, statement.kid, publisher)
                verify_statement(statement, keys[statement.kid])
            except KeyRefused as error:
                raise KeyRefused(f"Statement {position}: {error}") from error
            except SignatureInvalid as error:
                raise InvalidRequest(f"Statement {position}: {error}") from error
    in_force = {kid: while_in_force(kid) for kid in keys}
    waiting = [
        registry.sequencer.append(statement.data, None, existing=in_force[statement.kid]) for statement in statements
    ]
    logged = [future.result() for future in waiting]
    found = {each.record_id for each in logged if not each.created}
    if found:
        with registry.store.read() as session:
            known = entries.with_records(session, found)
        if any(each.record_id in known and known[each.record_id].statement != each.data for each in statements):
            raise Conflict("Another statement about the same record is logged.")
    return logged


def key_in_force(session: Session, kid: bytes, publisher: str | None = None) -> PublicKey:
    """The key with this thumbprint, which has not ended, of the publisher where one is given.

    Raises KeyRefused, StoreCorrupt.
    """
    row = _row_in_force(session, kid, publisher)
    try:
        return PublicKey(Algorithm(row.algorithm), row.public_raw)
    except ValueError as error:
        raise StoreCorrupt(f"the row of key {kid.hex()} has changed") from error


def _row_in_force(session: Session, kid: bytes, publisher: str | None = None) -> PublisherKeyRow:
    row = publishers.find_key(session, kid)
    if row is None or publisher not in (None, row.publisher_id):
        raise KeyRefused(f"The key {kid.hex()} is not enrolled for {publisher or 'any publisher of this log'}.")
    if row.ended_index is not None:
        reason = f": {row.end_reason}" if row.end_reason else ""
        raise KeyRefused(f"The key {kid.hex()} ended at index {row.ended_index} of the log{reason}")
    return row


def while_in_force(kid: bytes) -> Existing:
    """For the transaction that logs the entry: the key may have ended since its signature was checked.

    It raises KeyRefused.
    """
    held: list[PublisherKeyRow] = []  # a session need not read a row again as long as somebody holds it

    def existing(session: Session) -> None:
        held[:] = [_row_in_force(session, kid)]

    return existing
