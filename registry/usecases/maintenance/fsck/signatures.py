"""The audit of signatures: on every core, since verifying them is most of the work of a check."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from types import TracebackType
from typing import Self

from provenance.errors import ExaminationUnavailable, MediaError, Overloaded, StatementError
from provenance.limits import MAX_COMMIT_JOBS
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.statement import Statement, parse_statement, verify_statement
from registry.sandbox import Sandbox
from registry.usecases.maintenance.fsck.defect import Defect

FEW = 4 * MAX_COMMIT_JOBS
"""Entries up to which worker processes do not pay: starting them takes a second, as long as verifying these."""

_SECONDS = 120.0

Check = tuple[int, bytes, str, bytes]
"""Index, statement, and the key's algorithm and bytes."""


def verify_all(checks: list[Check]) -> list[tuple[int, str]]:
    """The indices of entries whose signature does not verify, with the reason."""
    found = []
    for index, statement, algorithm, raw in checks:
        try:
            verify_statement(parse_statement(statement), _key(algorithm, raw))
        except StatementError as error:
            found.append((index, str(error)))
    return found


@lru_cache(maxsize=256)  # reading a key takes as long as verifying a signature
def _key(algorithm: str, raw: bytes) -> PublicKey:
    return PublicKey(Algorithm(algorithm), raw)


class SignatureAudit:
    """Verifies the signatures of a log of `size` entries, and reports failures in the order of the log."""

    def __init__(self, size: int) -> None:
        cores = os.cpu_count() or 1
        self._sandbox = None if size <= FEW or cores == 1 else Sandbox(cores, modules=(__name__,))
        self._threads = ThreadPoolExecutor(cores, "countermark-fsck")
        self._gathered: list[Check] = []
        self._running: deque[Future[list[tuple[int, str]]]] = deque()
        self._most = 2 * cores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._sandbox is not None:
            self._sandbox.close()

    def add(self, index: int, statement: Statement, key: PublicKey) -> None:
        """Queue the signature of entry `index`."""
        self._gathered.append((index, statement.data, key.algorithm.value, key.raw))

    def settle(self, *, all_of_them: bool = False) -> Iterator[Defect]:
        """Start verifying queued signatures; yields the finished defects, or waits for all of them."""
        if self._gathered:
            self._running.append(self._threads.submit(self._verify, self._gathered))
            self._gathered = []
        while self._running and (all_of_them or len(self._running) > self._most or self._running[0].done()):
            for index, reason in self._running.popleft().result():
                yield Defect("statement", f"entry {index}", reason)

    def _verify(self, checks: list[Check]) -> list[tuple[int, str]]:
        if self._sandbox is not None:
            try:
                return self._sandbox.run(verify_all, checks, cpu_seconds=_SECONDS)
            except (MediaError, Overloaded, ExaminationUnavailable):
                pass  # a worker has died, or none is available: verify in this process
        return verify_all(checks)
