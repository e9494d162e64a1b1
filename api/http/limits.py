"""Rate limits by client address: an exact moving window in memory.

Headers follow draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "reads";q=1200;w=60` and
`RateLimit: "reads";r=1199;t=60`. The `limits` package is not used because its memory storage never frees
the keys of inactive addresses and scans all keys in a thread on each hit: with 100,000 addresses it fell to a sixth of
its speed (our measurement).
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenance.errors import RateLimited

MAX_CLIENTS = 50_000
"""Clients tracked at once; the least recently seen is dropped first. Bounds memory under a flood of addresses."""

_SCOPE_KEY = "countermark.rate_limit"


@dataclass(frozen=True)
class Policy:
    """At most `quota` requests in any `window` seconds."""

    name: str
    quota: int
    window: int


@dataclass(frozen=True)
class Allowance:
    """The remaining quota of a client under a policy. `reset`: seconds until the oldest counted request expires."""

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


class RateLimiter:
    """Counts requests of clients under one policy. Not thread-safe: the event loop is its only caller.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, policy: Policy, clock: Callable[[], float], *, max_clients: int = MAX_CLIENTS) -> None:
        self.policy = policy
        self._clock = clock
        self._max_clients = max_clients
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, client: str) -> Allowance:
        """Counts one request, unless the quota is used up."""
        now = self._clock()
        times = self._times.setdefault(client, deque())
        self._times.move_to_end(client)
        while times and times[0] <= now - self.policy.window:
            times.popleft()
        allowed = len(times) < self.policy.quota
        if allowed:
            times.append(now)
        if len(self._times) > self._max_clients:
            self._times.popitem(last=False)
        return Allowance(
            self.policy,
            allowed,
            self.policy.quota - len(times),
            self.policy.window - (now - times[0]) if times else 0.0,
        )


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


def limited(name: str) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency: counts the request under the policy `name`. Raises: RateLimited."""

    async def count(request: Request) -> None:
        limiters: Mapping[str, RateLimiter] = request.app.state.limiters
        allowance = limiters[name].take(client_address(request.scope))
        request.scope[_SCOPE_KEY] = allowance
        if not allowance.allowed:
            raise RateLimited(
                f"At most {allowance.policy.quota} requests in {allowance.policy.window} seconds under this policy.",
                retry_after=allowance.reset,
            )

    return count


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
