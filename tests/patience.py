"""How tests wait: until what they wait for has come about, however long a busy machine takes for it.

A test that names seconds of its own is refused (`tests/unit/test_patience.py`): each of them belongs to a kind below.
"""

import time
from collections.abc import Callable

HUNG_SECONDS = 300.0
"""Nothing that works takes this long, on any machine: it only ends what would wait for ever."""

EXPIRING_SECONDS = 0.5
"""A limit that a test lets pass: what is to keep within it does nothing at all."""

MOMENT_SECONDS = 0.2
"""What must not come about is given this long: on a busy machine a fault may need longer, and no test fails for it."""

UNATTENDED_SECONDS = 1.0
"""A browser takes no key for a question that has just appeared: Chromium for half of this."""

POLL_SECONDS = 0.01
"""Between two looks, and between two drops of what comes slowly."""


def eventually(holds: Callable[[], object], seconds: float = HUNG_SECONDS) -> None:
    """Wait until `holds()` is true; AssertionError where it has not come about in this many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(POLL_SECONDS)
