"""Derivation: what a registration was made from, and what was made from it, as their publishers state it."""

from collections import deque
from collections.abc import Iterator

from provenance import answers
from provenance.errors import NotFound
from provenance.limits import MAX_GRAPH_NODES
from provenance.statement.record import AssetRegistered, parse_record
from provenance.transparency.chain import references
from registry.reading.readers import ANYBODY, Reader, held
from registry.reading.standing import standing_of
from registry.registry import Registry
from registry.store import SealedAsset, Session, assets, entries, events, publishers, sealed
from registry.times import from_milliseconds


def graph(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> answers.Graph:
    """The graph around a registration: all that derivations connect it with, in either direction.

    Its origins come first, then the nearest, of each publisher one before all others; at most `MAX_GRAPH_NODES`. What
    is sealed or erased is a node that says so and no more; its own parents are not told, and a sealed registration does
    not show as made from anything.

    Raises:
        NotFound, Sealed, Erased: no such registration, or not for this reader.
    """
    with registry.store.read() as session:
        held(session, record_id, reader)
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
    """(child, parent, relation) of what a record was made from, and of what was made from it."""
    stated = _readable(session, at, reader)
    if stated is not None:
        yield from ((at, parent, relation) for parent, relation in references(stated))
    for child in events.children_of(session, at, MAX_GRAPH_NODES + 1):
        made = _readable(session, child, reader)
        if made is not None:
            yield from ((child, parent, relation) for parent, relation in references(made) if parent == at)


def _readable(session: Session, record_id: bytes, reader: Reader) -> AssetRegistered | None:
    """The registration, where it is there and the reader may read it."""
    kept_back = sealed.find(session, record_id)
    if kept_back is not None and not reader.may_read(kept_back.publisher_id):
        return None
    if kept_back is None and assets.find(session, record_id) is None:
        return None
    record = parse_record(entries.record(session, record_id).canonical)
    return record if isinstance(record, AssetRegistered) else None


def _node(session: Session, record_id: bytes, reader: Reader) -> answers.GraphNode:
    stated = _readable(session, record_id, reader)
    if stated is not None:
        row = held(session, record_id, reader)
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
