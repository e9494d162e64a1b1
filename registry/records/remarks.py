"""Remarks: records about other records, from their value to their entry in the log."""

from typing import TypeAlias

from provenance.statement.record import (
    AssetDisputed,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    RecordErased,
    VerdictRecorded,
)
from provenance.statement.statement import sign_statement
from registry.log.sequencer import Appended, Existing, IndexRows, none_existing
from registry.records.stating import append_signed, canonical_of
from registry.registry import Registry

Remark: TypeAlias = AssetWithdrawn | AssetDisputed | DisputeAnswered | AssetRevealed | VerdictRecorded | RecordErased


def state(registry: Registry, record: Remark, index_rows: IndexRows, existing: Existing = none_existing) -> Appended:
    """Sign a record with its publisher's key, or an erasure with the operator's, and append it; waits until published.

    Raises:
        InvalidRequest: a text that a record cannot hold.
        NotFound: no such publisher.
        KeyRefused: it has no key in force that this service holds.
        StoreUnavailable, StoreCorrupt: the registry cannot write now. And whatever the two functions raise.
    """
    canonical = canonical_of(record)
    if not isinstance(record, RecordErased):
        return append_signed(registry, record.publisher, canonical, index_rows, existing)
    statement = sign_statement(canonical, registry.keystore.operator)
    return registry.sequencer.append(statement, canonical, index_rows, existing).result()
