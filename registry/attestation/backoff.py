"""Backoff: when a service that is asked repeatedly may be asked again."""

import time

from provenance.limits import MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS


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
