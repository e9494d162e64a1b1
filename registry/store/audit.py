"""Audits: what `registry.upkeep.fsck` reads, a stretch of the log at a time."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

from sqlalchemy import create_engine
from sqlmodel import Session, SQLModel, col, select

from provenance.errors import StoreCorrupt
from registry.store import assets, checkpoints, entries, events, sealed
from registry.store.entries import StoredEntry
from registry.store.signals import on_postgresql
from registry.tables import Asset, CheckpointRow, Entry, Event, RecordRow, SealedAsset, VerificationRow, Withdrawal


@dataclass(frozen=True)
class Stretch:
    """The rows that belong to the entries with start ≤ index < stop, and the checkpoints with start < size ≤ stop."""

    start: int
    stop: int
    entries: Mapping[int, StoredEntry] = field(default_factory=dict)
    records: Mapping[bytes, RecordRow] = field(default_factory=dict)
    withheld: Mapping[int, bytes] = field(default_factory=dict)
    assets: Mapping[int, Asset] = field(default_factory=dict)
    sealed: Mapping[int, SealedAsset] = field(default_factory=dict)
    withdrawals: Mapping[int, Withdrawal] = field(default_factory=dict)
    events: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    derivations: Mapping[bytes, Mapping[bytes, bool]] = field(default_factory=dict)
    checkpoints: Mapping[int, CheckpointRow] = field(default_factory=dict)


def stretch(session: Session, start: int, stop: int) -> Stretch:
    """Read a stretch of the log. Raises StoreCorrupt for a row with a value of another type than its column's."""
    rows = entries.between(session, start, stop)
    withheld = entries.withheld_between(session, start, stop)
    records = entries.records(session, [row.record_id for row in rows if row.index not in withheld])
    found = Stretch(
        start,
        stop,
        entries={row.index: row for row in rows},
        records=records,
        withheld=withheld,
        assets={row.index: row for row in assets.between(session, start, stop)},
        sealed={row.index: row for row in sealed.between(session, start, stop)},
        withdrawals={row.index: row for row in assets.withdrawals_between(session, start, stop)},
        events=_by_index(events.between(session, start, stop)),
        derivations=events.derivations_of_each(session, list(records)),
        checkpoints={row.size: row for row in checkpoints.between(session, start + 1, stop + 1)},
    )
    for table in (found.entries, found.records, found.assets, found.sealed, found.withdrawals, found.checkpoints):
        for row in table.values():
            _check_types(row)
    return found


def _by_index(rows: Sequence[Event]) -> dict[int, list[Event]]:
    grouped: dict[int, list[Event]] = {}
    for row in rows:
        grouped.setdefault(row.index, []).append(row)
    return grouped


def _check_types(row: SQLModel | StoredEntry) -> None:
    """SQLite keeps a text in a column of bytes, if it is told to."""
    table, columns = _column_types(Entry if isinstance(row, StoredEntry) else type(row))
    wrong = [name for name, types in columns if type(getattr(row, name)) not in types]
    if wrong:
        raise StoreCorrupt(f"a row of {table} has a value of another type in {', '.join(wrong)}")


@functools.cache
def _column_types(table: type[SQLModel]) -> tuple[str, tuple[tuple[str, tuple[type, ...]], ...]]:
    """A table's name, and the types of its columns."""
    columns = table.model_fields.items()
    return str(table.__tablename__), tuple(
        (name, get_args(column.annotation) or (column.annotation,)) for name, column in columns
    )


def database_problems(session: Session) -> Sequence[str]:
    """What SQLite finds wrong with the file's structure and its indexes; empty when all is well.

    PostgreSQL looks after its own pages: `pg_amcheck` and data checksums are the operator's means.
    """
    if on_postgresql(session):
        return []
    lines = session.connection().exec_driver_sql("PRAGMA integrity_check(100)").scalars().all()
    return [line for line in lines if line != "ok"]


def overlays(session: Session) -> Sequence[tuple[str, bytes]]:
    """(verification id, digest) of the overlay blobs that reports refer to."""
    query = select(VerificationRow.id, VerificationRow.heat_blob).where(col(VerificationRow.heat_blob).is_not(None))
    return [(identity, blob) for identity, blob in session.exec(query) if blob is not None]


@contextmanager
def scratch() -> Iterator[Session]:
    """An empty store in memory, to replay records into."""
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()
