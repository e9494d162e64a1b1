"""Stating: the key that a publisher signs with, and the bytes of what it signs."""

from provenance.errors import InvalidRequest, MalformedRecord
from provenance.statement.keys import LocalSigner
from provenance.statement.record import Record, to_canonical
from registry.registry import Registry
from registry.store import publishers


def publisher_signer(registry: Registry, publisher: str) -> LocalSigner:
    """The key that a publisher signs with now. Raises NotFound, InvalidRequest where none is in force."""
    with registry.store.read() as session:
        publishers.get(session, publisher)
        key = publishers.current_key(session, publisher)
    if key is None:
        raise InvalidRequest(f"the publisher {publisher!r} has no key in force")
    return registry.keystore.publisher_key(publisher, key.kid)


def canonical_of(record: Record) -> bytes:
    """The record's bytes; a claim that a record cannot hold is the caller's to correct. Raises InvalidRequest."""
    try:
        return to_canonical(record)
    except MalformedRecord as error:
        raise InvalidRequest(str(error)) from error
