"""How tests wait: until what they wait for has come about, however long a busy machine takes for it."""

import os
import time
from collections.abc import Callable

HUNG_SECONDS = 300.0
"""Nothing that works takes this long, on any machine: it only ends what would wait for ever."""


def is_idle() -> bool:
    """Whether the machine does little else: the seconds that a busy one measures say nothing about the service."""
    return os.getloadavg()[0] < (os.cpu_count() or 1)


def eventually(holds: Callable[[], object], seconds: float = HUNG_SECONDS) -> None:
    """Wait until `holds()` is true; AssertionError where it has not come about in this many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.01)
