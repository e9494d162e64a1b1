"""Statements that publishers sign themselves, submitted many at a time; the publishers keep the records.

The log holds who signed, and the digest of the record. A publisher that shows the record later proves its time with it.
"""

import itertools
from collections.abc import Sequence
from concurrent.futures import Future

from provenance.errors import Conflict, InvalidRequest, KeyRefused, SignatureInvalid, StoreCorrupt
from provenance.quotation import quote
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import Statement, verify_statement
from registry.database import PublisherKeyRow, Session, entries, publishers
from registry.log.sequencer import Appended, FindDuplicate
from registry.registry import Registry


def submit_statements(registry: Registry, publisher: str, statements: Sequence[Statement]) -> "Future[list[Appended]]":
    """Log statements of one publisher, in their order; all are checked first. Those logged before are found again.

    Returns:
        a future of the entries, for `check_found`. It raises FrozenLog, StoreUnavailable, StoreCorrupt where an entry
        cannot be logged now, and KeyRefused; submitting all of them again resumes after the last that was logged.

    Raises:
        KeyRefused: a key that is not in force for the publisher; the message says why.
        InvalidRequest: a signature that does not verify.
        StoreUnavailable, StoreCorrupt: the log cannot be read now.
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
    append = registry.sequencer.append
    return _all_of([append(each.data, None, find_duplicate=in_force[each.kid]) for each in statements])


def check_found(registry: Registry, statements: Sequence[Statement], logged: Sequence[Appended]) -> None:
    """Check that statements found in the log are the submitted ones. Raises Conflict, StoreUnavailable."""
    found = {each.record_id for each in logged if not each.created}
    if found:
        with registry.store.read() as session:
            known = entries.with_records(session, found)
        if any(each.record_id in known and known[each.record_id].statement != each.data for each in statements):
            raise Conflict("Another statement about the same record is logged.")


def _all_of(waiting: Sequence["Future[Appended]"]) -> "Future[list[Appended]]":
    """A future of all results, or of the first failure, once none is outstanding; it cannot be cancelled."""
    whole: Future[list[Appended]] = Future()
    whole.set_running_or_notify_cancel()
    outstanding = itertools.count(len(waiting) - 1, -1)  # its `next` is one step, whichever thread takes it

    def count(_done: "Future[Appended]") -> None:
        if next(outstanding) > 0:
            return
        failure = next(filter(None, (each.exception() for each in waiting)), None)
        if failure is None:
            whole.set_result([each.result() for each in waiting])
        else:
            whole.set_exception(failure)

    for each in waiting:
        each.add_done_callback(count)
    return whole


def key_in_force(session: Session, kid: bytes, publisher: str | None = None) -> PublicKey:
    """The key with this thumbprint, in force for `publisher`; for any publisher, if that is None.

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
        reason = f": {quote(row.end_reason)}" if row.end_reason else ""
        raise KeyRefused(f"The key {kid.hex()} ended at index {row.ended_index} of the log{reason}")
    return row


def while_in_force(kid: bytes) -> FindDuplicate:
    """A check for the transaction that logs an entry: raises KeyRefused if the key ended after the signature check."""
    held: list[PublisherKeyRow] = []  # a session need not read a row again as long as somebody holds it

    def find_duplicate(session: Session) -> None:
        held[:] = [_row_in_force(session, kid)]

    return find_duplicate
