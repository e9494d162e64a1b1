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
from registry.registry import Registry
from registry.sequencer import Appended, Existing, IndexRows, none_existing
from registry.stating import canonical_of, publisher_signer

Remark: TypeAlias = AssetWithdrawn | AssetDisputed | DisputeAnswered | AssetRevealed | VerdictRecorded | RecordErased


def state(registry: Registry, record: Remark, index_rows: IndexRows, existing: Existing = none_existing) -> Appended:
    """Sign a record with its publisher's key, or an erasure with the operator's, and append it; waits until published.

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
