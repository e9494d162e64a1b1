"""Backoff with one that is asked again and again: when it may be asked next."""

import time

from provenance.limits import MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS


class Backoff:
    """Waits longer with each failure, from `MIN_BACKOFF_SECONDS` to `MAX_BACKOFF_SECONDS`."""

    def __init__(self) -> None:
        self._failures = 0
        self._not_before = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next try; 0 where it is due."""
        return max(0.0, self._not_before - time.monotonic())

    def succeed(self, pause: float = 0.0) -> None:
        """It answered well; ask again no sooner than in `pause` seconds."""
        self._failures = 0
        self._not_before = time.monotonic() + pause

    def fail(self, retry_after: float | None = None) -> None:
        """It failed; `retry_after` is how many seconds it asked for, where it did."""
        doubled = MIN_BACKOFF_SECONDS * 2 ** min(self._failures, 32)
        self._failures += 1
        self._not_before = time.monotonic() + max(min(doubled, MAX_BACKOFF_SECONDS), retry_after or 0.0)

    def give_up(self) -> None:
        """It declined what will not change by itself: ask again as rarely as can be."""
        self._not_before = time.monotonic() + MAX_BACKOFF_SECONDS
