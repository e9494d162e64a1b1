"""HTTP code shared by both clients: the service's URL, the request of a call, and the bounded body of a response."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx2

from countermark.calls import Call, Reply
from provenance import __version__
from provenance.errors import InvalidRequest, ServiceUnreachable, UnexpectedAnswer
from provenance.limits import MAX_PROBLEM_BYTES

UNUSABLE_ENVIRONMENT = (OSError, ValueError, ImportError, httpx2.InvalidURL)
"""What httpx2 raises when a client is created and the environment has invalid proxy or certificate settings."""

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

    Raises:
        InvalidRequest: an invalid value.
    """

    url: str
    api_key: str | None = field(repr=False)
    timeout: float
    max_retries: int

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
        if self.max_retries < 0:
            raise InvalidRequest("the number of retries must be 0 or more")

    def with_options(self, timeout: float | None, max_retries: int | None) -> Self:
        """A copy with other options; None keeps the current value."""
        return replace(
            self,
            timeout=self.timeout if timeout is None else timeout,
            max_retries=self.max_retries if max_retries is None else max_retries,
        )

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
        headers = dict(call.headers)
        if call.content is not None:
            headers["Content-Length"] = str(call.content.size)
        return http.build_request(
            call.method, call.path, content=content, headers=headers, params=dict(call.query), timeout=self.timeout
        )


def unusable_environment(error: Exception) -> InvalidRequest:
    """The exception for an error of `UNUSABLE_ENVIRONMENT`."""
    return InvalidRequest(f"the environment has invalid proxy or certificate settings: {error}")


class BoundedResponse:
    """A response being received: bounded in size, and in time by `SLOWEST_BYTES_PER_SECOND`."""

    def __init__(self, response: httpx2.Response, call: Call[Any], timeout: float) -> None:
        self._response = response
        self._body = bytearray()
        self._deadline = time.monotonic() + timeout
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
        return Reply(self._response.status_code, self._response.headers, bytes(self._body))
