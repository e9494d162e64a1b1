"""The writer: the one thread and connection of this process that write the database.

Group commit: all jobs that wait when a transaction begins share its COMMIT, each behind its own SAVEPOINT, so that the
cost of making it durable is shared and a job that fails rolls back alone.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from provenance.errors import StoreUnavailable
from provenance.limits import MAX_COMMIT_JOBS, MAX_PENDING_JOBS
from registry.database.failures import ends_transaction, may_be_repeated, translate

T = TypeVar("T")

log = logging.getLogger(__name__)


class Job(Generic[T]):
    """A function of a session, and the future of its result."""

    def __init__(self, function: Callable[[Session], T], *, purges: bool = False) -> None:
        """`purges`: the future also waits until deleted data is erased from the files."""
        self.function = function
        self.purges = purges
        self.future: Future[T] = Future()
        self._settle: Callable[[], None] = lambda: None

    def run(self, connection: Connection) -> None:
        """Run inside a savepoint. Raises what ended the transaction; any other exception goes to the job's future."""
        session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            value = self.function(session)
            session.commit()
        except Exception as error:
            if ends_transaction(error):
                raise
            session.rollback()
            self._settle = partial(self.future.set_exception, translate(error))
        else:
            self._settle = partial(self.future.set_result, value)
        session.close()

    def settle(self) -> None:
        """Resolve the future, after the commit."""
        self._settle()


class Writer:
    """Runs jobs on the writing engine until closed; calls `after_commit` with the connection after each commit."""

    def __init__(
        self, engine: Engine, after_commit: Callable[[Connection], None], purge: Callable[[Connection], bool]
    ) -> None:
        """`purge` is called before the futures of jobs that ask for it resolve: False if that cannot be done now."""
        self._engine = engine
        self._after_commit = after_commit
        self._purge = purge
        # Shared with callers, under _gate:
        self._gate = threading.Lock()
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._closed = False
        # The thread's own:
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="countermark-writer", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[Session], T], *, purges: bool = False) -> "Future[T]":
        """Queue a job; its future holds the result once that is durable, or the reason why it never will be.

        With `purges` it holds StoreUnavailable if the job was committed, but the files could not be purged after it.
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
            del first, batch  # and what their functions hold: the next may be long in coming
            if last:
                break
        self._disconnect()

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
            try:
                connection = self._run_all(jobs)
            except Exception as error:
                if not may_be_repeated(error):
                    raise
                self._disconnect()  # nothing was committed, and a server that restarted takes the jobs now
                connection = self._run_all(jobs)
            connection.commit()
        except Exception as error:  # noqa: BLE001  (the thread outlives every failure of the disk)
            log.error("a commit of %d writes failed: %s", len(jobs), translate(error))
            self._disconnect()
            for job in jobs:
                job.future.set_exception(translate(error))
        else:
            purging = [job for job in jobs if job.purges]
            for job in jobs:
                if not job.purges:
                    job.settle()
            if purging and not self._purge(connection):
                for job in purging:
                    job.future.set_exception(StoreUnavailable("readers still use deleted data: try again"))
            else:
                for job in purging:
                    job.settle()
                self._after_commit(connection)

    def _run_all(self, jobs: list[Job[Any]]) -> Connection:
        """Begin a transaction and run the jobs in it."""
        if self._connection is None:
            self._connection = self._engine.connect()
        self._connection.begin()
        for job in jobs:
            job.run(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError as error:
                log.warning("the writing connection did not close: %s", error)
