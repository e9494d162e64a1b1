"""The sequencer: gives indices to statements, and publishes their tree.

An entry is *sequenced* when its row is durable, *published* when a signed checkpoint covers it. Entries are appended in
batches: one transaction and one checkpoint for all that wait.

Several processes on one database sequence in turn, under the lock on the head of the log; only the leader publishes,
and the others wait for its checkpoints. No state of the tree is kept between two batches, so that the next batch finds
a commit whose confirmation was lost.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from provenance.errors import (
    MalformedNote,
    RegistryError,
    StoreCorrupt,
    StoreUnavailable,
    UntrustedNote,
)
from provenance.limits import MAX_COMMIT_JOBS, MAX_PENDING_JOBS, MAX_TREE_SIZE
from provenance.statement.keys import Signer
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.note import VerifierKey
from registry.database import Store, checkpoints, heads
from registry.log.batch import Appended, FindDuplicate, Pending, Waiters, WriteViews, insert
from registry.log.high_water import HighWater
from registry.log.log_keys import KnownKeys, OtherKeys, no_other_keys
from registry.log.publication import Publication, Published, SequencerState
from registry.log.tiles import Tiles
from registry.storage.objects import Objects
from registry.times import to_milliseconds

__all__ = ["Appended", "FindDuplicate", "Sequencer", "SequencerState", "WriteViews"]

RETRY_SECONDS = 1.0
"""Seconds between tries to publish while the object storage or the disk refuses."""

STALL_SECONDS = 10.0
"""Seconds that one step of a publication may take, or keep failing, before the leader is replaced: a flush of a busy
disk takes one or two, a request to a bucket with its retries some more."""

COMPANY_SECONDS = 0.005
"""Seconds that an entry waits for as many others as its predecessors came with: a commit and a publication take 13 ms
alone, and 0.22 ms each for 200. Where entries come one after the other, none waits."""

_RETRY_PAUSE = 0.2  # seconds before the first new try of a batch, doubled with each

log = logging.getLogger(__name__)


class _Refresh:
    """In the queue: the store or the leadership may have changed."""


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
        high_water: Path | str | None = None,
        other_keys: OtherKeys = no_other_keys,
    ) -> None:
        """Open the log, and publish what was sequenced before a crash.

        Args:
            store: holds entries and records; this sequencer is the only one on it in this process.
            objects: hold tiles and checkpoint, under "log/".
            log_signer: the log's Ed25519 key; other keys sign where the log's entries name them.
            origin: the log's name in its checkpoints.
            clock: the time, with a zone.
            high_water: the high-water mark, a path or "s3://BUCKET/NAME", by preference not where the store is.
            other_keys: finds who signs with the log's other keys.

        Raises:
            StoreCorrupt: the store contradicts a checkpoint that the log has signed; the message says what to do.
            StoreUnavailable: the store cannot be read or written now.
        """
        self._store = store
        self._clock = clock
        self.tiles = Tiles(objects)
        self._known_keys = KnownKeys(origin, log_signer, other_keys)
        self._high_water = HighWater(high_water or store.folder / "high-water")
        # Shared with callers, under _gate:
        self._gate = threading.Lock()
        self._queue: SimpleQueue[Pending | _Refresh | None] = SimpleQueue()
        self._refresh_requested = False
        self._closed = False
        self._state = SequencerState(signing=True)
        self._published = Published(0, None)
        self._listeners: tuple[Callable[[], None], ...] = ()
        # The thread's own:
        self._term: int | None = None
        self._publication: Publication | None = None  # while this process leads
        self._sequenced = 0
        self._trouble: StoreUnavailable | None = None
        self._waiting = Waiters()
        self._company = 1  # entries of the last batch
        # Monotonic times, which the leadership's thread reads:
        self._step_at: float | None = None  # when the running step of a publication began
        self._failing_since: float | None = None
        store.leadership.watch(self._request_refresh, self._is_progressing)
        self._note_progress()
        self._follow_election()
        self._step_at = None
        self._thread = threading.Thread(target=self._run, name="countermark-sequencer", daemon=True)
        self._thread.start()

    @property
    def key(self) -> VerifierKey:
        """The log's public Ed25519 key, named as its origin: the one that signs now."""
        return self.keys.signing_key(MAX_TREE_SIZE)

    @property
    def keys(self) -> LogKeys:
        """All keys that the log has and had, by size of tree, as far as this process knows."""
        return self._known_keys.keys

    @property
    def size(self) -> int:
        """Number of published entries, as far as this process knows."""
        return self._published.size

    @property
    def state(self) -> SequencerState:
        """Whether the log can grow; if not, the reason."""
        return self._state

    @property
    def trouble(self) -> RegistryError | None:
        """Why nothing can be logged now: the reason why signing stopped, or the last failed write, which is retried."""
        return self._trouble if self._state.signing else StoreCorrupt(self._state.reason)

    def checkpoint(self, stored: bytes | None = None, *, covering: int | None = None) -> bytes:
        """The signed note of the published tree. Raises StoreUnavailable before the first.

        Args:
            stored: the note of the store's newest checkpoint, where the caller has just read that.
            covering: the index of an entry: any tree that has it will do, so that the store need not be asked.
        """
        known = self._published
        enough = covering is not None and known.size > covering
        if not (self._store.alone or enough or (stored is not None and stored == known.note)):  # by another process
            with suppress(StoreUnavailable):  # reads go on with the last known checkpoint
                self._refresh()
        if (note := self._published.note) is None:
            raise StoreUnavailable("the log has published nothing yet")
        return note

    def attach(self, note: bytes) -> None:
        """Publish the current checkpoint with more cosignatures; ignored for an older one, or if this process follows.

        Raises StoreUnavailable.
        """
        publication = self._publication
        if publication is not None:
            publication.attach(note)
            with self._gate:
                if publication.checkpoint.size == self.size and publication.note is not None:
                    self._published = Published(self.size, publication.note)

    def notify(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each publication, in the sequencer's thread: it must neither block nor raise."""
        with self._gate:
            self._listeners = (*self._listeners, listener)

    def append(
        self,
        statement: bytes,
        record: bytes | None,
        write_views: WriteViews | None = None,
        find_duplicate: FindDuplicate | None = None,
        *,
        wait: Literal["sequenced", "published"] = "published",
    ) -> "Future[Appended]":
        """Append a statement about a record, unless that is logged already or `find_duplicate` finds an equal one.

        Args:
            statement: the log entry, whose signature the caller has checked.
            record: the canonical JSON that the statement is about; None if its publisher withholds it.
            write_views: called inside the transaction, before the rows of this batch's entries are visible.
            find_duplicate: called inside the transaction too, so that of two equal registrations at once one finds the
                other.
            wait: what the future waits for.

        Returns:
            a future of the entry. It raises what `write_views` raised; StoreUnavailable, after which a new
            try finds the entry if it was sequenced; FrozenLog; or StoreCorrupt once the log has stopped.

        Raises:
            EntryTooLarge, MalformedStatement, MalformedRecord, InvalidRequest: as `Pending.of` does.
        """
        pending = Pending.of(statement, record, write_views, find_duplicate, published=wait == "published")
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
        queued = self._queue.qsize() - self._refresh_requested  # a refresh is no entry
        if queued + self._sequenced - self.size >= MAX_PENDING_JOBS:
            return StoreUnavailable("too many entries are waiting to be published")
        return None

    def _request_refresh(self) -> None:
        """Queue one refresh from the store."""
        with self._gate:
            if not self._refresh_requested and not self._closed:
                self._refresh_requested = True
                self._queue.put(_Refresh())

    def _is_progressing(self) -> bool:
        """Whether publication advances: otherwise another process should lead.

        What failed while this process led does not count once it no longer does: its next batch may wait for what the
        new leader has locked, and if that one is suspended, only who stands for election sets it free.
        """
        failing_since = None if self._store.leadership.term is None else self._failing_since
        since = [moment for moment in (self._step_at, failing_since) if moment is not None]
        return not since or time.monotonic() - min(since) < STALL_SECONDS

    def _note_progress(self) -> None:
        self._step_at = time.monotonic()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._take()
            self._sequence(batch)
            del batch  # and what `write_views` of its entries hold, such as a picture: the next may be long in coming
            self._publish()
        self._settle(StoreUnavailable("the log was closed before this entry was published"), final=True)

    def _take(self) -> tuple[list[Pending], bool]:
        """The entries of one batch, and whether more may come. Waits for one, unless a step has to be retried."""
        batch: list[Pending] = []
        until = 0.0
        idle = self._publication is not None and self._sequenced == self.size and self._trouble is None
        timeout = None if idle and self._store.alone else RETRY_SECONDS
        while len(batch) < MAX_COMMIT_JOBS:
            try:
                if batch:
                    rest = until - time.monotonic() if len(batch) < self._company else 0.0
                    pending = self._queue.get(rest > 0, max(0.0, rest))
                else:
                    pending = self._queue.get(timeout=timeout)
                    until = time.monotonic() + COMPANY_SECONDS
            except Empty:
                break
            match pending:
                case None:
                    return batch, False
                case _Refresh():
                    self._refresh_requested = False
                    if not batch:
                        break
                case Pending():
                    if pending.future.set_running_or_notify_cancel():
                        batch.append(pending)
        self._company = len(batch) or self._company
        return batch, True

    def _sequence(self, batch: list[Pending]) -> None:
        if not batch:
            return
        if not self._state.signing:
            _fail(batch, StoreCorrupt(self._state.reason))
            return
        try:
            outcomes = self._write(batch)
        except StoreUnavailable as error:
            self._note_trouble(error)
            _fail(batch, error)
            return
        except Exception as error:  # noqa: BLE001  (one entry must not end the sequencer)
            if len(batch) == 1:
                _fail(batch, error)
                return
            for pending in batch:  # one entry must not hold up the others
                self._sequence([pending])
            return
        appended = [outcome.index + 1 for outcome in outcomes if isinstance(outcome, Appended)]
        self._sequenced = max(self._sequenced, *appended, 0)  # before anybody who waits can append again
        deadline = time.monotonic() + self._store.failover_timeout
        for pending, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                pending.future.set_exception(outcome)
                continue
            if pending.published:
                self._waiting.add(outcome, pending.future, deadline)
            else:
                pending.future.set_result(outcome)

    def _write(self, batch: list[Pending]) -> list[Appended | Exception]:
        """The outcome of each entry. A batch whose commit was not confirmed is retried until the failover timeout."""
        deadline, pause, again = time.monotonic() + self._store.failover_timeout, _RETRY_PAUSE, False
        while True:
            try:
                write = partial(insert, batch=batch, now_ms=to_milliseconds(self._clock()), again=again)
                return self._store.write(partial(write, keys=self._known_keys)).result()
            except StoreUnavailable:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause, again = 2 * pause, True

    def _follow_election(self) -> None:
        """Lead or follow, by the result of the election. Raises StoreCorrupt, StoreUnavailable."""
        term = self._store.leadership.term
        if self._publication is None or term != self._term:
            self._publication, self._term = None, term
            self._refresh()
            if term is not None:
                self._publication = Publication(
                    self._store, self.tiles, self._known_keys, self._clock, self._high_water, term, self._note_progress
                )

    def _refresh(self) -> None:
        """Read the latest checkpoint, published by any process. Raises StoreCorrupt, StoreUnavailable."""
        with self._store.read() as session:
            latest = checkpoints.latest(session)
            sequenced = heads.read(session).size
            self._known_keys.refresh(session)
        self._sequenced = max(self._sequenced, sequenced)
        if latest is not None and latest.size >= self.size and latest.note != self._published.note:
            try:
                self.keys.open(latest.note)
            except (MalformedNote, UntrustedNote) as error:
                message = f"the checkpoint in the store is not a checkpoint of the log {self.keys.origin}: {error}"
                raise StoreCorrupt(message) from error
            with self._gate:
                if latest.size >= self.size:
                    self._published = Published(latest.size, latest.note)

    def _publish(self) -> None:
        """Publish new entries, or learn that the leader has; resolve the futures of those that wait."""
        failure: RegistryError | None = None
        self._note_progress()
        try:
            if self._state.signing:
                try:
                    self._advance_once()
                except StoreCorrupt:  # a failed read can look like damage: real damage is found again
                    self._advance_once()
                self._trouble = self._failing_since = None
        except StoreCorrupt as error:
            if self._lost_leadership():
                failure = StoreUnavailable("another process has taken over the log")
            else:
                failure = StoreCorrupt(f"the log has stopped signing: {error}")
                log.critical("%s", failure)
                with self._gate:
                    self._state = SequencerState(signing=False, reason=str(failure))
                self._store.leadership.resign()
        except Exception as error:  # noqa: BLE001  (a failure of the disk must not end the sequencer)
            self._note_trouble(error)
            self._failing_since = self._failing_since or time.monotonic()
            failure = StoreUnavailable(f"sequenced, but not published yet: {error}")
            self._lost_leadership()
        self._step_at = None
        self._settle(failure)

    def _advance_once(self) -> None:
        self._follow_election()
        self._advance()

    def _advance(self) -> None:
        if self._publication is None:
            return  # another process leads
        with self._store.read() as session:
            head = heads.read(session)
            self._known_keys.refresh(session)
        self._sequenced = head.size
        if head.size > self._publication.checkpoint.size:
            self._publication.advance(head.size, head.frontier.root())
            self._show(self._publication)
            for listener in self._listeners:
                listener()
            self._publication.prune()
        elif self._trouble is not None:
            self._publication.renew()

    def _show(self, publication: Publication) -> None:
        with self._gate:
            if publication.checkpoint.size >= self.size:
                self._published = Published(publication.checkpoint.size, publication.note)

    def _note_trouble(self, error: Exception) -> None:
        trouble = StoreUnavailable(f"the log cannot be written now: {error}")
        if str(trouble) != str(self._trouble):
            log.error("%s; trying again every %s s", trouble, RETRY_SECONDS, exc_info=error)
        self._trouble = trouble

    def _lost_leadership(self) -> bool:
        """Whether another process may have been elected, so that what this one knows of the tree may be out of date."""
        if self._term is None or self._store.alone:
            return False
        with suppress(RegistryError):  # unknown now
            if self._store.leads(self._term):
                return False
        self._publication = None
        return True

    def _settle(self, failure: RegistryError | None, *, final: bool = False) -> None:
        """Resolve the futures of published entries, and after a failure those that need not wait longer."""
        overdue = failure is not None or not self._store.alone
        self._waiting.settle(self.size, failure, overdue=overdue, hopeless=final or isinstance(failure, StoreCorrupt))


def _fail(batch: list[Pending], error: Exception) -> None:
    for pending in batch:
        pending.future.set_exception(error)
