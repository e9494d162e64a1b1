"""Events: the records about other records, and which registrations were made from which."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, delete, exists, func, select

from provenance.receipts.origins import references
from provenance.statement.record import SUPERSEDES, AssetDisputed, AssetRegistered, RecordErased
from registry.database.snapshot import once
from registry.database.tables import Asset, Derivation, Event, RecordRow, Withdrawal

_EVENT = SQLModel.metadata.tables["event"]
_RECORD = SQLModel.metadata.tables["record"]


def add(session: Session, target: bytes, index: int, type_: str) -> None:
    """Note that the entry at `index` states a record of this type about `target`."""
    session.add(Event(target=target, index=index, type=type_))
    session.flush()


@once
def about(session: Session, target: bytes) -> Sequence[Event]:
    """The events about a record, in the order of the log."""
    return session.exec(select(Event).where(Event.target == target).order_by(col(Event.index))).all()


def of_type(session: Session, target: bytes, type_: str) -> Sequence[Event]:
    """The events of one type about a record, in the order of the log."""
    return [event for event in about(session, target) if event.type == type_]


def disputed_among(session: Session, record_ids: Collection[bytes]) -> set[bytes]:
    """The records that were ever disputed."""
    query = select(Event.target).where(Event.type == AssetDisputed.TYPE, col(Event.target).in_(record_ids))
    return set(session.exec(query))


def between(session: Session, start: int, stop: int) -> Sequence[Event]:
    """The events with start ≤ index < stop, in order."""
    return session.exec(
        select(Event).where(col(Event.index) >= start, col(Event.index) < stop).order_by(col(Event.index))
    ).all()


def latest(session: Session, type_: str) -> int:
    """The index of the newest event of a type; -1 if there is none."""
    return session.exec(select(func.coalesce(func.max(Event.index), -1)).where(Event.type == type_)).one()


def newer(session: Session, type_: str, after: int) -> Sequence[tuple[int, int]]:
    """(index of the event, index of the entry that it is about) of the events of a type behind `after`, in order."""
    found = session.execute(_newer(), {"type": type_, "after": after}).all()
    return [(index, about) for index, about in found]


@cache
def _newer() -> Select[Any]:
    """Built once, as each search asks it twice."""
    return (
        sql.select(_EVENT.columns["index"], _RECORD.columns["index"])
        .join(_RECORD, _RECORD.columns.record_id == _EVENT.columns.target)
        .where(_EVENT.columns.type == bindparam("type"), _EVENT.columns["index"] > bindparam("after"))
        .order_by(_EVENT.columns["index"])
    )


def is_erased(session: Session, record_id: bytes) -> bool:
    """Whether a record's content was erased."""
    return bool(of_type(session, record_id, RecordErased.TYPE))


def erased_among(session: Session, record_ids: Collection[bytes]) -> bool:
    """Whether the content of any of the records was erased; unknown ids are ignored."""
    query = select(Event.index).where(Event.type == RecordErased.TYPE, col(Event.target).in_(record_ids)).limit(1)
    return session.exec(query).first() is not None


def is_registration(session: Session, record_id: bytes) -> bool:
    """Whether a record registers an asset, also one that was withdrawn or erased."""
    row = session.get(RecordRow, record_id)
    return row is not None and row.type == AssetRegistered.TYPE


def derive(session: Session, child: bytes, record: AssetRegistered) -> None:
    """Note what a registration says it was made from."""
    for parent, supersedes in sorted(derivations(record).items()):
        session.add(Derivation(parent=parent, child=child, supersedes=supersedes))
    session.flush()


def derivations(record: AssetRegistered) -> dict[bytes, bool]:
    """What a registration says it was made from, and whether it says of each that it supersedes it."""
    found: dict[bytes, bool] = {}
    for parent, relation in references(record):
        found[parent] = found.get(parent, False) or relation == SUPERSEDES
    return found


def forget_derivation(session: Session, child: bytes) -> None:
    """Forget what a registration was made from."""
    session.execute(delete(Derivation).where(col(Derivation.child) == child))


def children_of(session: Session, parent: bytes, limit: int) -> Sequence[bytes]:
    """Record ids of public registrations that say they were made from this one, at most `limit`: the first of each
    publisher, then the second of each, and so on, so that the many of one do not crowd out another's."""
    turn = func.row_number().over(partition_by=Asset.publisher_id, order_by=col(Asset.index))
    return session.exec(
        select(Derivation.child)
        .join(Asset, col(Asset.record_id) == col(Derivation.child))
        .where(Derivation.parent == parent)
        .order_by(turn, col(Asset.index))
        .limit(limit)
    ).all()


def successors(session: Session, record_ids: Collection[bytes]) -> dict[bytes, int]:
    """Of those registrations that are superseded: the index of the newest by which the same publisher says so.

    A successor that was withdrawn does not count.
    """
    found = session.execute(_successors(), {"records": list(record_ids)})
    return {row.parent: row.newest for row in found}


@once
def successor(session: Session, record_id: bytes) -> int | None:
    """`successors` of one registration; None if it is not superseded."""
    return successors(session, [record_id]).get(record_id)


@cache
def _successors() -> Select[Any]:
    """Built once: SQLAlchemy takes longer to make such a statement than the database to answer it."""
    former, later = aliased(Asset), aliased(Asset)
    columns: list[Any] = [Derivation.parent, func.max(later.index).label("newest")]
    return (
        sql.select(*columns)
        .select_from(Derivation)
        .join(former, col(former.record_id) == col(Derivation.parent))
        .join(later, col(later.record_id) == col(Derivation.child))
        .where(
            col(Derivation.parent).in_(bindparam("records", expanding=True)),
            col(Derivation.supersedes),
            col(later.publisher_id) == col(former.publisher_id),
            ~exists().where(col(Withdrawal.target) == col(Derivation.child)),
        )
        .group_by(col(Derivation.parent))
    )


def derivations_of_each(session: Session, children: Collection[bytes]) -> dict[bytes, dict[bytes, bool]]:
    """What each of the registrations is noted to be made from, as `derivations` has it; others are left out."""
    found: dict[bytes, dict[bytes, bool]] = {}
    for row in session.exec(select(Derivation).where(col(Derivation.child).in_(children))):
        found.setdefault(row.child, {})[row.parent] = row.supersedes
    return found


MAX_DEPTH = 64
"""Steps back that are followed to what registrations were made from: the chains of a newsroom have two or three."""


def ancestors_of_each(session: Session, children: Collection[bytes]) -> dict[bytes, set[bytes]]:
    """What each of the registrations was made from, directly or through others, as their publishers state it."""
    parents: dict[bytes, set[bytes]] = {}
    level = set(children)
    for _ in range(MAX_DEPTH):
        if not level:
            break
        named = derivations_of_each(session, level)
        parents |= {child: set(of) for child, of in named.items()}
        level = {parent for of in named.values() for parent in of} - parents.keys()
    found: dict[bytes, set[bytes]] = {}
    for child in children:
        found[child], waiting = set(), [child]
        while waiting:
            new = parents.get(waiting.pop(), set()) - found[child]
            found[child] |= new
            waiting += new
    return found


def derivation_count(session: Session) -> int:
    """Number of noted derivations."""
    return session.exec(select(func.count()).select_from(Derivation)).one()
