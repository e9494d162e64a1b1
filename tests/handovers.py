"""A pytest plugin that finds races: after each hand-over between threads, the one that handed over often pauses.

Loaded by name (`pytest -p tests.handovers`, which `make timing` does): what one thread has told another must hold even
if it itself gets no further for a while. A test that fails with the pauses alone could fail on any busy machine.
"""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any

PAUSES = (0.0, 0.01, 0.03)
"""Seconds, one of which is drawn at each hand-over: longer than a switch between threads, short beside a test."""

_CHANCE = random.Random()  # its own: Hypothesis watches over the module's


def _pausing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def handing_over(*arguments: Any, **named: Any) -> Any:
        result = method(*arguments, **named)
        time.sleep(_CHANCE.choice(PAUSES))
        return result

    return handing_over


def pytest_configure() -> None:
    for owner, names in (
        (Future, ("set_result", "set_exception")),
        (threading.Event, ("set",)),
        (threading.Condition, ("notify_all",)),
    ):
        for name in names:
            setattr(owner, name, _pausing(getattr(owner, name)))
