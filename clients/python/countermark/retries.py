"""When to try again, and how long to wait before: two retries, 0.5 s doubling to 8 s, jitter, Retry-After."""

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx2

from countermark.calls import Reply
from countermark.problems import exception_of
from provenance.errors import ServiceUnreachable

FIRST_WAIT = 0.5
"""Seconds before the first retry."""
LONGEST_WAIT = 8.0
"""Seconds at most between two tries, unless the service asks for more."""
JITTER = 0.25
"""Share of a wait that chance may take off, so that clients which failed together do not return together."""
LONGEST_RETRY_AFTER = 120.0
"""Seconds of Retry-After that are honoured; a longer wait is the caller's decision."""
RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
CONFLICT = 409
"""Retried where the service says when: the first try of this very request still runs."""
RETRIED_FAILURES = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, OSError)
"""No connection, a broken one, or none in time. Another try cannot mend an address or a proxy that is wrong."""


class Tries:
    """The tries of one call: after each that failed, how long to wait for the next, or the exception to end with."""

    def __init__(self, url: str, max_retries: int) -> None:
        self._url = url
        self._left = max_retries
        self._made = 0

    def after_failure(self, error: Exception) -> float:
        """Seconds to wait after a try without an answer. Raises ServiceUnreachable where that was the last."""
        if self._left and isinstance(error, RETRIED_FAILURES):
            return self._wait(None)
        raise ServiceUnreachable(f"no answer from {self._url}: {str(error) or type(error).__name__}") from error

    def after_refusal(self, reply: Reply) -> float:
        """Seconds to wait after an answer that is no success. Raises what it stands for where that was the last."""
        asked = retry_after(reply.headers, time.time())
        may_help = reply.status in RETRIED_STATUS or (reply.status == CONFLICT and asked is not None)
        if self._left and may_help and (asked is None or asked <= LONGEST_RETRY_AFTER):
            return self._wait(asked)
        raise exception_of(reply, asked)

    def _wait(self, asked: float | None) -> float:
        self._left -= 1
        self._made += 1
        return backoff(self._made, random.random()) if asked is None else asked  # noqa: S311  # no secret


def backoff(retry: int, chance: float) -> float:
    """Seconds to wait before retry number `retry` (1, 2, …). `chance` is a random number in [0, 1)."""
    return min(math.ldexp(FIRST_WAIT, min(retry, 64) - 1), LONGEST_WAIT) * (1 - JITTER * chance)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a service asks to wait (RFC 9110 section 10.2.3: a number, or a date), where it does.

    `now` is in seconds since 1970, as the date is compared with it.
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
