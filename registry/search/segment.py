"""Segment: the local features of some registrations in the order of their lists, and the file that holds them.

A list has the features of one word, and of these those whose first signs are alike, in the order of `KEY_SIGNS`. Words
alone are uneven: photographs use 16,384 as if they were 800. So the more features a word has in a segment, the more
signs divide it, until its lists have some `LIST` features, or all signs are used up: from 0.5 million features of one
word on (the commonest have as many among 50,000 registrations) its lists grow.

In a file (`registry.search.column_file`) the columns are `tables`, where each word's lists stand in `starts`; `starts`,
where each list's features begin, and the last one's end; and of each feature `signs`, `owners` (log index of its
registration) and `geometry`, which are paged.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from provenance.media.local_features import CENTROIDS, Codes, as_codes
from registry.search import column_file
from registry.search.column_file import ColumnFile, Damaged, Draft, Kind

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

SUFFIX = ".features"

_BITS = len(KEY_SIGNS)
_NAME = re.compile(r"(\d{12})-(\d{12})-([0-9a-f]{64})\.features")
_PAGED: Final = {"signs": "<u8", "owners": "<u4", "geometry": "<u2"}
KIND: Final = Kind(
    b"countermark features\n\0\0\0", VERSION, {"tables": "<u4", "starts": "<u4", **_PAGED}, paged=tuple(_PAGED)
)

Columns = tuple[NDArray[Any], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint16]]
"""Of N features in any order: words, signs, owners, geometry."""


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


@dataclass(frozen=True, eq=False)
class Segment:
    """N features in M lists. `tables`: 2^14 + 1; `starts`: M + 1. `mapped` is None in memory.

    A mapped file may have been opened without being read through: `require` what is read, or `verify` it first.
    """

    about: About
    tables: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    signs: NDArray[np.uint64]
    owners: NDArray[np.uint32]
    geometry: NDArray[np.uint16]
    mapped: ColumnFile | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.signs)

    @property
    def file(self) -> Path | None:
        """Where it is; None in memory."""
        return None if self.mapped is None else self.mapped.path

    @property
    def is_read(self) -> bool:
        """Whether all of it is known to be as it was written."""
        return self.mapped is None or self.mapped.is_read

    def require(
        self, name: Literal["signs", "owners", "geometry"], first: NDArray[np.int64], length: NDArray[np.int64] | int
    ) -> None:
        """Compare what is read of a column, `length` items from each of `first` on, with its checksums.

        Raises Damaged.
        """
        if self.mapped is not None:
            self.mapped.require(name, first, length)

    def verify(self, going_on: Callable[[], None] = lambda: None) -> None:
        """Compare all with its digests, unless that was done; `going_on` is called now and then.

        Raises Damaged, and what `going_on` raises.
        """
        if self.mapped is not None:
            self.mapped.verify(going_on)

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
    with column_file.draft(folder) as (file, temporary):
        made = Draft(KIND, file, sizes)
        for first, end in blocks:
            going_on()
            pieces = [each.columns(first, end) for each in segments]
            words, signs, owners, geometry = (np.concatenate(each) for each in zip(*pieces, strict=True))
            if len(gone):
                kept = ~np.isin(owners, gone)
                words, signs, owners, geometry = words[kept], signs[kept], owners[kept], geometry[kept]
            order, counts[tables[first] : tables[end]] = _order(words, signs, tables, first, end)
            made.put("signs", signs[order])
            made.put("owners", owners[order])
            made.put("geometry", geometry[order])
            made.flush()  # block by block, as the log's commits wait for what is flushed on the same disk
        made.put("tables", tables)
        made.put("starts", _starts(counts))
        path = folder / f"{about.first:012d}-{about.end:012d}-{made.end(asdict(about))}{SUFFIX}"
        column_file.move_into_place(temporary, path)
    return load(path, whole=False)


def _blocks(by_word: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of words that have `MERGED_AT_ONCE` features at most, or are one word."""
    behind = np.concatenate([[0], np.cumsum(by_word)])
    first = 0
    while first < WORDS:
        end = int(np.searchsorted(behind, behind[first] + MERGED_AT_ONCE, side="right")) - 1
        end = min(WORDS, max(end, first + 1))
        yield first, end
        first = end


def load(path: Path, *, whole: bool = True) -> Segment:
    """Map a file. Takes `whole` and raises as `ColumnFile.open`; Damaged also for a file with another kind of name."""
    if _NAME.fullmatch(path.name) is None:
        raise Damaged("it has another name")
    opened = ColumnFile.open(path, KIND, whole=whole)
    return Segment(About(**opened.about), mapped=opened, **opened.columns)


def entries_in_name(path: Path) -> range | None:
    """The log entries whose registrations a file has, by its name; None for a file of another kind."""
    named = _NAME.fullmatch(path.name)
    return range(int(named[1]), int(named[2])) if named else None
