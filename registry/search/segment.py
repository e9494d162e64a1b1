"""Segment: the local features of some registrations in the order of their lists, and the file that holds them.

A list has the features of one word, and of these those whose first signs are alike, in the order of `KEY_SIGNS`. Words
alone are uneven: photographs use 16,384 as if they were 800. So the more features a word has in a segment, the more
signs divide it, until its lists have some `LIST` features, or all signs are used up: from 0.5 million features of one
word on (the commonest have as many among 50,000 registrations) its lists grow. The file never changes; processes map
it, and share memory:

    magic, columns, footer (JSON), length of the footer (8 bytes, big-endian)

The columns are arrays in little-endian order: `tables`, where each word's lists stand in `starts`; `starts`, where each
list's features begin, and the last one's end; of each feature `signs`, `owners` (log index of its registration) and
`geometry`; and `pages`, a CRC-32 of each `PAGE` bytes of these three. The footer has the SHA-256 of each column, and the
name of the file that of the footer, so that a file that was cut or has changed is told from a good one. A large file is
opened before it is read through: until `verify` has, a search compares each page with its checksum when it reads it.
"""

import hashlib
import json
import mmap
import os
import re
import secrets
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from provenance.media.local_features import CENTROIDS, Codes, as_codes
from registry.storage import files

VERSION = 2
WORDS = CENTROIDS**2

LIST = 32
"""Features up to which a list is not divided: looking a list up costs as much as comparing four of its features."""

KEY_SIGNS: Final = (28, 41, 61, 26, 23, 44, 2, 63, 29, 32, 10, 40, 3, 51)
"""Which signs divide a word, the first ones first: those that copies of the fitting photographs flip least, 8 to 10 %
of them (others up to 16 %), by `bench.scale.fit_keys`. Files depend on it: another order is another `VERSION`."""

MAX_FEATURES = 1 << 32
"""Features of a segment: their places have 32 bits. Fourteen million registrations have as many."""

MERGED_AT_ONCE = 1 << 20
"""Features that are sorted at once while merging: they bound its memory (60 MB) and how long it holds a core."""

PAGE = 4_096
"""Bytes of a column that have a checksum of their own: what a system reads at once. The checksums are a thousandth of a
file, and among a million registrations a first search compares some 50,000 pages, in 0.1 s."""

READ_AT_OPENING = 1 << 25
"""Bytes of a file that is read through when it is opened: 20 ms. 8,000 registrations have as many."""

_VERIFIED_AT_ONCE = 1 << 24
"""Bytes of a column that are hashed between two signs of progress."""

SUFFIX, PARTIAL = ".features", ".partial"

_BITS = len(KEY_SIGNS)
_MAGIC: Final = b"countermark features\n\0\0\0"
_NAME = re.compile(r"(\d{12})-(\d{12})-([0-9a-f]{64})\.features")
_MAPPED: Final = ("tables", "starts", "signs", "owners", "geometry")
_PAGED: Final = {"signs": "<u8", "owners": "<u4", "geometry": "<u2"}
_COLUMNS: Final = {"tables": "<u4", "starts": "<u4", **_PAGED, "pages": "<u4"}

Columns = tuple[NDArray[Any], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint16]]
"""Of N features in any order: words, signs, owners, geometry."""


class SegmentDamaged(Exception):
    """A file that is no segment, or not the one that its name says. `file`: which, where a search has found it."""

    file: Path | None = None


class SegmentNewer(Exception):
    """A file that a newer version of this software has written."""


@dataclass(frozen=True)
class About:
    """What a segment holds.

    Attributes:
        store: of which store: the id of the first record of its log, hexadecimal.
        generation: of the features of that store (`registry.database.local_features.generation`).
        first, end: it has the registrations that became public by the log entries first ≤ index < end.
        registrations: how many had features.
        erased_until: index of the newest erasure that was looked at; what was erased before is not there.
    """

    store: str
    generation: int
    first: int
    end: int
    registrations: int
    erased_until: int


