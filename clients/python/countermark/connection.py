"""HTTP code shared by both clients: the service's URL, the request of a call, and the bounded body of a response."""

import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx2

from countermark.calls import Call, Reply
from countermark.defaults import DEFAULT_MAX_WAIT
from countermark.pacing import Pace
from provenance import __version__
from provenance.errors import InvalidRequest, RateLimited, ServiceUnreachable, UnexpectedAnswer
from provenance.limits import MAX_PROBLEM_BYTES

UNUSABLE_ENVIRONMENT = (OSError, ValueError, ImportError, httpx2.InvalidURL)
"""What httpx2 raises when a client is created and the environment has invalid proxy or certificate settings."""

log = logging.getLogger("countermark")
"""Each request with its status and time, and each wait with its reason."""

MAX_PORT = 65_535

SLOWEST_BYTES_PER_SECOND = 4 * 1024
"""Minimum average rate of a response after the timeout: bounds how long a hostile service can stretch it."""

FAILURES = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, UnicodeError)
"""What one attempt of a call can raise besides a CountermarkError."""


@dataclass(frozen=True)
class Connection:
    """How to reach a service.

    Attributes:
        url: http or https, with a path if the service has one.
        api_key: sent with each request, or None.
        timeout: seconds for connecting, and for each write and read.
        max_retries: retries of one call.
        max_wait: seconds that a call waits because the service asks for it; it fails where that asks for more.
        on_reply: called with each response, also with those that are retried.
        pace: what the service says is left of its rates.

    Raises:
        InvalidRequest: an invalid value.
    """

    url: str
    api_key: str | None = field(repr=False)
    timeout: float
    max_retries: int
    max_wait: float = DEFAULT_MAX_WAIT
    on_reply: Callable[[Reply], object] | None = None
    pace: Pace = field(default_factory=Pace, compare=False)

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.url)
        except (httpx2.InvalidURL, ValueError) as error:
            raise InvalidRequest(f"the service's URL is invalid: {error}") from error
        is_web_address = url.scheme in ("http", "https") and url.host and (url.port or 0) <= MAX_PORT
        if not is_web_address or url.userinfo or url.query or url.fragment:
            raise InvalidRequest("the service's URL must be an http(s) URL without user, query and fragment")
        if self.api_key and not all("!" <= character <= "~" for character in self.api_key):
            raise InvalidRequest("an API key must have visible ASCII characters only")
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise InvalidRequest("a timeout must be a number of seconds above 0")
        if self.max_retries < 0 or not self.max_wait >= 0:
            raise InvalidRequest("the number of retries, and the seconds of max_wait, must be 0 or more")

    def with_options(self, **options: Any) -> Self:
        """A copy with other options; None keeps the current value."""
        return replace(self, **{name: value for name, value in options.items() if value is not None})

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        headers = {
            "User-Agent": f"countermark-python/{__version__}",
            "Accept": "application/json, application/problem+json, */*;q=0.5",
        }
        return headers | ({"Authorization": f"Bearer {self.api_key}"} if self.api_key else {})

    def request(
        self,
        http: httpx2.Client | httpx2.AsyncClient,
        call: Call[Any],
        content: Iterator[bytes] | AsyncIterator[bytes] | None,
    ) -> httpx2.Request:
        """The request of one attempt. Raises InvalidRequest if the client has been closed."""
        if http.is_closed:
            raise InvalidRequest("this client has been closed")
        headers = self.headers | dict(call.headers)
        if call.content is not None:
            headers["Content-Length"] = str(call.content.size)
        return http.build_request(
            call.method,
            f"{self.url.rstrip('/')}{call.path}",
            content=content,
            headers=headers,
            params=dict(call.query),
            timeout=self.timeout,
        )

    def pause(self, call: Call[Any]) -> float:
        """Seconds to wait before a call, as the service's rates ask. Raises RateLimited for more than `max_wait`."""
        wait = 0.0 if call.policy is None else self.pace.take(call.policy, call.units)
        if wait > self.max_wait:
            raise RateLimited(f"the service allows no more {call.policy} for {wait:.0f} seconds", retry_after=wait)
        if wait:
            log.info("%s %s: waiting %.1f s: no more %s until then", call.method, call.path, wait, call.policy)
        return wait

    def note(self, call: Call[Any], reply: Reply, started: float) -> Reply:
        """The reply, which is logged, and whose rates are noted. `started`: monotonic seconds."""
        log.info("%s %s: status %d in %.3f s", call.method, call.path, reply.status, time.monotonic() - started)
        self.pace.note(reply.headers)
        if self.on_reply is not None:
            self.on_reply(reply)
        return reply


def unusable_environment(error: Exception) -> InvalidRequest:
    """The exception for an error of `UNUSABLE_ENVIRONMENT`."""
    return InvalidRequest(f"the environment has invalid proxy or certificate settings: {error}")


class BoundedResponse:
    """A response being received: bounded in size, and in time by `SLOWEST_BYTES_PER_SECOND`."""

    def __init__(self, response: httpx2.Response, call: Call[Any], connection: Connection) -> None:
        self._response = response
        self._service = connection.url
        self._body = bytearray()
        self._deadline = time.monotonic() + connection.timeout
        self._limit = call.limit if response.is_success else MAX_PROBLEM_BYTES

    def take(self, chunk: bytes) -> None:
        """Adds a part of the body. Raises UnexpectedAnswer if it is too large, ServiceUnreachable if it is too slow."""
        self._body += chunk
        if time.monotonic() > self._deadline + len(self._body) / SLOWEST_BYTES_PER_SECOND:
            raise ServiceUnreachable(f"the response was too slow: {len(self._body):,} bytes so far")
        if len(self._body) > self._limit:
            reply = self.reply()
            error = UnexpectedAnswer(f"the response, of status {reply.status}, has more than {self._limit:,} bytes")
            error.request_id = reply.request_id
            raise error

    def reply(self) -> Reply:
        """The reply from what has been received."""
        return Reply(self._response.status_code, self._response.headers, bytes(self._body), self._service)
