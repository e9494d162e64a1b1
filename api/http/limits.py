"""Rate limits by client address: a moving window in memory, in which some requests count for more than one.

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

_SCOPE_KEY = "countermark.rate_limit"


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

    def headers(self) -> dict[str, str]:
        """The two fields of draft-ietf-httpapi-ratelimit-headers-10."""
        policy = self.policy
        return {
            "RateLimit-Policy": f'"{policy.name}";q={policy.quota};w={policy.window}',
            "RateLimit": f'"{policy.name}";r={self.remaining};t={math.ceil(self.reset)}',
        }


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

    async def take(self, client: str, units: int = 1, /) -> Allowance:
        """Counts that many units, unless fewer are left."""


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

    async def take(self, client: str, units: int = 1) -> Allowance:
        """As `Limiter`."""
        return self.count(client, units)

    def count(self, client: str, units: int = 1) -> Allowance:
        """Counts that many units, unless fewer are left."""
        now = self._clock()
        taken = self._clients.setdefault(client, _Taken())
        self._clients.move_to_end(client)
        entries, policy = taken.entries, self.policy
        while entries and entries[0].last <= now - policy.window:
            taken.units -= entries.popleft().units
        allowed = taken.units + units <= policy.quota
        if allowed:
            if not entries or now - entries[-1].first >= policy.window / GRAINS:
                entries.append(_Entry(now, now, 0))
            entries[-1].last = now
            entries[-1].units += units
            taken.units += units
        if len(self._clients) > self._max_clients:
            self._clients.popitem(last=False)
        left = policy.quota - taken.units
        return Allowance(policy, allowed, left, self._until(taken, 1 if allowed else units - left, now))

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


async def charge(request: Request, name: str, units: int) -> None:
    """Counts units under the policy `name`. Raises: RateLimited; InvalidRequest for more than it ever allows."""
    limiters: Mapping[str, Limiter] = request.app.state.limiters
    policy = limiters[name].policy
    if units > policy.quota:
        raise InvalidRequest(f"This counts for {units:,} units, of which {policy.quota:,} are allowed: ask for less.")
    allowance = await limiters[name].take(client_address(request.scope), units)
    request.scope[_SCOPE_KEY] = allowance
    if not allowance.allowed:
        raise RateLimited(
            f"At most {policy.quota:,} {policy.name} in {policy.window:,} seconds; this counts for {units:,}.",
            retry_after=allowance.reset,
        )


class RateLimitHeaders:
    """ASGI middleware: adds the rate limit headers to every response of a limited route, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_allowance(message: Message) -> None:
            if message["type"] == "http.response.start" and isinstance(allowance := scope.get(_SCOPE_KEY), Allowance):
                headers = MutableHeaders(scope=message)
                for name, value in allowance.headers().items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_with_allowance)
