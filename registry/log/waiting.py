"""Waiting: the callers whose entries are sequenced, until a signed checkpoint covers them."""

import time
from concurrent.futures import Future

from provenance.errors import RegistryError, StoreUnavailable
from registry.log.batch import Appended


class Waiting:
    """Entries with their callers' futures, and until when (monotonic seconds) each of them waits at least."""

    def __init__(self) -> None:
        self._all: list[tuple[Appended, Future[Appended], float]] = []

    def add(self, appended: Appended, future: Future[Appended], deadline: float) -> None:
        """Have somebody wait."""
        self._all.append((appended, future, deadline))

    def settle(self, size: int, failure: RegistryError | None, *, overdue: bool, hopeless: bool) -> None:
        """Tell those whose entry is among the `size` published ones.

        Args:
            failure: what to tell the others who are told now.
            overdue: whether those are told whose deadline has passed.
            hopeless: whether all are.
        """
        still_waiting = []
        now = time.monotonic()
        for appended, future, deadline in self._all:
            if appended.index < size:
                future.set_result(appended)
            elif hopeless or (overdue and now >= deadline):
                future.set_exception(failure or StoreUnavailable("sequenced, but not published yet"))
            else:
                still_waiting.append((appended, future, deadline))
        self._all = still_waiting
