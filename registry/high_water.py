"""The high-water file: the last checkpoint that was signed, kept apart from the store.

A store that was restored from a backup, or copied and run twice, would sign a second history of the same size: a fork,
which anybody can prove and no log recovers from. The file is written before a checkpoint is shown to anyone, by
compare-and-swap, so that a store that does not contain what it holds refuses to sign.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.errors import StoreCorrupt, StoreUnavailable


class HighWater:
    """A file with one signed note. `path.lock` beside it keeps two processes from writing at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._expected: set[bytes | None] = set()  # two, where a write failed and may have been done all the same

    def read(self) -> bytes | None:
        """The note, or None before the first: what the next `advance` starts from. Raises StoreUnavailable."""
        held = self._held()
        self._expected = {held}
        return held

    def advance(self, note: bytes) -> None:
        """Put `note` in the place of what was read or written last, durably.

        Raises StoreCorrupt when another one stands there: somebody else signs for this log. Raises StoreUnavailable.
        """
        with _available(), _locked(self.path.with_name(self.path.name + ".lock")):
            if self._held() not in self._expected:
                raise StoreCorrupt(
                    f"{self.path} has changed: another process signs checkpoints of this log. Stop one of the two, "
                    "and compare their stores before either is started again"
                )
            self._expected.add(note)
            draft = self.path.with_name(self.path.name + ".new")
            draft.write_bytes(note)
            _flush(draft)
            draft.replace(self.path)
            _flush(self.path.parent)
            self._expected = {note}

    def _held(self) -> bytes | None:
        with _available():
            try:
                return self.path.read_bytes()
            except FileNotFoundError:
                return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the high-water file cannot be used: {error}") from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
