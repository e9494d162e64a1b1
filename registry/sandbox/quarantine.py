"""Quarantine: a file that has ended two workers is refused for a while, so that retries do not multiply an attack."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from provenance.errors import ExaminationUnavailable, MediaTooCostly

MAX_ENDED_WORKERS = 2
"""Workers that one file may end before it is refused: the first and the fresh one of its retry."""

QUARANTINE_SECONDS = 60.0
"""Seconds from the last worker that a file ended until the file is examined again."""

MAX_REMEMBERED = 1024
"""Files remembered at once; the one that ended a worker longest ago is forgotten first. Bounds memory under a flood."""

Key = tuple[str, bytes]
"""Function and digest of the file: a file that cannot be compared may still be examined."""

Refusal = MediaTooCostly | ExaminationUnavailable


@dataclass
class _Offence:
    workers: int
    since: float
    refusal: Refusal


class Quarantine:
    """Counts the workers that each file has ended. Thread-safe.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float], *, max_remembered: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._max_remembered = max_remembered
        self._offences: OrderedDict[Key, _Offence] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: Key) -> None:
        """Raises the file's last failure while it is in quarantine."""
        rest = self.rest(key)
        if rest <= 0:
            return
        with self._lock:
            offence = self._offences.get(key)
        if offence is not None and isinstance(offence.refusal, MediaTooCostly):
            raise MediaTooCostly(str(offence.refusal))
        if offence is not None:
            raise ExaminationUnavailable(str(offence.refusal), retry_after=rest)

    def rest(self, key: Key) -> float:
        """Seconds that the file stays in quarantine; 0 if it is not."""
        with self._lock:
            offence = self._offences.get(key)
            if offence is None:
                return 0.0
            rest = offence.since + QUARANTINE_SECONDS - self._clock()
            if rest <= 0:
                del self._offences[key]
            return max(0.0, rest) if offence.workers >= MAX_ENDED_WORKERS else 0.0

    def note(self, key: Key, workers: int, refusal: Refusal) -> None:
        """Count workers that the file has ended; `refusal`: the failure that its caller gets."""
        with self._lock:
            before = self._offences.pop(key, None)
            self._offences[key] = _Offence(workers + (before.workers if before else 0), self._clock(), refusal)
            if len(self._offences) > self._max_remembered:
                self._offences.popitem(last=False)
