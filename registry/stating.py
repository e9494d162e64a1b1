"""Stating: from a record to its entry in the log, signed by whoever has to sign it."""

from typing import TypeAlias

from provenance.errors import InvalidRequest, MalformedRecord
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    AssetDisputed,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    Record,
    RecordErased,
    VerdictRecorded,
    to_canonical,
)
from provenance.statement.statement import sign_statement
from registry.registry import Registry
from registry.sequencer import Appended, Existing, IndexRows, none_existing
from registry.store import publishers

About: TypeAlias = AssetWithdrawn | AssetDisputed | DisputeAnswered | AssetRevealed | VerdictRecorded | RecordErased
"""Records about other records."""


def state(registry: Registry, record: About, index_rows: IndexRows, existing: Existing = none_existing) -> Appended:
    """Sign a record, append it, and wait until it is published.

    Raises:
        InvalidRequest: a text that a record cannot hold, or a publisher without a key in force.
        NotFound: no such publisher.
        StoreUnavailable, StoreCorrupt: the registry cannot write now. And whatever the two functions raise.
    """
    signer = (
        registry.keystore.operator if isinstance(record, RecordErased) else publisher_signer(registry, record.publisher)
    )
    canonical = canonical_of(record)
    return registry.sequencer.append(sign_statement(canonical, signer), canonical, index_rows, existing).result()


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
