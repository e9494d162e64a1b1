"""Looks at one pair, coarse and fine, and what they see together.

The sketch is small and sees what is spread wide; the stored picture sees what is small. Neither replaces the other: a
region is reported that any of them sees, and says which; one of the sketch, where the stored picture bears it out. How
often all looks together raise a false alarm is the rate that is measured and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.calibration import Model, ReferenceKind
from provenance.media.comparison.alignment import Mask, Planes
from provenance.media.comparison.difference import Measures, Patch, differing, heat_of

SUSPECTED = 0.6
"""Of the threshold: evidence that is worth a look at full detail."""

BORNE_OUT = 0.5
"""Of the threshold: the evidence of the stored picture that a region of the sketch must hold; with less, it comes of
what the sketch has lost. At the fitted thresholds this lost none of the held-out edits, and 2 of the 30 held-out copies
with an alarm raised none; of the photographs that report, 5 of 16."""

FAINTEST = 26
"""Of 255: the least heat within a region."""

COVERED = 0.5
"""Fraction of a coarse look's region that finer regions have to cover for their outline to stand alone."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at a pair sees.

    Attributes:
        kind: what the query was compared with.
        patches: the regions, H×W of the query each.
        heat: 0..255 within them, H×W; 0 elsewhere.
        evidence: for a difference, H×W, against the threshold: 1 where it reaches that.
        smallest: fraction of the query that the smallest region covers which this look can report.
        whole: all of the query was looked at.
    """

    kind: ReferenceKind
    patches: Sequence[Patch]
    heat: NDArray[np.uint8]
    evidence: Planes
    smallest: float
    whole: bool


def look(
    kind: ReferenceKind, measures: Measures, evidence: Planes, model: Model, smallest: float, *, whole: bool = True
) -> Look:
    """Draw the regions of the evidence."""
    patches = differing(measures, evidence, model)
    return Look(kind, patches, heat_of(evidence, patches, model), evidence / np.float32(model.seed), smallest, whole)


def borne_out(looks: Sequence[Look]) -> Sequence[Look]:
    """The looks, the sketch's without the regions of which the stored picture shows hardly anything."""
    if len(looks) < 2:
        return looks
    sketch, stored, *closer = looks
    size = stored.evidence.shape[0], stored.evidence.shape[1]
    kept = [
        patch for patch in sketch.patches if stored.evidence[_sized(patch.pixels, size)].max(initial=0.0) >= BORNE_OUT
    ]
    return replace(sketch, patches=kept), stored, *closer


def suspected(looks: Sequence[Look]) -> Mask:
    """Where the finest look's evidence comes near its threshold and no look reports a region, in that look's frame."""
    finest = looks[-1].evidence
    size = finest.shape[0], finest.shape[1]
    reported = [_sized(patch.pixels, size) for each in borne_out(looks) for patch in each.patches]
    return np.asarray((finest > SUSPECTED) & ~np.logical_or.reduce([np.zeros(size, bool), *reported]))


@dataclass(frozen=True, eq=False)
class Seen:
    """A region that some looks see: its pixels, H×W; how strong it is, 0..1, at most; whether its parts are moved; and
    which looks see it, the coarsest first."""

    pixels: Mask
    strength: float
    moved: bool
    seen_with: tuple[ReferenceKind, ...]


def join(looks: Sequence[Look], size: tuple[int, int]) -> tuple[list[Seen], NDArray[np.uint8]]:
    """Return what the looks see together, largest first, and the heat of all of it, height × width (`size`).

    Where regions touch they are one; a finer look's outline stands for a coarser one's that it mostly covers. Whether
    its parts are moved is said by the largest region of the finest look that sees it.

    Args:
        looks: the coarsest first.
        size: height and width at which the regions are drawn.
    """
    looks = borne_out(looks)
    found = [(each, patch, _sized(patch.pixels, size)) for each in looks for patch in each.patches]
    drawn = np.zeros(size, bool)
    heat = np.zeros(size, np.uint8)
    for each in reversed(looks):
        outlines = [pixels for at, _, pixels in found if at is each]
        kept = [pixels for pixels in outlines if pixels.any() and drawn[pixels].mean() < COVERED]
        for pixels in kept:
            heat = np.where(pixels, np.maximum(heat, _heat(each, size)), heat)
        drawn |= np.logical_or.reduce([np.zeros(size, bool), *kept])
    count, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    seen = []
    for label in range(1, count):
        within: Mask = labels == label
        parts = [(each, patch) for each, patch, pixels in found if (pixels & within).any()]
        finest = [patch for each, patch in parts if each is parts[-1][0]]
        largest = max(finest, key=lambda patch: int(patch.pixels.sum()))
        kinds = tuple(dict.fromkeys(each.kind for each, _ in parts))
        seen.append(Seen(within, max(patch.strength for _, patch in parts), largest.moved, kinds))
    return sorted(seen, key=lambda each: -int(each.pixels.sum())), np.where(
        drawn, np.maximum(heat, FAINTEST), 0
    ).astype(np.uint8)


def _sized(pixels: Mask, size: tuple[int, int]) -> Mask:
    """A region at another size; where that is smaller, each pixel that it touches by a quarter."""
    smaller = size[0] < pixels.shape[0]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    drawn = cv2.resize(pixels.astype(np.float32), (size[1], size[0]), interpolation=interpolation)
    return np.asarray(drawn) >= 0.25


def _heat(look: Look, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(look.heat, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.uint8)
