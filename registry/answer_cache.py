"""AnswerCache: what was worked out in one state of the log, kept for as long as that state is served."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from registry.database.heads import Served

T = TypeVar("T")

MAX_ANSWERS = 4_096
"""Kept at once, the least recently asked for goes first: two or three a record, each of some 10 KB."""


class AnswerCache:
    """Answers about records, each worked out once in a state of the log. Thread-safe.

    An answer has to follow from the state, the tree that proofs are in, and what it is asked for by. The state is what
    a snapshot has of the log (`Served`). An entry of whichever process ends it, and so does a cosignature or a time
    stamp; with it goes all that was kept, content that is erased since among it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: Served | None = None
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, served: Served, note: bytes | None, asked: Hashable, answer: Callable[[], T]) -> T:
        """What was kept of `answer()`, or what it returns now. Raises what it raises, of which nothing is kept.

        Args:
            note: of the tree that proofs are in; None where there are none.
            asked: names the function and its arguments.
        """
        asked = note, asked
        with self._lock:
            if served == self._state and asked in self._answers:
                self._answers.move_to_end(asked)
                kept: T = self._answers[asked]
                return kept
        made = answer()
        with self._lock:
            if self._state is not None and served.size < self._state.size:
                return made  # a snapshot from before: newer ones are asked for
            if served != self._state:
                self._state = served
                self._answers.clear()
            self._answers[asked] = made
            if len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._state = None
            self._answers.clear()
