"""Fit keys: which signs of local features copies flip least, and how many votes a search by keys keeps.

    python -m bench.scale.fit_keys

On the fitting photographs alone. A vote is a pair of features of one word, one of a photograph and one of a hard copy
of it, that agree with most others on turn and growth and lie at most `MAX_APART` apart; those of different photographs
pair by chance. `registry.search.segment.KEY_SIGNS` and `registry.search.voting` take what this prints.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.scale.described import described
from provenance.media.local_features import Codes, as_codes
from registry.search.segment import KEY_SIGNS
from registry.search.voting import FLIPS, MAX_APART

MIN_AGREEING = 6
"""Pairs on one turn and growth from which on these are taken for true."""

Apart = NDArray[np.uint64]


def paired(one: Codes, other: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the features of one word."""
    order = np.argsort(other["word"], kind="stable")
    first, last = (np.searchsorted(other["word"][order], one["word"], side) for side in ("left", "right"))
    counts = last - first
    place = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return np.repeat(np.arange(len(one)), counts), order[place]


def agreeing(query: Codes, registered: Codes) -> Apart:
    """Which signs differ, of the pairs that agree on turn and growth."""
    here, there = paired(query, registered)
    apart = query["signs"][here] ^ registered["signs"][there]
    turn = (query["direction"][here].astype(np.int64) - registered["direction"][there]) % 256
    growth = query["size"][here].astype(np.int64) - registered["size"][there]
    near = np.bitwise_count(apart) <= MAX_APART
    bins, counts = np.unique(turn[near] // 16 * 1_000 + growth[near] // 8 + 100, return_counts=True)
    if not len(counts) or counts.max() < MIN_AGREEING:
        return np.empty(0, np.uint64)
    best_turn, best_growth = divmod(int(bins[counts.argmax()]), 1_000)
    turned = np.abs((turn - best_turn * 16 - 8 + 128) % 256 - 128) <= 16
    return apart[near & turned & (np.abs(growth - (best_growth - 100) * 8 - 4) <= 8)]


def signs(apart: Apart) -> NDArray[np.bool_]:
    """N×64: which signs differ."""
    return (apart[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(bool)


def main() -> None:
    """Fit, and print."""
    pictures = described()
    known = {each.sha256: as_codes(each.codes) for each in pictures.registered if each.fits}

    def votes() -> Iterator[Apart]:
        for query in (each for each in pictures.queries if each.fits):
            for features in (query.whole, *query.parts):
                for codes in (features.upright, features.mirrored):
                    yield agreeing(as_codes(codes), known[query.sha256])

    def chance() -> Iterator[Apart]:
        for one, other in combinations(known.values(), 2):
            here, there = paired(one, other)
            yield one["signs"][here] ^ other["signs"][there]

    true, false = signs(np.concatenate(list(votes()))), signs(np.concatenate(list(chance())))
    rate = true.mean(0) / false.mean(0)
    order = np.argsort(rate, kind="stable")
    apart = false.sum(1)
    print(f"{len(true):,} votes, {len(false):,} pairs by chance, these {apart.mean():.1f} apart")
    print(", ".join(f"{(apart <= most).mean():.2%} within {most}" for most in (13, 15, 17, 20)))
    print(f"first signs: {order[: len(KEY_SIGNS)].tolist()}, flipped {true.mean(0)[order[: len(KEY_SIGNS)]].round(3)}")
    print(f"last signs flipped {true.mean(0)[order[-5:]].round(3)}")
    for bits in (5, 8, 11, 14):
        kept, left = ((each[:, list(KEY_SIGNS[:bits])].sum(1) <= FLIPS).mean() for each in (true, false))
        print(f"{bits} signs, at most {FLIPS} flipped: {kept:.1%} of votes, {left:.2%} by chance")


if __name__ == "__main__":
    main()
