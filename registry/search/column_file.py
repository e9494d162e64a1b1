"""ColumnFile: arrays in a file that never changes, which the processes of a host map, and share memory.

    magic, columns, footer (JSON), length of the footer (8 bytes, big-endian)

The columns are in little-endian order, each at a multiple of 8 bytes. The footer says what the file is about, and has
the SHA-256 of each column; the name of the file ends in that of the footer, so that a file that was cut or has changed
is told from a good one. Of columns that are *paged* each page has a CRC-32, too, in a column of their own: a large file
is opened before these are read through, and until `verify` has, each page is compared when it is read first.

A file is renamed into place when it is complete: it is there as a whole, or not at all.
"""

import hashlib
import json
import mmap
import os
import re
import secrets
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from registry.storage import files

PAGE = 4_096
"""Bytes of a column that have a checksum of their own: what a system reads at once. The checksums are a thousandth of a
file, and among a million registrations a first search compares some 50,000 pages, in 0.1 s."""

READ_AT_OPENING = 1 << 25
"""Bytes of a file that is read through when it is opened: 20 ms. Features of 8,000 registrations have as many."""

PARTIAL = ".partial"

_VERIFIED_AT_ONCE = 1 << 24
"""Bytes of a column that are hashed between two signs of progress."""

_PAGES: Final = "pages"
_PAGE_KIND: Final = "<u4"
_DIGEST = re.compile(r"(?:.*-)?([0-9a-f]{64})\.[a-z]+")


class Damaged(Exception):
    """A file that is not the one that its name says. `file`: which, where that has turned out after it was opened."""

    file: Path | None = None


class Newer(Exception):
    """A file that a newer version of this software has written."""


