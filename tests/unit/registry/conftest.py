"""Workers of the sandbox for the tests about it, and memory that nothing collects."""

import gc
from collections.abc import Iterator

import pytest

from registry.sandbox import Sandbox
from tests.patience import HUNG_SECONDS
from tests.unit.registry.pools import a_pool


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with a_pool(2) as pool:
        assert pool.wait_until_ready(HUNG_SECONDS)
        yield pool


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collector, which looks for cycles by the number of objects, however large they are."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
