"""Scan: the nearest PDQ hashes by brute force, for what lies beyond the index's exact radius.

A caption or a light crop moves PDQ by 40 to 90 of its 256 bits (our measurement: 78 for 15 % cropped and
captioned), where multi-index hashing no longer reaches. All hashes lie in memory, 40 bytes each, and each search
compares all of them: about 1 ms for a hundred thousand. What it proposes is a candidate like any other.
"""

import threading
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from provenance.statement.record import AssetRevealed, RecordErased
from registry.index import BITS, MIN_QUALITY, Candidate, as_matrix, distances
from registry.store import Session, assets, events
from registry.store import pdq as rows

REACH = 90
"""Bits: unrelated pictures lie 128 apart on average, with a standard deviation of 8 for independent bits; at 90 a
search of a hundred thousand still proposes few of them, and each costs one comparison."""

MAX_PROPOSED = 4
"""Candidates of one scan: the right one is nearly always the nearest, and each costs a comparison."""

_GROWTH = 4096


class NearestScan:
    """All hashes of one store in memory. It catches up with the store before each search; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: NDArray[np.uint8] = np.empty((0, BITS // 8), dtype=np.uint8)
        self._indices: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._size = 0
        self._after = -1  # index of the newest registration taken in, in its order
        self._revealed = self._erased = -1  # entries of the newest reveal and erasure taken in

    def candidates(self, session: Session, hashes: Sequence[bytes], quality: int) -> list[Candidate]:
        """At most `MAX_PROPOSED` registrations within `REACH` bits of any of `hashes`, the nearest first.

        Args:
            session: on the store that is searched.
            hashes: 32 bytes each: the picture's PDQ in the orientations to try.
            quality: the picture's PDQ quality; below `MIN_QUALITY` there are no candidates.
        """
        if quality < MIN_QUALITY or not hashes:
            return []
        codes, indices = self._caught_up(session)
        queries = as_matrix(hashes)
        nearest = np.full(len(codes), BITS, dtype=np.int64)
        orientation = np.zeros(len(codes), dtype=np.int64)
        for number in range(len(queries)):  # one at a time: all at once would take 256 bytes a registration
            apart = distances(codes, queries[number : number + 1])[:, 0]
            orientation[apart < nearest] = number
            nearest = np.minimum(nearest, apart)
        chosen = np.flatnonzero(nearest <= REACH)
        chosen = chosen[np.lexsort((indices[chosen], nearest[chosen]))][:MAX_PROPOSED]
        known = assets.by_index(session, [int(indices[each]) for each in chosen])
        return [
            Candidate(row.record_id, int(nearest[each]), int(orientation[each]))
            for each in chosen
            if (row := known.get(int(indices[each]))) is not None
        ]

    def catch_up(self, session: Session) -> None:
        """Take in what was registered or revealed since, and forget what was erased."""
        self._caught_up(session)

    def _caught_up(self, session: Session) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        with self._lock:
            revealed, self._revealed = _since(session, AssetRevealed.TYPE, self._revealed)
            erased, self._erased = _since(session, RecordErased.TYPE, self._erased)
            late = assets.by_index(session, [index for index in revealed if index <= self._after]).values()
            self._take([(row.index, row.pdq) for row in late if row.pdq_quality >= MIN_QUALITY])
            for batch in rows.hashes_of_assets(session, MIN_QUALITY, self._after):
                self._take(batch)
                self._after = batch[-1][0]
            if erased:
                self._drop(erased)
            return self._codes[: self._size], self._indices[: self._size]

    def _take(self, batch: Sequence[tuple[int, bytes]]) -> None:
        if batch:
            until = self._size + len(batch)
            self._reserve(until)
            self._codes[self._size : until] = as_matrix([code for _, code in batch])
            self._indices[self._size : until] = [index for index, _ in batch]
            self._size = until

    def _drop(self, erased: Collection[int]) -> None:
        """Go on in new arrays without these: the hashes are gone when the last search on the old ones ends."""
        kept = ~np.isin(self._indices[: self._size], list(erased))
        self._codes, self._indices = self._codes[: self._size][kept], self._indices[: self._size][kept]
        self._size = len(self._indices)

    def _reserve(self, size: int) -> None:
        """Make room in new arrays, so that a search that runs on the old ones is not disturbed."""
        if size > len(self._codes):
            room = max(size, 2 * len(self._codes), _GROWTH)
            codes, indices = np.empty((room, BITS // 8), dtype=np.uint8), np.empty(room, dtype=np.int64)
            codes[: self._size], indices[: self._size] = self._codes[: self._size], self._indices[: self._size]
            self._codes, self._indices = codes, indices


def _since(session: Session, type_: str, after: int) -> tuple[list[int], int]:
    """Indices of the entries that the newer events of a type are about, and the index of the newest event."""
    found = events.newer(session, type_, after)
    return [target for _, target in found], found[-1][0] if found else after
