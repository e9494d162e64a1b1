"""Pools of sandbox workers for the tests about them."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from registry.sandbox import Layer, Sandbox
from tests.patience import HUNG_SECONDS
from tests.unit.registry import sandbox_jobs as jobs

COSTLY = "used up the processor time or the memory"
LOST = "says nothing about the picture"


@contextmanager
def a_pool(
    workers: int = 1,
    *modules: str,
    required: Collection[Layer] = (),
    busy_seconds: float = HUNG_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Sandbox]:
    """Its workers may import the jobs of the tests."""
    modules = (*modules, "tests.unit.registry.sandbox_jobs")
    pool = Sandbox(workers, modules=modules, required=required, busy_seconds=busy_seconds, clock=clock)
    try:
        yield pool
    finally:
        pool.close()


def assert_serves_again(sandbox: Sandbox) -> None:
    assert [sandbox.run(jobs.add, 2, each) for each in range(4)] == [2, 3, 4, 5]
