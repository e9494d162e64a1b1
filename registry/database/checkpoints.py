"""Checkpoints: the tree heads that the log has signed."""

from collections.abc import Sequence

from sqlmodel import Session, col, select, update

from provenance.errors import NotFound
from registry.database.signals import notify
from registry.database.tables import CheckpointRow


def insert(session: Session, *, size: int, note: bytes, signed_at_ms: int) -> None:
    """Keep a signed checkpoint; one of the same size, which differs in cosignatures at most, is replaced.

    Waiting processes are notified when the transaction commits.
    """
    session.merge(CheckpointRow(size=size, note=note, signed_at_ms=signed_at_ms))
    notify(session)


def rewrite(session: Session, size: int) -> None:
    """Rewrite a checkpoint's row unchanged."""
    session.execute(update(CheckpointRow).where(col(CheckpointRow.size) == size).values(size=size))


def cosign(session: Session, *, size: int, note: bytes, cosigned_at_ms: int | None) -> None:
    """Store a checkpoint with more cosignatures; `cosigned_at_ms` if they are a quorum. Raises NotFound."""
    row = _get(session, size)
    row.note = note
    row.cosigned_at_ms = cosigned_at_ms if row.cosigned_at_ms is None else row.cosigned_at_ms
    session.add(row)
    notify(session)


def stamp(session: Session, *, size: int, token: bytes) -> None:
    """Keep a time-stamp token with its checkpoint. Raises NotFound."""
    row = _get(session, size)
    row.timestamp = token
    session.add(row)


def latest_cosigned(session: Session) -> CheckpointRow | None:
    """The checkpoint of the largest tree that was cosigned by a quorum."""
    return session.exec(
        select(CheckpointRow)
        .where(col(CheckpointRow.cosigned_at_ms).is_not(None))
        .order_by(col(CheckpointRow.size).desc())
        .limit(1)
    ).first()


def first_stamped(session: Session, index: int) -> CheckpointRow | None:
    """The time-stamped checkpoint of the smallest tree that has entry `index`: it bounds the entry's time best."""
    return session.exec(
        select(CheckpointRow)
        .where(col(CheckpointRow.timestamp).is_not(None), col(CheckpointRow.size) > index)
        .order_by(col(CheckpointRow.size))
        .limit(1)
    ).first()


def last_stamped(session: Session) -> CheckpointRow | None:
    """The time-stamped checkpoint of the largest tree."""
    return session.exec(
        select(CheckpointRow)
        .where(col(CheckpointRow.timestamp).is_not(None))
        .order_by(col(CheckpointRow.size).desc())
        .limit(1)
    ).first()


def latest(session: Session) -> CheckpointRow | None:
    """The checkpoint of the largest tree."""
    return session.exec(select(CheckpointRow).order_by(col(CheckpointRow.size).desc()).limit(1)).first()


def evenly(session: Session, most: int) -> list[tuple[int, int]]:
    """(time in milliseconds, size) of at most `most` checkpoints whose sizes lie evenly between first and newest.

    One look-up by size for each, so that the number of checkpoints does not matter.
    """
    newest = latest(session)
    if newest is None:
        return []
    found: dict[int, int] = {}
    for step in range(most):
        row = first_after(session, newest.size * step // most)
        if row is not None:
            found[row.size] = row.signed_at_ms
    found[newest.size] = newest.signed_at_ms
    return [(time, size) for size, time in sorted(found.items())][-most:]


def first_after(session: Session, size: int) -> CheckpointRow | None:
    """The checkpoint of the smallest tree of more than `size` entries."""
    return session.exec(
        select(CheckpointRow).where(col(CheckpointRow.size) > size).order_by(col(CheckpointRow.size)).limit(1)
    ).first()


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


def _get(session: Session, size: int) -> CheckpointRow:
    row = find(session, size)
    if row is None:
        raise NotFound(f"no checkpoint of {size} entries")
    return row
