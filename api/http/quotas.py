"""Daily quotas by client address and by API key, in the database: they hold for all processes, and outlive restarts.

A process counts in memory and adds what it has counted to the database every few seconds, in one transaction: a request
waits for no write. Until then other processes do not see it, and a crash loses it.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
import structlog
from starlette.concurrency import run_in_threadpool

from api.http.limits import MAX_CLIENTS, Allowance, Policy
from provenance.errors import StoreCorrupt, StoreUnavailable
from registry.database import quotas
from registry.registry import Registry

DAY_SECONDS = 86_400

SAVING_SECONDS = 5.0
"""Seconds between two additions to the database: what a crash loses, and what processes do not know of each other."""

_log = structlog.get_logger(__name__)


class Quotas:
    """What is used of each quota today (UTC). Not thread-safe: the event loop is its only caller.

    The clock is the registry's.
    """

    def __init__(self, registry: Registry, policies: Sequence[Policy]) -> None:
        self._registry = registry
        self._day = ""
        self._saved: OrderedDict[quotas.Use, int] = OrderedDict()
        """By use, what the database had last."""
        self._unsaved: Counter[quotas.Use] = Counter()
        self.limiters = {policy.name: DailyLimiter(self, policy) for policy in policies}

    async def take(self, policy: Policy, subject: str, units: int, *, spent: bool) -> Allowance:
        """Counts that many units, unless fewer are left; those that are `spent` already, in any case."""
        now = self._registry.clock().astimezone(UTC)
        self._turn_to(now.date().isoformat())
        use = (policy.name, subject)
        if use not in self._saved:
            before = await run_in_threadpool(self._read, self._day, use)
            self._saved.setdefault(use, before)
            if len(self._saved) > MAX_CLIENTS:
                self._saved.popitem(last=False)
        used = self._saved.get(use, 0) + self._unsaved[use]
        allowed = spent or used + units <= policy.quota
        if allowed:
            self._unsaved[use] += units
            used += units
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return Allowance(policy, allowed, max(0, policy.quota - used), (midnight - now).total_seconds())

    async def save(self) -> None:
        """Add what was counted to the database; where that cannot be written, with the next call."""
        day, counted = self._day, {use: units for use, units in self._unsaved.items() if units}
        if not counted:
            return
        try:
            writing = self._registry.store.write(partial(quotas.add, day=day, uses=counted))
            totals = await asyncio.wrap_future(writing)
        except StoreUnavailable as error:
            _log.warning("what is used of quotas was not saved", reason=str(error))
            return
        if day == self._day:
            self._saved.update(totals)
            self._unsaved.subtract(counted)
            self._unsaved += Counter()  # drops what is nothing

    @asynccontextmanager
    async def saving(self) -> AsyncIterator[None]:
        """Saves every `SAVING_SECONDS` while the context is open, and at its end."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._save_on)
            yield
            tasks.cancel_scope.cancel()
        await self.save()

    async def _save_on(self) -> None:
        while True:
            await anyio.sleep(SAVING_SECONDS)
            await self.save()

    def _turn_to(self, day: str) -> None:
        """Begin anew where a day has begun; the last seconds of the one before are not added any more."""
        if day != self._day:
            self._day = day
            self._saved.clear()
            self._unsaved.clear()

    def _read(self, day: str, use: quotas.Use) -> int:
        with suppress(StoreUnavailable, StoreCorrupt), self._registry.store.read() as session:
            return quotas.used(session, day, use)
        return 0


class DailyLimiter:
    """One quota, as `api.http.limits.Limiter`."""

    def __init__(self, of: Quotas, policy: Policy) -> None:
        self.policy = policy
        self._of = of

    async def take(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        """As `Limiter`."""
        return await self._of.take(self.policy, client, units, spent=spent)


def forget_days(registry: Registry) -> None:
    """Deletes what was used before today. Raises StoreUnavailable."""
    today = registry.clock().astimezone(UTC).date().isoformat()
    registry.store.write(partial(quotas.forget, before=today)).result()
