"""The head of the log: how many entries it has, and the root they lead to, kept in one row.

A transaction that appends locks the row until it ends, so that indices have no gaps or duplicates with any number of
processes. The row changes in the same transaction as the entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select, update

from provenance.errors import ProofInvalid, StoreCorrupt
from provenance.transparency.merkle import HASH_BYTES, Frontier
from registry.database.signals import notify
from registry.database.tables import LogHead


@dataclass(frozen=True)
class Head:
    """Number of entries, time of the last one (milliseconds since 1970 UTC), and the right edge of their tree."""

    size: int
    logged_at_ms: int
    frontier: Frontier


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
