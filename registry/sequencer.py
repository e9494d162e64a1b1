"""The sequencer: the log's single writer. It gives indices to statements, and has the tree that holds them published.

An entry is *sequenced* when its row is durable, *published* when a signed checkpoint covers it. Entries are taken in
batches: one transaction and one checkpoint for all that wait.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from provenance.errors import (
    EntryTooLarge,
    FrozenLog,
    InvalidRequest,
    RegistryError,
    StoreCorrupt,
    StoreUnavailable,
)
from provenance.limits import MAX_COMMIT_JOBS, MAX_ENTRY_BYTES, MAX_PENDING_JOBS, MAX_RECORD_BYTES
from provenance.statement.canonical import parse_canonical
from provenance.statement.keys import Signer
from provenance.statement.record import LogFrozen, LogGenesis, LogKey, record_id
from provenance.statement.statement import parse_statement
from provenance.transparency.log_keys import LogKeys, Sign
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.note import VerifierKey
from registry.blobs import Objects
from registry.high_water import HighWater
from registry.publication import Publication
from registry.store import Session, Store, entries, log_keys
from registry.store.failures import ends_transaction, translate
from registry.tiles import Tiles
from registry.times import from_milliseconds, to_milliseconds

IndexRows = Callable[[Session, int, datetime], None]
"""Adds the rows of a new entry: (session, index, logged_at). What it raises refuses the entry, which leaves nothing."""

Existing = Callable[[Session], bytes | None]
"""The record id of the entry that makes this one superfluous, if there is one."""

OtherKeys = Callable[[VerifierKey], Sign | None]
"""Who signs with a key of the log other than the one it was opened with: None where its private half is not held."""

_KEY_TYPES = (LogGenesis.TYPE, LogKey.TYPE)

RETRY_SECONDS = 1.0
"""Seconds between tries to publish while the object storage or the disk refuses."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Appended:
    """Where an entry stands in the log. `created` is False when it was there before."""

    index: int
    record_id: bytes
    logged_at: datetime
    created: bool


@dataclass(frozen=True)
class SequencerState:
    """Whether the log can grow, and if not, why."""

    signing: bool
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Pending:
    """A statement on its way into the log."""

    statement: bytes
    record: bytes | None
    record_id: bytes
    record_type: str
    leaf_hash: bytes
    index_rows: IndexRows
    existing: Existing
    published: bool
    future: Future[Appended] = field(default_factory=Future)


def no_rows(_session: Session, _index: int, _logged_at: datetime) -> None:
    """The `IndexRows` of an entry that no table but the log's own tells of."""


def none_existing(_session: Session) -> bytes | None:
    """The `Existing` of an entry that only an identical record makes superfluous."""
    return None


def no_other_keys(_key: VerifierKey) -> Sign | None:
    """The `OtherKeys` of a log that has one key for all its life."""
    return None


