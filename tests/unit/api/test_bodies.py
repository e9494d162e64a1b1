"""How slowly a body may arrive, and how many may be unfinished."""

import time
from collections.abc import Iterable
from contextlib import aclosing

import anyio
import pytest
from starlette.requests import Request
from starlette.types import Message

from api.http.bodies import LEAST_RATE, Bodies, Reason
from provenance.errors import Overloaded, RequestTimeout
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, POLL_SECONDS

pytestmark = pytest.mark.timing
LIMIT = 1_000_000


def request_of(parts: Iterable[bytes], pause: float = 0.0, address: str = "192.0.2.1") -> Request:
    """A request whose body arrives in parts with pauses between them, and then stops."""
    rest = iter(parts)

    async def receive() -> Message:
        await anyio.sleep(pause)
        part = next(rest, None)
        if part is None:
            await anyio.sleep(HUNG_SECONDS)
        return {"type": "http.request", "body": part or b"", "more_body": True}

    return Request({"type": "http", "headers": [], "client": (address, 1)}, receive)


async def read(bodies: Bodies, request: Request) -> int:
    total = 0
    async with aclosing(bodies.read(request, LIMIT)) as chunks:
        async for chunk in chunks:
            total += len(chunk)
    return total


def test_a_body_that_drips_is_given_up_long_before_its_time_is_over() -> None:
    refused: list[Reason] = []
    bodies = Bodies(seconds=HUNG_SECONDS, grace=EXPIRING_SECONDS, refused=refused.append)
    with pytest.raises(RequestTimeout, match="1024 bytes a second"):
        anyio.run(read, bodies, request_of([b"x"] * 10_000, POLL_SECONDS))
    assert refused == ["body_rate"]


def test_a_body_that_has_brought_much_may_pause_for_longer() -> None:
    async def run() -> float:
        bodies = Bodies(seconds=HUNG_SECONDS, grace=EXPIRING_SECONDS)
        began = time.monotonic()
        with pytest.raises(RequestTimeout):
            await read(bodies, request_of([b"x" * int(LEAST_RATE)]))
        return time.monotonic() - began

    assert anyio.run(run) >= 1.0  # what came pays for a second


def test_a_body_that_takes_too_long_is_given_up() -> None:
    refused: list[Reason] = []
    bodies = Bodies(seconds=EXPIRING_SECONDS, refused=refused.append)
    with pytest.raises(RequestTimeout, match=r"within 0\.5 seconds"):
        anyio.run(read, bodies, request_of([b"x"]))
    assert refused == ["body_seconds"]


def test_a_body_that_arrives_fast_enough_is_given_up_at_its_end_all_the_same() -> None:
    arriving = iter([b"x" * 100] * 500)  # 10 KB a second, for ten times as long as it has
    with pytest.raises(RequestTimeout, match=r"within 0\.5 seconds"):
        anyio.run(read, Bodies(seconds=EXPIRING_SECONDS), request_of(arriving, POLL_SECONDS))
    assert next(arriving, None) is not None


def test_an_address_has_so_many_unfinished_bodies_and_others_are_read() -> None:
    refused: list[Reason] = []
    bodies = Bodies(max_unfinished=2, refused=refused.append)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(read, bodies, request_of([b"x"]))
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Overloaded, match="2 bodies that are not complete"):
                await read(bodies, request_of([b"x"]))
            with anyio.move_on_after(EXPIRING_SECONDS) as other:
                await read(bodies, request_of([b"x"], address="192.0.2.2"))
            assert other.cancelled_caught  # it is waited for
            tasks.cancel_scope.cancel()

    anyio.run(run)
    assert refused == ["bodies_of_an_address"]
    assert not bodies._unfinished
