"""Derivations that publishers state, and the history of a registration in the log."""

from collections import deque
from collections.abc import Iterator

from provenance import answers
from provenance.errors import Erased, NotFound, Sealed
from provenance.limits import MAX_GRAPH_NODES
from provenance.message import Message
from provenance.quotation import quote
from provenance.receipts.origins import references
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    LogFrozen,
    LogGenesis,
    LogKey,
    PublisherKey,
    RecordErased,
    VerdictRecorded,
    record_urn,
)
from provenance.statement.statement import parse_statement
from registry.database import SealedAsset, Session, assets, entries, events, publishers, records
from registry.database.snapshot import once
from registry.registry import Registry
from registry.times import from_milliseconds
from registry.usecases.access import ANYBODY, Reader, find_readable_asset
from registry.usecases.standing import standing_of


def graph(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> answers.Graph:
    """The graph of a registration: all records connected to it by derivations, in either direction.

    Its origins come first, then the nearest, of each publisher one before all others; at most `MAX_GRAPH_NODES`. A
    sealed or erased record is a node without content or parents, and a sealed registration is nobody's child.

    Raises:
        NotFound, Sealed, Erased: no registration that this reader may read.
    """
    with registry.store.read() as session:
        find_readable_asset(session, record_id, reader)
        reached: dict[bytes, None] = {record_id: None}
        edges: dict[tuple[bytes, bytes, str], None] = {}
        truncated = False
        for origins_alone in (True, False):  # so that nobody's derivatives push out what it was made from
            waiting = deque(reached)
            while waiting:
                at = waiting.popleft()
                for child, parent, relation in _links(session, at, reader):
                    other = parent if child == at else child
                    if origins_alone and other == child:
                        continue
                    if other not in reached:
                        if len(reached) == MAX_GRAPH_NODES:
                            truncated = True
                            continue
                        reached[other] = None
                        waiting.append(other)
                    edges[child, parent, relation] = None
        return answers.Graph(
            id=record_id.hex(),
            nodes=tuple(_node(session, each, reader) for each in reached),
            edges=tuple(
                answers.GraphEdge(child=child.hex(), parent=parent.hex(), relation=relation)
                for child, parent, relation in edges
            ),
            truncated=truncated,
        )


def _links(session: Session, at: bytes, reader: Reader) -> Iterator[tuple[bytes, bytes, str]]:
    """(child, parent, relation) of a record's parents and of its children."""
    stated = _readable(session, at, reader)
    if stated is not None:
        yield from ((at, parent, relation) for parent, relation in references(stated))
    for child in events.children_of(session, at, MAX_GRAPH_NODES + 1):
        made = _readable(session, child, reader)
        if made is not None:
            yield from ((child, parent, relation) for parent, relation in references(made) if parent == at)


@once
def _readable(session: Session, record_id: bytes, reader: Reader) -> AssetRegistered | None:
    """The registration; None if it is missing or the reader may not read it."""
    try:
        find_readable_asset(session, record_id, reader)
    except (NotFound, Sealed, Erased):
        return None
    record = records.get(session, record_id)
    return record if isinstance(record, AssetRegistered) else None


def _node(session: Session, record_id: bytes, reader: Reader) -> answers.GraphNode:
    stated = _readable(session, record_id, reader)
    if stated is not None:
        row = find_readable_asset(session, record_id, reader)
        kept_back = isinstance(row, SealedAsset)
        return answers.GraphNode(
            id=record_id.hex(),
            state="sealed" if kept_back else "public",
            index=row.index,
            title=stated.title,
            publisher=row.publisher_id,
            publisher_name=publishers.get(session, row.publisher_id).name,
            logged_at=from_milliseconds(row.logged_at_ms),
            standing=None if kept_back else standing_of(session, record_id).value,
        )
    try:
        index = entries.of_record(session, record_id).index
    except NotFound:
        return _untold(record_id, "unknown", None)
    state = "erased" if events.is_erased(session, record_id) else "sealed"
    return _untold(record_id, state, index)


def _untold(record_id: bytes, state: str, index: int | None) -> answers.GraphNode:
    return answers.GraphNode(
        id=record_id.hex(),
        state=state,
        index=index,
        title=None,
        publisher=None,
        publisher_name=None,
        logged_at=None,
        standing=None,
    )


_WHAT_IT_WAS = {
    AssetRegistered.TYPE: Message("Registered"),
    AssetWithdrawn.TYPE: Message("Withdrawn"),
    AssetDisputed.TYPE: Message("Disputed"),
    DisputeAnswered.TYPE: Message("A dispute answered"),
    VerdictRecorded.TYPE: Message("A verification put on record"),
}
"""The public description of an erased record, by its type."""


def history(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> list[answers.Event]:
    """The events of an asset, in log order; for an erased one without content. Raises NotFound, Sealed."""
    with registry.store.read() as session:
        if not events.is_erased(session, record_id):
            find_readable_asset(session, record_id, reader)
        elif not events.is_registration(session, record_id):
            assets.get(session, record_id)  # raises Erased: another kind of record has no history
        indices = {
            entries.of_record(session, record_id).index,
            *(event.index for event in events.about(session, record_id)),
            *(row.index for row in assets.withdrawals_of(session, record_id)),
        }
        return [_event(session, index) for index in sorted(indices)]


def _event(session: Session, index: int) -> answers.Event:
    entry = entries.get(session, index)
    kind = entries.type_of(session, entry.record_id)
    key = publishers.find_key(session, parse_statement(entry.statement).kid)
    by = "" if key is None else publishers.get(session, key.publisher_id).name
    return answers.Event(
        index=index,
        type=kind,
        record_id=record_urn(entry.record_id),
        logged_at=from_milliseconds(entry.logged_at_ms),
        summary=(
            Message("{kind} by {by}; the content was erased.", kind=_WHAT_IT_WAS.get(kind, Message(kind)), by=quote(by))
            if events.is_erased(session, entry.record_id)
            else _summary(session, entry.record_id, by)
        ),
    )


def _summary(session: Session, record_id: bytes, by: str) -> str:
    match records.get(session, record_id):
        case AssetRegistered(visibility="sealed"):
            return Message("Registered by {by}, sealed.", by=quote(by))
        case AssetRegistered():
            return Message("Registered by {by}.", by=quote(by))
        case AssetWithdrawn() as record:
            return Message("Withdrawn by {by}: {reason}.", by=quote(by), reason=quote(record.reason))
        case AssetDisputed() as record:
            return Message("Disputed by {by}: {reason}.", by=quote(by), reason=quote(record.reason))
        case DisputeAnswered() as record:
            dispute = entries.of_record(session, record.dispute).index
            return Message(
                "{by} answers the dispute of entry {dispute}, {outcome}: {reason}.",
                by=quote(by),
                dispute=dispute,
                outcome=Message(record.outcome),
                reason=quote(record.reason),
            )
        case AssetRevealed():
            return Message("Revealed by {by}; until then it was sealed.", by=quote(by))
        case VerdictRecorded() as record:
            return Message(
                "{by} put a verification on record: {headline}.", by=quote(by), headline=quote(record.headline)
            )
        case RecordErased() as record:
            return Message("Content erased: {reason}.", reason=quote(record.reason))
        case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() as record:
            return record.TYPE