class _Unread:
    """Which pages of a mapped file were not compared with their checksums yet. Two threads may compare one twice."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], sha256: Mapping[str, str]) -> None:
        self._columns, self._sha256 = columns, sha256
        counts = [_pages(columns[name].nbytes) for name in _PAGED]
        sums = np.split(columns["pages"], np.cumsum(counts)[:-1])
        self._sums = dict(zip(_PAGED, sums, strict=True))
        self._left = {name: np.ones(count, np.bool_) for name, count in zip(_PAGED, counts, strict=True)}

    def require(self, name: str, first: NDArray[np.int64], length: NDArray[np.int64] | int) -> None:
        """Compare the pages of stretches of a column that were not compared before. Raises SegmentDamaged."""
        column, left, sums = self._columns[name], self._left[name], self._sums[name]
        begins = first * column.itemsize // PAGE
        counts = ((first + length) * column.itemsize - 1) // PAGE + 1 - begins
        ends = np.cumsum(counts)
        touched = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - ends + counts, counts)
        wanted = np.unique(touched[left[touched]])
        data = column.view(np.uint8).data
        for page in wanted.tolist():
            if zlib.crc32(data[page * PAGE : (page + 1) * PAGE]) != sums[page]:
                raise SegmentDamaged(f"page {page} of its {name} is not the one that was written")
        left[wanted] = False

    def verify(self, names: Collection[str], going_on: Callable[[], None]) -> None:
        """Compare whole columns with their digests. Raises SegmentDamaged, and what `going_on` raises."""
        for name in names:
            digest, data = hashlib.sha256(), self._columns[name].view(np.uint8).data
            for start in range(0, len(data), _VERIFIED_AT_ONCE):
                going_on()
                digest.update(data[start : start + _VERIFIED_AT_ONCE])
            if digest.hexdigest() != self._sha256[name]:
                raise SegmentDamaged("its content is not the one that its name says")


def _pages(size: int) -> int:
    return -(-size // PAGE)


@dataclass(eq=False)
class Segment:
    """N features in M lists. `tables`: 2^14 + 1; `starts`: M + 1. `file` is None in memory.

    A mapped file may have been opened without being read through: `require` what is read, or `verify` it first.
    """

    about: About
    tables: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    signs: NDArray[np.uint64]
    owners: NDArray[np.uint32]
    geometry: NDArray[np.uint16]
    file: Path | None = field(default=None)
    unread: _Unread | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.signs)

    def require(
        self, name: Literal["signs", "owners", "geometry"], first: NDArray[np.int64], length: NDArray[np.int64] | int
    ) -> None:
        """Compare what is read of a column, from `first` on `length` of it, with its checksums. Raises SegmentDamaged."""
        if (unread := self.unread) is not None:
            with self._named():
                unread.require(name, first, length)

    def verify(self, going_on: Callable[[], None] = lambda: None) -> None:
        """Compare all with its digests, unless that was done; `going_on` is called now and then.

        Raises SegmentDamaged, and what `going_on` raises.
        """
        if (unread := self.unread) is not None:
            with self._named():
                unread.verify(list(_PAGED), going_on)
            self.unread = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except SegmentDamaged as error:
            error.file = self.file
            raise

    def by_word(self) -> NDArray[np.int64]:
        """Where the features of each word begin, and the last one's end."""
        return self.starts[self.tables].astype(np.int64)

    def columns(self, first_word: int = 0, end_word: int = WORDS) -> Columns:
        """Those of the features with first_word ≤ word < end_word."""
        by_word = self.starts[self.tables[first_word : end_word + 1]].astype(np.int64)
        here = slice(int(by_word[0]), int(by_word[-1]))
        words = np.repeat(np.arange(first_word, end_word, dtype=np.uint32), np.diff(by_word))
        return words, self.signs[here], self.owners[here], self.geometry[here]


