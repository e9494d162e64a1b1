"""Statements that publishers sign themselves: the log takes them in, many at a time, and their records stay with them.

What is logged is who signed, and the digest of what; a record can be shown later, and its time then stands.
"""

from collections.abc import Sequence

from provenance.errors import InvalidRequest, NotPermitted, SignatureInvalid
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import Statement, verify_statement
from registry.registry import Registry
from registry.sequencer import Appended, Existing
from registry.store import Session, publishers


def log_statements(registry: Registry, publisher: str, statements: Sequence[Statement]) -> list[Appended]:
    """Log statements of one publisher, in their order; what was logged before is found. All are checked first.

    Raises:
        NotPermitted: a key that is not in force for the publisher; the message says why.
        InvalidRequest: a signature that does not verify.
        FrozenLog, StoreUnavailable, StoreCorrupt: nothing can be logged now; sending all again takes up where it ended.
    """
    keys: dict[bytes, PublicKey] = {}
    with registry.store.read() as session:
        for position, statement in enumerate(statements):
            try:
                if statement.kid not in keys:
                    keys[statement.kid] = _key_in_force(session, publisher, statement.kid)
                verify_statement(statement, keys[statement.kid])
            except NotPermitted as error:
                raise NotPermitted(f"statement {position}: {error}") from error
            except SignatureInvalid as error:
                raise InvalidRequest(f"statement {position}: {error}") from error
    waiting = [
        registry.sequencer.append(statement.data, None, existing=_still_in_force(publisher, statement.kid))
        for statement in statements
    ]
    return [future.result() for future in waiting]


def _key_in_force(session: Session, publisher: str, kid: bytes) -> PublicKey:
    row = publishers.find_key(session, kid)
    if row is None or row.publisher_id != publisher:
        raise NotPermitted(f"the key {kid.hex()} is not enrolled for {publisher}")
    if row.ended_index is not None:
        reason = f": {row.end_reason}" if row.end_reason else ""
        raise NotPermitted(f"the key {kid.hex()} has ended with entry {row.ended_index}{reason}")
    return PublicKey(Algorithm(row.algorithm), row.public_raw)


def _still_in_force(publisher: str, kid: bytes) -> Existing:
    """Asked inside the transaction that logs the entry: the key may have ended since its signature was checked."""

    def existing(session: Session) -> None:
        _key_in_force(session, publisher, kid)

    return existing
