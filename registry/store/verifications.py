"""Verifications: the reports that were made, each kept under its id."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from provenance.errors import NotFound
from registry.tables import VerificationRow


def insert(session: Session, row: VerificationRow) -> None:
    """Keep a report. Conflict (at the store's boundary) where the id is taken."""
    session.add(row)
    session.flush()


def get(session: Session, verification_id: str) -> VerificationRow:
    """A report. Raises NotFound."""
    row = session.get(VerificationRow, verification_id)
    if row is None:
        raise NotFound("no such verification")
    return row


def count(session: Session) -> int:
    """Number of reports."""
    return session.exec(select(func.count()).select_from(VerificationRow)).one()


def page(session: Session, after: str | None, limit: int) -> Sequence[VerificationRow]:
    """Reports in the order of their ids, from behind `after`."""
    query = select(VerificationRow).order_by(col(VerificationRow.id)).limit(limit)
    return session.exec(query if after is None else query.where(col(VerificationRow.id) > after)).all()
