"""ComparisonQueue: compares each new registration with older ones, in the background.

The queue is in the store, written in the transaction that makes a registration public, so that a crash loses nothing: a
process claims the registrations that no other has claimed. A failed comparison waits for the next round.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from provenance.errors import CountermarkError
from provenance.media.local_features import LocalFeatures
from registry.database import Store, resemblances
from registry.times import to_milliseconds

CLAIM_MILLISECONDS = 120_000
"""How long a claim lasts: a search takes a second or two, and waits for a worker."""

RESUMED_AT_ONCE = 64
"""Unclaimed registrations that one call of `resume` claims at most."""

log = logging.getLogger(__name__)


class ComparisonQueue:
    """Compares the registrations of one store, `threads` at a time. Thread-safe."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        compare: Callable[[int, LocalFeatures | None], Sequence[int]],
        *,
        threads: int,
    ) -> None:
        """`compare`: compares the registration at an index, whose local features may be known, stores the result, and
        returns the indices of those that have to be compared again because of it; raises CountermarkError."""
        self._store = store
        self._clock = clock
        self._compare = compare
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="countermark-comparison")
        self._lock = threading.Lock()
        self._running: dict[int, Future[None]] = {}
        self._queued = 0
        self._closed = False
        if store.alone:
            store.write(resemblances.release).result()

    @property
    def claimed_until_ms(self) -> int:
        """The end of a claim that is made now."""
        return to_milliseconds(self._clock()) + CLAIM_MILLISECONDS

    @property
    def is_backlogged(self) -> bool:
        """Whether the queue is too long to wait for a new comparison."""
        return self._queued > 2 * self._threads

    def submit(self, index: int, features: LocalFeatures | None = None) -> "Future[None]":
        """Queue a registration; the future is done when it was compared, or when that failed and it waits again.

        `features`: of its thumbnail, where they are known.
        """
        with self._lock:
            self._queued += 1
        try:
            return self._pool.submit(self._run, index, features)
        except RuntimeError:  # closing: the next start resumes it
            return _done()

    def run(self, index: int, features: LocalFeatures | None = None) -> None:
        """Compare a registration in this thread, or wait for the thread that does. Raises CountermarkError."""
        with self._lock:
            running = self._running.get(index)
            if running is None:
                mine: Future[None] = Future()
                self._running[index] = mine
        if running is not None:
            running.result()
            return
        try:
            again = self._compare(index, features)
        finally:
            with self._lock:
                del self._running[index]
            mine.set_result(None)
        for each in again:
            self.submit(each)

    def resume(self) -> "Sequence[Future[None]]":
        """Claim and queue what a crash, another process or a failure has left. Raises StoreUnavailable."""
        if self._closed or self.is_backlogged:
            return ()
        now = to_milliseconds(self._clock())
        found = self._store.write(
            lambda session: resemblances.claim(session, now, now + CLAIM_MILLISECONDS, RESUMED_AT_ONCE)
        ).result()
        begun = [self.submit(index) for index in found]
        if len(begun) == RESUMED_AT_ONCE:
            begun[-1].add_done_callback(self._resume_more)
        return begun

    def stop(self) -> None:
        """Start no further comparison."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Stop, and wait for the running comparisons."""
        self.stop()
        self._pool.shutdown(wait=True)

    def _run(self, index: int, features: LocalFeatures | None) -> None:
        try:
            self.run(index, features)
        except CountermarkError as error:
            log.warning("comparing registration %d with older ones failed, and is tried again: %s", index, error)
        except Exception:
            log.exception("comparing registration %d with older ones failed, and is tried again", index)
        finally:
            with self._lock:
                self._queued -= 1

    def _resume_more(self, last: "Future[None]") -> None:
        if not last.cancelled():
            with suppress(CountermarkError, RuntimeError):  # the next round tries again
                self._pool.submit(self._resume_quietly)

    def _resume_quietly(self) -> None:
        with suppress(CountermarkError):
            self.resume()


def _done() -> "Future[None]":
    future: Future[None] = Future()
    future.set_result(None)
    return future