def prefixes(signs: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The signs that divide a word, as a number of 14 bits: the first one is its highest."""
    found = np.zeros(signs.shape, np.uint32)
    for sign in KEY_SIGNS:
        found = found << np.uint32(1) | (signs >> np.uint64(sign) & np.uint64(1)).astype(np.uint32)
    return found


def geometry_of(codes: Codes) -> NDArray[np.uint16]:
    """Direction and size of features, in one number."""
    return np.asarray(codes["direction"].astype(np.uint16) << 8 | codes["size"], np.uint16)


def in_memory(about: About, rows: Sequence[tuple[int, bytes]]) -> Segment:
    """A segment of registrations: (log index, features as `local_features.CODE`)."""
    each = [as_codes(data) for _, data in rows]
    codes = np.concatenate(each) if each else as_codes(b"")
    owners = np.repeat(np.array([index for index, _ in rows], np.uint32), [len(one) for one in each])
    return sort(about, [(codes["word"], codes["signs"], owners, geometry_of(codes))])


def sort(about: About, pieces: Sequence[Columns]) -> Segment:
    """A segment of features in memory."""
    words, signs, owners, geometry = (np.concatenate(each) for each in zip(*pieces, strict=True))
    tables = _tables(np.bincount(words, minlength=WORDS))
    order, counts = _order(words, signs, tables)
    return Segment(about, tables, _starts(counts), signs[order], owners[order], geometry[order])


def _tables(features: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Where each word's lists stand, by how many features it has."""
    bits = np.ceil(np.log2(np.maximum(features / LIST, 1))).astype(np.int64)
    return np.concatenate([[0], np.cumsum(1 << np.minimum(bits, _BITS))]).astype(np.uint32)


def _order(
    words: NDArray[Any], signs: NDArray[np.uint64], tables: NDArray[np.uint32], first: int = 0, end: int = WORDS
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The order of features by list, and how many each list of the words first ≤ word < end has."""
    lists = list_of(words, prefixes(signs), tables) - tables[first]
    return np.argsort(lists, kind="stable"), np.bincount(lists, minlength=int(tables[end] - tables[first]))


def bits_of(words: NDArray[Any], tables: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """How many signs divide each of the words."""
    lists = tables[words.astype(np.int64) + 1] - tables[words]
    return np.asarray(np.log2(lists).astype(np.uint32))


def list_of(words: NDArray[Any], prefix: NDArray[np.uint32], tables: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The number of the list that a feature stands in."""
    return np.asarray(tables[words] + (prefix >> (np.uint32(_BITS) - bits_of(words, tables))))


def _starts(counts: NDArray[np.int64]) -> NDArray[np.uint32]:
    starts = np.zeros(len(counts) + 1, np.uint32)
    np.cumsum(counts, out=starts[1:], dtype=np.uint32)
    return starts


def write(
    folder: Path,
    about: About,
    segments: Sequence[Segment],
    erased: Collection[int] = (),
    going_on: Callable[[], None] = lambda: None,
) -> Segment:
    """Merge segments, without the erased registrations, into a file of the folder, and map it.

    A failure leaves nothing; a crash a draft with the ending `PARTIAL`. `going_on` is called as soon as the draft is
    there, and before each of its blocks. Raises OSError, also where another process has deleted the draft.
    """
    gone = np.array(sorted(erased), np.uint32)
    by_word = sum((np.diff(each.by_word()) for each in segments), np.zeros(WORDS, np.int64))
    blocks = list(_blocks(by_word))
    total = int(by_word.sum())
    if len(gone):
        total -= sum(int(np.isin(each.columns(*block)[2], gone).sum()) for each in segments for block in blocks)
    tables = _tables(by_word)
    counts = np.zeros(int(tables[-1]), np.int64)
    sizes = {"tables": len(tables), "starts": len(counts) + 1, **dict.fromkeys(_PAGED, total)}
    sizes["pages"] = sum(_pages(total * np.dtype(kind).itemsize) for kind in _PAGED.values())
    written = {name: _Written() for name in _COLUMNS}
    places = _places(sizes)
    temporary = folder / f"{secrets.token_hex(8)}{PARTIAL}"

    def put(name: str, column: NDArray[Any]) -> None:
        data = np.ascontiguousarray(column, _COLUMNS[name]).view(np.uint8).data
        written[name].add(data)
        places[name] = _put(file, places[name], data)

    try:
        with temporary.open("wb") as file:
            file.write(_MAGIC)
            for first, end in blocks:
                going_on()
                pieces = [each.columns(first, end) for each in segments]
                words, signs, owners, geometry = (np.concatenate(each) for each in zip(*pieces, strict=True))
                if len(gone):
                    kept = ~np.isin(owners, gone)
                    words, signs, owners, geometry = words[kept], signs[kept], owners[kept], geometry[kept]
                order, counts[tables[first] : tables[end]] = _order(words, signs, tables, first, end)
                put("signs", signs[order])
                put("owners", owners[order])
                put("geometry", geometry[order])
                file.flush()  # block by block, as the log's commits wait for what is flushed on the same disk
                os.fdatasync(file.fileno())
            put("tables", tables)
            put("starts", _starts(counts))
            put("pages", np.array([each for name in _PAGED for each in written[name].pages], np.uint32))
            footer = json.dumps(
                {
                    "version": VERSION,
                    "about": asdict(about),
                    "sizes": sizes,
                    "sha256": {name: column.digest.hexdigest() for name, column in written.items()},
                },
                separators=(",", ":"),
            ).encode()
            _put(file, _end(sizes), footer + len(footer).to_bytes(8, "big"))
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"{about.first:012d}-{about.end:012d}-{hashlib.sha256(footer).hexdigest()}{SUFFIX}"
        temporary.rename(path)
        files.flush(folder)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return load(path, whole=False)


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


def _blocks(by_word: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of words that have `MERGED_AT_ONCE` features at most, or are one word."""
    behind = np.concatenate([[0], np.cumsum(by_word)])
    first = 0
    while first < WORDS:
        end = int(np.searchsorted(behind, behind[first] + MERGED_AT_ONCE, side="right")) - 1
        end = min(WORDS, max(end, first + 1))
        yield first, end
        first = end


def _places(sizes: Mapping[str, int]) -> dict[str, int]:
    """Where each column begins, at a multiple of 8 bytes; under "" the end of all."""
    places, place = {}, len(_MAGIC)
    for name, kind in _COLUMNS.items():
        places[name] = place
        place += -(-sizes[name] * np.dtype(kind).itemsize // 8) * 8
    return places | {"": place}


def _end(sizes: Mapping[str, int]) -> int:
    return _places(sizes)[""]


def _put(file: BinaryIO, place: int, data: bytes | memoryview) -> int:
    file.seek(place)
    file.write(data)
    return file.tell()


def load(path: Path, *, whole: bool = True) -> Segment:
    """Map a file, and compare its footer with the digest in its name.

    `whole`: all of it, too, or of more than `READ_AT_OPENING` what says where its features stand; the rest is `unread`.

    Raises:
        SegmentDamaged: it is no segment, or not the one that its name says.
        SegmentNewer: it has a version that this software does not read.
        OSError: it cannot be read; FileNotFoundError where another process has deleted it.
    """
    named = _NAME.fullmatch(path.name)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if named is None or size < len(_MAGIC) + 8:
            raise SegmentDamaged("it is cut")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(mapped[size - 8 :], "big")
    footer = mapped[max(0, size - 8 - length) : size - 8]
    if mapped[: len(_MAGIC)] != _MAGIC or hashlib.sha256(footer).hexdigest() != named[3]:
        raise SegmentDamaged("its footer is not the one that its name says")
    document: dict[str, Any] = json.loads(footer)
    if document["version"] > VERSION:
        raise SegmentNewer(f"it has version {document['version']}, and this software reads {VERSION}")
    if document["version"] < VERSION:
        raise SegmentDamaged(f"an older version of this software, {document['version']}, has written it")
    sizes = document["sizes"]
    if size != _end(sizes) + length + 8:
        raise SegmentDamaged("it is cut")
    places = _places(sizes)
    columns = {name: np.frombuffer(mapped, kind, sizes[name], places[name]) for name, kind in _COLUMNS.items()}
    segment = Segment(About(**document["about"]), file=path, **{name: columns[name] for name in _MAPPED})
    if whole:
        segment.unread = _Unread(columns, document["sha256"])
        segment.unread.verify(columns.keys() - _PAGED.keys(), lambda: None)
        if size <= READ_AT_OPENING:
            segment.verify()
    return segment


def entries_in_name(path: Path) -> range | None:
    """The log entries whose registrations a file has, by its name; None for a file of another kind."""
    named = _NAME.fullmatch(path.name)
    return range(int(named[1]), int(named[2])) if named else None
