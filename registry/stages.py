"""Stages: how long each part of a request took, told to whoever wants to know.

"receive" is the upload, "wait" the wait for a worker, "search" the indices, "log" the append; what runs in a worker
is named as its function.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Observe = Callable[[str, float], None]
"""Called with a stage's name and its seconds, in the thread that did it: neither blocks nor raises."""


class Stages:
    """Passes on how long each stage took. Thread-safe."""

    def __init__(self) -> None:
        self._observers: tuple[Observe, ...] = ()

    def watch(self, observe: Observe) -> None:
        """Have `observe` called after each stage from now on."""
        self._observers = (*self._observers, observe)

    def took(self, stage: str, seconds: float) -> None:
        """Say how long a stage took."""
        for observe in self._observers:
            observe(stage, seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what is done while the context is open, also if it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.took(stage, time.perf_counter() - started)
