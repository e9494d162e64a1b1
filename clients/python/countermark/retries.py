"""Retries: which failures are retried, and the wait before: 0.5 s doubling to 8 s, jitter, Retry-After."""

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from countermark.calls import Call, Reply
from countermark.connection import Connection, log
from countermark.problems import exception_of
from provenance.errors import ServiceUnreachable

FIRST_WAIT = 0.5
"""Seconds before the first retry."""
LONGEST_WAIT = 8.0
"""Maximum seconds between two attempts, unless Retry-After says more."""
JITTER = 0.25
"""Largest random reduction of a wait, as a share of it, so that clients which failed together do not retry together."""
RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
CONFLICT = 409
"""Retried if the reply has Retry-After: the first attempt of this request is still running."""
RETRIED_FAILURES = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, OSError)
"""No connection, a broken connection, or a timeout. A wrong URL or proxy is not retried."""


class Retries:
    """The retries of one call: after each failed attempt the wait before the next, or the final exception."""

    def __init__(self, connection: Connection, call: Call[Any]) -> None:
        self._connection = connection
        self._call = call
        self._left = connection.max_retries
        self._made = 0

    def after_failure(self, error: Exception) -> float:
        """Seconds to wait after an attempt without a reply. Raises ServiceUnreachable if it is not retried."""
        if self._left and isinstance(error, RETRIED_FAILURES):
            return self._wait(None, type(error).__name__)
        raise ServiceUnreachable(
            f"no response from {self._connection.url}: {str(error) or type(error).__name__}"
        ) from error

    def after_refusal(self, reply: Reply) -> float:
        """Seconds to wait after an unsuccessful reply. Raises the reply's exception if it is not retried."""
        asked = retry_after(reply.headers, time.time())
        may_help = reply.status in RETRIED_STATUS or (reply.status == CONFLICT and asked is not None)
        if self._left and may_help and (asked is None or asked <= self._connection.max_wait):
            return self._wait(asked, f"status {reply.status}")
        raise exception_of(reply, asked, route_alone=not self._call.names_something)

    def _wait(self, asked: float | None, why: str) -> float:
        self._left -= 1
        self._made += 1
        wait = backoff(self._made, random.random()) if asked is None else asked  # noqa: S311  # jitter is not secret
        log.info("%s %s: %s, again in %.1f s", self._call.method, self._call.path, why, wait)
        return wait


def backoff(retry: int, chance: float) -> float:
    """Seconds to wait before retry number `retry` (1, 2, …). `chance` is a random number in [0, 1)."""
    return min(math.ldexp(FIRST_WAIT, min(retry, 64) - 1), LONGEST_WAIT) * (1 - JITTER * chance)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of Retry-After (RFC 9110 section 10.2.3: a number, or a date); None without a valid one.

    `now` is in seconds since 1970, for comparison with a date.
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except (ValueError, OverflowError, OSError):
            return None
    return seconds if seconds >= 0 else None
