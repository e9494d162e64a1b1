"""Turns: whose job a free worker takes next, and what the jobs for one picture cost.

A party is who causes work: a client address, the holder of an API key, or the service itself. The next job is of the
party that has had the least of the workers' time, so that costly files delay those of their own sender. This is
start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), in which a job that runs counts for the time that it has
taken so far.
"""

import heapq
import itertools
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

PICTURE_SECONDS = 9.0
"""Seconds of processor time for all that is done with one picture: the slowest honest one within `limits` takes about
3, and what a costly one leaves undone is listed under *not checked*."""

LEAST_SECONDS = 0.5
"""Seconds of processor time without which no further job is begun: it would end its worker."""

MAX_DEBT_SECONDS = 60.0
"""Seconds of the workers' time by which a party may be behind others: then it gets turns again beside them."""

MAX_REMEMBERED = 1024
"""Parties without a job whose debt is remembered; the one that left first is forgotten first."""

ITSELF = ""
"""The party of jobs that nobody asks for: comparisons beside the requests, maintenance."""


@dataclass(eq=False)
class Budget:
    """What the jobs for one picture may cost, and have cost. For one caller at a time.

    Attributes:
        party: who causes them.
        seconds: of processor time that they may use together.
        spent: seconds of processor time that they have used.
        held: seconds for which they have kept a worker.
        arrived: monotonic seconds; of one party, the picture that came first is looked at first.
    """

    party: str = ITSELF
    seconds: float = PICTURE_SECONDS
    spent: float = 0.0
    held: float = 0.0
    arrived: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds of processor time that are left."""
        return max(0.0, self.seconds - self.spent)


class Waiting(Protocol):
    """What waits for a turn. Its future is done when it needs none any more."""

    budget: Budget
    future: Future[Any]


J = TypeVar("J", bound=Waiting)


@dataclass(eq=False)
class _Party(Generic[J]):
    """The jobs of a party, and the seconds of the workers' time that it is charged with."""

    charged: float
    waiting: list[tuple[float, int, J]] = field(default_factory=list)
    running: dict[int, float] = field(default_factory=dict)
    """By the job's id, since when."""

    def used(self, now: float) -> float:
        return self.charged + sum(now - began for began in self.running.values())


class Turns(Generic[J]):
    """Jobs that wait for a worker. Thread-safe.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._parties: dict[str, _Party[J]] = {}
        self._left: OrderedDict[str, float] = OrderedDict()
        """What parties without a job were charged with."""
        self._virtual = 0.0
        """What a party is charged with at least that comes now: as much as the one that has got the last turn."""
        self._order = itertools.count()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        with self._changed:
            return sum(len(party.waiting) for party in self._parties.values())

    def put(self, job: J) -> bool:
        """Have a job wait for its turn; False if the turns are closed."""
        with self._changed:
            if self._closed:
                return False
            party = self._enter(job.budget.party)
            heapq.heappush(party.waiting, (job.budget.arrived, next(self._order), job))
            self._changed.notify()
        name, identity = job.budget.party, id(job)  # a future keeps its callbacks: with the job, it would keep itself
        job.future.add_done_callback(lambda _: self._leave(name, identity))
        return True

    def get(self, timeout: float) -> J | None:
        """The next job; it runs until its future is done. None when the turns are closed. Raises queue.Empty."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                if self._closed:
                    return None
                job = self._pick()
                if job is not None:
                    return job
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise queue.Empty

    def put_back(self, job: J) -> bool:
        """Have a job wait again that did not begin; False if the turns are closed."""
        with self._changed:
            if self._closed:
                return False
            party = self._parties[job.budget.party]
            party.running.pop(id(job), None)
            heapq.heappush(party.waiting, (job.budget.arrived, next(self._order), job))
            self._changed.notify()
            return True

    def close(self) -> list[J]:
        """Give no further turns; the jobs that waited."""
        with self._changed:
            self._closed = True
            left = [job for party in self._parties.values() for _, _, job in party.waiting]
            for party in self._parties.values():
                party.waiting.clear()
            self._changed.notify_all()
            return left

    def _enter(self, name: str) -> _Party[J]:
        party = self._parties.get(name)
        if party is None:
            charged = min(max(self._virtual, self._left.pop(name, 0.0)), self._virtual + MAX_DEBT_SECONDS)
            party = self._parties[name] = _Party(charged)
        return party

    def _pick(self) -> J | None:
        now = self._clock()
        while waiting := [each for each in self._parties.values() if each.waiting]:
            party = min(waiting, key=lambda each: (each.used(now), len(each.running), each.waiting[0][:2]))
            _, _, job = heapq.heappop(party.waiting)
            if not job.future.done():
                self._virtual = max(self._virtual, party.used(now))
                party.running[id(job)] = now
                return job
            self._forget(job.budget.party)
        return None

    def _leave(self, name: str, job: int) -> None:
        with self._changed:
            party = self._parties.get(name)
            if party is not None and (began := party.running.pop(job, None)) is not None:
                party.charged += self._clock() - began
                self._forget(name)

    def _forget(self, name: str) -> None:
        """Drop a party that has no job, and remember what it was charged with."""
        party = self._parties[name]
        if not party.waiting and not party.running:
            del self._parties[name]
            self._left[name] = party.charged
            if len(self._left) > MAX_REMEMBERED:
                self._left.popitem(last=False)
