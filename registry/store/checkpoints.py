"""Checkpoints: the tree heads that the log has signed."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from registry.store.signals import tell
from registry.tables import CheckpointRow


def insert(session: Session, *, size: int, note: bytes, signed_at_ms: int) -> None:
    """Keep a signed checkpoint; one of the same size, which differs in cosignatures at most, is replaced.

    Who waits for it is told when the transaction commits.
    """
    session.merge(CheckpointRow(size=size, note=note, signed_at_ms=signed_at_ms))
    tell(session)


def latest(session: Session) -> CheckpointRow | None:
    """The checkpoint of the largest tree."""
    return session.exec(select(CheckpointRow).order_by(col(CheckpointRow.size).desc()).limit(1)).first()


def find(session: Session, size: int) -> CheckpointRow | None:
    """The checkpoint of the tree of `size` entries, where one was signed."""
    return session.get(CheckpointRow, size)


def between(session: Session, start: int, stop: int) -> Sequence[CheckpointRow]:
    """The checkpoints with start ≤ size < stop, in order."""
    return session.exec(
        select(CheckpointRow)
        .where(col(CheckpointRow.size) >= start, col(CheckpointRow.size) < stop)
        .order_by(col(CheckpointRow.size))
    ).all()
