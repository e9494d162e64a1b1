"""Whether two pictures show the same scene, pixel for pixel: keypoints on a grid, matched and checked by a homography.

Keypoints are taken evenly from the cells of a grid, so that the corners of a caption cannot crowd out the picture
below it. ORB comes first (Rublee et al. 2011); where it is unsure, SIFT (Lowe 2004) decides. A match must be mutual,
pass Lowe's ratio test, and agree with one homography whose shape a copy of a picture can have; the inliers must be
spread over the reference. Measured: two different photographs stay far below `MIN_INLIERS`.

OpenCV's thread count is global state: the process that calls this sets it (`cv2.setNumThreads(1)` in a worker).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.canonical import Pixels, shrink

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]
Homography = NDArray[np.float64]

MIN_INLIERS = 8
"""Matches that agree on one homography. Different photographs reach 4 (matching.md); a homography is fixed by 4."""

ENOUGH_INLIERS = 20
"""With so many, ORB's answer stands; below, SIFT is asked as well."""

ORB_SIDE = 256
SIFT_SIDE = 384
"""Pixels: longest side of the query for each: ORB matches best at the sketch's own resolution."""

SMALL_SIDE = 192
"""Pixels: a picture whose longest side is shorter is enlarged to it, so that the keypoints of small features lie away
from its edge."""

MIN_SIFT_SIDE = 16
"""Pixels a side: OpenCV fails on its smallest octave of a thread or a dot, and nothing smaller has a keypoint."""

GRID = 10
"""Cells a side in which keypoints are taken evenly."""

ORB_PER_CELL = 6
SIFT_PER_CELL = 5

SPREAD_GRID = 5
"""Cells a side in which inliers are counted for their spread."""

MIN_SPREAD_CELLS = 4
"""Occupied cells of that grid, over the query or over the reference: a shared logo or caption fills one or two."""

MIN_HULL = 0.02
"""Fraction of the reference that the inliers' convex hull must cover."""

ORB_RATIO = 0.85
SIFT_RATIO = 0.64
"""Best over second best of 1 - cosine, at most (Lowe 2004, section 7.1; for SIFT the square of his 0.8)."""

TOLERANCE = 3.0 / 256
"""Fraction of the reference's longest side: reprojection error of an inlier."""

MAX_SCALE = 6.0
"""A side of the query may show the reference enlarged or reduced by at most this."""

MAX_STRETCH = 1.6
"""Ratio of the homography's two local scales: a copy is squeezed a little, never sheared flat."""

MAX_PERSPECTIVE = 1.5
"""Ratio of local area scales over the reference's corners."""


@dataclass(frozen=True, eq=False)
class Features:
    """Keypoints of one picture, the strongest of each part of it first.

    Attributes:
        points: N×2, pixels.
        descriptors: N×D, of unit length.
        directions: N, degrees clockwise.
        sizes: N, pixels: the diameter of what is described.
    """

    points: Points
    descriptors: NDArray[np.float32]
    directions: NDArray[np.float32]
    sizes: NDArray[np.float32]

    def strongest(self, most: int) -> "Features":
        """At most that many, the strongest of each part of the picture."""
        return Features(self.points[:most], self.descriptors[:most], self.directions[:most], self.sizes[:most])


@dataclass(frozen=True, eq=False)
class Match:
    """A homography from query pixels to reference pixels (the mirror included) and how many matches carry it."""

    homography: Homography
    inliers: int
    mirrored: bool


def scaling(sx: float, sy: float) -> Homography:
    """Pixel centres of a picture → those of the picture resized by (sx, sy)."""
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]], np.float64)


def translation(x: float, y: float) -> Homography:
    """Pixels of a picture → those of the same moved by (x, y)."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def mirroring(width: int) -> Homography:
    """Pixel centres of a picture → those of its mirror image."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)


