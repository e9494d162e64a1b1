"""InvertedFile: which registrations share local features with a picture, or with a part of it.

Every feature of a registration stands in the list of its word (`provenance.media.local_features`). A query feature
votes for those of its own word whose signs differ in few bits, rare words for more; a registered feature takes one
vote, and a query feature gives each registration one. Votes that agree on one turn and one change of size count
together (weak geometric consistency: Jégou, Douze and Schmid, ECCV 2008). Several answers are normal: a collage has
several sources.

All features lie in memory, 20 bytes each (6 KB a registration), in sorted segments whose sizes double, as in a
log-structured merge tree; they are read back from the store, which keeps them with each registration.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from provenance.media.local_features import Codes, LocalFeatures, as_codes
from registry.database import Session
from registry.database import local_features as rows
from registry.database.snapshot import once
from registry.search.change_feed import ChangeFeed
from registry.search.selection import EVERYTHING, choose

MAX_APART = 20
"""Bits of 64 signs: features of the same point stay below, and of two chance ones 0.2 % do."""

SPREAD = 16.0
"""Bits: how fast a vote loses weight with the distance of the signs."""

TURNS = 16
"""Bins of a turn. Votes are summed over two neighbours, 45 degrees."""

OCTAVE_STEPS = 2
"""Bins of an octave of size. Votes are summed over two neighbours, one octave."""

GROWTHS = 48
"""Bins of size in all: twelve octaves either way, more than keypoints have."""

MIN_VOTES = 4
"""Agreeing features below which a registration is not proposed: a comparison needs twice as many."""

MAX_PROPOSED = 8
"""Registrations of one search. The right one is among the first four of 113 for 99.4 % of hard queries."""

WORTH = 0.05
"""Score, against the best, below which a registration is not proposed. Low, so that the picture around an inset does
not crowd it out; chosen by hand, not fitted."""


@dataclass(frozen=True)
class Proposal:
    """A registration by its index in the log, its score, and how many features agree."""

    index: int
    score: float
    votes: int


@dataclass(frozen=True, eq=False)
class _Segment:
    """Features in the order of their words; `owners` are log indices."""

    words: NDArray[np.uint16]
    signs: NDArray[np.uint64]
    geometry: NDArray[np.uint16]
    owners: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.words)


class InvertedFile:
    """The local features of all registrations of one store; catches up with it before each search. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: tuple[_Segment, ...] = ()
        self._newest = -1
        self._feed = ChangeFeed()

    def candidates(self, session: Session, features: LocalFeatures, within: range = EVERYTHING) -> list[Proposal]:
        """At most `MAX_PROPOSED` registrations of those with these log indices, the likeliest first (`choose`)."""
        segments = self.catch_up(session)
        best: dict[int, Proposal] = {}
        for codes in (features.upright, features.mirrored):
            for found in _scored(segments, as_codes(codes)):
                if found.index not in within:
                    continue
                if found.index not in best or best[found.index].score < found.score:
                    best[found.index] = found
        ordered = sorted(best.values(), key=lambda proposal: (-proposal.score, proposal.index))
        worth = [each for each in ordered if each.score >= WORTH * ordered[0].score]
        return [worth[place] for place in choose(session, [each.index for each in worth], MAX_PROPOSED)]

    def count(self, session: Session) -> int:
        """Number of registrations that a search covers."""
        return rows.count(session)

    @once
    def catch_up(self, session: Session) -> tuple[_Segment, ...]:
        """All features of the store as `session` sees it, in segments of decreasing size."""
        with self._lock:
            changes = self._feed.read(session)
            self._take(rows.at(session, [index for index in changes.revealed if index <= self._newest]))
            for batch in rows.read_after(session, self._newest):
                self._take(batch)
                self._newest = batch[-1][0]
            if changes.erased:
                self._segments = tuple(_without(each, changes.erased) for each in self._segments)
            return self._segments

    def _take(self, batch: Sequence[tuple[int, bytes]]) -> None:
        if batch:
            self._segments = _merged((*self._segments, _segment(batch)))


def _without(segment: _Segment, owners: Collection[int]) -> _Segment:
    """New arrays without the erased features, which leave memory when the last search on the old arrays ends."""
    kept = ~np.isin(segment.owners, list(owners))
    return _Segment(segment.words[kept], segment.signs[kept], segment.geometry[kept], segment.owners[kept])


