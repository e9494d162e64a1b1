"""Audits: what `registry.usecases.maintenance.fsck` reads, a stretch of the log at a time.

A row that cannot be read, or has a value of another type than its column's, is left out and named, so that the others
are audited as if it were sound.
"""

import functools
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter
from typing import Any, TypeVar, get_args

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, create_engine, func, or_, sql
from sqlmodel import Session, SQLModel, col, select

from provenance.errors import StoreCorrupt, StoreUnavailable
from registry.database import assets, checkpoints, entries, events, sealed
from registry.database.entries import StoredEntry
from registry.database.failures import translated
from registry.database.signals import on_postgresql
from registry.database.tables import (
    Asset,
    CheckpointRow,
    Entry,
    Event,
    RecordRow,
    SealedAsset,
    VerificationOverlay,
    VerificationRow,
    Withdrawal,
)

Key = int | bytes
"""Key of a row: the index of its entry, the size of a checkpoint, or a record id."""

K = TypeVar("K", int, bytes)
M = TypeVar("M", bound=SQLModel)
R = TypeVar("R")

_INDEX, _RECORD_ID, _FIRST = attrgetter("index"), attrgetter("record_id"), itemgetter(0)

_MAX_FAILURES = 200
"""Failed queries of one table and stretch, after which no more of its damaged pages are looked around: a page has some
20 rows, and finding them takes twice as many."""


@dataclass(frozen=True)
class IllTyped:
    """A row with values of another type than its columns': SQLite keeps a text in a column of bytes, if it is told to.

    Attributes:
        table: its name.
        key: the values of its primary key, as text.
        columns: that have a value of another type.
    """

    table: str
    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """Rows of a table that the database cannot read: the first and last key of a run of them, and the reason."""

    table: str
    first: Key
    last: Key
    count: int
    reason: str


@dataclass(frozen=True)
class Stretch:
    """The rows that belong to the entries with start ≤ index < stop, and the checkpoints with start < size ≤ stop.

    `left_out` has the keys of rows that are there and not among these: ill-typed, or in `unreadable`.
    """

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
    left_out: Mapping[str, Collection[Key]] = field(default_factory=dict)
    unreadable: Sequence[Unreadable] = ()

    def lacks(self, table: str, key: Key) -> bool:
        """Whether a row of that table and key was left out, so that its absence proves nothing."""
        return key in self.left_out.get(table, ())

    def is_unread(self, index: int) -> bool:
        """Whether the entry at an index, or its record, was left out: what is said of it in other tables may be so."""
        entry = self.entries.get(index)
        return self.lacks("entry", index) if entry is None else self.lacks("record", entry.record_id)


def stretch(session: Session, start: int, stop: int) -> Stretch:
    """Read a stretch of the log: everything of it that can be read."""
    reading = _TolerantReader(session)
    indices = range(start, stop)

    def by_index(table: str, read: Callable[[Session, int, int], Iterable[R]]) -> list[R]:
        return reading.rows(table, indices, lambda part: read(session, part[0], part[-1] + 1), _INDEX)

    rows = by_index("entry", entries.between)
    withheld = dict(
        reading.rows(
            "withheld_record",
            indices,
            lambda part: entries.withheld_between(session, part[0], part[-1] + 1).items(),
            _FIRST,
        )
    )
    stated = [row.record_id for row in rows if row.index not in withheld]
    records = reading.rows("record", stated, lambda part: entries.records(session, part).values(), _RECORD_ID)
    children = [row.record_id for row in records]
    derivations = dict(
        reading.rows("derivation", children, lambda part: events.derivations_of_each(session, part).items(), _FIRST)
    )
    signed = reading.rows(
        "checkpoint",
        range(start + 1, stop + 1),
        lambda part: checkpoints.between(session, part[0], part[-1] + 1),
        attrgetter("size"),
    )
    return Stretch(
        start,
        stop,
        entries={row.index: row for row in rows},
        records={row.record_id: row for row in records},
        withheld=withheld,
        assets={row.index: row for row in by_index("asset", assets.between)},
        sealed={row.index: row for row in by_index("sealed_asset", sealed.between)},
        withdrawals={row.index: row for row in by_index("withdrawal", assets.withdrawals_between)},
        events=_by_index(by_index("event", events.between)),
        derivations=derivations,
        checkpoints={row.size: row for row in signed},
        left_out=reading.left_out,
        unreadable=reading.unreadable,
    )