@dataclass(frozen=True)
class Kind:
    """What files of a kind have in common.

    Attributes:
        magic: their first bytes, a multiple of eight.
        version: of what is in them.
        columns: the type of each, as NumPy names it.
        paged: those that are compared page by page, the last ones.
    """

    magic: bytes
    version: int
    columns: Mapping[str, str]
    paged: tuple[str, ...] = ()

    def places(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Where each column begins, of so many items each; under "" the end of all."""
        places, place = {}, len(self.magic)
        for name, kind in self._all.items():
            places[name] = place
            place += -(-sizes[name] * np.dtype(kind).itemsize // 8) * 8
        return places | {"": place}

    def pages(self, sizes: Mapping[str, int]) -> list[int]:
        """How many pages each paged column has."""
        return [_pages(sizes[name] * np.dtype(self.columns[name]).itemsize) for name in self.paged]

    @property
    def _all(self) -> dict[str, str]:
        return {**self.columns, **({_PAGES: _PAGE_KIND} if self.paged else {})}


class Draft:
    """A file on its way: columns are put, each from its beginning to its end, in any order."""

    def __init__(self, kind: Kind, file: BinaryIO, sizes: Mapping[str, int]) -> None:
        self._kind, self._file = kind, file
        self._sizes = {**sizes, _PAGES: sum(kind.pages(sizes))}
        self._places = kind.places(self._sizes)
        self._written = {name: _Written() for name in self._places if name}
        file.write(kind.magic)

    def put(self, name: str, column: NDArray[Any]) -> None:
        """Go on with a column. Raises OSError."""
        kind = self._kind.columns.get(name, _PAGE_KIND)
        data = np.ascontiguousarray(column, kind).reshape(-1).view(np.uint8).data
        self._written[name].add(data)
        self._places[name] = _put(self._file, self._places[name], data)

    def flush(self) -> None:
        """Have the disk write what was put. Raises OSError."""
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def end(self, about: Mapping[str, Any]) -> str:
        """Add the footer; returns its SHA-256, hexadecimal. Raises OSError."""
        if self._kind.paged:
            sums = [each for name in self._kind.paged for each in self._written[name].pages]
            self.put(_PAGES, np.array(sums, np.uint32))
        footer = json.dumps(
            {
                "version": self._kind.version,
                "about": about,
                "sizes": self._sizes,
                "sha256": {name: column.digest.hexdigest() for name, column in self._written.items()},
            },
            separators=(",", ":"),
        ).encode()
        _put(self._file, self._kind.places(self._sizes)[""], footer + len(footer).to_bytes(8, "big"))
        self._file.flush()
        os.fsync(self._file.fileno())
        return hashlib.sha256(footer).hexdigest()


class _Written:
    """A column on its way into a file: its digest, and the checksums of its pages."""

    def __init__(self) -> None:
        self.digest, self.pages = hashlib.sha256(), list[int]()
        self._size = 0

    def add(self, data: memoryview) -> None:
        self.digest.update(data)
        rest = -self._size % PAGE
        if rest:  # goes on with the page that the last stretch has begun
            self.pages[-1] = zlib.crc32(data[:rest], self.pages[-1])
        self.pages += [zlib.crc32(data[place : place + PAGE]) for place in range(rest, len(data), PAGE)]
        self._size += len(data)


@contextmanager
def draft(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write into, and its path, which is deleted where the block fails; a crash leaves it, with the ending
    `PARTIAL`."""
    temporary = folder / f"{secrets.token_hex(8)}{PARTIAL}"
    try:
        with temporary.open("wb") as file:
            yield file, temporary
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a draft that is complete. Raises OSError, also where another process has deleted it."""
    temporary.rename(path)
    files.flush(path.parent)


class ColumnFile:
    """A mapped file."""

    def __init__(self, path: Path, kind: Kind, document: Mapping[str, Any], mapped: mmap.mmap) -> None:
        self.path = path
        self.about: dict[str, Any] = document["about"]
        sizes, places = document["sizes"], kind.places(document["sizes"])
        self.columns: dict[str, NDArray[Any]] = {
            name: np.frombuffer(mapped, type_, sizes[name], places[name]) for name, type_ in kind.columns.items()
        }
        self._sha256 = document["sha256"]
        self._paged = kind.paged
        self._unread: dict[str, tuple[NDArray[np.uint32], NDArray[np.bool_]]] | None = None
        if kind.paged:
            self._sums = np.frombuffer(mapped, _PAGE_KIND, sizes[_PAGES], places[_PAGES])
            counts = kind.pages(sizes)
            sums = np.split(self._sums, np.cumsum(counts)[:-1])
            self._unread = {name: (of, np.ones(len(of), np.bool_)) for name, of in zip(kind.paged, sums, strict=True)}

    @classmethod
    def open(cls, path: Path, kind: Kind, *, whole: bool = True) -> Self:
        """Map a file, and compare its footer with the digest in its name.

        `whole`: all of it, too, but for the paged columns of one of more than `READ_AT_OPENING`.

        Raises:
            Damaged: it is no such file, or not the one that its name says; or an older version has written it.
            Newer: it has a version that this software does not read.
            OSError: it cannot be read; FileNotFoundError where another process has deleted it.
        """
        named = _DIGEST.fullmatch(path.name)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if named is None or size < len(kind.magic) + 8:
                raise Damaged("it is cut")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(mapped[size - 8 :], "big")
        footer = mapped[max(0, size - 8 - length) : size - 8]
        if mapped[: len(kind.magic)] != kind.magic or hashlib.sha256(footer).hexdigest() != named[1]:
            raise Damaged("its footer is not the one that its name says")
        document: dict[str, Any] = json.loads(footer)
        if document["version"] > kind.version:
            raise Newer(f"it has version {document['version']}, and this software reads {kind.version}")
        if document["version"] < kind.version:
            raise Damaged(f"an older version of this software, {document['version']}, has written it")
        if size != kind.places(document["sizes"])[""] + length + 8:
            raise Damaged("it is cut")
        opened = cls(path, kind, document, mapped)
        if not whole:
            opened._unread = None
        else:
            opened._compare({name: column for name, column in opened.columns.items() if name not in kind.paged})
            if kind.paged:
                opened._compare({_PAGES: opened._sums})
            if size <= READ_AT_OPENING:
                opened.verify()
        return opened

    @property
    def is_read(self) -> bool:
        """Whether all of it was compared."""
        return self._unread is None

    def require(self, name: str, first: NDArray[np.int64], length: NDArray[np.int64] | int) -> None:
        """Compare what is read of a paged column, `length` items from each of `first` on, with its checksums.

        Raises Damaged. Two threads may compare a page twice.
        """
        if (unread := self._unread) is None:
            return
        column, (sums, left) = self.columns[name], unread[name]
        begins = first * column.itemsize // PAGE
        counts = ((first + length) * column.itemsize - 1) // PAGE + 1 - begins
        ends = np.cumsum(counts)
        touched = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - ends + counts, counts)
        wanted = np.unique(touched[left[touched]])
        data = column.view(np.uint8).data
        for page in wanted.tolist():
            if zlib.crc32(data[page * PAGE : (page + 1) * PAGE]) != sums[page]:
                raise self._damaged(f"page {page} of its {name} is not the one that was written")
        left[wanted] = False

    def verify(self, going_on: Callable[[], None] = lambda: None) -> None:
        """Compare all of it, unless that was done; `going_on` is called now and then.

        Raises Damaged, and what `going_on` raises.
        """
        if self._unread is not None:
            self._compare({name: self.columns[name] for name in self._paged}, going_on)
            self._unread = None

    def _compare(self, columns: Mapping[str, NDArray[Any]], going_on: Callable[[], None] = lambda: None) -> None:
        for name, column in columns.items():
            digest, data = hashlib.sha256(), column.view(np.uint8).data
            for start in range(0, len(data), _VERIFIED_AT_ONCE):
                going_on()
                digest.update(data[start : start + _VERIFIED_AT_ONCE])
            if digest.hexdigest() != self._sha256[name]:
                raise self._damaged("its content is not the one that its name says")

    def _damaged(self, words: str) -> Damaged:
        error = Damaged(words)
        error.file = self.path
        return error


def delete_drafts(folder: Path) -> None:
    """Delete the drafts of processes that crashed, or were suspended. Raises OSError."""
    for left in folder.glob(f"*{PARTIAL}"):
        left.unlink(missing_ok=True)


def delete(paths: Collection[Path]) -> None:
    """Delete files as far as that is possible now."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _pages(size: int) -> int:
    return -(-size // PAGE)


def _put(file: BinaryIO, place: int, data: bytes | memoryview) -> int:
    file.seek(place)
    file.write(data)
    return file.tell()