def select_on_grid(keypoints: list[cv2.KeyPoint], width: int, height: int, per_cell: int) -> list[cv2.KeyPoint]:
    """The strongest `per_cell` keypoints of each cell: the strongest of every cell, then the second, and so on."""
    if not keypoints:
        return []
    points = _positions(keypoints)
    column = np.minimum((points[:, 0] * GRID / width).astype(np.int64), GRID - 1)
    row = np.minimum((points[:, 1] * GRID / height).astype(np.int64), GRID - 1)
    cell = row * GRID + column
    response = np.array([keypoint.response for keypoint in keypoints])
    order = np.lexsort((points[:, 1], points[:, 0], -response, cell))
    ordered = cell[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    chosen = order[rank < per_cell]
    chosen = chosen[np.lexsort((-response[chosen], rank[rank < per_cell]))]
    return [keypoints[index] for index in chosen]


def detect_orb(grey: Grey) -> Features:
    """Binary descriptors as unit vectors of ±1/16, N×256: 1 - cosine is their Hamming distance over 128."""
    height, width = grey.shape
    orb = cv2.ORB.create(2000, 1.2, 8, 12, fastThreshold=5)
    keypoints = select_on_grid(list(orb.detect(grey, None)), width, height, ORB_PER_CELL)
    kept, descriptors = _compute_descriptors(orb, grey, keypoints)
    bits = np.unpackbits(descriptors.astype(np.uint8), axis=1)
    return _features(kept, bits.astype(np.float32) / 8.0 - np.float32(1 / 16))


def detect_sift(grey: Grey) -> Features:
    """RootSIFT (Arandjelović and Zisserman 2012): unit vectors, N×128; 1 - cosine is half the squared distance."""
    height, width = grey.shape
    if min(height, width) < MIN_SIFT_SIDE:
        return _features([], np.empty((0, 128), np.float32))
    sift = cv2.SIFT.create(0, 3, 0.01, 12)
    keypoints = select_on_grid(list(sift.detect(grey, None)), width, height, SIFT_PER_CELL)
    kept, descriptors = _compute_descriptors(sift, grey, keypoints)
    histograms = descriptors.astype(np.float32)
    return _features(kept, np.sqrt(histograms / np.maximum(histograms.sum(1, keepdims=True), 1e-6)))


def _compute_descriptors(
    extractor: cv2.Feature2D, grey: Grey, keypoints: list[cv2.KeyPoint]
) -> tuple[list[cv2.KeyPoint], NDArray[np.uint8 | np.float32]]:
    kept, descriptors = extractor.compute(grey, keypoints)
    if not kept:
        return [], np.empty((0, extractor.descriptorSize()), np.uint8)
    return list(kept), np.asarray(descriptors)


def _features(keypoints: list[cv2.KeyPoint], descriptors: NDArray[np.float32]) -> Features:
    directions = np.array([keypoint.angle for keypoint in keypoints], np.float32)
    sizes = np.array([keypoint.size for keypoint in keypoints], np.float32)
    return Features(_positions(keypoints), descriptors, directions, sizes)


def grey(pixels: Pixels) -> Grey:
    """Return the light of an RGB picture (ITU-R BT.601), H×W."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _positions(keypoints: list[cv2.KeyPoint]) -> Points:
    return np.asarray(cv2.KeyPoint.convert(keypoints), np.float32).reshape(-1, 2)


def mirror_sift(features: Features, width: int) -> Features:
    """The features of the mirrored picture, without a second extraction.

    A mirror turns the sign of the axis across a keypoint's direction: of the 4×4×8 histogram the rows swap
    ends, and an orientation bin k becomes 8 - k.
    """
    if not len(features.points):
        return features
    histogram = features.descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    turned = histogram[..., (8 - np.arange(8)) % 8]
    points = features.points.copy()
    points[:, 0] = width - 1 - points[:, 0]
    directions = (180 - features.directions) % 360
    return Features(points, np.ascontiguousarray(turned).reshape(-1, 128), directions, features.sizes)


def match_features(query: Features, reference: Features, ratio: float) -> tuple[Points, Points]:
    """Pairs of points whose descriptors are each other's nearest, clearly nearer than the second."""
    none = np.empty((0, 2), np.float32)
    if len(query.points) < MIN_INLIERS or len(reference.points) < MIN_INLIERS:
        return none, none
    distance = 1.0 - query.descriptors @ reference.descriptors.T
    nearest = distance.argmin(1)
    rows = np.arange(len(nearest))
    best = distance[rows, nearest]
    mutual = distance.argmin(0)[nearest] == rows
    distance[rows, nearest] = np.inf
    clear = best < ratio * distance.min(1)
    kept = np.flatnonzero(mutual & clear)
    return query.points[kept], reference.points[nearest[kept]]


def fit_homography(query: Points, reference: Points, tolerance: float) -> tuple[Homography, NDArray[np.bool_]] | None:
    """One homography query → reference by RANSAC (fixed random state: the same points give the same answer).

    `tolerance` is an inlier's reprojection error, in pixels of the reference.
    """
    if len(query) < MIN_INLIERS:
        return None
    parameters = cv2.UsacParams()
    parameters.randomGeneratorState = 1
    parameters.threshold = tolerance
    parameters.confidence = 0.999
    parameters.maxIterations = 2000
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    try:
        found, mask = cv2.findHomography(query, reference, parameters)
    except cv2.error:  # points that fix no homography
        return None
    homography = np.asarray(found)
    if homography.shape != (3, 3):
        return None
    return homography.astype(np.float64), np.asarray(mask).ravel().astype(bool)


def _is_plausible(homography: Homography, query: tuple[int, int], reference: tuple[int, int]) -> bool:
    """Whether a copy of a picture can have this shape: no fold, bounded scale, stretch and perspective.

    Both sizes are (height, width); the query is the one on which `homography` acts, in the same mirror state.
    """
    try:
        inverse = np.linalg.inv(homography)
    except np.linalg.LinAlgError:
        return False
    height, width = reference
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1], [width / 2, height / 2, 1]]).T
    projected = inverse @ corners
    if not np.isfinite(projected).all() or (np.abs(projected[2]) < 1e-9).any() or len(set(np.sign(projected[2]))) != 1:
        return False
    area = np.linalg.det(inverse) / projected[2] ** 3
    if (area <= 0).any() or area.max() > MAX_PERSPECTIVE**2 * area.min():
        return False
    x, y = projected[0, 4] / projected[2, 4], projected[1, 4] / projected[2, 4]
    jacobian = (inverse[:2, :2] - np.outer((x, y), inverse[2, :2])) / projected[2, 4]
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    normal = max(query) / max(reference)
    return bool(large <= MAX_STRETCH * small and normal / MAX_SCALE <= large <= normal * MAX_SCALE)


