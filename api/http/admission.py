"""Admission control: whose work is taken on, and what has places of its own.

Pictures, which workers examine for seconds, have a bound in all and one for each party: a client address, or the
holder of an API key. Look-ups by digest take milliseconds, in threads of their own: they never wait behind pictures.
Everything else that writes has a bound, too. What is beyond a bound, or would wait for longer than its client does, is
refused at once, with a time to come back.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from api.http.metrics import Metrics
from provenance.errors import Overloaded, RateLimited
from provenance.limits import MAX_WAIT_SECONDS
from registry.sandbox import Budget

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

RETRY_AFTER = 2.0
"""Seconds: about what the work in progress takes when a bound is reached."""

BRIEF_THREADS = 8
"""Threads for work of less than a millisecond: more than keep the processors busy would wait for each other."""

LOOKUP_THREADS = 8
"""Threads for look-ups by digest: a report takes some 10 ms, most of it in the database."""

MAX_LOOKUPS_WAITING = 512
"""Look-ups by digest in hand: they take some 5 seconds together."""

FIRST_GUESS_SECONDS = 0.5
"""Seconds of a worker that a picture is expected to take before any was looked at."""

WEIGHT = 0.1
"""Of the last picture in what the next is expected to take."""

Refusal = Literal["pictures_of_a_party", "pictures", "expected_wait", "lookups", "work"]


class Party(NamedTuple):
    """Who sends pictures, a client address or the holder of an API key, and how many it may have in hand."""

    name: str
    most: int


class Pictures:
    """The pictures in hand. Not thread-safe: the event loop is its only caller.

    Args:
        places: pictures in hand at most.
        workers: that examine them.
        max_wait: see `limits.MAX_WAIT_SECONDS`.
        refused: called with the reason for each picture that is refused.
    """

    def __init__(
        self,
        places: int,
        workers: int,
        *,
        max_wait: float = MAX_WAIT_SECONDS,
        refused: Callable[[Refusal], None] = lambda _: None,
    ) -> None:
        self._places = places
        self._workers = workers
        self._max_wait = max_wait
        self._refused = refused
        self._in_hand: Counter[str] = Counter()
        self.expected = FIRST_GUESS_SECONDS
        """Seconds of a worker that the next picture is expected to take."""

    @property
    def in_hand(self) -> int:
        return self._in_hand.total()

    def check(self, party: Party) -> None:
        """Check that a picture would be taken on, before its body is received. Raises as `place`."""
        mine = self._in_hand[party.name]
        # The second half of the places is for parties that have none: many addresses cannot take them all.
        if mine >= party.most or (mine and self.in_hand >= self._places // 2):
            self._refused("pictures_of_a_party")
            raise RateLimited(
                f"{mine} pictures from here are in hand, as many as may be now: send the next when one is answered.",
                retry_after=max(RETRY_AFTER, self.expected),
            )
        if self.in_hand >= self._places:
            self._refused("pictures")
            raise Overloaded(
                f"{self.in_hand} pictures are in hand, as many as may be: retry in a moment.", retry_after=RETRY_AFTER
            )
        wait = self._expected_wait(mine, party.name)
        if wait > self._max_wait:
            self._refused("expected_wait")
            raise Overloaded(
                f"A picture would have to wait for {wait:.0f} seconds now, more than {self._max_wait:g}: retry later.",
                retry_after=wait - self._max_wait + RETRY_AFTER,
            )

    @contextmanager
    def place(self, party: Party) -> Iterator[Budget]:
        """A place for one picture, and its budget.

        Raises:
            RateLimited: the party has as many in hand as it may, or one while half of the places are taken.
            Overloaded: all places are taken, or the wait would be too long.
        """
        self.check(party)
        budget = Budget(party.name)
        self._in_hand[party.name] += 1
        try:
            yield budget
        finally:
            self._in_hand[party.name] -= 1
            if not self._in_hand[party.name]:
                del self._in_hand[party.name]
            if budget.held:
                self.expected += WEIGHT * (budget.held - self.expected)

    def _expected_wait(self, mine: int, party: str) -> float:
        """Seconds: parties take turns, so that of each other one no more pictures come first than this one has."""
        others = sum(min(count, mine + 1) for each, count in self._in_hand.items() if each != party)
        return max(0, mine + others + 1 - self._workers) * self.expected / self._workers


class Admission:
    """Runs blocking work in threads of its own.

    Args:
        bound: pictures in hand at most, and other pieces of work that write.
        workers: that examine pictures.
    """

    def __init__(self, bound: int, metrics: Metrics, *, workers: int, max_wait: float = MAX_WAIT_SECONDS) -> None:
        self._bound = bound
        self._metrics = metrics
        self._writing = 0
        self._looking_up = 0
        self.pictures = Pictures(bound, workers, max_wait=max_wait, refused=self._count)
        self._threads = anyio.CapacityLimiter(bound)
        self._picture_threads = anyio.CapacityLimiter(bound)
        self._brief_threads = anyio.CapacityLimiter(BRIEF_THREADS)
        self._lookup_threads = anyio.CapacityLimiter(LOOKUP_THREADS)
        metrics.working.set_function(lambda: self._writing + self.pictures.in_hand)

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """What `work(*arguments)` returns, from a thread. Raises: Overloaded, and what `work` raises."""
        with self.place():
            return await self.within(work, *arguments)

    async def within(self, work: Callable[[*Arguments], T], *arguments: *Arguments, brief: bool = False) -> T:
        """As `run`, for a caller that holds a `place`. Brief work runs in `BRIEF_THREADS` and does not block on I/O."""
        limiter = self._brief_threads if brief else self._threads
        return await anyio.to_thread.run_sync(work, *arguments, limiter=limiter)

    async def examine(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """As `run`, for a caller that holds a place of `pictures`: the work waits for the workers."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._picture_threads)

    async def look_up(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """As `run`, for what digests lead to: it waits for no worker."""
        if self._looking_up >= MAX_LOOKUPS_WAITING:
            self._count("lookups")
            raise Overloaded("Too many look-ups are in progress; retry in a moment.", retry_after=RETRY_AFTER)
        self._looking_up += 1
        try:
            return await anyio.to_thread.run_sync(work, *arguments, limiter=self._lookup_threads)
        finally:
            self._looking_up -= 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places for work that writes, held while the context is open. Raises: Overloaded."""
        if self._writing >= self._bound:
            self._count("work")
            raise Overloaded(
                "Too many requests that write are in progress; retry in a moment.", retry_after=RETRY_AFTER
            )
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1

    def _count(self, reason: Refusal) -> None:
        self._metrics.work_refused.labels(reason).inc()
