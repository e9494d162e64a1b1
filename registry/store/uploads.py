"""Uploads: media that waits to be registered."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from registry.tables import Upload


def insert(session: Session, row: Upload) -> bool:
    """Note an upload. False, and nothing changes, where the same bytes were uploaded before."""
    if session.get(Upload, row.sha256) is not None:
        return False
    session.add(row)
    session.flush()
    return True


def find(session: Session, sha256: bytes) -> Upload | None:
    """The upload of these bytes."""
    return session.get(Upload, sha256)


def delete(session: Session, sha256: bytes) -> None:
    """Forget an upload; its blob is the caller's to delete."""
    row = session.get(Upload, sha256)
    if row is not None:
        session.delete(row)
        session.flush()


def older(session: Session, before_ms: int, limit: int) -> Sequence[Upload]:
    """The oldest uploads made before a time."""
    return session.exec(
        select(Upload).where(col(Upload.created_at_ms) < before_ms).order_by(col(Upload.created_at_ms)).limit(limit)
    ).all()


def page(session: Session, after: bytes | None, limit: int) -> Sequence[Upload]:
    """Uploads in the order of their digests, from behind `after`."""
    query = select(Upload).order_by(col(Upload.sha256)).limit(limit)
    return session.exec(query if after is None else query.where(col(Upload.sha256) > after)).all()
