"""Voting: which registrations share local features with a picture, by the features of one of its mirror states.

A query feature votes for those registered ones whose key differs from its own in at most `FLIPS` signs and whose signs
in at most `MAX_APART`, rare words for more; a registered feature takes one vote, and a query feature gives each
registration one. Votes that agree on one turn and one change of size count together (weak geometric consistency: Jégou,
Douze and Schmid, ECCV 2008).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from provenance.media.local_features import Codes
from registry.search.segment import Segment, bits_of, geometry_of, list_of, prefixes

FLIPS = 2
"""Signs of the key in which a vote may differ: of the votes of fitting photographs 99 % do with 5 signs of a key, 96 %
with 8, 91 % with 11, 84 % with 14, of which features of one word by chance 55, 20, 6 and 2 %."""

MAX_APART = 15
"""Bits of 64 signs. Of features of one word, chance ones lie 30 apart; 4 % within 20, 0.5 % within 15. With 13, 15 and
17 as many of the fitting photographs' hard copies are found; with fewer, fewer strangers are proposed."""

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

MAX_PAIRS = 4_000_000
"""Pairs of features that are compared at most, for one mirror state: some 60 ms. Half of the searches among 100,000
registrations have 0.8 million or more, among 900,000 three million, so that one in three is cut there."""

_AT_ONCE = 1 << 16
"""Pairs that are compared at once: 0.5 MB a column."""


@dataclass(frozen=True)
class Proposal:
    """A registration by its index in the log, its score, and how many features agree."""

    index: int
    score: float
    votes: int


@dataclass(frozen=True, eq=False)
class _Votes:
    """M pairs of near features: number of the query's, number of the registered one, the registration's log index, and
    in how many signs they differ."""

    query: NDArray[np.int64]
    place: NDArray[np.int64]
    owner: NDArray[np.int64]
    apart: NDArray[np.uint8]


def propose(segments: Sequence[Segment], codes: Codes, most: int = MAX_PAIRS) -> tuple[list[Proposal], int]:
    """Every registration for which enough features agree, and how many query features were not looked up.

    Where there are more than `most` pairs to compare, those features are left out that have the most. Raises
    Damaged where what is read of a segment has changed.
    """
    prefix = prefixes(codes["signs"])
    lists = [probe(segment, codes, prefix) for segment in segments]
    pairs = np.zeros(len(codes), np.int64)
    for query, _, length in lists:
        np.add.at(pairs, query, length)
    order = np.argsort(pairs, kind="stable")
    asked = np.zeros(len(codes), np.bool_)
    asked[order[np.cumsum(pairs[order]) <= most]] = True
    near = [_near(segment, codes, asked, *each) for segment, each in zip(segments, lists, strict=True)]
    return _proposals(segments, codes, near), len(codes) - int(asked.sum())


@cache
def _flipped(bits: int) -> NDArray[np.uint32]:
    """What a number of so many bits is changed by, to differ in at most `FLIPS` of them."""
    flipped = [places for flips in range(FLIPS + 1) for places in combinations(range(bits), flips)]
    return np.array([sum(1 << place for place in places) for places in flipped], np.uint32)


def probe(segment: Segment, codes: Codes, prefix: NDArray[np.uint32]) -> tuple[NDArray[np.int64], ...]:
    """The lists that a search looks up, but for empty ones: number of the query's feature, where the list begins, and
    how many features it has."""
    words = codes["word"].astype(np.int64)
    own, bits = list_of(words, prefix, segment.tables), bits_of(words, segment.tables)
    queries, lists = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]
    for each in np.unique(bits).tolist():
        here = np.flatnonzero(bits == each)
        table, flipped = segment.tables[words[here]][:, None], _flipped(each)
        lists.append((table + (own[here][:, None] - table ^ flipped)).ravel())
        queries.append(np.repeat(here, len(flipped)))
    query, probed = np.concatenate(queries), np.concatenate(lists)
    first = segment.starts[probed].astype(np.int64)
    length = segment.starts[probed + np.uint32(1)] - first
    some = np.flatnonzero(length)
    return query[some], first[some], length[some]


