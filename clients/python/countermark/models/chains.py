"""What a service answers about what became of registrations: disputes, recorded verdicts, erasures, derivation."""

from datetime import datetime

from countermark.models.registrations import Answer, Publisher


class DisputeAnswer(Answer):
    """What one side said to a dispute. `outcome`: `accepted`, `rejected` or `retracted`; `publisher` is its id.

    `key_compromised`: the key that signed it may have been in other hands by then, so that it closes nothing.
    """

    record_id: str
    index: int
    logged_at: datetime
    publisher: str
    outcome: str
    reason: str
    key_compromised: bool = False


class Dispute(Answer):
    """Another publisher's counter-claim to the registration `record`; `open` until that publisher retracts it."""

    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: str
    publisher: Publisher
    reason: str
    counterclaim: str | None
    open: bool
    answers: tuple[DisputeAnswer, ...]


class Disputes(Answer):
    items: tuple[Dispute, ...]


class RecordedVerdict(Answer):
    """A verification report that was put on record, by its digest and with what it found."""

    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    publisher: Publisher
    report_sha256: str
    media_sha256: str
    headline: str
    axes: dict[str, str]
    methods: tuple[str, ...]
    records: tuple[str, ...]


class ErasedRecord(Answer):
    """A record whose content is gone; `erased_by` is the record of the log that states it."""

    record: str
    type: str
    erased_by: str
    index: int
    state: str
    logged_at: datetime


class Erasure(Answer):
    """The erasure of the registration `id`, and of what was said about it."""

    id: str
    reason: str
    records: tuple[ErasedRecord, ...]


class GraphNode(Answer):
    """A record of a graph. `state`: `public`, `sealed`, `erased` or `unknown`; None is what is not told."""

    id: str
    state: str
    index: int | None
    title: str | None
    publisher: str | None
    publisher_name: str | None
    logged_at: datetime | None
    standing: str | None


class GraphEdge(Answer):
    """`child` was made from `parent`, as its publisher states it."""

    child: str
    parent: str
    relation: str


class Graph(Answer):
    """What a registered picture was made from, and what was made from it. `truncated`: there is more."""

    id: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    truncated: bool