class _TolerantReader:
    """Reads rows of one stretch by their keys, skipping those that the database cannot read."""

    def __init__(self, session: Session) -> None:
        # PostgreSQL gives up a whole transaction over one failure.
        self._guarded = session.begin_nested if on_postgresql(session) else nullcontext
        self.left_out: dict[str, set[Key]] = {}
        self.unreadable: list[Unreadable] = []

    def rows(
        self, table: str, keys: Sequence[K], read: Callable[[Sequence[K]], Iterable[R]], key: Callable[[R], K]
    ) -> list[R]:
        """The rows with these keys that can be read, and have values of their columns' types."""
        left_out = self.left_out.setdefault(table, set())
        found: list[R] = []
        waiting, failures = [(0, len(keys))] if keys else [], 0
        while waiting:
            start, stop = waiting.pop()
            try:
                with translated(), self._guarded():
                    part = list(read(keys[start:stop]))
            except StoreCorrupt as error:
                failures += 1
                if stop - start > 1 and failures < _MAX_FAILURES:
                    middle = (start + stop) // 2
                    waiting += [(middle, stop), (start, middle)]
                    continue
                left_out.update(keys[start:stop])
                self._add_unreadable(table, keys[start], keys[stop - 1], stop - start, str(error))
            else:
                left_out.update(key(row) for row in part if _is_ill_typed(row))
                found += (row for row in part if not _is_ill_typed(row))
        return found

    def _add_unreadable(self, table: str, first: Key, last: Key, count: int, reason: str) -> None:
        """Add unreadable rows, to the last run if table and reason are the same."""
        before = self.unreadable[-1] if self.unreadable else None
        if before is not None and (before.table, before.reason) == (table, reason):
            self.unreadable[-1] = replace(before, last=last, count=before.count + count)
        else:
            self.unreadable.append(Unreadable(table, first, last, count, reason))


def ill_typed(session: Session) -> Sequence[IllTyped]:
    """The rows of all tables with values of another type than their columns'. Raises StoreCorrupt.

    PostgreSQL has none.
    """
    if on_postgresql(session):
        return []
    found = []
    for table in SQLModel.metadata.sorted_tables:
        wrong = {column.name: func.typeof(column).not_in(_storage_classes(column)) for column in table.columns}
        query = sql.select(*table.primary_key, *wrong.values()).where(or_(*wrong.values()))
        with translated():
            for row in session.execute(query):
                key, is_wrong = row[: len(table.primary_key)], row[len(table.primary_key) :]
                columns = tuple(name for name, is_so in zip(wrong, is_wrong, strict=True) if is_so)
                found.append(IllTyped(table.name, " ".join(map(shown, key)), columns))
    return found


def _storage_classes(column: Column[Any]) -> list[str]:
    """SQLite's names of what a column may hold (Datatypes in SQLite, §2)."""
    match column.type:
        case LargeBinary():
            own = "blob"
        case BigInteger() | Integer() | Boolean():
            own = "integer"
        case _:
            own = "text"
    return [own, "null"] if column.nullable else [own]


def shown(value: object) -> str:
    """A value of a key as text."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _is_ill_typed(row: object) -> bool:
    match row:
        case tuple():
            _, values = row
            return not all(type(each) is bytes for each in (values if isinstance(values, dict) else [values]))
        case StoredEntry():
            columns = _column_types(Entry)
        case SQLModel():
            columns = _column_types(type(row))
        case _:
            raise TypeError(row)
    return any(type(getattr(row, name)) not in types for name, types in columns)


def sound(rows: Iterable[M]) -> list[M]:
    """The rows whose values are of their columns' types."""
    return [row for row in rows if not _is_ill_typed(row)]


def _by_index(rows: Sequence[Event]) -> dict[int, list[Event]]:
    grouped: dict[int, list[Event]] = {}
    for row in rows:
        grouped.setdefault(row.index, []).append(row)
    return grouped


@functools.cache
def _column_types(table: type[SQLModel]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The columns of a table, and the types of their values."""
    columns = table.model_fields.items()
    return tuple((name, get_args(column.annotation) or (column.annotation,)) for name, column in columns)


def database_problems(session: Session) -> Sequence[str]:
    """What SQLite finds wrong with the file's structure and its indexes; empty when all is well.

    PostgreSQL looks after its own pages: `pg_amcheck` and data checksums are the operator's means.
    """
    if on_postgresql(session):
        return []
    lines = session.connection().exec_driver_sql("PRAGMA integrity_check(100)").scalars().all()
    return [line for line in lines if line != "ok"]


def overlays(session: Session, now_ms: int) -> Sequence[tuple[str, bytes]]:
    """(verification id, digest) of the overlay blobs that reports refer to whose time has not ended."""
    query = select(VerificationRow.id, VerificationRow.heat_blob).where(col(VerificationRow.heat_blob).is_not(None))
    earlier = [(identity, blob) for identity, blob in session.exec(query) if type(blob) is bytes]
    kept = or_(col(VerificationRow.kept_until_ms).is_(None), col(VerificationRow.kept_until_ms) > now_ms)
    drawn = select(VerificationOverlay.verification_id, VerificationOverlay.blob).join(VerificationRow).where(kept)
    return [*earlier, *session.exec(drawn)]


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


class DigestSet:
    """A set of SHA-256 digests in a temporary file of SQLite's: some millions take no memory."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE digest (sha256 BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, sha256: bytes) -> None:
        """Raises StoreUnavailable: the disk of temporary files is full."""
        try:
            self._rows.execute("INSERT OR IGNORE INTO digest VALUES (?)", (sha256,))
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the list of blobs cannot be kept in a temporary file: {error}") from error

    def __contains__(self, sha256: bytes) -> bool:
        return self._rows.execute("SELECT 1 FROM digest WHERE sha256 = ?", (sha256,)).fetchone() is not None

    def close(self) -> None:
        self._rows.close()
