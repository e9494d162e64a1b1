"""The check: every audit over one store, in one pass over its log."""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from provenance.errors import StoreCorrupt
from provenance.limits import MAX_COMMIT_JOBS
from provenance.statement.record import Record
from provenance.transparency.checkpoint import stated_size
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.note import VerifierKey
from provenance.transparency.timestamp import TimestampAuthority
from registry.database import Session, Store, audit, checkpoints, entries, heads
from registry.log.high_water import HighWater
from registry.log.log_keys import StatedKeys
from registry.log.tiles import Tiles
from registry.storage.blobs import Blobs
from registry.times import to_milliseconds, utc_now
from registry.usecases.maintenance.fsck.blobs import BlobAudit
from registry.usecases.maintenance.fsck.defect import Defect, Progress
from registry.usecases.maintenance.fsck.log import LogAudit
from registry.usecases.maintenance.fsck.signatures import SignatureAudit
from registry.usecases.maintenance.fsck.statements import StatementAudit
from registry.usecases.maintenance.fsck.views import ViewAudit

T = TypeVar("T")


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """A `Progress` that does nothing."""


def check(
    store: Store,
    blobs: Blobs,
    log_key: VerifierKey,
    *,
    witness_keys: Sequence[VerifierKey] = (),
    authorities: Sequence[TimestampAuthority] = (),
    high_water: Path | str | None = None,
    progress: Progress = no_progress,
) -> Iterator[Defect]:
    """Recompute all stored data from the entries; yields differences as they are found. Changes nothing.

    Run it while nothing is registered: entries added meanwhile are not checked, and tiles that they replace may be
    reported as missing.

    Args:
        store, blobs: of one data folder.
        log_key: the log's public key that signs now, named as its origin. The keys before it are those that the
            entries lead from.
        witness_keys: of the log's witnesses; other cosignatures are ignored.
        authorities: trust anchors of time-stamp tokens; without one, tokens are ignored.
        high_water: the high-water mark, if it is not in the store's folder.
        progress: called now and then.

    Raises:
        StoreUnavailable: the store cannot be read now.
    """
    yield from _check_database(store)
    tiles = Tiles(blobs.objects)
    published = yield from _tried(store, "checkpoint", _published, stated_size(tiles.checkpoint() or b""))
    size = max((yield from _tried(store, "entry", entries.size, 0)), published)
    log = LogAudit(tiles, (yield from _log_keys(store, log_key)), witness_keys, authorities)
    yield from log.begin()
    with BlobAudit(blobs) as there:
        yield from there.read(progress)
        yield from _check_entries(store, there, log, size, published, progress)
        yield from _check_overlays(store, there)
    note = tiles.checkpoint()
    latest = yield from _tried(store, "checkpoint", _published, published)
    signed_since = latest > published  # waiting entries were published during the check
    if note is not None:
        yield from log.check_note("checkpoint", "log/checkpoint", note, None if signed_since else published)
    elif published:
        yield Defect("checkpoint", "log/checkpoint", "missing")
    mark = HighWater(high_water or store.folder / "high-water").read()
    if mark is not None:
        yield from log.check_note("high-water", "high-water", mark, None)
    elif published:
        yield Defect("high-water", "high-water", "missing")


def _log_keys(store: Store, log_key: VerifierKey) -> Generator[Defect, None, LogKeys]:
    """The keys that the entries state; `log_key` alone, if it is not among the current ones."""
    try:
        with store.read() as session:
            stated = StatedKeys.load(session, log_key).keys
        if log_key in stated.current:
            return stated
    except StoreCorrupt as error:
        yield Defect("key", "log", str(error))
    return LogKeys(log_key.name, ((0, (log_key,)),))


def _check_entries(
    store: Store, blobs: BlobAudit, log: LogAudit, size: int, published: int, progress: Progress
) -> Iterator[Defect]:
    """One pass over the entries, with every audit of their statements, records and views."""
    with audit.scratch() as replayed, SignatureAudit(size) as signatures:
        statements = StatementAudit(signatures)
        views = ViewAudit(blobs, replayed)
        for start in range(0, size, MAX_COMMIT_JOBS):
            progress("log", start, size)
            with store.read() as session:
                stretch = audit.stretch(session, start, min(size, start + MAX_COMMIT_JOBS))
            yield from map(_unread, stretch.unreadable)
            yield from log.follow(stretch)
            records: dict[int, tuple[bytes, Record]] = {}
            for found in statements.follow(stretch):
                if isinstance(found, Defect):
                    yield found
                else:
                    index, record_id, record = found
                    records[index] = record_id, record
            yield from views.follow(stretch, records)
            yield from signatures.settle()
        yield from signatures.settle(all_of_them=True)
        yield from log.end(published)
        yield from statements.end()
        try:
            with store.read() as session:
                yield from log.check_head(heads.read(session))
        except StoreCorrupt as error:
            yield Defect("head", "log_head", str(error))
        progress("log", size, size)
        try:
            with store.read() as session:
                yield from views.end(session)
        except StoreCorrupt as error:
            yield Defect("database", "publishers and keys", str(error))
        stored = yield from _tried(store, "record", entries.record_count, statements.records)
        if stored != statements.records:
            yield Defect("record", "records", "there are records that no entry states")


def _check_database(store: Store) -> Iterator[Defect]:
    nothing: Sequence[str] = ()
    problems = yield from _tried(store, "countermark.db", audit.database_problems, nothing)
    for problem in problems:
        yield Defect("database", "countermark.db", problem)
    sound: Sequence[audit.IllTyped] = ()
    ill_typed = yield from _tried(store, "countermark.db", audit.ill_typed, sound)
    for row in ill_typed:
        detail = f"has a value of another type in {', '.join(row.columns)}"
        yield Defect("database", f"{row.table} {row.key}", detail)


def _tried(store: Store, what: str, read: Callable[[Session], T], otherwise: T) -> Generator[Defect, None, T]:
    """The result of `read`; `otherwise`, with a defect, if the store is damaged."""
    try:
        with store.read() as session:
            return read(session)
    except StoreCorrupt as error:
        yield Defect("database", what, str(error))
        return otherwise


def _published(session: Session) -> int:
    newest = checkpoints.latest(session)
    return 0 if newest is None else newest.size


def _unread(rows: audit.Unreadable) -> Defect:
    ends = [audit.shown(each) for each in (rows.first, rows.last)]
    between = ends[0] if rows.count == 1 else " to ".join(ends)
    return Defect("database", f"{rows.table} {between}", f"{rows.count} of {rows.table} cannot be read: {rows.reason}")


def _check_overlays(store: Store, blobs: BlobAudit) -> Iterator[Defect]:
    none: Sequence[tuple[str, bytes]] = ()
    overlays = yield from _tried(
        store, "verification", partial(audit.overlays, now_ms=to_milliseconds(utc_now())), none
    )
    for identity, sha256 in overlays:
        if sha256 not in blobs:
            yield Defect("blob", sha256.hex(), f"missing, although it is the overlay of verification {identity}")
