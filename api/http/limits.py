"""Rate limits by client address: a moving window in memory, in which some requests count for more than one.

Daily quotas (`api.http.quotas`) are counted beside them.

Headers follow draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "reads";q=1200;w=60` and
`RateLimit: "reads";r=1199;t=60`. The `limits` package is not used because its memory storage never frees
the keys of inactive addresses and scans all keys in a thread on each hit: with 100,000 addresses it fell to a sixth of
its speed (our measurement).
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenance.errors import InvalidRequest, RateLimited

MAX_CLIENTS = 50_000
"""Clients tracked at once; the least recently seen is dropped first. Bounds memory under a flood of addresses."""

UNIT_SECONDS = 0.5
"""Seconds of processor time that one verification stands for: more than an ordinary one takes. What takes longer counts
for as many as it takes, so that cheap files that cost much use up the allowance of their sender."""

WRITES = "writes"
"""What requests with an API key count as."""

_SCOPE_KEY = "countermark.rate_limit"
"""Of the allowances that a response tells of, by policy."""

GRAINS = 1_000
"""Parts of a window: a client's requests within one are kept as one entry of 100 bytes, and counted for as much longer
at most."""


@dataclass(frozen=True)
class Policy:
    """At most `quota` units in any `window` seconds. A request has one unit, unless it says otherwise."""

    name: str
    quota: int
    window: int


@dataclass(frozen=True)
class Allowance:
    """The remaining quota of a client under a policy.

    `reset`: seconds until the oldest counted units expire, or of a refused request until it will be allowed.
    """

    policy: Policy
    allowed: bool
    remaining: int
    reset: float

    def fields(self) -> tuple[str, str]:
        """Its items of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
        policy = self.policy
        return (
            f'"{policy.name}";q={policy.quota};w={policy.window}',
            f'"{policy.name}";r={self.remaining};t={math.ceil(self.reset)}',
        )


@dataclass
class _Entry:
    """Units that a client took from `first` to `last`, in monotonic seconds."""

    first: float
    last: float
    units: int


@dataclass
class _Taken:
    """What a client took within the window."""

    entries: deque[_Entry] = field(default_factory=deque)
    units: int = 0


class Limiter(Protocol):
    """Counts units of clients under its policy."""

    policy: Policy

    async def take(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        """Counts that many units, unless fewer are left; those that are `spent` already, in any case."""


class RateLimiter:
    """Counts units of clients under one policy. Not thread-safe: the event loop is its only caller.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, policy: Policy, clock: Callable[[], float], *, max_clients: int = MAX_CLIENTS) -> None:
        self.policy = policy
        self._clock = clock
        self._max_clients = max_clients
        self._clients: OrderedDict[str, _Taken] = OrderedDict()

    async def take(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        """As `Limiter`."""
        return self.count(client, units, spent=spent)

    def count(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        """As `take`."""
        now = self._clock()
        taken = self._clients.setdefault(client, _Taken())
        self._clients.move_to_end(client)
        entries, policy = taken.entries, self.policy
        while entries and entries[0].last <= now - policy.window:
            taken.units -= entries.popleft().units
        allowed = spent or taken.units + units <= policy.quota
        if allowed:
            if not entries or now - entries[-1].first >= policy.window / GRAINS:
                entries.append(_Entry(now, now, 0))
            entries[-1].last = now
            entries[-1].units += units
            taken.units += units
        if len(self._clients) > self._max_clients:
            self._clients.popitem(last=False)
        left = policy.quota - taken.units
        return Allowance(policy, allowed, max(0, left), self._until(taken, 1 if allowed else units - left, now))

    def _until(self, taken: _Taken, units: int, now: float) -> float:
        """Seconds until that many units of what was taken have expired."""
        for entry in taken.entries:
            units -= entry.units
            if units <= 0:
                return self.policy.window - (now - entry.last)
        return self.policy.window if taken.entries else 0.0


def client_address(scope: Scope) -> str:
    """The address under which the client of a request is counted."""
    return counted_address(str(scope["client"][0]) if scope.get("client") else "unknown")


@lru_cache(MAX_CLIENTS // 10)
def counted_address(host: str) -> str:
    """The address under which a client is counted: for IPv6 its /64, which one subscriber usually has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return host


def limited(name: str, units: int = 1) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency: counts the request under the policy `name`. Raises as `charge`."""

    async def count(request: Request) -> None:
        await charge(request, name, units)

    return count


async def charge(request: Request, name: str, units: int = 1, subject: str | None = None) -> None:
    """Counts units under the policy `name`, and under the daily quota of that name, where there are these.

    `subject`: whose units they are; by default the client address's.

    Raises: RateLimited; InvalidRequest for more than a limit ever allows.
    """
    for limiter in _limiters(request, name):
        policy = limiter.policy
        if units > policy.quota:
            raise InvalidRequest(
                f"This counts for {units:,} units, of which {policy.quota:,} are allowed: ask for less."
            )
        allowance = await limiter.take(subject or client_address(request.scope), units)
        _note(request, allowance)
        if not allowance.allowed:
            raise RateLimited(
                f"At most {policy.quota:,} {name} in {policy.window:,} seconds; this counts for {units:,}.",
                retry_after=allowance.reset,
                policy=policy.name,
            )


async def charge_cost(request: Request, name: str, seconds: float, subject: str | None = None) -> None:
    """Counts processor time, as `charge`, of a request that was counted as one unit."""
    units = math.ceil(seconds / UNIT_SECONDS) - 1
    for limiter in _limiters(request, name) if units > 0 else ():
        _note(request, await limiter.take(subject or client_address(request.scope), units, spent=True))


def daily_name(name: str) -> str:
    """The name of the daily quota beside the policy `name`."""
    return f"{name}-daily"


def _limiters(request: Request, name: str) -> list[Limiter]:
    known: Mapping[str, Limiter] = request.app.state.limiters
    return [known[each] for each in (name, daily_name(name)) if each in known]


def _note(request: Request, allowance: Allowance) -> None:
    """Have the response tell of an allowance."""
    request.scope.setdefault(_SCOPE_KEY, {})[allowance.policy.name] = allowance


class RateLimitHeaders:
    """ASGI middleware: adds the rate limit headers to every response of a limited route, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_allowance(message: Message) -> None:
            allowances: Mapping[str, Allowance] = scope.get(_SCOPE_KEY, {})
            if message["type"] == "http.response.start" and allowances:
                headers = MutableHeaders(scope=message)
                fields = zip(*(each.fields() for each in allowances.values()), strict=True)
                headers["RateLimit-Policy"], headers["RateLimit"] = map(", ".join, fields)
            await send(message)

        await self.app(scope, receive, send_with_allowance)
