"""Assets: registrations as lookups need them, and their withdrawals."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, bindparam, false, sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, exists, func, or_, select

from provenance.errors import Erased, MalformedRecord, NotFound, Sealed
from provenance.statement.canonical_json import Json
from provenance.statement.record import AssetRegistered, AssetWithdrawn
from registry.database import events, heads
from registry.database.snapshot import once, remember
from registry.database.tables import Asset, Derivation, SealedAsset, Withdrawal

_HASHES_AT_ONCE = 5_000
"""Hashes that are read at once: 1 MB."""

_ASSET = SQLModel.metadata.tables["asset"]
_OF_BYTES = ("media_sha256", "signed_sha256", "private_blob_sha256")
_PHASH = "org.countermark.phash.v1"
_PDQ = "org.countermark.pdq.v1"


@dataclass(frozen=True)
class Holder:
    """A registration of some content. `content`: the digest that was asked for; `pixels`: of what it names."""

    content: bytes
    record_id: bytes
    index: int
    publisher_id: str
    pixels: bytes


@dataclass(frozen=True)
class AssetBlobs:
    """SHA-256 digests of the blobs that belong to an asset, beside its sketch, and who may read them (`Asset`)."""

    thumbnail: bytes
    signed: bytes | None = None
    manifest: bytes | None = None
    private: bytes | None = None
    copy_public: bool | None = None

    @classmethod
    def of(cls, row: Asset | SealedAsset) -> "AssetBlobs":
        """Those of a row."""
        return cls(
            thumbnail=row.thumbnail_sha256,
            signed=row.signed_blob_sha256,
            manifest=row.manifest_blob_sha256,
            private=row.private_blob_sha256,
            copy_public=row.copy_public,
        )


def asset_row(
    record_id: bytes, record: AssetRegistered, index: int, logged_at_ms: int, claims_digest: bytes, blobs: AssetBlobs
) -> Asset:
    """The row of a registration: every column but the last two arguments' follows from the log.

    Raises:
        MalformedRecord: a record without the fingerprints that lookups need.
    """
    credential = record.credential
    signed = None if credential is None else credential.signed
    phash, pdq, pdq_quality = _fingerprints(record.fingerprints)
    return Asset(
        record_id=record_id,
        index=index,
        publisher_id=record.publisher,
        media_sha256=record.media.sha256,
        signed_sha256=None if signed is None else signed.sha256,
        pixels_sha256=record.media.pixels_sha256,
        signed_pixels_sha256=None if signed is None else signed.pixels_sha256,
        manifest_id=None if credential is None else credential.manifest_id,
        claims_digest=claims_digest,
        title=record.title,
        credit=record.credit,
        media_type=record.media.media_type,
        width=record.media.width,
        height=record.media.height,
        phash=phash,
        pdq=pdq,
        pdq_quality=pdq_quality,
        sketch_sha256=record.sketch.sha256,
        thumbnail_sha256=blobs.thumbnail,
        signed_blob_sha256=blobs.signed,
        manifest_blob_sha256=blobs.manifest,
        private_blob_sha256=blobs.private,
        copy_public=blobs.copy_public,
        logged_at_ms=logged_at_ms,
    )


def insert(session: Session, row: Asset) -> None:
    """Add a registration. Conflict (at the store's boundary) where index, record or claims digest is taken."""
    session.add(row)
    session.flush()
    heads.count_registration(session, 1)


def find(session: Session, record_id: bytes) -> Asset | None:
    """A registration by its record id."""
    return session.get(Asset, record_id)


def get(session: Session, record_id: bytes) -> Asset:
    """A public registration by its record id. Raises NotFound, Sealed, Erased."""
    row = find(session, record_id)
    if row is not None:
        return row
    if session.get(SealedAsset, record_id) is not None:
        raise Sealed("this registration is sealed: its publisher keeps it back for now")
    if events.is_erased(session, record_id):
        raise Erased("the content of this registration was erased; its log entry stays")
    raise NotFound("no such asset")


def delete(session: Session, row: Asset) -> None:
    """Remove a registration from every look-up but that by local features, which the caller updates."""
    session.delete(row)
    session.flush()
    heads.count_registration(session, -1)


def refers_to_blob(session: Session, sha256: bytes) -> bool:
    """Whether a registration, public or sealed, needs a sketch, thumbnail or signed copy with this digest.

    A manifest is made for one registration alone, and is not looked for.
    """
    return any(
        session.exec(select(table.index).where(or_(*conditions)).limit(1)).first() is not None
        for table, conditions in (
            (
                Asset,
                (
                    col(Asset.sketch_sha256) == sha256,
                    col(Asset.thumbnail_sha256) == sha256,
                    col(Asset.signed_sha256) == sha256,
                ),
            ),
            (
                SealedAsset,
                (
                    col(SealedAsset.sketch_sha256) == sha256,
                    col(SealedAsset.thumbnail_sha256) == sha256,
                    col(SealedAsset.signed_blob_sha256) == sha256,
                ),
            ),
        )
    )


def by_claims_digest(session: Session, claims_digest: bytes) -> bytes | None:
    """The record id of the registration with exactly these claims; None if there is none."""
    return session.exec(select(Asset.record_id).where(Asset.claims_digest == claims_digest)).first()


def by_index(session: Session, indices: Collection[int]) -> dict[int, Asset]:
    """Registrations by the index of their entries."""
    if not indices:
        return {}
    rows = session.exec(select(Asset).where(col(Asset.index).in_(indices)))
    return {row.index: row for row in rows}


def publishers_at(session: Session, indices: Collection[int]) -> dict[int, str]:
    """The publisher's id of each of the registrations at these indices."""
    return dict(session.exec(select(Asset.index, Asset.publisher_id).where(col(Asset.index).in_(indices))).all())


def find_many(session: Session, record_ids: Collection[bytes]) -> Sequence[Asset]:
    """The public registrations among the records."""
    if not record_ids:
        return ()
    return session.exec(select(Asset).where(col(Asset.record_id).in_(record_ids))).all()


def by_bytes(session: Session, sha256: bytes, limit: int) -> Sequence[bytes]:
    """Ids of the registrations of a file, as the original or as the signed copy; in turns, as `_in_turns` has them."""
    return session.execute(_by_bytes(), {"sha256": sha256, "most": limit}).scalars().all()


def served_without(session: Session, sha256: bytes) -> heads.Served | None:
    """What answers depend on, where no registration has this file, as the original or as the signed copy; else None.

    In one query: most digests that are asked for are of no registration, and that is all their answer takes.
    """
    row = session.execute(_served_without(), {"sha256": sha256}).one_or_none()
    served = heads.served_of(row and row[:-1])
    remember(session, heads.served, served)
    return None if row and row[-1] else served


def by_pixels(session: Session, pixels_sha256: bytes, limit: int) -> Sequence[Asset]:
    """Registrations of a picture, in the original or in the signed copy; in turns, as `_in_turns` has them."""
    return session.execute(_by_pixels(), {"sha256": pixels_sha256, "most": limit}).scalars().all()


def holders_of_files(session: Session, files: Collection[bytes], before: int, limit: int) -> dict[bytes, list[Holder]]:
    """Registrations of each of many files with index < before, at most `limit` of each; in turns as `by_bytes`."""
    return _each_holders(session, _holders(True), files, before, limit)


def holders_of_pixels(
    session: Session, pixels: Collection[bytes], before: int, limit: int
) -> dict[bytes, list[Holder]]:
    """Registrations of each of many pictures with index < before, at most `limit` of each; in turns as `by_pixels`."""
    return _each_holders(session, _holders(False), pixels, before, limit)


def holders_at(session: Session, indices: Collection[int]) -> dict[int, Holder]:
    """The registrations among the log indices; their content is their pixels."""
    columns: tuple[Any, ...] = (Asset.record_id, Asset.index, Asset.publisher_id, Asset.pixels_sha256)
    rows = session.execute(sql.select(*columns).where(col(Asset.index).in_(indices)))
    return {index: Holder(pixels, record_id, index, publisher, pixels) for record_id, index, publisher, pixels in rows}


def _each_holders(
    session: Session, query: Select[Any], asked: Collection[bytes], before: int, limit: int
) -> dict[bytes, list[Holder]]:
    found: dict[bytes, list[Holder]] = {}
    given = {"asked": list(asked), "before": before, "most": limit}
    for row in session.execute(query, given) if asked else ():
        found.setdefault(row.content, []).append(Holder(*row))
    return found


def digests_between(session: Session, first: bytes, last: bytes, before: int, limit: int) -> Sequence[bytes]:
    """SHA-256 digests of files that are registered with index < before, first ≤ digest ≤ last, in their order."""
    known = col(Asset.index) < before
    files = sql.union(
        *(sql.select(column).where(column >= first, column <= last, known) for column in map(col, _FILES))
    ).subquery()
    return session.execute(sql.select(files.c[0]).order_by(files.c[0]).limit(limit)).scalars().all()


def claims(
    session: Session,
    files: Collection[bytes],
    pixels: Collection[bytes],
    of: Collection[bytes],
    also: Collection[bytes] = (),
) -> dict[bytes, str]:
    """Publisher by record, of the registrations of some content that are made from no other of the same content.

    All registrations are considered; returned are the oldest of each publisher, and those asked for.

    Args:
        files, pixels: SHA-256 digests of the files, and of their decoded pixels, that are that content.
        of: record ids that are asked for.
        also: record ids that count as the same content too.
    """
    query = _claims(bool(files), bool(pixels), bool(also))
    given = {"files": list(files), "pixels": list(pixels), "of": list(of), "also": list(also)}
    asked = {name: values for name, values in given.items() if values or name == "of"}
    return {row.record_id: row.publisher_id for row in session.execute(query, asked)}


@cache
def _claims(files: bool, pixels: bool, also: bool) -> Select[Any]:
    """Built once: SQLAlchemy takes longer to make such a statement than the database to answer it."""
    same, parent = _same_content(files, pixels), aliased(Asset)
    of_parent = [_same_content(files, pixels, parent)]
    of_parent += [col(parent.record_id).in_(bindparam("also", expanding=True))] if also else []
    derived = (
        exists()
        .where(col(Derivation.child) == col(Asset.record_id), col(Derivation.parent) == col(parent.record_id))
        .where(or_(*of_parent))
    )
    turn = func.row_number().over(partition_by=Asset.publisher_id, order_by=col(Asset.index)).label("turn")
    ranked = select(Asset.record_id, Asset.publisher_id, turn).where(same, ~derived).subquery()
    asked = ranked.c.record_id.in_(bindparam("of", expanding=True))
    return sql.select(ranked.c.record_id, ranked.c.publisher_id).where(or_(ranked.c.turn == 1, asked))


def count_same(session: Session, files: Collection[bytes], pixels: Collection[bytes]) -> int:
    """Number of registrations of those files and pixels, in the original or in the signed copy."""
    if not files and not pixels:
        return 0
    query = sql.select(func.count()).select_from(Asset).where(_same_content(bool(files), bool(pixels)))
    given = {"files": list(files), "pixels": list(pixels)}
    return int(session.execute(query, {name: values for name, values in given.items() if values}).scalar_one())


def by_manifest(session: Session, manifest_id: str, limit: int) -> Sequence[Asset]:
    """Registrations whose C2PA manifest has this id; oldest first."""
    return _first(session, col(Asset.manifest_id) == manifest_id, limit)


def count(session: Session) -> int:
    """Number of registrations, counted one by one: `heads.served` has it as it is kept."""
    return session.exec(select(func.count()).select_from(Asset)).one()


def count_before(session: Session, index: int) -> int:
    """Number of registrations with an index below this one."""
    return session.exec(select(func.count()).select_from(Asset).where(col(Asset.index) < index)).one()


def end(session: Session) -> int:
    """One more than the index of the newest registration; 0 if there is none."""
    return session.exec(select(func.coalesce(func.max(Asset.index) + 1, 0))).one()


def page(
    session: Session,
    *,
    publisher: str | None = None,
    sha256: bytes | None = None,
    before: int | None = None,
    limit: int,
) -> Sequence[Asset]:
    """Registrations, newest first, from before an index on: the last one's index is the cursor of the next page."""
    query = select(Asset).order_by(col(Asset.index).desc()).limit(limit)
    if publisher is not None:
        query = query.where(Asset.publisher_id == publisher)
    if sha256 is not None:
        query = query.where(_same_content(True, False)).params(files=[sha256])
    if before is not None:
        query = query.where(col(Asset.index) < before)
    return session.exec(query).all()


def between(session: Session, start: int, stop: int) -> Sequence[Asset]:
    """The registrations with start ≤ index < stop, in order."""
    return session.exec(
        select(Asset).where(col(Asset.index) >= start, col(Asset.index) < stop).order_by(col(Asset.index))
    ).all()


def hashes_after(
    session: Session, after: int, quality: int, kind: Literal["pdq", "phash"]
) -> Iterator[list[tuple[int, bytes]]]:
    """(index, hash) of each registration of at least this PDQ quality behind `after`, in log order, in batches."""
    columns: tuple[Any, ...] = (Asset.index, getattr(Asset, kind))
    query = sql.select(*columns).where(col(Asset.pdq_quality) >= quality, col(Asset.index) > bindparam("after"))
    query = query.order_by(col(Asset.index)).limit(_HASHES_AT_ONCE)
    while True:
        batch = [(index, code) for index, code in session.execute(query, {"after": after})]
        if not batch:
            return
        yield batch
        after = batch[-1][0]


def note_copy(session: Session, record_id: bytes, public: bool) -> None:
    """Store whether the signed copy of a registration is public, if the row exists and that was not known."""
    row = find(session, record_id)
    if row is not None and row.copy_public is None:
        row.copy_public = public
        session.add(row)
        session.flush()


def withdraw(session: Session, record: AssetWithdrawn, index: int) -> None:
    """Note that the entry at `index` withdraws a registration."""
    session.add(Withdrawal(index=index, target=record.record, reason=record.reason))
    session.flush()


def forget_withdrawal(session: Session, index: int) -> None:
    """Delete the row of the withdrawal at `index`, whose content is erased."""
    row = session.get(Withdrawal, index)
    if row is not None:
        session.delete(row)
        session.flush()


@once
def withdrawals_of(session: Session, record_id: bytes) -> Sequence[Withdrawal]:
    """The withdrawals of a registration, in the order of the log."""
    return session.exec(select(Withdrawal).where(Withdrawal.target == record_id).order_by(col(Withdrawal.index))).all()


def withdrawn_among(session: Session, record_ids: Collection[bytes]) -> dict[bytes, str]:
    """The withdrawn ones among the registrations, with the first stated reason."""
    rows = session.exec(
        select(Withdrawal).where(col(Withdrawal.target).in_(record_ids)).order_by(col(Withdrawal.index).desc())
    )
    return {row.target: row.reason for row in rows}


def withdrawals_between(session: Session, start: int, stop: int) -> Sequence[Withdrawal]:
    """The withdrawals with start ≤ index < stop, in order."""
    return session.exec(
        select(Withdrawal)
        .where(col(Withdrawal.index) >= start, col(Withdrawal.index) < stop)
        .order_by(col(Withdrawal.index))
    ).all()


def _first(session: Session, condition: ColumnElement[bool], limit: int) -> Sequence[Asset]:
    return session.exec(select(Asset).where(condition).order_by(col(Asset.index)).limit(limit)).all()


@cache
def _by_bytes() -> Select[Any]:
    """Of the table, not the class: half the time of the query, which is all that most digests come to."""
    return _in_turns(sql.select(_ASSET.columns.record_id), *_OF_BYTES)


@cache
def _served_without() -> Select[Any]:
    return heads.query_served().add_columns(sql.exists().where(_has_digest(*_OF_BYTES)))


@cache
def _by_pixels() -> Select[Any]:
    return _in_turns(sql.select(Asset), "pixels_sha256", "signed_pixels_sha256")


def _in_turns(query: Select[Any], *columns: str) -> Select[Any]:
    """Registrations that have the bound digest in a column, in the order: the oldest of each publisher, then the second
    of each, and so on. So the many of one publisher do not crowd out another's."""
    place = _ASSET.columns
    turn = func.row_number().over(partition_by=place.publisher_id, order_by=place["index"])
    return query.where(_has_digest(*columns)).order_by(turn, place["index"]).limit(bindparam("most"))


def _has_digest(*columns: str) -> ColumnElement[bool]:
    return or_(*(_ASSET.columns[column] == bindparam("sha256") for column in columns))


_FILES: tuple[Any, ...] = (Asset.media_sha256, Asset.signed_sha256, Asset.private_blob_sha256)
_PIXELS: tuple[Any, ...] = (Asset.pixels_sha256, Asset.signed_pixels_sha256)


@cache
def _holders(files: bool) -> Select[Any]:
    """`_in_turns` for each of many digests."""
    own, of_copy = _PIXELS
    named = zip(_FILES, (own, of_copy, of_copy), strict=True) if files else ((each, each) for each in _PIXELS)
    asked: Any = bindparam("asked", expanding=True)
    known = (col(Asset.record_id), col(Asset.index), col(Asset.publisher_id))
    arms = (
        sql.select(digest.label("content"), *known, pixels.label("pixels")).where(
            digest.in_(asked), col(Asset.index) < bindparam("before")
        )
        for digest, pixels in named
    )
    found = sql.union(*arms).subquery()
    turn = func.row_number().over(partition_by=(found.c.content, found.c.publisher_id), order_by=found.c.index)
    turns = sql.select(*found.c, turn.label("turn")).subquery()
    place = func.row_number().over(partition_by=turns.c.content, order_by=(turns.c.turn, turns.c.index))
    placed = sql.select(*turns.c, place.label("place")).subquery()
    columns = [placed.c[field.name] for field in fields(Holder)]
    return sql.select(*columns).where(placed.c.place <= bindparam("most")).order_by(placed.c.place)


def _same_content(files: bool, pixels: bool, table: type[Asset] = Asset) -> ColumnElement[bool]:
    """Of the bound files, or of the bound pixels, as the original or as a signed copy."""
    copies = (table.media_sha256, table.signed_sha256, table.private_blob_sha256)
    columns = [(each, "files") for each in copies if files]
    columns += [(each, "pixels") for each in (table.pixels_sha256, table.signed_pixels_sha256) if pixels]
    return or_(false(), *(col(column).in_(bindparam(name, expanding=True)) for column, name in columns))


def _fingerprints(values: Mapping[str, Json]) -> tuple[bytes, bytes, int]:
    """(pHash of 8 bytes, PDQ of 32, PDQ quality 0..100) of a record's fingerprints."""
    match values.get(_PHASH), values.get(_PDQ):
        case str(phash), {"value": str(pdq), "quality": int(quality)}:
            with suppress(ValueError):
                return bytes.fromhex(phash), bytes.fromhex(pdq), quality
    raise MalformedRecord("the record lacks the fingerprints that look-ups need")
