"""Verifications: the reports that were made, each kept under its id."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, delete, select

from provenance.errors import Erased, NotFound
from registry.database.tables import VerificationOverlay, VerificationRow


def insert(session: Session, row: VerificationRow, overlays: Mapping[bytes, bytes]) -> None:
    """Store a report, with the digests of its overlays by record. Conflict (at the store's boundary) where the
    id is taken."""
    session.add(row)
    session.flush()
    for record_id, blob in overlays.items():
        session.add(VerificationOverlay(verification_id=row.id, record_id=record_id, blob=blob))
    session.flush()


def get(session: Session, verification_id: str) -> VerificationRow:
    """A report. Raises NotFound, and Erased for a report about an erased registration."""
    row = session.get(VerificationRow, verification_id)
    if row is None:
        raise NotFound("no such verification")
    if not row.report:
        raise Erased("this report is about a registration whose content was erased")
    return row


def overlay(session: Session, verification_id: str, record_id: bytes) -> bytes | None:
    """The digest of the overlay of a report for one of its records. Raises as `get` does."""
    get(session, verification_id)
    row = session.get(VerificationOverlay, (verification_id, record_id))
    return None if row is None else row.blob


def erase(session: Session, verification_id: str) -> Sequence[bytes]:
    """Delete a report's content; returns the digests of its overlays."""
    row = get(session, verification_id)
    of_report = col(VerificationOverlay.verification_id) == verification_id
    overlays = list(session.exec(select(VerificationOverlay.blob).where(of_report)))
    session.exec(delete(VerificationOverlay).where(of_report))
    overlays += [row.heat_blob] if row.heat_blob is not None else []
    row.heat_blob, row.report = None, b""
    session.add(row)
    session.flush()
    return overlays


def refers_to_blob(session: Session, sha256: bytes) -> bool:
    """Whether a report has an overlay with this digest."""
    queries = (
        select(VerificationRow.id).where(VerificationRow.heat_blob == sha256),
        select(VerificationOverlay.verification_id).where(VerificationOverlay.blob == sha256),
    )
    return any(session.exec(query.limit(1)).first() is not None for query in queries)


def page(session: Session, after: str | None, limit: int) -> Sequence[VerificationRow]:
    """Reports in the order of their ids, from behind `after`."""
    query = select(VerificationRow).order_by(col(VerificationRow.id)).limit(limit)
    return session.exec(query if after is None else query.where(col(VerificationRow.id) > after)).all()
