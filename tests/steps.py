"""Acts between two steps of a work: where a crash can fall, or another process can overtake."""

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any


def before_step(step: int, act: Callable[[], None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps functions that are the steps of a work: `act` is called before the `step`th call of any, from 0."""
    steps = count()

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if next(steps) == step:
                act()
            return real(*args, **named)

        return run

    return wrapped


def kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
