"""The head of the log: how many entries it has, and the root they lead to, kept in one row.

A transaction that appends locks the row until it ends, so that indices have no gaps or duplicates with any number of
processes. The row changes in the same transaction as the entries, and counts the public registrations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, sql
from sqlmodel import Session, SQLModel, col, select, update

from provenance.errors import ProofInvalid, StoreCorrupt
from provenance.transparency.merkle import HASH_BYTES, Frontier
from registry.database.signals import notify
from registry.database.snapshot import once
from registry.database.tables import LogHead

_HEAD = SQLModel.metadata.tables["log_head"]  # tables, not classes: half the time of a query
_CHECKPOINT = SQLModel.metadata.tables["checkpoint"]


@dataclass(frozen=True)
class Head:
    """Number of entries, time of the last one (milliseconds since 1970 UTC), and the right edge of their tree."""

    size: int
    logged_at_ms: int
    frontier: Frontier


@dataclass(frozen=True)
class Served:
    """What every answer about a record depends on: how far the log has come, and how it is attested.

    Attributes:
        size: number of entries, those that are not published yet among them.
        registrations: number of public ones.
        note: of the newest checkpoint, with the cosignatures so far; None before the first.
        cosigned: the newest checkpoint that a quorum has cosigned.
        stamped, token: the newest checkpoint that has a time stamp, and that.
    """

    size: int
    registrations: int
    note: bytes | None
    cosigned: bytes | None
    stamped: bytes | None
    token: bytes | None


@once
def served(session: Session) -> Served:
    """All of it in one query. Raises StoreCorrupt if the row is missing."""
    return served_of(session.execute(query_served()).one_or_none())


def served_of(row: Sequence[Any] | None) -> Served:
    """A row of `query_served`. Raises StoreCorrupt if it is missing."""
    if row is None:
        raise StoreCorrupt("the head of the log is missing")
    return Served(*row)


@cache
def query_served() -> Select[Any]:
    """Built once: SQLAlchemy takes longer to make such a statement than the database to answer it."""

    checkpoint = _CHECKPOINT.columns

    def newest(column: ColumnElement[bytes], *conditions: ColumnElement[bool]) -> ScalarSelect[bytes]:
        return sql.select(column).where(*conditions).order_by(checkpoint.size.desc()).limit(1).scalar_subquery()

    stamped = checkpoint.timestamp.is_not(None)
    return sql.select(
        _HEAD.columns.size,
        _HEAD.columns.registrations,
        newest(checkpoint.note),
        newest(checkpoint.note, checkpoint.cosigned_at_ms.is_not(None)),
        newest(checkpoint.note, stamped),
        newest(checkpoint.timestamp, stamped),
    )


def count_registration(session: Session, change: int) -> None:
    """Note a registration more or less, in the transaction that makes or ends it."""
    session.execute(_HEAD.update().values(registrations=_HEAD.columns.registrations + change))


def read(session: Session) -> Head:
    """The head. Raises StoreCorrupt if the row is missing or malformed."""
    return _head(session.exec(select(LogHead)).all())


def lock(session: Session) -> Head:
    """The head, locked until the transaction ends. Raises StoreCorrupt as `read`."""
    return _head(session.exec(select(LogHead).with_for_update()).all())


def write(session: Session, frontier: Frontier, logged_at_ms: int) -> None:
    """Set the locked head; waiting processes are notified when the transaction commits."""
    values = {"size": frontier.size, "logged_at_ms": logged_at_ms, "frontier": b"".join(frontier.nodes)}
    session.execute(update(LogHead).where(col(LogHead.id) == 1).values(values))
    notify(session)


def _head(rows: Sequence[LogHead]) -> Head:
    if len(rows) != 1:
        raise StoreCorrupt("the head of the log is missing")
    row = rows[0]
    if not (type(row.size) is type(row.logged_at_ms) is int and type(row.frontier) is bytes):
        raise StoreCorrupt("the head of the log has a value of another type than its column's")
    hashes = [row.frontier[start : start + HASH_BYTES] for start in range(0, len(row.frontier), HASH_BYTES)]
    try:
        return Head(row.size, row.logged_at_ms, Frontier.from_nodes(row.size, hashes))
    except ProofInvalid as error:
        raise StoreCorrupt(f"the head of the log has changed: {error}") from error
