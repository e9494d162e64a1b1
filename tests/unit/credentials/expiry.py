"""Certificates that end while a test runs: the C2PA library has no clock but the machine's."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from provenance.errors import CountermarkError

T = TypeVar("T")


def soon_expired(sign: Callable[[datetime], T]) -> T:
    """What `sign` makes with a certificate that ends when it is told, once that has ended."""
    for seconds in (2, 20, 200):  # a slow machine signs with one that lives longer
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        with suppress(CountermarkError):
            made = sign(ends)
            if datetime.now(UTC) < ends:
                time.sleep((ends - datetime.now(UTC)).total_seconds() + 1.1)
                return made
    raise AssertionError("no certificate lived long enough to sign with")
