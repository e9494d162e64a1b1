"""Outbound HTTP: the one place where the registry sends requests to other services, bounded in bytes and in time.

Addresses come from the operator's settings. Redirects are not followed, proxies and credentials of the environment are
not used, and no answer is decompressed.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx2

from provenance.errors import ServiceUnreachable, UnexpectedAnswer
from provenance.limits import MAX_BACKOFF_SECONDS, MAX_RETRY_AFTER_SECONDS, MIN_BACKOFF_SECONDS

_FAILURES = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, UnicodeError, ValueError)
_HEADERS = {"User-Agent": "countermark-log", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Response:
    """The response of another service.

    Attributes:
        status: HTTP status.
        media_type: the Content-Type; empty if there is none.
        body: as sent.
        retry_after: the seconds of a Retry-After header; None for a date or no header.
    """

    status: int
    media_type: str
    body: bytes
    retry_after: float | None


class OutboundClient:
    """Posts to other services. An asynchronous context manager, for one event loop."""

    def __init__(self) -> None:
        self._http = httpx2.AsyncClient(trust_env=False, follow_redirects=False, headers=_HEADERS)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def post(self, url: str, body: bytes, media_type: str, *, limit: int, seconds: float) -> Response:
        """Post a body, and return a response of any status.

        Args:
            limit: the most bytes of the response's body.
            seconds: the deadline for the whole response.

        Raises:
            ServiceUnreachable: no connection, or no complete response within `seconds`.
            UnexpectedAnswer: a response of more than `limit` bytes.
        """
        received = bytearray()
        try:
            async with asyncio.timeout(seconds):
                headers = {"Content-Type": media_type}
                async with self._http.stream("POST", url, content=body, headers=headers, timeout=seconds) as response:
                    async for chunk in response.aiter_raw():
                        received += chunk
                        if len(received) > limit:
                            raise UnexpectedAnswer(f"an answer of more than {limit} bytes")
        except TimeoutError as error:
            raise ServiceUnreachable(f"no complete answer within {seconds:g} seconds") from error
        except _FAILURES as error:
            raise ServiceUnreachable(f"{type(error).__name__}: {error}") from error
        return Response(
            response.status_code,
            response.headers.get("content-type", ""),
            bytes(received),
            _seconds(response.headers.get("retry-after", "")),
        )


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None


class Backoff:
    """Waits longer with each failure, from `MIN_BACKOFF_SECONDS` to `MAX_BACKOFF_SECONDS`."""

    def __init__(self) -> None:
        self._failures = 0
        self._not_before = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next request; 0 when it is due."""
        return max(0.0, self._not_before - time.monotonic())

    def succeed(self, pause: float = 0.0) -> None:
        """Note a success; the next request is due in `pause` seconds."""
        self._failures = 0
        self._not_before = time.monotonic() + pause

    def fail(self, retry_after: float | None = None) -> None:
        """Note a failure; `retry_after`: the seconds that the service asked for, if it did."""
        doubled = MIN_BACKOFF_SECONDS * 2 ** min(self._failures, 32)
        self._failures += 1
        self._not_before = time.monotonic() + max(min(doubled, MAX_BACKOFF_SECONDS), retry_after or 0.0)

    def give_up(self) -> None:
        """Note a refusal that will not pass by itself; the next request is due in `MAX_BACKOFF_SECONDS`."""
        self._not_before = time.monotonic() + MAX_BACKOFF_SECONDS