def _spread(points: Points, height: int, width: int) -> int:
    """Cells of a grid over the picture that hold a point."""
    column = np.clip(points[:, 0] * SPREAD_GRID / width, 0, SPREAD_GRID - 1).astype(np.int64)
    row = np.clip(points[:, 1] * SPREAD_GRID / height, 0, SPREAD_GRID - 1).astype(np.int64)
    return len(np.unique(row * SPREAD_GRID + column))


def _match_geometry(
    query: Features, reference: Features, query_size: tuple[int, int], reference_size: tuple[int, int], ratio: float
) -> tuple[Homography, int] | None:
    pairs = match_features(query, reference, ratio)
    found = fit_homography(*pairs, TOLERANCE * max(reference_size))
    if found is None:
        return None
    homography, mask = found
    inliers = int(mask.sum())
    if inliers < MIN_INLIERS or not _is_plausible(homography, query_size, reference_size):
        return None
    hull = cv2.contourArea(cv2.convexHull(pairs[1][mask]))
    if hull < MIN_HULL * reference_size[0] * reference_size[1]:
        return None
    # A deep crop fills few cells of the reference, a picture on a page few of the query; a shared logo few of either.
    spread = max(_spread(pairs[0][mask], *query_size), _spread(pairs[1][mask], *reference_size))
    if spread < MIN_SPREAD_CELLS:
        return None
    return homography, inliers


@dataclass(frozen=True, eq=False)
class SiftFeatures:
    """The features of a picture at one size, `height` × `width` pixels, as it is and mirrored."""

    upright: Features
    height: int
    width: int

    @cached_property
    def mirrored(self) -> Features:
        """The upright ones, turned over."""
        return mirror_sift(self.upright, self.width)


@dataclass(frozen=True, eq=False)
class Crop:
    """What features are extracted from: the canonical picture, or a part of it in more detail.

    Attributes:
        pixels: h×w×3 RGB, longest side ≤ 512.
        from_canonical: pixels of the canonical picture → these.
    """

    pixels: Pixels
    from_canonical: Homography


