"""Verifications: the reports that are kept, each under its id until its time ends, and the registrations they show."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import literal, sql
from sqlmodel import Session, SQLModel, col, delete, select, update

from provenance.errors import Erased, NotFound
from registry.database.tables import Asset, ShownRecord, VerificationOverlay, VerificationRow

_ENDED = (
    "no such report: it was not kept, or its time has ended. Verify the picture again, and ask for the report to be "
    "kept (?keep=true)"
)
_SHOWN = SQLModel.metadata.tables["shown_record"]


def insert(
    session: Session, row: VerificationRow, overlays: Mapping[bytes, bytes], shown: Collection[bytes] = ()
) -> None:
    """Store a report, with the digests of its overlays by record, and the records that it shows.

    Conflict (at the store's boundary) where the id is taken. Raises NotFound if a record is no public registration
    (any more). One that is erased by another process in this moment is erased after this, and finds the report.
    """
    session.add(row)
    session.flush()
    if shown:
        public = sql.select(col(Asset.record_id), literal(row.id)).where(col(Asset.record_id).in_(shown))
        locked = public.with_for_update(read=True, key_share=True)
        adding = _SHOWN.insert().from_select(["record_id", "verification_id"], locked)
        added = session.connection().execute(adding, execution_options={"preserve_rowcount": True})
        if added.rowcount < len(set(shown)):
            raise NotFound("a registration that the report shows is public no more")
    for record_id, blob in overlays.items():
        session.add(VerificationOverlay(verification_id=row.id, record_id=record_id, blob=blob))
    session.flush()


def get(session: Session, verification_id: str, now_ms: int) -> VerificationRow:
    """A report. Raises NotFound, also for one whose time has ended, and Erased for one about an erased registration."""
    row = session.get(VerificationRow, verification_id)
    if row is None or (row.kept_until_ms is not None and row.kept_until_ms <= now_ms):
        raise NotFound(_ENDED)
    if not row.report:
        raise Erased("this report is about a registration whose content was erased")
    return row


def keep_for_ever(session: Session, verification_id: str, now_ms: int) -> None:
    """Take the end from a report. Raises as `get`."""
    get(session, verification_id, now_ms)
    one = update(VerificationRow).where(col(VerificationRow.id) == verification_id)
    if session.execute(one.values(kept_until_ms=None)).rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound(_ENDED)  # in this moment, by another process


def overlay(session: Session, verification_id: str, record_id: bytes) -> bytes | None:
    """The digest of the overlay of a report for one of its records."""
    row = session.get(VerificationOverlay, (verification_id, record_id))
    return None if row is None else row.blob


def showing(session: Session, record_id: bytes, limit: int) -> Sequence[str]:
    """Ids of reports that show a registration, at most `limit`."""
    return session.exec(
        select(ShownRecord.verification_id).where(ShownRecord.record_id == record_id).limit(limit)
    ).all()


def erase(session: Session, verification_ids: Collection[str]) -> Sequence[bytes]:
    """Delete the content of reports; returns the digests of their overlays."""
    overlays = _take_out(session, verification_ids)
    for row in session.exec(select(VerificationRow).where(col(VerificationRow.id).in_(verification_ids))):
        row.heat_blob, row.report = None, b""
        session.add(row)
    session.flush()
    return overlays


def ended(session: Session, now_ms: int, limit: int) -> Sequence[str]:
    """Ids of reports whose time has ended, at most `limit`, locked until the transaction ends."""
    query = select(VerificationRow.id).where(col(VerificationRow.kept_until_ms) <= now_ms)
    first = query.order_by(col(VerificationRow.kept_until_ms)).limit(limit)
    return session.exec(first.with_for_update(skip_locked=True)).all()


def forget(session: Session, verification_ids: Collection[str]) -> Sequence[bytes]:
    """Delete reports; returns the digests of their overlays."""
    overlays = _take_out(session, verification_ids)
    session.execute(delete(VerificationRow).where(col(VerificationRow.id).in_(verification_ids)))
    return overlays


def _take_out(session: Session, verification_ids: Collection[str]) -> Sequence[bytes]:
    """Delete what belongs to reports, but for their rows; returns the digests of their overlays."""
    of_reports = col(VerificationOverlay.verification_id).in_(verification_ids)
    overlays = list(session.exec(select(VerificationOverlay.blob).where(of_reports)))
    drawn = select(VerificationRow.heat_blob).where(
        col(VerificationRow.id).in_(verification_ids), col(VerificationRow.heat_blob).is_not(None)
    )
    overlays += [blob for blob in session.exec(drawn) if blob is not None]
    session.execute(delete(VerificationOverlay).where(of_reports))
    session.execute(delete(ShownRecord).where(col(ShownRecord.verification_id).in_(verification_ids)))
    return overlays


def refers_to_blob(session: Session, sha256: bytes) -> bool:
    """Whether a report has an overlay with this digest."""
    queries = (
        select(VerificationRow.id).where(VerificationRow.heat_blob == sha256),
        select(VerificationOverlay.verification_id).where(VerificationOverlay.blob == sha256),
    )
    return any(session.exec(query.limit(1)).first() is not None for query in queries)
