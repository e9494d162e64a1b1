"""Admission control: a bound on concurrent registrations and verifications.

Work beyond the bound would wait until its client has timed out; it is answered 503 with Retry-After instead.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from api.http.metrics import Metrics
from provenance.errors import Overloaded

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

RETRY_AFTER = 2.0
"""Seconds: about what the work in progress takes when the bound is reached."""


BRIEF_THREADS = 8
"""Threads for work of less than a millisecond: more than keep the processors busy would wait for each other."""


class Admission:
    """Runs blocking work in threads of its own, at most `bound` pieces at once."""

    def __init__(self, bound: int, metrics: Metrics) -> None:
        self._bound = bound
        self._metrics = metrics
        self._in_progress = 0
        self._threads = anyio.CapacityLimiter(bound)
        self._brief_threads = anyio.CapacityLimiter(BRIEF_THREADS)

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """What `work(*arguments)` returns, from a thread. Raises: Overloaded, and what `work` raises."""
        with self.place():
            return await self.within(work, *arguments)

    async def within(self, work: Callable[[*Arguments], T], *arguments: *Arguments, brief: bool = False) -> T:
        """As `run`, for a caller that holds a `place`. Brief work runs in `BRIEF_THREADS` and does not block on I/O."""
        limiter = self._brief_threads if brief else self._threads
        return await anyio.to_thread.run_sync(work, *arguments, limiter=limiter)

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the `bound` places, held while the context is open. Raises: Overloaded."""
        if self._in_progress >= self._bound:
            raise Overloaded(
                "Too many registrations and verifications are in progress; retry in a moment.", retry_after=RETRY_AFTER
            )
        self._in_progress += 1
        self._metrics.working.set(self._in_progress)
        try:
            yield
        finally:
            self._in_progress -= 1
            self._metrics.working.set(self._in_progress)