class Query:
    """A picture that is verified against several references: its features are computed once, when they are needed."""

    def __init__(self, pixels: Pixels, sift: SiftFeatures | None = None, crop: Crop | None = None) -> None:
        """Take a canonical picture.

        Args:
            pixels: H×W×3 RGB, longest side ≤ 512.
            sift: what `extract_sift` made of `crop`, where that is known.
            crop: what its features are extracted from; the whole of it by default.
        """
        self.pixels = pixels
        self.crop = Crop(pixels, np.eye(3)) if crop is None else crop
        self._sift = sift
        self._orb: dict[bool, Features] = {}

    @cached_property
    def light(self) -> Grey:
        """Its light at `ORB_SIDE`."""
        return grey(resize_for_features(self.crop.pixels, ORB_SIDE))

    def orb(self, *, mirrored: bool) -> Features:
        """Its features at `ORB_SIDE`, in one mirror state."""
        if mirrored not in self._orb:
            light = np.ascontiguousarray(self.light[:, ::-1]) if mirrored else self.light
            self._orb[mirrored] = detect_orb(light)
        return self._orb[mirrored]

    @cached_property
    def sift(self) -> SiftFeatures:
        """At `SIFT_SIDE`."""
        return extract_sift(self.crop.pixels) if self._sift is None else self._sift


def resize_for_features(pixels: Pixels, most: int) -> Pixels:
    """A picture with its longest side at most `most` pixels, and at least `SMALL_SIDE`."""
    enlarged = SMALL_SIDE / max(pixels.shape[:2])
    if enlarged <= 1:
        return shrink(pixels, most)
    return np.asarray(cv2.resize(pixels, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC), np.uint8)


def extract_sift(pixels: Pixels) -> SiftFeatures:
    """Return the SIFT features of a picture at `SIFT_SIDE`."""
    light = grey(resize_for_features(pixels, SIFT_SIDE))
    return SiftFeatures(detect_sift(light), light.shape[0], light.shape[1])


def verify(query: Query, sketch: Pixels, larger: Callable[[], Pixels] | None = None) -> Match | None:
    """Find the homography by which `query` shows a registered picture, or None when there is none to stand by.

    ORB is tried on the sketch, in both mirror states; where it is unsure, SIFT on the larger picture.

    Args:
        query: the picture that was handed in.
        sketch: h×w×3 RGB, longest side ≤ 256; homographies lead to its pixels.
        larger: the same picture with more detail: of a deep crop the sketch keeps too little to be recognised. It is
            decoded where it is needed: a function that returns it.
    """
    found = []
    reference, size = detect_orb(grey(sketch)), (query.light.shape[0], query.light.shape[1])
    for mirrored in (False, True):
        found_geometry = _match_geometry(query.orb(mirrored=mirrored), reference, size, _size(sketch), ORB_RATIO)
        if found_geometry is not None:
            found.append(_compose(found_geometry, query.crop, size, sketch, sketch, mirrored))
            if found_geometry[1] >= ENOUGH_INLIERS:
                return found[-1]
    scene = shrink(sketch if larger is None else larger(), SIFT_SIDE)
    reference, size = detect_sift(grey(scene)), (query.sift.height, query.sift.width)
    for mirrored, features in ((False, query.sift.upright), (True, query.sift.mirrored)):
        found_geometry = _match_geometry(features, reference, size, _size(scene), SIFT_RATIO)
        if found_geometry is not None:
            found.append(_compose(found_geometry, query.crop, size, scene, sketch, mirrored))
    return max(found, key=lambda match: match.inliers, default=None)


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def _compose(
    found_geometry: tuple[Homography, int],
    crop: Crop,
    size: tuple[int, int],
    scene: Pixels,
    sketch: Pixels,
    mirrored: bool,
) -> Match:
    """The match between the canonical picture and the sketch, of one between the pictures that were compared (`size` of
    the query, `scene`)."""
    height, width = _size(crop.pixels)
    to_small = scaling(size[1] / width, size[0] / height)
    to_sketch = scaling(sketch.shape[1] / scene.shape[1], sketch.shape[0] / scene.shape[0])
    flip = mirroring(width) if mirrored else np.eye(3)
    return Match(to_sketch @ found_geometry[0] @ to_small @ flip @ crop.from_canonical, found_geometry[1], mirrored)
