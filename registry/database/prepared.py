"""Prepared registrations: those that wait for the signature of their publisher."""

from collections.abc import Sequence

from sqlmodel import Session, col, delete, select

from registry.database.tables import PreparedRegistration

__all__ = ["PreparedRegistration"]


def row(
    *,
    record_id: bytes,
    owner: str,
    claims_digest: bytes,
    media_sha256: bytes,
    canonical: bytes,
    draft: str,
    expires_at_ms: int,
) -> PreparedRegistration:
    """A new one."""
    return PreparedRegistration(
        record_id=record_id,
        owner=owner,
        claims_digest=claims_digest,
        media_sha256=media_sha256,
        canonical=canonical,
        draft=draft,
        expires_at_ms=expires_at_ms,
    )


def find(session: Session, record_id: bytes, owner: str, now_ms: int) -> PreparedRegistration | None:
    """That of a record, if it is this owner's and has not expired."""
    found = session.get(PreparedRegistration, record_id)
    return found if found is not None and found.owner == owner and found.expires_at_ms > now_ms else None


def find_equal(session: Session, owner: str, claims_digest: bytes, now_ms: int) -> PreparedRegistration | None:
    """This owner's with exactly these claims, if it still waits."""
    query = select(PreparedRegistration).where(*_equal(owner, claims_digest))
    found = session.exec(query).first()
    return found if found is not None and found.expires_at_ms > now_ms and not found.completed else None


def insert(session: Session, row: PreparedRegistration, most: int) -> Sequence[PreparedRegistration]:
    """Insert one in the place of an equal one. Of an owner with more than `most` that wait, the oldest go.

    Returns those that are gone. Conflict (at the store's boundary) where another process inserts an equal one.
    """
    gone = list(session.exec(select(PreparedRegistration).where(*_equal(row.owner, row.claims_digest))))
    own = col(PreparedRegistration.owner) == row.owner, col(PreparedRegistration.completed).is_(False)
    newest_first = select(PreparedRegistration).where(*own).order_by(col(PreparedRegistration.expires_at_ms).desc())
    gone += (each for each in session.exec(newest_first.offset(most - 1)) if each not in gone)
    for each in gone:
        session.delete(each)
    session.flush()
    session.add(row)
    session.flush()
    return gone


def complete(session: Session, record_id: bytes) -> None:
    """Note that one was registered."""
    found = session.get(PreparedRegistration, record_id)
    if found is not None:
        found.completed = True
        session.add(found)
        session.flush()


def of_media(session: Session, sha256: bytes) -> Sequence[PreparedRegistration]:
    """Those of a file."""
    return session.exec(select(PreparedRegistration).where(PreparedRegistration.media_sha256 == sha256)).all()


def remove(session: Session, record_id: bytes) -> None:
    """Delete one, if it is there."""
    session.execute(delete(PreparedRegistration).where(col(PreparedRegistration.record_id) == record_id))


def forget(session: Session, now_ms: int) -> None:
    """Delete those that have expired."""
    session.execute(delete(PreparedRegistration).where(col(PreparedRegistration.expires_at_ms) <= now_ms))


def _equal(owner: str, claims_digest: bytes) -> tuple[bool, bool]:
    return PreparedRegistration.owner == owner, PreparedRegistration.claims_digest == claims_digest