class Sequencer:
    """Appends statements to one log. All methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        log_signer: Signer,
        origin: str,
        clock: Callable[[], datetime],
        *,
        high_water: Path | None = None,
        other_keys: OtherKeys = no_other_keys,
    ) -> None:
        """Open the log, and publish what was sequenced before a crash.

        Args:
            store: holds entries and records; this sequencer is the only one on it.
            objects: hold tiles and checkpoint, under "log/".
            log_signer: the log's Ed25519 key. Where entries name other keys of the log, those sign.
            origin: the log's name in its checkpoints.
            clock: the time, with a zone.
            high_water: the high-water file, by preference on another disk than the store's.
            other_keys: finds who signs with the log's other keys.

        Raises:
            StoreCorrupt: the store contradicts what the log has signed; the message says what to do.
            StoreUnavailable: it cannot be read or written now.
        """
        self._store = store
        self._clock = clock
        self.tiles = Tiles(objects)
        water = HighWater(high_water or store.folder / "high-water")
        self._publication = Publication(store, self.tiles, log_signer, origin, clock, water, other_keys)
        # Shared with callers, under _gate:
        self._gate = threading.Lock()
        self._queue: SimpleQueue[_Pending | None] = SimpleQueue()
        self._closed = False
        self._state = SequencerState(signing=True)
        self._listeners: tuple[Callable[[], None], ...] = ()
        # The thread's own:
        self._logged_at_ms = 0
        self._uncertain = False  # whether a write failed that may have been done all the same
        self._trouble: StoreUnavailable | None = None
        self._catch_up()
        self._waiting: list[tuple[Appended, Future[Appended]]] = []
        self._thread = threading.Thread(target=self._run, name="countermark-sequencer", daemon=True)
        self._thread.start()

    @property
    def key(self) -> VerifierKey:
        """The log's public Ed25519 key, named as its origin: the one that signs now."""
        return self._publication.key

    @property
    def keys(self) -> LogKeys:
        """All keys that the log has and had, by size of tree."""
        return self._publication.keys

    @property
    def size(self) -> int:
        """Number of published entries."""
        return self._publication.checkpoint.size

    @property
    def state(self) -> SequencerState:
        """Whether the log can grow, and if not, why."""
        return self._state

    @property
    def trouble(self) -> RegistryError | None:
        """Why nothing can be logged now: what stopped the signing, or the disk's last refusal. It is tried again."""
        return self._trouble if self._state.signing else StoreCorrupt(self._state.reason)

    def checkpoint(self) -> bytes:
        """The signed note of the published tree. Raises StoreUnavailable before the first."""
        note = self._publication.note
        if note is None:
            raise StoreUnavailable("the log has published nothing yet")
        return note

    def attach(self, note: bytes) -> None:
        """Show a published checkpoint with more cosignatures, unless a newer one is shown. Raises StoreUnavailable."""
        self._publication.attach(note)

    def notify(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each publication, in the sequencer's thread: it neither waits nor raises."""
        with self._gate:
            self._listeners = (*self._listeners, listener)

    def append(
        self,
        statement: bytes,
        record: bytes | None,
        index_rows: IndexRows = no_rows,
        existing: Existing = none_existing,
        *,
        wait: Literal["sequenced", "published"] = "published",
    ) -> "Future[Appended]":
        """Append a statement about a record, unless that is logged already or `existing` names another in its place.

        Args:
            statement: the log entry; its signature is the caller's to check.
            record: the canonical JSON that the statement is about; None where its publisher keeps it.
            index_rows: called inside the transaction, before the rows of this batch's entries are visible.
            existing: called there as well, so that of two equal registrations at once one finds the other.
            wait: what the future waits for.

        Returns:
            a future of where the entry stands. It raises what `index_rows` raised; StoreUnavailable, after which a new
            try finds the entry if it was sequenced; FrozenLog; or StoreCorrupt once the log has stopped.

        Raises:
            EntryTooLarge: the statement or record is longer than the log takes.
            MalformedStatement, MalformedRecord: one of them is none.
            InvalidRequest: the statement is about another record.
        """
        if len(statement) > MAX_ENTRY_BYTES or len(record or b"") > MAX_RECORD_BYTES:
            raise EntryTooLarge(f"a statement has at most {MAX_ENTRY_BYTES} bytes, a record {MAX_RECORD_BYTES}")
        identity = parse_statement(statement).record_id
        if record is not None and record_id(record) != identity:
            raise InvalidRequest("the statement is about another record")
        kind = "" if record is None else str(parse_canonical(record, limit=MAX_RECORD_BYTES).get("type"))
        published = wait == "published"
        pending = _Pending(statement, record, identity, kind, leaf_hash(statement), index_rows, existing, published)
        with self._gate:
            refusal = self._refusal()
            if refusal is None:
                self._queue.put(pending)
            else:
                pending.future.set_exception(refusal)
        return pending.future

    def close(self) -> None:
        """Sequence and publish what is queued, then end the thread. The store stays open."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _refusal(self) -> RegistryError | None:
        if self._closed:
            return StoreUnavailable("the log is closed")
        if not self._state.signing:
            return StoreCorrupt(self._state.reason)
        if self._queue.qsize() + self._frontier.size - self.size >= MAX_PENDING_JOBS:
            return StoreUnavailable("too many entries are waiting to be published")
        return None

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._take()
            self._sequence(batch)
            self._publish()
        self._abandon(StoreUnavailable("the log was closed before this entry was published"))

    def _take(self) -> tuple[list[_Pending], bool]:
        """The entries of one batch, and whether more may come. Waits for one, unless something is to be done again."""
        batch: list[_Pending] = []
        timeout = None if self._frontier.size == self.size and self._trouble is None else RETRY_SECONDS
        while len(batch) < MAX_COMMIT_JOBS:
            try:
                pending = self._queue.get_nowait() if batch else self._queue.get(timeout=timeout)
            except Empty:
                break
            if pending is None:
                return batch, False
            if pending.future.set_running_or_notify_cancel():
                batch.append(pending)
        return batch, True

    def _sequence(self, batch: list[_Pending]) -> None:
        if not batch:
            return
        if not self._state.signing:
            _fail(batch, StoreCorrupt(self._state.reason))
            return
        try:
            if self._uncertain:
                self._catch_up()
            logged_at_ms = max(self._logged_at_ms, to_milliseconds(self._clock()))
            outcomes = self._store.write(lambda session: self._insert(session, batch, logged_at_ms)).result()
        except StoreUnavailable as error:
            self._uncertain = True
            self._note_trouble(error)
            _fail(batch, error)
            return
        except Exception as error:  # noqa: BLE001  (the sequencer outlives what any single entry brings)
            self._uncertain = True
            if len(batch) == 1:
                _fail(batch, error)
                return
            for pending in batch:  # one entry must not hold up the others
                self._sequence([pending])
            return
        for pending, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                pending.future.set_exception(outcome)
                continue
            if outcome.created:
                self._frontier.append(pending.leaf_hash)
                self._logged_at_ms = logged_at_ms
                if pending.record is not None and pending.record_type in _KEY_TYPES:
                    keys = self._publication.check_keys(outcome.index, pending.statement, pending.record)
                    self._publication.learn_keys(keys)
            if pending.published:
                self._waiting.append((outcome, pending.future))
            else:
                pending.future.set_result(outcome)

    def _insert(self, session: Session, batch: list[_Pending], logged_at_ms: int) -> list[Appended | Exception]:
        """Inside the writer's transaction: what becomes of each entry of the batch."""
        logged_at = from_milliseconds(logged_at_ms)
        known = {
            identity: Appended(entry.index, identity, from_milliseconds(entry.logged_at_ms), created=False)
            for identity, entry in entries.with_records(session, [each.record_id for each in batch]).items()
        }
        frozen = entries.newest_type(session) == LogFrozen.TYPE
        added: list[entries.NewEntry] = []
        outcomes: list[Appended | Exception] = []
        for pending in batch:
            index = self._frontier.size + len(added)
            try:
                earlier = known.get(pending.record_id) or self._earlier(session, pending, known)
                if earlier is not None:
                    outcomes.append(earlier)
                    continue
                if frozen:
                    raise FrozenLog("The log's last entry says that no other follows.")
                if pending.record is not None and pending.record_type in _KEY_TYPES:
                    self._publication.check_keys(index, pending.statement, pending.record)
                if pending.record_type == LogKey.TYPE:
                    log_keys.insert(session, index)
                if pending.index_rows is not no_rows:
                    with session.begin_nested():
                        pending.index_rows(session, index, logged_at)
            except Exception as error:
                if ends_transaction(error):
                    raise
                outcomes.append(translate(error))
                continue
            added.append(
                entries.NewEntry(
                    index=index,
                    leaf_hash=pending.leaf_hash,
                    statement=pending.statement,
                    logged_at_ms=logged_at_ms,
                    record_id=pending.record_id,
                    record_type=pending.record_type,
                    canonical=pending.record,
                )
            )
            frozen = pending.record_type == LogFrozen.TYPE
            known[pending.record_id] = Appended(index, pending.record_id, logged_at, created=False)
            outcomes.append(Appended(index, pending.record_id, logged_at, created=True))
        entries.append(session, added)
        return outcomes

    def _earlier(self, session: Session, pending: _Pending, known: dict[bytes, Appended]) -> Appended | None:
        """The entry that `existing` names, in this batch or an older one."""
        identity = pending.existing(session)
        if identity is None or identity in known:
            return None if identity is None else known[identity]
        entry = entries.of_record(session, identity)
        return Appended(entry.index, identity, from_milliseconds(entry.logged_at_ms), created=False)

    def _publish(self) -> None:
        if self._state.signing and (self._frontier.size > self.size or self._trouble is not None):
            try:
                if self._uncertain:
                    self._catch_up()
                if self._frontier.size > self.size:
                    try:
                        self._publication.advance(self._frontier.size, self._frontier.root())
                    except StoreCorrupt:  # a read that failed once can look like damage: what is real is seen again
                        self._publication.advance(self._frontier.size, self._frontier.root())
                    for listener in self._listeners:
                        listener()
                else:
                    self._publication.renew()
                self._trouble = None
            except StoreCorrupt as error:
                reason = f"the log has stopped signing: {error}"
                log.critical("%s", reason)
                with self._gate:
                    self._state = SequencerState(signing=False, reason=reason)
                self._abandon(StoreCorrupt(reason))
            except Exception as error:  # noqa: BLE001  (the sequencer outlives every failure of the disk)
                self._note_trouble(error)
                self._abandon(StoreUnavailable(f"sequenced, but not published yet: {error}"))
        still_waiting = []
        for appended, future in self._waiting:
            if appended.index < self.size:
                future.set_result(appended)
            else:
                still_waiting.append((appended, future))
        self._waiting = still_waiting

    def _catch_up(self) -> None:
        """Take up the log where the store has it: a write whose outcome was unknown may have been done."""
        self._frontier = self._publication.frontier()
        with self._store.read() as session:
            newest = entries.last(session)
        self._logged_at_ms = 0 if newest is None else newest.logged_at_ms
        self._uncertain = False

    def _note_trouble(self, error: Exception) -> None:
        trouble = StoreUnavailable(f"the log cannot be written now: {error}")
        if str(trouble) != str(self._trouble):
            log.error("%s; trying again every %s s", trouble, RETRY_SECONDS, exc_info=error)
        self._trouble = trouble

    def _abandon(self, error: RegistryError) -> None:
        """Tell those who wait for what is not published that it will not be in their time."""
        waiting, self._waiting = self._waiting, []
        for appended, future in waiting:
            if appended.index < self.size:
                future.set_result(appended)
            else:
                future.set_exception(error)


def _fail(batch: list[_Pending], error: Exception) -> None:
    for pending in batch:
        pending.future.set_exception(error)
