"""Distractors: registrations that never were, so that a search has as many as is asked for.

Both models draw from the local features of real pictures; what is registered and asked for is not among these.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from provenance.media.local_features import CODE, MAX_FEATURES, Codes

FLIPPED = 5
"""Signs of each feature that are flipped."""

SHARE = 0.6
"""Of a clumped one's features, those of the first picture."""

AT_ONCE = 1_000


def free(pictures: Sequence[Codes], number: int, seed: int = 1) -> Iterator[Codes]:
    """Each feature alone: word and signs of a real one, direction and size of another. `AT_ONCE`×300 at a time."""
    random, pool = np.random.default_rng(seed), np.concatenate(list(pictures))
    for start in range(0, number, AT_ONCE):
        shape = min(AT_ONCE, number - start), MAX_FEATURES
        codes, other = pool[random.integers(len(pool), size=shape)], pool[random.integers(len(pool), size=shape)]
        codes["direction"], codes["size"] = other["direction"], other["size"]
        yield _flipped(codes, random)


def clumped(pictures: Sequence[Codes], number: int, seed: int = 1) -> Iterator[Codes]:
    """Parts of two real pictures, each turned and scaled as a whole. AT_ONCE×300 features at a time."""
    random = np.random.default_rng(seed)
    lengths = np.array([len(each) for each in pictures])
    padded = np.zeros((len(pictures), max(lengths)), CODE)
    for place, each in enumerate(pictures):
        padded[place, : len(each)] = each
    first = round(SHARE * MAX_FEATURES)
    for start in range(0, number, AT_ONCE):
        count = min(AT_ONCE, number - start)
        halves = []
        for features in (first, MAX_FEATURES - first):
            chosen = random.integers(len(pictures), size=count)
            order = random.random((count, MAX_FEATURES)).argsort(axis=1)[:, :features]
            codes = padded[chosen[:, None], order % lengths[chosen][:, None]]
            codes["direction"] += random.integers(256, size=(count, 1), dtype=np.uint8)
            grown = codes["size"].astype(np.int64) + random.integers(-16, 17, size=(count, 1))
            codes["size"] = np.clip(grown, 0, 255)
            halves.append(codes)
        yield _flipped(np.concatenate(halves, axis=1), random)


def _flipped(codes: Codes, random: np.random.Generator) -> Codes:
    for _ in range(FLIPPED):
        codes["signs"] ^= np.uint64(1) << random.integers(64, size=codes.shape, dtype=np.uint64)
    return codes


MODELS = {"free": free, "clumped": clumped}
