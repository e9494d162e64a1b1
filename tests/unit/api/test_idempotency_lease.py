"""A request that takes longer than its lease keeps its key all the same."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import api.http.idempotency
from api.http.idempotency import LEASE, Claim
from provenance.errors import Conflict, IdempotencyConflict, StoreUnavailable
from registry.database import Store, idempotency
from registry.registry import Registry
from tests.logs.records import START


class Desk:
    """A registry's store and clock; the claims of a process beside this one go to the same store."""

    def __init__(self, store: Store) -> None:
        self.store, self.time = store, START
        self.registry = cast(Registry, SimpleNamespace(store=store, clock=lambda: self.time))

    def claim(self, key: str = "key", api_key: str = "api key") -> Claim:
        return Claim(self.registry, key, api_key)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store.open(tmp_path)
    yield Desk(store)
    store.close()


class Naps:
    """Stands in for the event loop's sleep: each nap lasts until it is ended."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self._asleep, self._up = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.lengths.append(seconds)
        self._asleep.release()
        await self._up.acquire()

    async def end(self) -> None:
        """Ends the nap that goes on, and waits for the next."""
        await self._asleep.acquire()
        self._up.release()
        await self._asleep.acquire()
        self._asleep.release()


async def told_to_come_back(claim: Claim) -> bool:
    try:
        async with claim.held():
            return False
    except IdempotencyConflict:
        return True


def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, story: Callable[[Naps], Any]) -> None:
    async def told() -> None:
        naps = Naps()
        monkeypatch.setattr(api.http.idempotency, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": naps.sleep}))
        await story(naps)

    asyncio.run(told())


def test_a_long_request_keeps_its_key_and_lets_go_of_it_at_its_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(naps: Naps) -> None:
        async with desk.claim().held():
            for _ in range(4):
                desk.time += LEASE - timedelta(milliseconds=1)
                assert await told_to_come_back(desk.claim())
                await naps.end()
            assert not await told_to_come_back(desk.claim("another key"))
            assert not await told_to_come_back(desk.claim(api_key="another's"))
            assert max(naps.lengths) <= LEASE.total_seconds() / 2, "one renewal may be missed"
        assert not await told_to_come_back(desk.claim())
        for _ in range(3):  # the event loop ends what was cancelled
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a renewal goes on"

    run(desk, monkeypatch, story)


def test_a_renewal_that_the_store_refuses_is_made_up_for_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, refusals = idempotency.renew, [StoreUnavailable("the disk is full")]

    def refusing(*arguments: Any, **named: Any) -> None:
        if refusals:
            raise refusals.pop()
        renew(*arguments, **named)

    monkeypatch.setattr(idempotency, "renew", refusing)

    async def story(naps: Naps) -> None:
        async with desk.claim().held():
            for _ in range(4):
                desk.time += LEASE / 3
                await naps.end()
                assert await told_to_come_back(desk.claim())

    run(desk, monkeypatch, story)


def test_a_request_that_fails_or_is_given_up_lets_go_of_its_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(_: Naps) -> None:
        with pytest.raises(Conflict):
            async with desk.claim().held():
                raise Conflict("the title is taken")
        assert not await told_to_come_back(desk.claim())
        task = asyncio.create_task(told_to_come_back(desk.claim()))
        await asyncio.sleep(0)  # it has asked for the key, and has no answer yet
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await told_to_come_back(desk.claim())

    run(desk, monkeypatch, story)