def _near(
    segment: Segment,
    codes: Codes,
    asked: NDArray[np.bool_],
    query: NDArray[np.int64],
    first: NDArray[np.int64],
    length: NDArray[np.int64],
) -> _Votes:
    if not asked.all():
        query, first, length = query[asked[query]], first[asked[query]], length[asked[query]]
    segment.require("signs", first, length)
    signs, ends = codes["signs"][query], np.cumsum(length)
    found: list[tuple[NDArray[Any], ...]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))]
    start = 0
    while start < len(query):  # in blocks that stay in the processor's cache
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
        lengths, behind = length[start:stop], ends[start:stop] - done
        place = np.arange(behind[-1]) + np.repeat(first[start:stop] - behind + lengths, lengths)
        apart = np.bitwise_count(np.repeat(signs[start:stop], lengths) ^ segment.signs[place])
        near = np.flatnonzero(apart <= MAX_APART)
        asking = query[start + np.searchsorted(behind, near, side="right")]
        found.append((asking, place[near], apart[near]))
        start = stop
    asking, place, apart = (np.concatenate(columns) for columns in zip(*found, strict=True))
    segment.require("owners", place, 1)
    segment.require("geometry", place, 1)
    return _Votes(asking, place, segment.owners[place].astype(np.int64), apart)


def _proposals(segments: Sequence[Segment], codes: Codes, found: Sequence[_Votes]) -> list[Proposal]:
    owner = np.concatenate([votes.owner for votes in found]) if found else np.empty(0, np.int64)
    if not len(owner):
        return []
    enough = np.bincount(owner)[owner] >= MIN_VOTES
    offsets = np.cumsum([0, *(len(segment) for segment in segments)])
    place = np.concatenate([votes.place + offset for votes, offset in zip(found, offsets, strict=False)])[enough]
    there = np.concatenate([each.geometry[votes.place] for each, votes in zip(segments, found, strict=True)])[enough]
    query, apart = (np.concatenate([getattr(votes, name) for votes in found])[enough] for name in ("query", "apart"))
    owner, here = owner[enough], geometry_of(codes)[query]
    frequency = sum((_frequency(segment, codes) for segment in segments), np.zeros(len(codes), np.int64))
    weight = np.exp(-((apart / SPREAD) ** 2)) / np.sqrt(frequency[query])
    # The best vote for each registered feature, and of those the best of each query feature for a registration:
    # repeated texture does not count twice.
    order = np.lexsort((query, -weight))
    order = order[_firsts(place[order])]
    order = order[_firsts(owner[order] * len(codes) + query[order])]
    owner, weight, here, there = owner[order], weight[order], here[order], there[order]
    turn = ((here >> 8) - (there >> 8)).astype(np.uint8) // (256 // TURNS)
    growth = (here & 255).astype(np.int64) - (there & 255)
    grown = growth // (16 // OCTAVE_STEPS) + GROWTHS // 2
    bins = [
        (owner * TURNS + (turn + one) % TURNS) * GROWTHS + np.clip(grown + other, 0, GROWTHS - 1)
        for one in (0, 1)
        for other in (0, 1)
    ]
    keys, which = np.unique(np.concatenate(bins), return_inverse=True)
    scores, counts = np.bincount(which, np.tile(weight, len(bins))), np.bincount(which)
    owners = keys // (TURNS * GROWTHS)
    agreeing = np.flatnonzero(counts >= MIN_VOTES)
    agreeing = agreeing[np.lexsort((-scores[agreeing], owners[agreeing]))]
    best = agreeing[_firsts(owners[agreeing])]
    return [
        Proposal(*each)
        for each in zip(owners[best].tolist(), scores[best].tolist(), counts[best].tolist(), strict=True)
    ]


def _frequency(segment: Segment, codes: Codes) -> NDArray[np.int64]:
    """How many features of the segment have the word of each query feature."""
    tables = segment.tables[np.stack([codes["word"].astype(np.int64) + 1, codes["word"]])]
    last, first = segment.starts[tables].astype(np.int64)
    return np.asarray(last - first)


def _firsts(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of the first occurrence of each value, ascending."""
    return np.sort(np.unique(values, return_index=True)[1])
