"""Codes: the hashes of all public registrations of one store, in memory; with its index a PDQ has 40 bytes, a pHash 16.

PDQ is the 256-bit perceptual hash of "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"
(Facebook, 2019). `MultiIndex` and `NearestScan` share its hashes. `Codes` catches up with the store before each search,
so that a search finds all registrations, also the first after a restart, which begins with those of a file, if there is
one (`registry.search.hash_file`).

A search only proposes candidates: a collision can be forged in 100 ms, so only a comparison decides on a match.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from provenance.errors import InvalidRequest
from registry.database import Session, assets
from registry.database.snapshot import once
from registry.search.change_feed import ChangeFeed
from registry.search.hash_file import NOWHERE, HashFiles, Position, Saved

BITS = 256

RADIUS = 31
"""Bits: PDQ's own recommended threshold, and the distance up to which `MultiIndex` misses nothing."""

MIN_QUALITY = 50
"""PDQ quality (0-100): below it a picture has too little structure, and unrelated flat ones collide."""

_GROWTH = 4096


@dataclass(frozen=True)
class Candidate:
    """A registration whose hash is near one of the query's.

    Attributes:
        record_id: the registration's record, 32 bytes.
        distance: bits that differ.
    """

    record_id: bytes
    distance: int


@dataclass(frozen=True)
class HashKind:
    """A kind of perceptual hash. `radius`: bits up to which a hash is near, and a search finds all."""

    column: Literal["pdq", "phash"]
    bits: int
    radius: int


PDQ = HashKind("pdq", BITS, RADIUS)
PHASH = HashKind("phash", 64, 8)
"""Most locally edited copies stay within 8 bits, too: what is near is a lead."""


@dataclass(frozen=True, eq=False)
class CodeMatrix:
    """The hashes of one state of the store.

    Attributes:
        codes: n×32 bytes of PDQ, n×8 of pHash; an erased one is zero, to which no picture's hash is near (half of its
            bits are set).
        indices: n log indices, ascending but for registrations that were revealed later.
        position: which state of the store it is.
    """

    codes: NDArray[np.uint8]
    indices: NDArray[np.int64]
    position: Position = NOWHERE


class Codes:
    """All hashes of one kind, of the pictures in one store of at least `MIN_QUALITY`. Thread-safe."""

    def __init__(self, kind: HashKind = PDQ, files: HashFiles | None = None) -> None:
        """`files`: where they may lie already."""
        self.kind, self.files = kind, files
        self._saved: Saved | None = None
        self._begun = False
        self._lock = threading.Lock()
        self._codes: NDArray[np.uint8] = np.empty((0, kind.bits // 8), dtype=np.uint8)
        self._indices: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._size = 0
        self._after = -1  # index of the newest registration that was loaded in log order
        self._feed = ChangeFeed()

    @once
    def catch_up(self, session: Session) -> CodeMatrix:
        """All hashes of the store as `session` sees it; a row keeps its place from call to call."""
        with self._lock:
            if not self._begun:
                self._begin(session)
            changes = self._feed.read(session)
            late = assets.by_index(session, [index for index in changes.revealed if index <= self._after]).values()
            column = self.kind.column
            self._take([(row.index, getattr(row, column)) for row in late if row.pdq_quality >= MIN_QUALITY])
            for batch in assets.hashes_after(session, self._after, MIN_QUALITY, column):
                self._take(batch)
                self._after = batch[-1][0]
            self._codes[: self._size][np.isin(self._indices[: self._size], list(changes.erased))] = 0
            position = Position(self._after, self._feed.revealed, self._feed.erased)
            return CodeMatrix(self._codes[: self._size], self._indices[: self._size], position)

    def take_saved(self) -> Saved | None:
        """What was read from a file, once: its tables are of the first rows."""
        with self._lock:
            saved, self._saved = self._saved, None
            return saved

    def _begin(self, session: Session) -> None:
        saved = self.files.load(session, self.kind.bits // 8) if self.files is not None else None
        if saved is not None:
            self._size = len(saved.codes)
            self._codes, self._indices = saved.codes.copy(), saved.indices.copy()
            self._after = saved.position.after
            self._feed = ChangeFeed(saved.position.revealed, saved.position.erased)
            self._saved = saved
        self._begun = True

    @property
    def size(self) -> int:
        """Number of hashes that were read from the store so far."""
        return self._size

    def count(self, session: Session) -> int:
        """Number of hashes that a search compares."""
        return len(self.catch_up(session).codes)

    def _take(self, batch: Sequence[tuple[int, bytes]]) -> None:
        if batch:
            until = self._size + len(batch)
            self._reserve(until)
            self._codes[self._size : until] = as_matrix([code for _, code in batch], self.kind)
            self._indices[self._size : until] = [index for index, _ in batch]
            self._size = until

    def _reserve(self, size: int) -> None:
        """Make room in new arrays, so that a running search keeps the old ones."""
        if size > len(self._codes):
            room = max(size, 2 * len(self._codes), _GROWTH)
            codes = np.empty((room, self.kind.bits // 8), dtype=np.uint8)
            indices = np.empty(room, dtype=np.int64)
            codes[: self._size], indices[: self._size] = self._codes[: self._size], self._indices[: self._size]
            self._codes, self._indices = codes, indices


def as_matrix(hashes: Sequence[bytes], kind: HashKind = PDQ) -> NDArray[np.uint8]:
    """n hashes of b bytes as n×b. Raises InvalidRequest for hashes of another length."""
    if any(len(each) * 8 != kind.bits for each in hashes):
        raise InvalidRequest(f"such a hash has {kind.bits // 8} bytes")
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), kind.bits // 8)


def distances(codes: NDArray[np.uint8], queries: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Hamming distances, n codes × m queries."""
    differing = codes.view(np.uint64)[:, None, :] ^ queries.view(np.uint64)[None, :, :]
    apart: NDArray[np.int64] = np.bitwise_count(differing).sum(axis=2, dtype=np.int64)
    return apart


def as_candidates(session: Session, indices: Sequence[int], distances: Sequence[int]) -> list[Candidate]:
    """The registrations at `indices` that the store still has, in this order."""
    known = assets.by_index(session, indices)
    return [
        Candidate(known[index].record_id, distance)
        for index, distance in zip(indices, distances, strict=True)
        if index in known
    ]
