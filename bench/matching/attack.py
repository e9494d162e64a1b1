"""The collision attack on the whole way: forged pictures against a registry that holds what they are forged to."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from bench.matching.collisions import forged
from bench.matching.observed import observed_registry
from bench.matching.transforms import encoded
from bench.photographs import Photograph
from provenance import limits
from provenance.media.canonical import draw_canonical
from provenance.media.pdq import pdq

PAIRS = 60


@dataclass(frozen=True)
class Forged:
    """A forged picture: bits to the wanted hash, PSNR in dB, whether it was compared with its target and accepted."""

    distance: int
    psnr: float
    compared: bool
    accepted: bool


def count(photographs: Sequence[Photograph]) -> int:
    """How many forgeries `forgeries` makes."""
    return min(PAIRS, len(photographs[::2]) * len(photographs[1::2]))


def forgeries(photographs: Sequence[Photograph], folder: Path) -> Iterator[Forged]:
    """Register every second photograph, forge pictures of the others to their hashes, and verify them."""
    targets, sources = photographs[::2], photographs[1::2]
    pairs = sorted(product(sources, targets), key=_shuffled)
    with observed_registry(folder) as registry:
        records = {target.sha256: registry.register(target.path, target.path.stem) for target in targets}
        for source, target in pairs[:PAIRS]:
            canonical = draw_canonical(target.pixels(limits.CANONICAL_SIDE))
            forgery = forged(source.pixels(limits.CANONICAL_SIDE), pdq(canonical)[0])
            observation = registry.verify(encoded(Image.fromarray(np.asarray(forgery.pixels)), "PNG", 100))
            accepted = [match for match in observation.report["matches"] if match["basis"] != "fingerprint"]
            yield Forged(
                forgery.distance, round(forgery.psnr, 1), records[target.sha256] in observation.compared, bool(accepted)
            )


def _shuffled(pair: tuple[Photograph, Photograph]) -> bytes:
    return hashlib.sha256("".join(each.sha256 for each in pair).encode()).digest()
