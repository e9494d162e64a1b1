"""Parts of a picture that may be pictures of their own: an inset, a tile of a collage, what a screenshot shows.

They are rectangles whose sides are straight edges, or sides of the picture itself. A pasted picture hardly ever goes on
where its surroundings end, so that light changes all along its sides; edges within a photograph are seldom as straight,
and more seldom make a rectangle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance import limits
from provenance.media.canonical import Pixels, shrink
from provenance.media.comparison import Box
from provenance.media.comparison.geometry import Crop, resize_for_features, scaling, translation

MAX_PARTS = 4
"""Parts of one picture: a collage of four. Each costs a description, about 40 ms."""

MIN_STEP = 8
"""Levels of 255: change of some channel from one pixel to the next, from which on there is an edge."""

MIN_LINE = 40
"""Pixels: shortest side of a part. Less shows too little to be recognised."""

MAX_LINES = 16
"""Straight lines of each direction that are tried, the longest first."""

STRAIGHT = 0.9
"""Fraction of `MIN_LINE` pixels in a row that have to be edges for a line to be tried."""

ENCLOSED = 0.8
"""Fraction of each side that has to be edge. Of insets in the fitting photographs, 65 of 72 are among the parts."""

FRAMED = 0.05
"""Rank that is lost for each side that is a side of the picture itself, and no evidence."""

MAX_AREA = 0.55
"""Fraction of the picture: what covers more is found with the whole. Of 54 hard copies of fitting photographs none has
a part of more than 0.45 that shows what the whole does not, and most screenshots have one of 0.57 to 0.84: the page."""

MIN_UNEXPLAINED = 0.5
"""Fraction of a part that each match has to leave unexplained for the part to be searched for."""

SAME = 0.5
"""Intersection over union from which on two rectangles are the same part."""


@dataclass(frozen=True)
class Rectangle:
    """Pixels from `left` up to `right` and from `top` up to `bottom`, the latter not included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def overlap(self, other: "Rectangle") -> float:
        """Intersection over union."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0, across) * max(0, down)
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, eq=False)
class _Lines:
    """Candidate lines of one direction: where they lie, rising, and how many edges each has before every place along
    it."""

    places: NDArray[np.int64]
    sums: NDArray[np.int64]

    def edge_fraction(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fraction of edges of each line between all pairs of places along it: lines × pairs."""
        return np.asarray((self.sums[:, last] - self.sums[:, first]) / np.maximum(last - first, 1))


