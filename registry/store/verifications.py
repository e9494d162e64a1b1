"""Verifications: the reports that were made, each kept under its id."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from provenance.errors import Erased, NotFound
from registry.tables import VerificationRow


def insert(session: Session, row: VerificationRow) -> None:
    """Keep a report. Conflict (at the store's boundary) where the id is taken."""
    session.add(row)
    session.flush()


def get(session: Session, verification_id: str) -> VerificationRow:
    """A report. Raises NotFound, and Erased for one that told of a registration whose content is gone."""
    row = session.get(VerificationRow, verification_id)
    if row is None:
        raise NotFound("no such verification")
    if not row.report:
        raise Erased("this report told of a registration whose content was erased")
    return row


def erase(session: Session, verification_id: str) -> bytes | None:
    """Empty a report of its content; returns the digest of the overlay that it no longer needs."""
    row = get(session, verification_id)
    overlay, row.heat_blob, row.report = row.heat_blob, None, b""
    session.add(row)
    session.flush()
    return overlay


def refers_to_blob(session: Session, sha256: bytes) -> bool:
    """Whether a report has the overlay with this digest."""
    query = select(VerificationRow.id).where(VerificationRow.heat_blob == sha256).limit(1)
    return session.exec(query).first() is not None


def count(session: Session) -> int:
    """Number of reports."""
    return session.exec(select(func.count()).select_from(VerificationRow)).one()


def page(session: Session, after: str | None, limit: int) -> Sequence[VerificationRow]:
    """Reports in the order of their ids, from behind `after`."""
    query = select(VerificationRow).order_by(col(VerificationRow.id)).limit(limit)
    return session.exec(query if after is None else query.where(col(VerificationRow.id) > after)).all()
