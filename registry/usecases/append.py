"""Appending records: signed with the publisher's key or the operator's, logged, and published.

A key may end while a record is on its way. Whether the key is still in force is checked inside the transaction that
gives the record its index; if it is not, the record is signed again with the key that replaced it.
"""

import secrets
from datetime import datetime

from provenance.errors import InvalidRequest, KeyRefused, MalformedRecord, StoreUnavailable
from provenance.limits import SALT_BYTES
from provenance.quotation import quote
from provenance.statement.keys import Signer
from provenance.statement.record import Record, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.key_history import publisher_of
from registry.database import Session, publishers
from registry.log.sequencer import Appended, FindDuplicate, WriteViews
from registry.registry import Registry


def new_salt() -> bytes:
    """The salt of a new record, `limits.SALT_BYTES` random bytes."""
    return secrets.token_bytes(SALT_BYTES)


MAX_TRIES = 8
"""Keys tried for one record before a publisher that changes them faster than records are logged is refused."""


def append_signed(
    registry: Registry,
    publisher: str,
    canonical: bytes,
    write_views: WriteViews | None = None,
    find_duplicate: FindDuplicate | None = None,
) -> Appended:
    """Sign a publisher's record, append it, and wait until it is published.

    Raises:
        NotFound: no such publisher.
        KeyRefused: the publisher has no key in force that this service holds.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.

    Exceptions of `write_views` and `find_duplicate` pass through.
    """
    for _ in range(MAX_TRIES):
        signer = publisher_signer(registry, publisher)
        kid = signer.public_key.thumbprint
        ended = False

        def checked(session: Session, index: int, logged_at: datetime, kid: bytes = kid) -> None:
            nonlocal ended
            if publishers.get_key(session, kid).ended_index is not None:
                ended = True
                raise KeyRefused("the key was replaced or revoked meanwhile")
            if write_views is not None:
                write_views(session, index, logged_at)

        try:
            statement = sign_statement(canonical, signer)
            with registry.stages.timed("log"):
                return registry.sequencer.append(statement, canonical, checked, find_duplicate).result()
        except KeyRefused:
            if not ended:
                raise
    raise StoreUnavailable(f"the keys of {publisher!r} change faster than a record can be logged")


def publisher_signer(registry: Registry, publisher: str) -> Signer:
    """The newest of a publisher's keys in force that this service holds. Raises NotFound, KeyRefused."""
    with registry.store.read() as session:
        publishers.get(session, publisher)
        rows = list(publishers.keys_of(session, publisher))
    in_force = [row for row in rows if row.ended_index is None]
    for row in reversed(in_force):
        if registry.keystore.holds_publisher_key(publisher, row.kid):
            return registry.keystore.publisher_key(publisher, row.kid)
    if in_force:
        raise KeyRefused(f"the keys in force of the publisher {publisher!r} are held elsewhere, not by this service")
    if rows:
        last = max(rows, key=lambda row: row.ended_index or 0)
        how = "revoked" if last.revoked_index == last.ended_index else "replaced"
        reason = f": {quote(last.end_reason)}" if last.end_reason else ""
        raise KeyRefused(f"the last key of the publisher {publisher!r} was {how} at index {last.ended_index}{reason}")
    raise KeyRefused(f"the publisher {publisher!r} never had a key")


def canonical_of(record: Record) -> bytes:
    """The record's canonical bytes. Raises InvalidRequest for a claim that a record cannot hold."""
    try:
        return to_canonical(record)
    except MalformedRecord as error:
        raise InvalidRequest(str(error)) from error


def append_record(
    registry: Registry,
    record: Record,
    write_views: WriteViews | None = None,
    find_duplicate: FindDuplicate | None = None,
) -> Appended:
    """Sign a record with the key of its publisher, or of the operator, and append it; returns when it is published.

    Raises:
        InvalidRequest: a text that a record cannot hold.
        NotFound: no such publisher.
        KeyRefused: the publisher has no key in force that this service holds.
        FrozenLog: the log has ended.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.

    Exceptions of `write_views` and `find_duplicate` pass through.
    """
    canonical, publisher = canonical_of(record), publisher_of(record)
    if publisher is not None:
        return append_signed(registry, publisher, canonical, write_views, find_duplicate)
    statement = sign_statement(canonical, registry.keystore.operator)
    return registry.sequencer.append(statement, canonical, write_views, find_duplicate).result()
