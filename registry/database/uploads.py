"""Uploads: media that waits to be registered."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from registry.database.tables import Upload


def insert(session: Session, row: Upload) -> bool:
    """Insert an upload. False, and no change, if the owner uploaded the same bytes before."""
    if session.get(Upload, (row.owner, row.sha256)) is not None:
        return False
    session.add(row)
    session.flush()
    return True


def find(session: Session, owner: str, sha256: bytes) -> Upload | None:
    """The upload of these bytes by this owner."""
    return session.get(Upload, (owner, sha256))


def owners(session: Session, sha256: bytes) -> Sequence[str]:
    """The owners who uploaded these bytes."""
    return session.exec(select(Upload.owner).where(Upload.sha256 == sha256)).all()


def delete(session: Session, owner: str, sha256: bytes) -> None:
    """Delete an upload's row; the caller deletes its object."""
    row = session.get(Upload, (owner, sha256))
    if row is not None:
        session.delete(row)
        session.flush()


def older(session: Session, before_ms: int, limit: int) -> Sequence[Upload]:
    """The oldest uploads made before a time."""
    return session.exec(
        select(Upload).where(col(Upload.created_at_ms) < before_ms).order_by(col(Upload.created_at_ms)).limit(limit)
    ).all()
