"""MultiIndex: all registrations whose hash is near that of a picture; exact to the radius of the kind of hash.

Multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012): of a
PDQ 11 chunks of 21 bits, of which two hashes at most 31 bits apart share one with at most 2 bits flipped (11 × 3 = 33
> 31). That takes more probes than 16 chunks of 16 bits with one flip, and leaves a third of the hashes to compare,
which are what a search of many millions waits for.

A pHash is found the same way: 3 chunks of 21 of its 64 bits, for at most 8 bits apart (3 × 3 = 9 > 8).

Each chunk has a table: row numbers sorted by the chunk's value, and where each value begins. New rows are compared one
by one until there are `MAX_TAIL` of them, and then merged into the tables; so a small store has no tables. A start
takes tables and hashes from a file, if there is one (`registry.search.hash_file`).
"""

import ctypes
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from provenance.errors import StoreUnavailable
from registry.database import Session, Store
from registry.search.codes import (
    BITS,
    MIN_QUALITY,
    Candidate,
    Codes,
    HashKind,
    as_candidates,
    as_matrix,
    distances,
)
from registry.search.hash_file import Saved
from registry.search.selection import EVERYTHING, choose, inside
from registry.search.tender import Tender

CHUNK_BITS = 21
MAX_FLIPS = 2

MAX_CANDIDATES = 50
"""Candidates for the comparison, at 5 ms each; a collage of pictures with many registrations stays below it."""

MAX_TAIL = 8_192
"""Rows compared one by one: 2 ms for eight orientations at most. Merging as many takes 0.2 s in a million."""

LONGEST_TAIL = 8 * MAX_TAIL
"""Rows up to which a search does not wait for another one that is merging."""

TEND_SECONDS = 10.0
"""Between two looks at the file: what another process has erased is to leave it within a minute."""

_MERGED_AT_ONCE = 1 << 20
_CHUNKED_AT_ONCE = 1 << 16
"""Rows: they bound the memory that merging takes beside the tables (some 100 MB)."""

PERMUTATION: NDArray[np.intp] = np.random.Generator(np.random.PCG64(20190801)).permutation(BITS)
"""Which bit of the hash stands at each place before it is cut. PDQ's neighbouring bits are neighbouring frequencies and
flip together; scattered, each chunk tells as much as any other. The seed is the day PDQ was published."""

_FLIPS = np.array(
    [
        sum(1 << place for place in places)
        for flips in range(MAX_FLIPS + 1)
        for places in combinations(range(CHUNK_BITS), flips)
    ],
    dtype=np.uint32,
)
_PADDED = 24
"""Bits in which a chunk is packed: whole bytes."""

QUERIES_AT_ONCE = 64
"""Of many millions, the rows that share a chunk with as many queries take some 100 MB."""

PAIRS_AT_ONCE = 1 << 20
"""Rows of the tail × queries: their differences take 32 MB."""


