"""Difference maps of one pair, coarse and fine, and how they are merged.

The sketch is small and shows what is spread wide; the stored picture shows what is small. Neither replaces the other: a
region of any of them is reported, and says of which; one of the sketch, where the stored picture confirms it. How
often all maps together raise a false alarm is the rate that is measured and told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.calibration import Model, ReferenceKind
from provenance.media.comparison.alignment import Mask, Planes
from provenance.media.comparison.difference import Measures, Patch, find_patches, heat_map

SUSPECTED = 0.6
"""Of the threshold: evidence that is worth a comparison at full detail."""

MIN_CONFIRMATION = 0.5
"""Of the threshold: the evidence of the stored picture that a region of the sketch must hold; with less, it comes of
what the sketch has lost. At the fitted thresholds this lost none of the held-out edits, and 2 of the 30 held-out copies
with an alarm raised none; of the photographs that report, 5 of 16."""

FAINTEST = 26
"""Of 255: the least heat within a region."""

COVERED = 0.5
"""Fraction of a coarse map's region that finer regions have to cover for their outline to stand alone."""


@dataclass(frozen=True, eq=False)
class DifferenceMap:
    """Where one comparison finds a difference.

    Attributes:
        kind: what the query was compared with.
        patches: the regions, H×W of the query each.
        heat: 0..255 within them, H×W; 0 elsewhere.
        evidence: for a difference, H×W, against the threshold: 1 where it reaches that.
        smallest: fraction of the query that the smallest region covers which it can report.
        whole: all of the query was compared.
    """

    kind: ReferenceKind
    patches: Sequence[Patch]
    heat: NDArray[np.uint8]
    evidence: Planes
    smallest: float
    whole: bool


def map_differences(
    kind: ReferenceKind, measures: Measures, evidence: Planes, model: Model, smallest: float, *, whole: bool = True
) -> DifferenceMap:
    """Draw the regions of the evidence."""
    patches = find_patches(measures, evidence, model)
    return DifferenceMap(
        kind, patches, heat_map(evidence, patches, model), evidence / np.float32(model.seed), smallest, whole
    )


def drop_unconfirmed(maps: Sequence[DifferenceMap]) -> Sequence[DifferenceMap]:
    """The maps, the sketch's without the regions of which the stored picture shows hardly anything."""
    if len(maps) < 2:
        return maps
    sketch, stored, *closer = maps
    size = stored.evidence.shape[0], stored.evidence.shape[1]
    kept = [
        patch
        for patch in sketch.patches
        if stored.evidence[_resize_mask(patch.pixels, size)].max(initial=0.0) >= MIN_CONFIRMATION
    ]
    return replace(sketch, patches=kept), stored, *closer


def suspected_area(maps: Sequence[DifferenceMap]) -> Mask:
    """Where the finest map's evidence comes near its threshold and no map has a region, in that map's frame."""
    finest = maps[-1].evidence
    size = finest.shape[0], finest.shape[1]
    reported = [_resize_mask(patch.pixels, size) for each in drop_unconfirmed(maps) for patch in each.patches]
    return np.asarray((finest > SUSPECTED) & ~np.logical_or.reduce([np.zeros(size, bool), *reported]))


@dataclass(frozen=True, eq=False)
class MergedRegion:
    """A region of some maps: its pixels, H×W; how strong it is, 0..1, at most; whether its parts are moved; and of
    which maps it is, the coarsest first."""

    pixels: Mask
    strength: float
    moved: bool
    seen_with: tuple[ReferenceKind, ...]


def merge_maps(maps: Sequence[DifferenceMap], size: tuple[int, int]) -> tuple[list[MergedRegion], NDArray[np.uint8]]:
    """Return the regions of all maps, largest first, and the heat of all of them.

    The regions are height × width (`size`); the heat is as large as the finest map, where that is larger.

    Where regions touch they are one; a finer map's outline stands for a coarser one's that it mostly covers. Whether
    its parts are moved is said by the largest region of the finest map that has it.

    Args:
        maps: the coarsest first.
        size: height and width at which the regions are drawn.
    """
    maps = drop_unconfirmed(maps)
    found = [(each, patch, _resize_mask(patch.pixels, size)) for each in maps for patch in each.patches]
    largest_size = max((size, *((each.heat.shape[0], each.heat.shape[1]) for each in maps)), key=max)
    drawn = np.zeros(size, bool)
    heat = np.zeros(largest_size, np.uint8)
    for each in reversed(maps):
        outlines = [(patch, pixels) for at, patch, pixels in found if at is each]
        kept = [(patch, pixels) for patch, pixels in outlines if pixels.any() and drawn[pixels].mean() < COVERED]
        for patch, _ in kept:
            hot = np.maximum(_resize_heat(each, largest_size), FAINTEST)
            heat = np.where(_resize_mask(patch.pixels, largest_size), np.maximum(heat, hot), heat)
        drawn |= np.logical_or.reduce([np.zeros(size, bool), *(pixels for _, pixels in kept)])
    count, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    merged = []
    for label in range(1, count):
        within: Mask = labels == label
        parts = [(each, patch) for each, patch, pixels in found if (pixels & within).any()]
        finest = [patch for each, patch in parts if each is parts[-1][0]]
        largest = max(finest, key=lambda patch: int(patch.pixels.sum()))
        kinds = tuple(dict.fromkeys(each.kind for each, _ in parts))
        merged.append(MergedRegion(within, max(patch.strength for _, patch in parts), largest.moved, kinds))
    return sorted(merged, key=lambda each: -int(each.pixels.sum())), heat.astype(np.uint8)


def _resize_mask(pixels: Mask, size: tuple[int, int]) -> Mask:
    """A region at another size; where that is smaller, each pixel that it touches by a quarter."""
    smaller = size[0] < pixels.shape[0]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    drawn = cv2.resize(pixels.astype(np.float32), (size[1], size[0]), interpolation=interpolation)
    return np.asarray(drawn) >= 0.25


def _resize_heat(map_differences: DifferenceMap, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(map_differences.heat, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.uint8)