def crop_parts(canonical: Pixels, unexplained: Sequence[Sequence[Box]], detail: Callable[[], Pixels]) -> list[Crop]:
    """The parts of a picture that no match accounts for, each as a picture of its own.

    Where there is no match, the whole is among them, at half its size: a deep crop of a picture shows features that the
    registration is too coarse to have.

    Args:
        canonical: H×W×3 RGB.
        unexplained: for each match, the boxes that differ from it or lie outside it.
        detail: returns the same picture with more pixels; called only where there are parts.
    """
    height, width = canonical.shape[:2]
    rectangles = [
        each
        for each in find_parts(canonical)
        if all(_unexplained_fraction(each, boxes, height, width) >= MIN_UNEXPLAINED for boxes in unexplained)
    ]
    crops = [_crop(canonical, each, larger) for larger in [detail()] for each in rectangles] if rectangles else []
    if not unexplained:
        half = shrink(canonical, max(height, width) // 2)
        crops.append(Crop(half, scaling(half.shape[1] / width, half.shape[0] / height)))
    return crops


def _unexplained_fraction(part: Rectangle, boxes: Sequence[Box], height: int, width: int) -> float:
    """Fraction of a part that these boxes cover."""
    covered = np.zeros((part.bottom - part.top, part.right - part.left), bool)
    for box in boxes:
        rows = slice(*(max(0, round(each * height) - part.top) for each in (box.top, box.bottom)))
        columns = slice(*(max(0, round(each * width) - part.left) for each in (box.left, box.right)))
        covered[rows, columns] = True
    return float(covered.mean())


def _crop(canonical: Pixels, part: Rectangle, detail: Pixels) -> Crop:
    height, width = canonical.shape[:2]
    finer = scaling(detail.shape[1] / width, detail.shape[0] / height)
    left, right = (round(each * detail.shape[1] / width) for each in (part.left, part.right))
    top, bottom = (round(each * detail.shape[0] / height) for each in (part.top, part.bottom))
    crop = detail[top:bottom, left:right]
    pixels = resize_for_features(crop, limits.CANONICAL_SIDE)
    resized = scaling(pixels.shape[1] / crop.shape[1], pixels.shape[0] / crop.shape[0])
    return Crop(pixels, resized @ translation(-left, -top) @ finer)


def find_parts(canonical: Pixels) -> list[Rectangle]:
    """At most `MAX_PARTS` rectangles of a canonical picture, H×W×3, the most clearly enclosed first."""
    height, width = canonical.shape[:2]
    if min(height, width) < MIN_LINE:
        return []
    upright, level = _lines(canonical), _lines(np.ascontiguousarray(canonical.swapaxes(0, 1)))
    lefts, rights = _pairs(upright.places)
    tops, bottoms = _pairs(level.places)
    sides = upright.edge_fraction(level.places[tops], level.places[bottoms])
    ends = level.edge_fraction(upright.places[lefts], upright.places[rights])
    least = np.minimum(
        np.minimum(sides[lefts], sides[rights]), np.minimum(ends[tops], ends[bottoms]).T
    )  # pairs of upright lines × pairs of level ones
    areas = np.outer(upright.places[rights] - upright.places[lefts], level.places[bottoms] - level.places[tops]) / (
        height * width
    )
    framed = (lefts == 0) * 1.0 + (rights == len(upright.places) - 1)
    ends_framed = (tops == 0) * 1.0 + (bottoms == len(level.places) - 1)
    rank = least - FRAMED * (framed[:, None] + ends_framed)
    rank[(areas > MAX_AREA) | (least < ENCLOSED)] = 0
    parts: list[Rectangle] = []
    order = np.argsort(-rank, axis=None, kind="stable")
    for across, down in zip(*np.unravel_index(order, rank.shape), strict=True):
        if rank[across, down] <= 0 or len(parts) == MAX_PARTS:
            break
        corners = upright.places[lefts[across]], level.places[tops[down]]
        ends_at = upright.places[rights[across]], level.places[bottoms[down]]
        part = Rectangle(*(int(each) for each in (*corners, *ends_at)))
        if all(part.overlap(other) < SAME for other in parts):
            parts.append(part)
    return parts


def _lines(pixels: Pixels) -> _Lines:
    """The upright lines of a picture: both sides of it, and the straightest in between."""
    height, width = pixels.shape[:2]
    step = np.zeros((height, width + 1), np.uint8)
    step[:, 1:-1] = np.maximum.reduce(cv2.split(cv2.absdiff(pixels[:, 1:], pixels[:, :-1])))
    edge = (step >= MIN_STEP) & (step == cv2.dilate(step, np.ones((1, 3), np.uint8)))
    edge[:, 1:-1] |= edge[:, 2:]  # a side between two pixels is an edge now of one, now of the other
    sums = np.zeros((width + 1, height + 1), np.int64)
    np.cumsum(edge.T, axis=1, out=sums[:, 1:])
    straight = (sums[:, MIN_LINE:] - sums[:, :-MIN_LINE]) >= STRAIGHT * MIN_LINE
    length = straight.sum(1)
    length[1:-1][(length[1:-1] < length[:-2]) | (length[1:-1] <= length[2:])] = 0  # of neighbours, the longest
    order = np.argsort(-length, kind="stable")[:MAX_LINES]
    places = np.sort(np.concatenate([[0, width], order[(length[order] > 0) & (order > 0) & (order < width)]]))
    chosen = sums[places]
    chosen[[0, -1]] = np.arange(height + 1)
    return _Lines(places, chosen)


def _pairs(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of all pairs of lines at least `MIN_LINE` apart."""
    first, second = np.triu_indices(len(places), 1)
    apart = places[second] - places[first] >= MIN_LINE
    return first[apart], second[apart]