def _layout(kind: HashKind) -> NDArray[np.intp]:
    """chunks × `_PADDED`: which bit of a hash is at each place of each chunk; `kind.bits` is the place of a zero."""
    chunks = -(-(kind.radius + 1) // (MAX_FLIPS + 1))
    order = PERMUTATION[kind.bits > PERMUTATION][: chunks * CHUNK_BITS]
    layout = np.full((chunks, _PADDED), kind.bits, dtype=np.intp)
    layout[:, _PADDED - CHUNK_BITS :] = order.reshape(chunks, CHUNK_BITS)
    return layout


_Numbers = NDArray[np.int64]
_Rows = NDArray[np.uint32]


_NOTHING: tuple[_Rows, _Numbers] = np.empty(0, np.uint32), np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class _Tables:
    """The tables over the first `size` rows.

    Attributes:
        layout: of the chunks (`_layout`).
        rows: for each chunk, row numbers ordered by its value.
        starts: chunks × (2^21 + 1): where each value's rows begin, and the next one's.
    """

    layout: NDArray[np.intp]
    size: int
    rows: tuple[_Rows, ...]
    starts: NDArray[np.uint32]

    @classmethod
    def empty(cls, kind: HashKind) -> "_Tables":
        """Tables over no rows."""
        layout = _layout(kind)
        rows = tuple(np.empty(0, dtype=np.uint32) for _ in layout)
        return cls(layout, 0, rows, np.zeros((len(layout), (1 << CHUNK_BITS) + 1), dtype=np.uint32))

    def merged(self, codes: NDArray[np.uint8]) -> "_Tables":
        """Tables that also cover the rows of `codes`, which follow the first `size`."""
        values = _chunks(codes, self.layout)
        rows, starts = [], self.starts.copy()
        for chunk, (known, of_chunk) in enumerate(zip(self.rows, values.T, strict=True)):
            order = np.argsort(of_chunk, kind="stable")
            places = self.starts[chunk][of_chunk[order] + np.uint32(1)].astype(np.int64)
            rows.append(np.insert(known, places, (order + self.size).astype(np.uint32)))
            counts = np.bincount(of_chunk, minlength=starts.shape[1] - 1)
            starts[chunk, 1:] += np.cumsum(counts, dtype=np.uint32)
        return _Tables(self.layout, self.size + len(codes), tuple(rows), starts)

    def without(self, gone: NDArray[np.intp]) -> "_Tables":
        """Tables without some rows; those behind each move up."""
        kept = np.ones(self.size, np.bool_)
        kept[gone[gone < self.size]] = False
        number = np.cumsum(kept, dtype=np.uint32) - np.uint32(1)
        rows, starts = [], np.empty_like(self.starts)
        for chunk, known in enumerate(self.rows):
            stay = kept[known]
            left_out = np.concatenate([[0], np.cumsum(~stay)]).astype(np.uint32)
            starts[chunk] = self.starts[chunk] - left_out[self.starts[chunk]]
            rows.append(number[known[stay]])
        return _Tables(self.layout, int(kept.sum()), tuple(rows), starts)

    def near(self, queries: NDArray[np.uint8]) -> tuple[_Rows, _Numbers]:
        """Rows that share a chunk with a query except for two bits, and the query's number; with repetitions."""
        found, asked = [], []
        for chunk, values in enumerate(_chunks(queries, self.layout).T):
            probes = values[:, None] ^ _FLIPS
            first = self.starts[chunk][probes].astype(np.int64)
            lengths = self.starts[chunk][probes + np.uint32(1)] - first
            asked.append(np.repeat(np.arange(len(queries)), lengths.sum(axis=1)))
            lengths = lengths.ravel()
            ends = np.cumsum(lengths)
            found.append(self.rows[chunk][np.arange(ends[-1]) + np.repeat(first.ravel() - ends + lengths, lengths)])
        return np.concatenate(found), np.concatenate(asked)


class MultiIndex:
    """Near-duplicate search over the hashes in `codes`, of one kind. Thread-safe."""

    def __init__(self, codes: Codes) -> None:
        self._lock = threading.Lock()
        self._codes = codes
        self._tables = _Tables.empty(codes.kind)
        self._tender: Tender | None = None

    def candidates(
        self, session: Session, hashes: Sequence[bytes], quality: int, within: range = EVERYTHING
    ) -> list[Candidate]:
        """All registrations within the radius of any of `hashes`, the nearest first, at most `MAX_CANDIDATES`.

        Args:
            session: on the store that is searched.
            hashes: 32 bytes each: the picture's PDQ in the orientations to try.
            quality: the picture's PDQ quality; below `MIN_QUALITY` there are no candidates.
            within: log indices of the registrations that are searched.

        Raises InvalidRequest for hashes of another length.
        """
        if quality < MIN_QUALITY or not hashes:
            return []
        stored = self._codes.catch_up(session)
        rows, _, apart = self._near(stored.codes, as_matrix(hashes, self._codes.kind))
        order = np.lexsort((rows, apart))
        _, first = np.unique(rows[order], return_index=True)  # of each row, its nearest
        chosen = order[np.sort(first)]
        chosen = chosen[inside(stored.indices[rows[chosen]], within)]
        chosen = chosen[choose(session, stored.indices[rows[chosen]].tolist(), MAX_CANDIDATES)]
        return as_candidates(session, stored.indices[rows[chosen]].tolist(), apart[chosen].tolist())

    def near_each(self, session: Session, hashes: Sequence[bytes]) -> list[list[tuple[int, int]]]:
        """(log index, distance) of the registrations within the radius of each hash, at most `MAX_CANDIDATES`, the
        nearest first. An erased registration may be among them."""
        found: list[list[tuple[int, int]]] = [[] for _ in hashes]
        if not hashes:
            return found
        stored, queries = self._codes.catch_up(session), as_matrix(hashes, self._codes.kind)
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            rows, asked, apart = self._near(stored.codes, queries[start : start + QUERIES_AT_ONCE])
            pairs = np.unique(np.stack([asked, apart, rows], axis=1), axis=0)  # a row may share several chunks
            for query, distance, row in pairs.tolist():
                if len(found[start + query]) < MAX_CANDIDATES:
                    found[start + query].append((int(stored.indices[row]), distance))
        return found

    def _near(self, codes: NDArray[np.uint8], queries: NDArray[np.uint8]) -> tuple[_Numbers, _Numbers, _Numbers]:
        """Each pair within the radius: row, number of the query, distance; with repetitions."""
        tables, radius = self._merged(codes), self._codes.kind.radius
        rows, asked = tables.near(queries) if tables.size else _NOTHING
        if tables.size > len(codes):  # another search has merged rows that came after this one began
            here = rows < len(codes)
            rows, asked = rows[here], asked[here]
        apart = _pairwise(codes, rows, queries, asked)
        near = np.flatnonzero(apart <= radius)
        found = [(rows[near].astype(np.int64), asked[near].astype(np.int64), apart[near])]
        tail = codes[tables.size :]
        step = max(1, PAIRS_AT_ONCE // max(1, len(tail)))
        for start in range(0, len(queries), step):
            late = distances(tail, queries[start : start + step])
            late_rows, late_asked = np.nonzero(late <= radius)
            found.append((late_rows + tables.size, late_asked + start, late[late_rows, late_asked]))
        rows_, asked_, apart_ = (np.concatenate(each) for each in zip(*found, strict=True))
        return rows_, asked_, apart_

    def _merged(self, codes: NDArray[np.uint8]) -> _Tables:
        """Tables that cover all rows of `codes` but a short tail."""
        if (saved := self._codes.take_saved()) is not None:
            self._tables = _Tables(_layout(self._codes.kind), saved.rows.shape[1], tuple(saved.rows), saved.starts)
        behind = len(codes) - self._tables.size
        if behind > MAX_TAIL and self._lock.acquire(blocking=behind > LONGEST_TAIL):
            try:
                tables = self._tables
                while len(codes) > tables.size:
                    tables = tables.merged(codes[tables.size : tables.size + _MERGED_AT_ONCE])
                self._tables = tables
                _trim()
            finally:
                self._lock.release()
        return self._tables

    def tend(self, store: Store) -> None:
        """Write the file of the hashes anew where that is due, and no other process does.

        Raises StoreUnavailable, StoreCorrupt, OSError.
        """
        files = self._codes.files
        if files is None:
            return
        with store.read() as session:
            tables, stored = self._merged(self._codes.catch_up(session).codes), self._codes.catch_up(session)
            if not 0 < tables.size <= len(stored.codes) or not files.is_due(stored.position):
                return  # there are no tables yet; or another search has read more meanwhile: next time
            gone = files.erased(session, stored.indices)
            codes, indices = np.delete(stored.codes, gone, axis=0), np.delete(stored.indices, gone)
            kept = tables.without(gone)
            none = np.empty((len(kept.rows), 0), np.uint32)
            files.write(session, Saved(stored.position, codes, indices, none, kept.starts), kept.rows)

    def start(self, store: Store) -> None:
        """Read what there is in a thread, and tend the file, until `close`."""
        self._tender = Tender(f"files of {self._codes.kind.column}", lambda: self.tend(store), lambda: TEND_SECONDS)
        self._tender.start()

    def wake(self, store: Store) -> None:
        """Have what was erased leave the file: by the thread at once, in this one where there is none.

        Raises StoreUnavailable, StoreCorrupt.
        """
        if self._tender is not None:
            self._tender.wake()
        elif self._codes.files is not None and self._codes.files.exist:
            try:
                self.tend(store)
            except OSError as error:
                raise StoreUnavailable(f"the file of hashes cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Stop the thread."""
        if self._tender is not None:
            self._tender.close()


def _trim() -> None:
    """Return the memory that merging has freed to the system: with ten million hashes, glibc keeps a quarter more."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _chunks(codes: NDArray[np.uint8], layout: NDArray[np.intp]) -> NDArray[np.uint32]:
    """n hashes to n×chunks values, bits permuted."""
    values = np.empty((len(codes), len(layout)), dtype=np.uint32)
    for start in range(0, len(codes), _CHUNKED_AT_ONCE):
        bits = np.unpackbits(codes[start : start + _CHUNKED_AT_ONCE], axis=1)
        padded = np.concatenate([bits, np.zeros((len(bits), 1), dtype=np.uint8)], axis=1)
        packed = np.packbits(padded.take(layout.ravel(), axis=1), axis=1).reshape(len(bits), len(layout), 3)
        first, second, third = np.moveaxis(packed.astype(np.uint32), 2, 0)
        values[start : start + len(bits)] = (first << np.uint32(16)) | (second << np.uint32(8)) | third
    return values


def _pairwise(codes: NDArray[np.uint8], rows: _Rows, queries: NDArray[np.uint8], asked: _Numbers) -> _Numbers:
    """Hamming distance of each row's code to the query of that number."""
    differing = codes.view(np.uint64).take(rows, axis=0) ^ queries.view(np.uint64).take(asked, axis=0)
    apart: _Numbers = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
    return apart
