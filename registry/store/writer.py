"""The writer: the one thread and connection that write the database and checkpoint its WAL.

Group commit: all jobs that wait when a transaction begins share its COMMIT, each behind its own SAVEPOINT, so that the
cost of `synchronous=FULL` is shared and a job that fails rolls back alone.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from provenance.errors import RegistryError, StoreUnavailable
from provenance.limits import MAX_COMMIT_JOBS, MAX_PENDING_JOBS, WAL_LIMIT_BYTES
from registry.store.failures import ends_transaction, translate, translated

T = TypeVar("T")

_BUSY_WAL_PAUSE = 1.0  # seconds between tries to empty a WAL that readers hold

log = logging.getLogger(__name__)


class Job(Generic[T]):
    """A function of a session, and the future of its result."""

    def __init__(self, function: Callable[[Session], T], *, purges: bool = False) -> None:
        """`purges`: the future waits until the WAL is empty as well."""
        self.function = function
        self.purges = purges
        self.future: Future[T] = Future()
        self._settle: Callable[[], None] = lambda: None

    def run(self, connection: Connection) -> None:
        """Run inside a savepoint. What the job raises is kept for its future; raises what has ended the transaction."""
        session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            value = self.function(session)
            session.commit()
        except Exception as error:
            if ends_transaction(error):
                raise
            session.rollback()
            failure = translate(error)
            self._settle = lambda: self.future.set_exception(failure)
        else:
            self._settle = lambda: self.future.set_result(value)
        session.close()

    def settle(self) -> None:
        """Tell the caller, after the commit."""
        self._settle()


class Writer:
    """Runs jobs on the writing engine until it is closed.

    `turnstile` is closed for the moment in which the WAL is emptied: readers that keep joining the snapshots of others
    would starve that for ever.
    """

    def __init__(self, engine: Engine, wal: Path, turnstile: threading.Event) -> None:
        self._engine = engine
        self._turnstile = turnstile
        self._wal = wal
        # Shared with callers, under _gate:
        self._gate = threading.Lock()
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._closed = False
        # The thread's own:
        self._connection: Connection | None = None
        self._wal_retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="countermark-writer", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[Session], T], *, purges: bool = False) -> "Future[T]":
        """Queue a job; its future holds the result once that is durable, or the reason why it never will be.

        With `purges` it holds StoreUnavailable where the job is done, and the WAL could not be emptied after it.
        """
        job = Job(function, purges=purges)
        with self._gate:
            if self._closed:
                job.future.set_exception(StoreUnavailable("the store is closed"))
            elif self._jobs.qsize() >= MAX_PENDING_JOBS:
                job.future.set_exception(StoreUnavailable("too many writes are waiting"))
            else:
                self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Finish what is queued, then end the thread and its connection."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, last = self._drain(first)
            self._commit([job for job in batch if job.future.set_running_or_notify_cancel()])
            if last:
                break
        self._hang_up()

    def _drain(self, first: Job[Any]) -> tuple[list[Job[Any]], bool]:
        """The jobs of one commit, and whether the queue has ended behind them."""
        batch = [first]
        while len(batch) < MAX_COMMIT_JOBS:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, jobs: list[Job[Any]]) -> None:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                for job in jobs:
                    job.run(self._connection)
        except Exception as error:  # noqa: BLE001  (the thread outlives every failure of the disk)
            log.error("a commit of %d writes failed: %s", len(jobs), translate(error))
            self._hang_up()
            for job in jobs:
                job.future.set_exception(translate(error))
        else:
            purging = [job for job in jobs if job.purges]
            for job in jobs:
                if not job.purges:
                    job.settle()
            if purging and not self._empty_wal(self._connection):
                for job in purging:
                    job.future.set_exception(StoreUnavailable("readers still hold what was deleted: try again"))
            else:
                for job in purging:
                    job.settle()
                self._bound_wal(self._connection)

    def _bound_wal(self, connection: Connection) -> None:
        """Empty a WAL that has outgrown its limit: overlapping readers keep SQLite's own checkpoints from doing so."""
        try:
            if time.monotonic() < self._wal_retry_at or self._wal.stat().st_size <= WAL_LIMIT_BYTES:
                return
        except OSError as error:
            log.warning("the write-ahead log cannot be looked at: %s", error)
            return
        if not self._empty_wal(connection):
            self._wal_retry_at = time.monotonic() + _BUSY_WAL_PAUSE

    def _empty_wal(self, connection: Connection) -> bool:
        """Move all of the WAL into the database and cut it to nothing; False where readers or the disk prevent it."""
        try:
            self._turnstile.clear()
            with translated():
                cursor = connection.connection.cursor()  # past SQLAlchemy, which would begin a transaction first
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy = cursor.fetchall()[0][0]
                cursor.close()
        except RegistryError as error:
            log.warning("the write-ahead log could not be emptied: %s", error)
            return False
        finally:
            self._turnstile.set()
        return not busy

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError as error:
                log.warning("the writing connection did not close: %s", error)