def _segment(batch: Sequence[tuple[int, bytes]]) -> _Segment:
    each = [as_codes(data) for _, data in batch]
    codes = np.concatenate(each)
    owners = np.repeat(np.array([index for index, _ in batch], np.int64), [len(one) for one in each])
    return _sorted(codes["word"], codes["signs"], _geometry(codes), owners)


def _geometry(codes: Codes) -> NDArray[np.uint16]:
    return np.asarray(codes["direction"].astype(np.uint16) << 8 | codes["size"], np.uint16)


def _sorted(
    words: NDArray[np.uint16], signs: NDArray[np.uint64], geometry: NDArray[np.uint16], owners: NDArray[np.int64]
) -> _Segment:
    order = np.argsort(words, kind="stable")
    return _Segment(words[order], signs[order], geometry[order], owners[order])


def _merged(segments: tuple[_Segment, ...]) -> tuple[_Segment, ...]:
    """Merge the last two until each is at least twice as large as the next, so that a search covers few."""
    while len(segments) > 1 and len(segments[-2]) < 2 * len(segments[-1]):
        pair = segments[-2:]
        merged = _sorted(
            np.concatenate([each.words for each in pair]),
            np.concatenate([each.signs for each in pair]),
            np.concatenate([each.geometry for each in pair]),
            np.concatenate([each.owners for each in pair]),
        )
        segments = (*segments[:-2], merged)
    return segments


_VOTE = np.dtype(
    [("query", "i4"), ("place", "i8"), ("owner", "i8"), ("weight", "f8"), ("turn", "u1"), ("growth", "i2")]
)
"""A pair of near features: number of the query's, place of the registered one, implied rotation and scale."""


def _scored(segments: Sequence[_Segment], codes: Codes) -> Iterator[Proposal]:
    """Every registration for which enough features agree."""
    votes = _votes(segments, codes)
    # The best vote for each registered feature, and of those the best of each query feature for a registration:
    # repeated texture does not count twice.
    votes = votes[np.lexsort((votes["query"], -votes["weight"]))]
    votes = votes[_firsts(votes["place"])]
    votes = votes[_firsts(votes["owner"] * len(codes) + votes["query"])]
    if not len(votes):
        return
    turn, growth = votes["turn"] // (256 // TURNS), votes["growth"] // (16 // OCTAVE_STEPS) + GROWTHS // 2
    bins = [
        (votes["owner"] * TURNS + (turn + one) % TURNS) * GROWTHS + np.clip(growth + other, 0, GROWTHS - 1)
        for one in (0, 1)
        for other in (0, 1)
    ]
    keys, which = np.unique(np.concatenate(bins), return_inverse=True)
    scores = np.bincount(which, np.tile(votes["weight"], len(bins)))
    counts = np.bincount(which)
    owners = keys // (TURNS * GROWTHS)
    order = np.lexsort((-scores, owners))
    for place in order[_firsts(owners[order])]:
        if counts[place] >= MIN_VOTES:
            yield Proposal(int(owners[place]), float(scores[place]), int(counts[place]))


def _votes(segments: Sequence[_Segment], codes: Codes) -> NDArray[np.void]:
    bounds = [[np.searchsorted(each.words, codes["word"], side) for side in ("left", "right")] for each in segments]
    frequency = sum((last - first for first, last in bounds), np.zeros(len(codes), np.int64))
    geometry, offset, found = _geometry(codes), 0, [np.empty(0, _VOTE)]
    for segment, (first, last) in zip(segments, bounds, strict=True):
        counts = last - first
        query = np.repeat(np.arange(len(codes)), counts)
        place = np.arange(len(query)) + np.repeat(first - np.cumsum(counts) + counts, counts)
        apart = np.bitwise_count(codes["signs"][query] ^ segment.signs[place]).astype(np.float64)
        near = apart <= MAX_APART
        query, place, apart = query[near], place[near], apart[near]
        votes = np.empty(len(query), _VOTE)
        votes["query"], votes["place"], votes["owner"] = query, place + offset, segment.owners[place]
        votes["weight"] = np.exp(-((apart / SPREAD) ** 2)) / np.sqrt(frequency[query])
        votes["turn"] = (geometry[query] >> 8) - (segment.geometry[place] >> 8)
        votes["growth"] = (geometry[query] & 255).astype(np.int16) - (segment.geometry[place] & 255)
        found.append(votes)
        offset += len(segment)
    return np.concatenate(found)


def _firsts(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of the first occurrence of each value, ascending."""
    return np.sort(np.unique(values, return_index=True)[1])
