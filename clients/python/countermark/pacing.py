"""Pace: what a service says is left under its rate policies, so that a client waits before it is refused.

The `RateLimit` header field (draft-ietf-httpapi-ratelimit-headers-10) of each response says it: `"reads";r=1199;t=60`.
"""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

_LEFT = re.compile(r'"([\w.-]{1,64})" *;r=(\d{1,15}) *;t=(\d{1,9})(?![\w.])', re.ASCII)


@dataclass
class _Left:
    units: int
    until: float  # monotonic seconds


class Pace:
    """What is left under each policy. Thread-safe; the copies of a client share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, _Left] = {}

    def take(self, policy: str, units: int) -> float:
        """Takes units of what is left. Seconds to wait before the next try if there are fewer, and none is taken; 0
        if they are there, or nothing is known."""
        now = time.monotonic()
        with self._lock:
            left = self._left.get(policy)
            if left is None or now >= left.until:
                return 0.0
            if left.units < units:
                return left.until - now
            left.units -= units
            return 0.0

    def note(self, headers: Mapping[str, str]) -> None:
        """Reads what is left from a response."""
        now = time.monotonic()
        with self._lock:
            for name, units, seconds in _LEFT.findall(headers.get("ratelimit", "")):
                self._left[name] = _Left(int(units), now + int(seconds))
