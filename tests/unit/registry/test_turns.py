"""Whose job is next: against a clock of the test's own, with workers that are only told of."""

import queue
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.sandbox.turns import MAX_DEBT_SECONDS, MAX_REMEMBERED, Budget, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Job:
    budget: Budget
    seconds: float
    future: "Future[Any]" = field(default_factory=Future)


class Pool:
    """Workers that take what is next, each for as long as its job says; time goes on from one end to the next."""

    def __init__(self, workers: int) -> None:
        self.clock = Clock()
        self.turns: Turns[Job] = Turns(self.clock)
        self.workers = workers
        self.busy: list[tuple[float, Job]] = []
        self.served: list[Job] = []

    def ask(self, party: str, seconds: float = 1.0, arrived: float | None = None) -> Job:
        job = Job(Budget(party, arrived=self.clock.now if arrived is None else arrived), seconds)
        assert self.turns.put(job)
        return job

    def begin(self) -> None:
        while len(self.busy) < self.workers:
            try:
                job = self.turns.get(0)
            except queue.Empty:
                return
            assert job is not None
            self.served.append(job)
            self.busy.append((self.clock.now + job.seconds, job))

    def end_one(self) -> Job:
        """Let time go on until a job ends."""
        self.begin()
        end, job = min(self.busy, key=lambda each: each[0])
        self.busy.remove((end, job))
        self.clock.now = end
        job.future.set_result(None)
        return job

    def parties(self) -> list[str]:
        return [each.budget.party for each in self.served]


def test_of_one_party_the_picture_that_came_first_is_looked_at_first() -> None:
    pool = Pool(1)
    late, early = pool.ask("a", arrived=2.0), pool.ask("a", arrived=1.0)
    assert [pool.end_one(), pool.end_one()] == [early, late]


def test_parties_that_ask_for_the_same_take_turns_however_much_one_of_them_asks_for() -> None:
    pool = Pool(1)
    for _ in range(10):
        pool.ask("many")
    for _ in range(3):
        pool.ask("few")
    for _ in range(6):
        pool.end_one()
    assert sorted(pool.parties()) == ["few"] * 3 + ["many"] * 3


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_who_sends_costly_files_leaves_others_their_half_of_the_workers_time(workers: int) -> None:
    pool = Pool(workers)
    for party, seconds in (("costly", 9.0), ("honest", 0.3)):
        for _ in range(4):
            pool.ask(party, seconds)
    had = {"costly": 0.0, "honest": 0.0}
    while pool.clock.now < 2000:
        job = pool.end_one()
        had[job.budget.party] += job.seconds
        pool.ask(job.budget.party, job.seconds)  # four are always in hand
    assert had["honest"] >= 0.45 * sum(had.values())
    assert sum(had.values()) >= 0.95 * workers * 1000


def test_a_party_that_asks_for_one_picture_after_another_is_not_behind_one_that_floods() -> None:
    pool = Pool(1)
    for _ in range(20):
        pool.ask("flood", 9.0)
    waited = []
    for _ in range(20):
        asked = pool.clock.now
        mine = pool.ask("honest", 0.3)
        while pool.end_one() is not mine:
            pool.ask("flood", 9.0)
        waited.append(pool.clock.now - asked)
    assert sum(each <= 9.3 for each in waited) == 20  # at most the file that is being looked at
    assert sum(each <= 0.3 for each in waited) >= 15


def test_what_a_party_has_had_before_counts_for_a_while_and_not_for_ever() -> None:
    pool = Pool(1)
    pool.ask("b", 1.0)
    for _ in range(1000):
        pool.ask("a", 1.0)
        pool.end_one()
    pool.end_one()
    for _ in range(200):
        pool.ask("a", 1.0)
        pool.ask("b", 1.0)
        pool.end_one()
    share = pool.parties()[-200:].count("a")
    assert 0 < share <= 100
    assert share >= (200 - MAX_DEBT_SECONDS) / 2 - 1


def test_who_comes_late_gets_no_more_than_a_share_for_having_stayed_away() -> None:
    pool = Pool(1)
    for _ in range(300):
        pool.ask("there")
    for _ in range(100):
        pool.end_one()
    for _ in range(100):
        pool.ask("late")
    for _ in range(20):
        pool.end_one()
    assert pool.parties()[-20:].count("late") in (10, 11)


def test_a_job_that_nobody_waits_for_any_more_gets_no_turn() -> None:
    pool = Pool(1)
    expired, wanted = pool.ask("a"), pool.ask("a")
    expired.future.set_exception(TimeoutError())
    assert pool.end_one() is wanted
    with pytest.raises(queue.Empty):
        pool.turns.get(0)


def test_a_job_that_did_not_begin_is_given_out_again() -> None:
    pool = Pool(1)
    job = pool.ask("a")
    assert pool.turns.get(0) is job
    pool.turns.put_back(job)
    assert pool.end_one() is job


def test_closed_turns_hand_back_what_waited_and_take_nothing() -> None:
    pool = Pool(1)
    jobs = {pool.ask("a"), pool.ask("b")}
    assert set(pool.turns.close()) == jobs
    assert pool.turns.get(0) is None
    assert not pool.turns.put(Job(Budget("a"), 1.0))
    assert not pool.turns.put_back(next(iter(jobs)))


def test_a_flood_of_parties_does_not_grow_the_memory() -> None:
    pool = Pool(1)
    for number in range(2 * MAX_REMEMBERED):
        pool.ask(str(number))
        pool.end_one()
    assert len(pool.turns._left) == MAX_REMEMBERED
    assert not pool.turns._parties
