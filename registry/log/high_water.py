"""The high-water mark: the last checkpoint that was signed, kept apart from the store.

A store that was restored from a backup, or copied and run twice, would sign a second history of the same size: a fork,
which anybody can prove and from which no log recovers. The mark is written before a checkpoint is shown to anyone, by
compare-and-swap, so that a store without the marked tree refuses to sign. It is a file for processes on one
machine, or an object in a bucket for any number of machines.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from provenance.errors import Conflict, SettingsInvalid, StoreUnavailable
from registry.storage import files
from registry.storage.objects import BucketObjects


class HighWater:
    """One signed note, in a file or an object; `place` names it in messages."""

    def __init__(self, place: Path | str) -> None:
        """`place` is a path, or "s3://BUCKET/NAME". Raises SettingsInvalid, StoreUnavailable."""
        self.place = str(place)
        self._slot: _Slot = _File(place) if isinstance(place, Path) else _Object(place)
        self._expected: set[bytes | None] = set()  # two after a failed write, which may have succeeded

    def read(self) -> bytes | None:
        """The note, or None before the first. Raises StoreUnavailable."""
        return self._slot.read()

    def expect(self, note: bytes | None) -> None:
        """Have the next `advance` replace this note, which was read and found to be of this log's history."""
        self._expected = {note}

    def advance(self, note: bytes) -> None:
        """Replace the expected or last written note, durably.

        Raises Conflict if the mark holds another note, StoreUnavailable.
        """
        expected = self._expected.copy()
        self._expected.add(note)
        if not self._slot.swap(note, expected):
            self._expected = expected
            raise Conflict(f"the high-water mark {self.place} was changed by another process")
        self._expected = {note}


class _Slot(Protocol):
    def read(self) -> bytes | None: ...
    def swap(self, note: bytes, expected: Collection[bytes | None]) -> bool: ...


class _File:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        try:
            return files.read(self._path)
        except OSError as error:
            raise _unavailable(error) from error

    def swap(self, note: bytes, expected: Collection[bytes | None]) -> bool:
        try:
            return files.swap(self._path, note, expected)
        except OSError as error:
            raise _unavailable(error) from error


class _Object:
    """An object in a bucket."""

    def __init__(self, url: str) -> None:
        folder, _, self._name = url.rpartition("/")
        if not self._name or folder == "s3:/":
            raise SettingsInvalid("a high-water mark is a file, or reads s3://BUCKET/NAME")
        self._objects = BucketObjects(folder)

    def read(self) -> bytes | None:
        return self._objects.get(self._name)

    def swap(self, note: bytes, expected: Collection[bytes | None]) -> bool:
        return self._objects.swap(self._name, note, expected)


def _unavailable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"the high-water file cannot be used: {error}")
