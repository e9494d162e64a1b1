"""Disputes, recorded verdicts, erasures and derivations of registrations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from provenance.answers.fields import Answer, Digest, Doc, RecordId, Values
from provenance.answers.publishers import Publisher


@dataclass(frozen=True, kw_only=True)
class DisputeAnswer(Answer):
    """One party's answer to a dispute. `outcome`: `accepted`, `rejected` or `retracted`; `publisher` is its id."""

    record_id: str
    index: int
    logged_at: datetime
    publisher: str
    outcome: str
    reason: str
    key_compromised: Annotated[
        bool, Doc("Its key may have been compromised by then: a retraction then closes nothing.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Dispute(Answer):
    """A dispute is open until whoever raised it retracts it, with a key that was not compromised by then.

    It is another publisher's counter-claim to the registration `record`.
    """

    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: RecordId
    publisher: Publisher
    reason: str
    counterclaim: str | None
    open: bool
    answers: tuple[DisputeAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class Disputes(Answer):
    items: tuple[Dispute, ...]


@dataclass(frozen=True, kw_only=True)
class RecordedVerdict(Answer):
    """A verification report that was put on record.

    It stands there by its digest, with what it found: `axes` has the value of each.
    """

    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    publisher: Publisher
    report_sha256: Digest
    media_sha256: Digest
    headline: str
    axes: dict[str, str]
    methods: tuple[str, ...]
    records: tuple[RecordId, ...]


@dataclass(frozen=True, kw_only=True)
class ErasedRecord(Answer):
    """A record whose content was erased; `erased_by` is the record that states it."""

    record: RecordId
    type: str
    erased_by: str
    index: int
    state: str
    logged_at: datetime


@dataclass(frozen=True, kw_only=True)
class Erasure(Answer):
    """What was erased, and by which records of the log that is stated.

    It is the registration `id`, and what was said about it.
    """

    id: RecordId
    reason: str
    records: tuple[ErasedRecord, ...]


@dataclass(frozen=True, kw_only=True)
class GraphNode(Answer):
    """A record; null is what must not be disclosed of it."""

    id: RecordId
    state: Annotated[str, Values("public", "sealed", "erased", "unknown")]
    index: int | None
    title: str | None
    publisher: str | None
    publisher_name: str | None
    logged_at: datetime | None
    standing: str | None


@dataclass(frozen=True, kw_only=True)
class GraphEdge(Answer):
    """`child` was made from `parent`, as its publisher states it."""

    child: RecordId
    parent: RecordId
    relation: str


@dataclass(frozen=True, kw_only=True)
class Graph(Answer):
    """What a registered picture was made from, and what was made from it. `truncated`: there is more."""

    id: RecordId
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    truncated: bool
