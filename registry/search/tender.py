"""Tender: a thread that looks after files beside the searches, now and then and when it is woken."""

import logging
import threading
from collections.abc import Callable

from provenance.errors import CountermarkError

CLOSING_SECONDS = 5.0

log = logging.getLogger(__name__)


class Tender:
    """Calls `tend` again and again, which may raise OSError and CountermarkError: then it is tried again."""

    def __init__(self, what: str, tend: Callable[[], None], seconds: Callable[[], float]) -> None:
        """`what` is looked after; `seconds`: between two calls."""
        self.stopping = threading.Event()
        self._what, self._tend, self._seconds = what, tend, seconds
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"countermark {what}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def wake(self) -> None:
        """Call `tend` at once."""
        self._woken.set()

    def close(self) -> None:
        """Stop the thread, after the step that it is in; a longer one ends with the process."""
        self.stopping.set()
        self._woken.set()
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        failing = False
        while not self.stopping.is_set():
            try:
                self._tend()
                failing = False
            except (OSError, CountermarkError) as error:
                if not failing:  # one line, and not one a second
                    log.warning("%s are not brought up to date, which is tried again: %s", self._what, error)
                failing = True
            self._woken.wait(self._seconds())
            self._woken.clear()
