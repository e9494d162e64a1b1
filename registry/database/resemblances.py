"""Resemblances: which public registrations resemble which, and how far each was compared with those before it.

A view: `index rebuild` makes it again. Registrations are named by the index of their entries.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, sql
from sqlalchemy.orm import aliased, outerjoin
from sqlmodel import Session, col, delete, exists, func, or_, select, update

from registry.database.tables import Asset, ComparedAsset, Publisher, Resemblance, Withdrawal


@dataclass(frozen=True)
class Pair:
    """The result of comparing a registration with an older one: columns of `Resemblance`."""

    older: int
    value: str
    differs_inside: bool
    detail: str
    comparison: str | None


@dataclass(frozen=True)
class Row:
    """The other registration of a pair, and the pair. `copies`: registrations of one publisher that count as one."""

    other: int
    record_id: bytes
    publisher_id: str
    publisher: str
    established: str
    title: str | None
    logged_at_ms: int
    withdrawn: bool
    value: str
    differs_inside: bool
    detail: str
    comparison: str | None
    copies: int
    older: int
    newer: int
    """How many older and how many newer ones there are in all, renditions counted as one."""


@dataclass(frozen=True)
class Compared:
    """How far a registration was compared with those before it (`ComparedAsset`), and pairs that it is one of.

    `method`: None while it waits.
    """

    method: str | None = None
    left_out: str = "[]"
    rows: tuple[Row, ...] = ()


def enqueue(session: Session, row: Asset, rendition_of: bytes | None, claimed_until_ms: int) -> None:
    """Queue a registration for comparison, in the transaction that makes it public."""
    original = None if rendition_of is None else session.get(Asset, rendition_of)
    of = None if original is None else session.get(ComparedAsset, original.index)
    same = original is not None and of is not None and original.publisher_id == row.publisher_id
    whole = of.whole if same and of is not None else row.index
    session.add(ComparedAsset(asset=row.index, whole=whole, claimed_until_ms=claimed_until_ms))
    session.flush()


def progress(session: Session, index: int) -> ComparedAsset | None:
    """How far a registration was compared; None if no public one has this index."""
    return session.get(ComparedAsset, index)


def claim(session: Session, now_ms: int, until_ms: int, limit: int) -> Sequence[int]:
    """Claim up to `limit` waiting registrations that no process has claimed, the oldest first."""
    waiting = select(ComparedAsset.asset).where(_WAITS, ComparedAsset.claimed_until_ms <= now_ms)
    found = session.exec(waiting.order_by(col(ComparedAsset.asset)).limit(limit)).all()
    session.execute(update(ComparedAsset).where(col(ComparedAsset.asset).in_(found)).values(claimed_until_ms=until_ms))
    return found


def release(session: Session) -> None:
    """Drop all claims: for the only process of a store, when it starts."""
    session.execute(update(ComparedAsset).where(_WAITS).values(claimed_until_ms=0))


def save(
    session: Session, index: int, pairs: Sequence[Pair], *, method: str, left_out: Iterable[tuple[str, str]]
) -> None:
    """Store the results for a registration, replacing earlier ones; pairs with an erased registration are dropped."""
    compared = session.get(ComparedAsset, index)
    if compared is None:
        return
    session.execute(delete(Resemblance).where(col(Resemblance.newer) == index))
    held = set(session.exec(select(Asset.index).where(col(Asset.index).in_([pair.older for pair in pairs]))))
    session.add_all(
        Resemblance(
            newer=index,
            older=pair.older,
            value=pair.value,
            differs_inside=pair.differs_inside,
            detail=pair.detail,
            comparison=pair.comparison,
        )
        for pair in pairs
        if pair.older in held
    )
    compared.method, compared.left_out = method, json.dumps(list(left_out), ensure_ascii=False)
    session.add(compared)
    session.flush()


def requeue(session: Session, indices: Collection[int]) -> None:
    """Queue registrations for another comparison; their earlier results stay visible until then."""
    again = update(ComparedAsset).where(col(ComparedAsset.asset).in_(indices))
    session.execute(again.values(method=None, claimed_until_ms=0))


def forget(session: Session, index: int) -> None:
    """Delete the results of an erased registration."""
    session.execute(delete(Resemblance).where(or_(col(Resemblance.newer) == index, col(Resemblance.older) == index)))
    session.execute(delete(ComparedAsset).where(col(ComparedAsset.asset) == index))


def waiting_after(session: Session, after: int, limit: int) -> Sequence[int]:
    """Waiting registrations after an index, in the order of the log."""
    query = select(ComparedAsset.asset).where(_WAITS, ComparedAsset.asset > after)
    return session.exec(query.order_by(col(ComparedAsset.asset)).limit(limit)).all()


def of(session: Session, index: int, limit: int) -> Compared:
    """The registrations that one resembles, older and newer, in the order of the log, at most `limit`; in one query.

    Renditions of one another by one publisher are given once, and of each publisher one before all others.
    """
    return _named(session, _query(others_alone=False), index=index, most=limit)


def older_of_others(session: Session, index: int, publisher: str, limit: int) -> Compared:
    """The older ones of them that other publishers registered."""
    return _named(session, _query(others_alone=True), index=index, most=limit, publisher=publisher)


def hiding(session: Session, indices: Collection[int]) -> set[int]:
    """Those registrations that resemble an older one of another publisher, inside which something differs."""
    own, other = aliased(Asset), aliased(Asset)
    query = (
        select(Resemblance.newer)
        .join(own, col(own.index) == col(Resemblance.newer))
        .join(other, col(other.index) == col(Resemblance.older))
        .where(col(Resemblance.newer).in_(indices), Resemblance.differs_inside, own.publisher_id != other.publisher_id)
    )
    return set(session.exec(query))


def waiting(session: Session) -> int:
    """How many registrations wait to be compared with those before them."""
    return session.exec(select(func.count()).select_from(ComparedAsset).where(_WAITS)).one()


def compared_among(session: Session, indices: Collection[int]) -> set[int]:
    """Those registrations that have been compared with all older ones."""
    done = select(ComparedAsset.asset).where(col(ComparedAsset.asset).in_(indices), ~_WAITS)
    return set(session.exec(done))


def orphans(session: Session) -> int:
    """Number of rows without a public registration."""
    found = 0
    for table, place in ((ComparedAsset, "asset"), (Resemblance, "newer"), (Resemblance, "older")):
        none = ~exists().where(col(Asset.index) == col(getattr(table, place)))
        found += session.exec(select(func.count()).select_from(table).where(none)).one()
    return found


_WAITS = col(ComparedAsset.method).is_(None)
_PAIR = [col(getattr(Resemblance, name)) for name in ("value", "differs_inside", "detail", "comparison")]
_OTHER = [col(getattr(Asset, name)) for name in ("record_id", "publisher_id", "title", "logged_at_ms")]


def _side(own: Any, other: Any) -> Select[Any]:
    return sql.select(other.label("other"), *_PAIR).where(own == bindparam("index"))


@cache
def _query(*, others_alone: bool) -> Select[Any]:
    """Built once: SQLAlchemy takes longer to make such a statement than the database to answer it."""
    older = _side(col(Resemblance.newer), col(Resemblance.older))
    newer = _side(col(Resemblance.older), col(Resemblance.newer))
    pairs = older.subquery() if others_alone else sql.union_all(older, newer).subquery()
    condition = col(Asset.publisher_id) != bindparam("publisher") if others_alone else sql.true()
    withdrawn = exists().where(col(Withdrawal.target) == col(Asset.record_id)).label("withdrawn")
    whole = func.coalesce(col(ComparedAsset.whole), pairs.c.other)
    best = (withdrawn, sql.not_(pairs.c.differs_inside), pairs.c.other)
    columns: list[Any] = [
        *pairs.c,
        *_OTHER,
        col(Publisher.name).label("publisher"),
        col(Publisher.established),
        withdrawn,
        func.count().over(partition_by=whole).label("copies"),
        func.row_number().over(partition_by=whole, order_by=best).label("copy"),
    ]
    found = (
        sql.select(*columns)
        .select_from(pairs)
        .join(Asset, col(Asset.index) == pairs.c.other)
        .join(Publisher, col(Publisher.id) == col(Asset.publisher_id))
        .outerjoin(ComparedAsset, col(ComparedAsset.asset) == pairs.c.other)
        .where(condition)
        .subquery()
    )
    is_older = sql.case((found.c.other < bindparam("index"), 1), else_=0)
    totals = [func.sum(is_older).over().label("older"), func.sum(1 - is_older).over().label("newer")]
    turn = func.row_number().over(partition_by=found.c.publisher_id, order_by=found.c.other)
    shown = [column for column in found.c if column.name != "copy"]
    chosen = sql.select(*shown, *totals).where(found.c.copy == 1)
    rows = chosen.order_by(turn, found.c.other).limit(bindparam("most")).subquery()
    own = aliased(ComparedAsset)
    return (
        sql.select(col(own.method), col(own.left_out), *(rows.c[each.name] for each in fields(Row)))
        .select_from(outerjoin(own, rows, sql.true()))
        .where(col(own.asset) == bindparam("index"))
    )


def _named(session: Session, query: Select[Any], **given: Any) -> Compared:
    found = session.execute(query, given).all()
    if not found:
        return Compared()
    method, left_out = found[0][:2]
    rows = [Row(*pair) for _, _, *pair in found if pair[0] is not None]
    return Compared(method, left_out, tuple(sorted(rows, key=lambda row: row.other)))
