"""Comparing: each registration is compared with those before it, beside and after its registration, never within it.

What waits is noted in the store, in the transaction that made the registration public, so that a crash loses nothing:
whatever nobody is at is taken up by the next process that looks. What fails waits for the next round.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from provenance.errors import CountermarkError
from registry.database import Store, resemblances
from registry.times import to_milliseconds

CLAIM_MILLISECONDS = 120_000
"""For how long a process has a registration to itself: a search takes a second or two, and waits for a worker."""

TAKEN_UP_AT_ONCE = 64
"""Registrations that were left over and are claimed in one go."""

log = logging.getLogger(__name__)


class Comparing:
    """Compares the registrations of one store, a few at a time. Thread-safe."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], compare: Callable[[int], Sequence[int]], *, threads: int
    ) -> None:
        """`compare`: compares the registration at an index, keeps what it finds, and returns those that have to be
        compared anew because of it; it raises CountermarkError."""
        self._store = store
        self._clock = clock
        self._compare = compare
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="countermark-comparing")
        self._lock = threading.Lock()
        self._running: dict[int, Future[None]] = {}
        self._queued = 0
        self._closed = False
        if store.alone:
            store.write(resemblances.release).result()

    @property
    def claimed_until_ms(self) -> int:
        """Until when a registration that is claimed now is this process's."""
        return to_milliseconds(self._clock()) + CLAIM_MILLISECONDS

    @property
    def behind(self) -> bool:
        """Whether more waits here than is worth waiting for."""
        return self._queued > 2 * self._threads

    def soon(self, index: int) -> "Future[None]":
        """Have a registration compared; the future is done when it was, or when that has failed and waits again."""
        with self._lock:
            self._queued += 1
        try:
            return self._pool.submit(self._run, index)
        except RuntimeError:  # closing: the next start takes it up
            return _done()

    def now(self, index: int) -> None:
        """Compare a registration in this thread, or wait for the one that is at it. Raises CountermarkError."""
        with self._lock:
            at_it = self._running.get(index)
            if at_it is None:
                mine: Future[None] = Future()
                self._running[index] = mine
        if at_it is not None:
            at_it.result()
            return
        try:
            again = self._compare(index)
        finally:
            with self._lock:
                del self._running[index]
            mine.set_result(None)
        for each in again:
            self.soon(each)

    def take_up(self) -> "Sequence[Future[None]]":
        """Begin with what was left over: by a crash, by another process, or by a failure. Raises StoreUnavailable."""
        if self._closed or self.behind:
            return ()
        now = to_milliseconds(self._clock())
        found = self._store.write(
            lambda session: resemblances.claim(session, now, now + CLAIM_MILLISECONDS, TAKEN_UP_AT_ONCE)
        ).result()
        begun = [self.soon(index) for index in found]
        if len(begun) == TAKEN_UP_AT_ONCE:
            begun[-1].add_done_callback(self._take_up_more)
        return begun

    def stop(self) -> None:
        """Begin nothing more."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait for what runs."""
        self.stop()
        self._pool.shutdown(wait=True)

    def _run(self, index: int) -> None:
        try:
            self.now(index)
        except CountermarkError as error:
            log.warning("comparing registration %d with older ones has failed, and waits: %s", index, error)
        except Exception:
            log.exception("comparing registration %d with older ones has failed, and waits", index)
        finally:
            with self._lock:
                self._queued -= 1

    def _take_up_more(self, last: "Future[None]") -> None:
        if not last.cancelled():
            with suppress(CountermarkError, RuntimeError):  # the next round tries again
                self._pool.submit(self._take_up_quietly)

    def _take_up_quietly(self) -> None:
        with suppress(CountermarkError):
            self.take_up()


def _done() -> "Future[None]":
    future: Future[None] = Future()
    future.set_result(None)
    return future
