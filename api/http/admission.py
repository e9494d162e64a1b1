"""Admission: how many registrations and verifications are in hand, so that overload is refused early and politely.

Work beyond the bound would only wait until its client has gone; it is answered 503 with Retry-After instead.
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
"""Seconds: about what the work in hand needs when the bound is reached."""


BRIEF_THREADS = 8
"""Threads for work of less than a millisecond: beyond as many as keep the processors busy they wait for each other."""


class Admission:
    """Runs blocking work in its own threads, `bound` pieces at most."""

    def __init__(self, bound: int, metrics: Metrics) -> None:
        self._bound = bound
        self._metrics = metrics
        self._in_hand = 0
        self._threads = anyio.CapacityLimiter(bound)
        self._brief_threads = anyio.CapacityLimiter(BRIEF_THREADS)

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """What `work(*arguments)` returns, from a thread. Raises: Overloaded, and what `work` raises."""
        with self.place():
            return await self.within(work, *arguments)

    async def within(self, work: Callable[[*Arguments], T], *arguments: *Arguments, brief: bool = False) -> T:
        """As `run`, for a caller that holds a `place`. Brief work waits for nobody, and shares `BRIEF_THREADS`."""
        limiter = self._brief_threads if brief else self._threads
        return await anyio.to_thread.run_sync(work, *arguments, limiter=limiter)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among what is in hand, for as long as the context is open. Raises: Overloaded."""
        if self._in_hand >= self._bound:
            raise Overloaded("All places are taken; come back in a moment.", retry_after=RETRY_AFTER)
        self._in_hand += 1
        self._metrics.working.set(self._in_hand)
        try:
            yield
        finally:
            self._in_hand -= 1
            self._metrics.working.set(self._in_hand)
