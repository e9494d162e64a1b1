"""Sealed assets: registrations that are not public until they are revealed."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from provenance.statement.record import AssetRegistered
from registry.database.assets import AssetBlobs, asset_row
from registry.database.tables import Asset, SealedAsset


def insert(session: Session, row: Asset) -> None:
    """Store a sealed registration: the columns of its row (`assets.asset_row`) that its record does not give.

    Conflict (at the store's boundary) where index, record or claims digest is taken.
    """
    session.add(
        SealedAsset(
            record_id=row.record_id,
            index=row.index,
            publisher_id=row.publisher_id,
            claims_digest=row.claims_digest,
            sketch_sha256=row.sketch_sha256,
            thumbnail_sha256=row.thumbnail_sha256,
            signed_blob_sha256=row.signed_blob_sha256,
            manifest_blob_sha256=row.manifest_blob_sha256,
            private_blob_sha256=row.private_blob_sha256,
            copy_public=row.copy_public,
            logged_at_ms=row.logged_at_ms,
        )
    )
    session.flush()


def revealed(row: SealedAsset, record: AssetRegistered) -> Asset:
    """The row that a sealed registration has once it is revealed. Raises MalformedRecord."""
    return asset_row(row.record_id, record, row.index, row.logged_at_ms, row.claims_digest, AssetBlobs.of(row))


def find(session: Session, record_id: bytes) -> SealedAsset | None:
    """A sealed registration by its record id."""
    return session.get(SealedAsset, record_id)


def by_claims_digest(session: Session, claims_digest: bytes) -> bytes | None:
    """The record id of the sealed registration with exactly these claims; None if there is none."""
    return session.exec(select(SealedAsset.record_id).where(SealedAsset.claims_digest == claims_digest)).first()


def page(session: Session, *, publisher: str, before: int | None, limit: int) -> Sequence[SealedAsset]:
    """A publisher's sealed registrations, newest first, from before an index on."""
    query = select(SealedAsset).where(SealedAsset.publisher_id == publisher)
    if before is not None:
        query = query.where(col(SealedAsset.index) < before)
    return session.exec(query.order_by(col(SealedAsset.index).desc()).limit(limit)).all()


def between(session: Session, start: int, stop: int) -> Sequence[SealedAsset]:
    """The sealed registrations with start ≤ index < stop, in order."""
    return session.exec(
        select(SealedAsset)
        .where(col(SealedAsset.index) >= start, col(SealedAsset.index) < stop)
        .order_by(col(SealedAsset.index))
    ).all()


def delete(session: Session, row: SealedAsset) -> None:
    """Delete a sealed registration's row, to reveal or to erase it."""
    session.delete(row)
    session.flush()
