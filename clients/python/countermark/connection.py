"""What both clients share of HTTP: the service's address, the request of a call, and an answer while it arrives."""

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
"""What httpx2 raises while a client is made, when the environment names a proxy or a certificate store wrongly."""

MAX_PORT = 65_535

SLOWEST_BYTES_PER_SECOND = 4 * 1024
"""Of an answer, on average after the time-out: no line is this slow, but a hostile service drips."""

FAILURES = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, UnicodeError)
"""What one try of a call can raise that is not ours."""


@dataclass(frozen=True)
class Connection:
    """How a service is reached.

    Attributes:
        url: http or https, with a path where the service has one.
        api_key: sent with each request, or None.
        timeout: seconds for connecting, and for each write and read.
        max_retries: further tries of one call.

    Raises:
        InvalidRequest: a value that cannot be meant.
    """

    url: str
    api_key: str | None = field(repr=False)
    timeout: float
    max_retries: int

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.url)
        except (httpx2.InvalidURL, ValueError) as error:
            raise InvalidRequest(f"the service's address cannot be used: {error}") from error
        is_web_address = url.scheme in ("http", "https") and url.host and (url.port or 0) <= MAX_PORT
        if not is_web_address or url.userinfo or url.query or url.fragment:
            raise InvalidRequest("the service's address is an http(s) URL without user, query and fragment")
        if self.api_key and not all("!" <= character <= "~" for character in self.api_key):
            raise InvalidRequest("an API key has visible ASCII characters only")
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise InvalidRequest("a timeout is a number of seconds above 0")
        if self.max_retries < 0:
            raise InvalidRequest("the number of retries is 0 or more")

    def with_options(self, timeout: float | None, max_retries: int | None) -> Self:
        """The same service; None leaves a value as it is."""
        return replace(
            self,
            timeout=self.timeout if timeout is None else timeout,
            max_retries=self.max_retries if max_retries is None else max_retries,
        )

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
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
        """The request of one try. Raises InvalidRequest where the client has been closed."""
        if http.is_closed:
            raise InvalidRequest("this client has been closed")
        headers = dict(call.headers)
        if call.content is not None:
            headers["Content-Length"] = str(call.content.size)
        return http.build_request(
            call.method, call.path, content=content, headers=headers, params=dict(call.query), timeout=self.timeout
        )


def unusable_environment(error: Exception) -> InvalidRequest:
    """For what `UNUSABLE_ENVIRONMENT` names."""
    return InvalidRequest(f"the proxy or certificate settings of this environment cannot be used: {error}")


class Arrival:
    """An answer while it arrives: no more of it is held than is expected at most."""

    def __init__(self, response: httpx2.Response, call: Call[Any], timeout: float) -> None:
        self._response = response
        self._body = bytearray()
        self._deadline = time.monotonic() + timeout
        self._limit = call.limit if response.is_success else MAX_PROBLEM_BYTES

    def take(self, chunk: bytes) -> None:
        """Raises UnexpectedAnswer once there is too much, ServiceUnreachable where it comes too slowly."""
        self._body += chunk
        if time.monotonic() > self._deadline + len(self._body) / SLOWEST_BYTES_PER_SECOND:
            raise ServiceUnreachable(f"the answer came too slowly: {len(self._body):,} bytes of it so far")
        if len(self._body) > self._limit:
            reply = self.reply()
            error = UnexpectedAnswer(f"the answer, of status {reply.status}, has more than {self._limit:,} bytes")
            error.request_id = reply.request_id
            raise error

    def reply(self) -> Reply:
        """What has arrived."""
        return Reply(self._response.status_code, self._response.headers, bytes(self._body))
