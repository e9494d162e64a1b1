"""Entries: the log itself, and the records that its entries state."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import sql
from sqlmodel import Session, SQLModel, col, func, insert, select

from provenance.errors import Erased, NotFound
from registry.database.snapshot import once
from registry.database.tables import Entry, RecordRow, WithheldRecord

_ENTRY = SQLModel.metadata.tables["entry"]
_RECORD = SQLModel.metadata.tables["record"]
_WITHHELD = SQLModel.metadata.tables["withheld_record"]
_PLACES = (RecordRow, WithheldRecord)  # which have the index of a record's entry
_WITH_RECORD = select(Entry, RecordRow).outerjoin(RecordRow, col(RecordRow.record_id) == col(Entry.record_id))
"""Entries, with their records beside them: `record` finds those in the snapshot then, without another query."""


@dataclass(frozen=True)
class NewEntry:
    """An entry to append, with its record: the canonical bytes, or None if the publisher withholds it."""

    index: int
    leaf_hash: bytes
    statement: bytes
    logged_at_ms: int
    record_id: bytes
    record_type: str
    canonical: bytes | None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """The row of an entry, for reading many: making an `Entry` takes ten times as long."""

    index: int
    leaf_hash: bytes
    statement: bytes
    record_id: bytes
    logged_at_ms: int


def size(session: Session) -> int:
    """Number of entries: one more than the last index, since indices have no gaps."""
    return session.exec(select(func.coalesce(func.max(Entry.index) + 1, 0))).one()


def newest_type(session: Session) -> str | None:
    """The type of the newest entry's record; None if the log is empty or the record is withheld."""
    newest = select(Entry.record_id).order_by(col(Entry.index).desc()).limit(1).scalar_subquery()
    return session.exec(select(RecordRow.type).where(RecordRow.record_id == newest)).first()


def append(session: Session, added: Sequence[NewEntry]) -> None:
    """Add entries and their records. Conflict (at the store's boundary) where an index or record is taken."""
    if added:
        session.execute(
            insert(_ENTRY),  # the tables, not the classes: half the time of a batch
            [
                {
                    "index": each.index,
                    "leaf_hash": each.leaf_hash,
                    "statement": each.statement,
                    "record_id": each.record_id,
                    "logged_at_ms": each.logged_at_ms,
                }
                for each in added
            ],
        )
        records = [
            {"record_id": each.record_id, "index": each.index, "type": each.record_type, "canonical": each.canonical}
            for each in added
            if each.canonical is not None
        ]
        withheld = [{"record_id": each.record_id, "index": each.index} for each in added if each.canonical is None]
        if records:
            session.execute(insert(_RECORD), records)
        if withheld:
            session.execute(insert(_WITHHELD), withheld)


def get(session: Session, index: int) -> Entry:
    """The entry at an index. Raises NotFound."""
    entry = session.get(Entry, index)
    if entry is None:
        raise NotFound(f"the log has no entry {index}")
    return entry


def between(session: Session, start: int, stop: int) -> Sequence[StoredEntry]:
    """The entries with start ≤ index < stop, in order."""
    columns = [_ENTRY.columns[each.name] for each in fields(StoredEntry)]
    rows = session.execute(
        sql.select(*columns).where(col(Entry.index) >= start, col(Entry.index) < stop).order_by(col(Entry.index))
    )
    return [StoredEntry(*row) for row in rows]


def leaves(session: Session, start: int, stop: int) -> Sequence[tuple[int, bytes, bytes]]:
    """(index, leaf hash, statement) of the entries with start ≤ index < stop, in order."""
    return session.exec(
        select(Entry.index, Entry.leaf_hash, Entry.statement)
        .where(col(Entry.index) >= start, col(Entry.index) < stop)
        .order_by(col(Entry.index))
    ).all()


@once
def of_record(session: Session, record_id: bytes) -> Entry:
    """The entry that states a record. Raises NotFound."""
    places = [select(table.index).where(table.record_id == record_id).scalar_subquery() for table in _PLACES]
    stated = session.exec(_WITH_RECORD.where(Entry.index == func.coalesce(*places))).first()
    if stated is None:
        raise NotFound("no such record")
    return stated[0]


def at(session: Session, indices: Collection[int]) -> list[Entry]:
    """The entries at these indices, in order. Raises NotFound if one is missing."""
    rows = session.exec(_WITH_RECORD.where(col(Entry.index).in_(indices)).order_by(col(Entry.index)))
    found = [entry for entry, _ in rows]
    if len(found) < len(set(indices)):
        raise NotFound(f"the log has no entry {min(set(indices) - {entry.index for entry in found})}")
    return found


def with_records(session: Session, record_ids: Collection[bytes]) -> dict[bytes, Entry]:
    """The entries of those records that are logged, withheld ones included, by record id."""
    found: dict[bytes, Entry] = {}
    for table in _PLACES:
        sought = [each for each in record_ids if each not in found]
        if not sought:
            break
        rows = session.exec(
            select(table.record_id, Entry)
            .join(Entry, col(Entry.index) == col(table.index))
            .where(col(table.record_id).in_(sought))
        )
        found |= dict(rows.all())
    return found


def record(session: Session, record_id: bytes) -> RecordRow:
    """A record with its content. Raises NotFound, also for a withheld record, and Erased."""
    row = session.get(RecordRow, record_id)
    if row is None:
        kept = session.get(WithheldRecord, record_id) is not None
        raise NotFound("the record was not brought: its publisher keeps it" if kept else "no such record")
    if not row.canonical:
        raise Erased("the content of this record was erased; its log entry stays")
    return row


def has_content(session: Session, record_id: bytes) -> bool:
    """Whether a record's content is stored: neither erased, nor withheld, nor unknown."""
    row = session.get(RecordRow, record_id)
    return row is not None and bool(row.canonical)


def type_of(session: Session, record_id: bytes) -> str:
    """A record's type, also if its content was erased. Raises NotFound."""
    row = session.get(RecordRow, record_id)
    if row is None:
        raise NotFound("no such record")
    return row.type


def erase(session: Session, record_id: bytes) -> None:
    """Delete a record's content; its entry stays. Raises NotFound, Erased."""
    row = record(session, record_id)
    row.canonical = b""
    session.add(row)
    session.flush()


def records(session: Session, record_ids: Collection[bytes]) -> dict[bytes, RecordRow]:
    """The stored ones among the records, by id."""
    rows = session.exec(select(RecordRow).where(col(RecordRow.record_id).in_(record_ids)))
    return {row.record_id: row for row in rows}


def withheld_between(session: Session, start: int, stop: int) -> dict[int, bytes]:
    """The ids of the records that their publishers keep, by the index of their entries, start ≤ index < stop."""
    rows = session.exec(
        select(WithheldRecord.index, WithheldRecord.record_id).where(
            col(WithheldRecord.index) >= start, col(WithheldRecord.index) < stop
        )
    )
    return dict(rows.all())


def record_count(session: Session) -> int:
    """Number of records; as many as entries in a sound store."""
    return session.exec(select(func.count()).select_from(RecordRow)).one()
