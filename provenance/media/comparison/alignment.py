"""Alignment of the reference with the query: one homography, refined to a fraction of a pixel.

Both pictures are brought to one working frame: the query's own frame, at the coarser of the two resolutions, so that
neither is enlarged. The homography of the keypoints is refined there by maximising the enhanced correlation
coefficient (Evangelidis and Psarakis 2008), which a change of brightness or contrast leaves alone.

Homographies map pixel centres: (x, y, 1) of the one picture to that of the other, up to scale.

The part of the reference that a query shows is clipped in double precision: of two frames that nearly coincide,
`cv2.intersectConvexConvex` loses corners (of 2,000 homographies within 1e-5 of the identity it gave a part where the
whole was visible for 207).
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.canonical import Pixels
from provenance.media.comparison.geometry import Grey, Homography, grey, scaling, translation

Planes = NDArray[np.float32]
Mask = NDArray[np.bool_]

ECC_STEPS = 10
"""Iterations at each scale: the keypoints' homography starts within 2 pixels of the keypoints themselves."""

ECC_EPSILON = 2e-5
"""Gain in correlation below which refinement stops."""

ECC_SCALES = (0.5, 1.0)
"""Of the working frame, coarse first: with few keypoints the homography can be off by more than 5 pixels where there
are none."""

ECC_SECOND_SCALES = ECC_SCALES[:1]
"""For a frame twice as large, from what a smaller one has given: exact enough, at a quarter of the time."""

ECC_SMOOTHING = 5
"""Pixels of each scale: width of the Gaussian that both pictures are smoothed by."""

DETAIL_WINDOW = 9
"""Pixels of each scale: light is compared with its mean over so many …"""

DETAIL_LEVELS = 24.0
"""… and counts up to this difference, in levels of 255: the edges of a page must not outweigh the picture."""

ECC_MARGIN = 6
"""Working pixels of the reference's edge that refinement leaves out: a page or border around the query would pull at
it."""

MIN_WORKING_SIDE = 32
"""Pixels: a working frame smaller than this shows too little to compare."""

AROUND = 16
"""Working pixels around the reference's reach that are looked at too: as far as windows reach."""

PART_STEP = 12
"""Working pixels: a part of the frame begins at a multiple of it, as all coarser grids (of 2, 3 and 4) do."""

MAX_PART = 0.75
"""Fraction of the frame: of a part that has more of it, all is looked at."""


T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Part:
    """Rows and columns of a frame of `height` × `width` pixels: a picture on a page covers a part of it alone."""

    height: int
    width: int
    rows: slice
    columns: slice

    @classmethod
    def whole(cls, height: int, width: int) -> "Part":
        """All of a frame."""
        return cls(height, width, slice(0, height), slice(0, width))

    @classmethod
    def reached(cls, size: tuple[int, int], reference: Pixels, warp: Homography) -> "Part":
        """Where a reference reaches, and what is around that; all of the frame where that is most of it.

        Args:
            size: height and width of the frame.
            reference: h×w×3.
            warp: pixels of the frame → pixels of the reference.
        """
        everything = cls.whole(*size)
        height, width = reference.shape[:2]
        corners = np.linalg.inv(warp) @ np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]).T
        if not (np.isfinite(corners).all() and len(set(np.sign(corners[2]))) == 1):  # beyond the horizon
            return everything
        x, y = corners[:2] / corners[2]
        rows, columns = (_bounds(each, side) for each, side in ((y, size[0]), (x, size[1])))
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        return cls(*size, rows, columns) if 0 < area <= MAX_PART * size[0] * size[1] else everything

    @property
    def is_all(self) -> bool:
        """Whether it is all of the frame."""
        return self == Part.whole(self.height, self.width)

    def of(self, pixels: Pixels) -> Pixels:
        """This part of a picture of the frame's size."""
        return pixels if self.is_all else np.ascontiguousarray(pixels[self.rows, self.columns])

    def place(self, plane: NDArray[T], step: int = 1) -> NDArray[T]:
        """What is known of this part, at every `step`th pixel, in the whole frame: 0 elsewhere."""
        if self.is_all:
            return plane
        size = (-(-self.height // step), -(-self.width // step), *plane.shape[2:])
        whole = np.zeros(size, plane.dtype)
        top, left = self.rows.start // step, self.columns.start // step
        whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
        return whole


def _bounds(places: NDArray[np.float64], side: int) -> slice:
    first = min(max(0, int(places.min()) - AROUND), side) // PART_STEP * PART_STEP
    last = -(-min(max(0, int(np.ceil(places.max())) + AROUND), side) // PART_STEP) * PART_STEP
    return slice(first, min(last, side))


@dataclass(frozen=True, eq=False)
class Alignment:
    """Query and reference in one frame, in the part of it that the reference reaches.

    Attributes:
        query: H×W×3 float32 RGB 0..255, the query at working resolution.
        reference: H×W×3 float32 RGB, the reference warped onto it (0 where it does not reach).
        covered: H×W, where the reference reaches.
        part: which part of the working frame these are.
        homography: pixels of the canonical query → pixels of the reference.
    """

    query: Planes
    reference: Planes
    covered: Mask
    part: Part
    homography: Homography


def local_scale(homography: Homography, x: float, y: float) -> float:
    """Square root of the area scale at a point."""
    w = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2]
    return float(np.sqrt(abs(np.linalg.det(homography)) / abs(w) ** 3))


def align(
    query: Pixels, reference: Pixels, homography: Homography, scales: tuple[float, ...] = ECC_SCALES
) -> Alignment | None:
    """Warp the reference onto the query. None when the working frame would be too small.

    Args:
        query: H×W×3 RGB, the canonical query.
        reference: h×w×3 RGB, the decoded sketch.
        homography: query pixels → reference pixels, within about 2 pixels.
        scales: as `ECC_SCALES`.
    """
    centre = np.linalg.inv(homography) @ ((reference.shape[1] - 1) / 2, (reference.shape[0] - 1) / 2, 1.0)
    density = local_scale(homography, centre[0] / centre[2], centre[1] / centre[2])
    working, to_working = downscale(query, min(1.0, density))
    coarse, to_coarse = downscale(reference, min(1.0, 1.0 / density))
    if min(working.shape[:2]) < MIN_WORKING_SIDE or min(coarse.shape[:2]) < MIN_WORKING_SIDE:
        return None
    size = working.shape[0], working.shape[1]
    warp = to_coarse @ homography @ np.linalg.inv(to_working)
    warp = refine_warp(grey(working), grey(coarse), warp / warp[2, 2], scales)
    part = Part.reached(size, coarse, warp)
    cut = part.of(working)
    warped, covered = warp_onto(coarse, warp @ translation(part.columns.start, part.rows.start), cut)
    final = np.linalg.inv(to_coarse) @ warp @ to_working
    return Alignment(cut.astype(np.float32), warped, covered, part, final / final[2, 2])


def warp_onto(reference: Pixels, warp: Homography, query: Pixels) -> tuple[Planes, Mask]:
    """The reference in the query's frame, H×W×3 float32, and where it reaches, H×W; `warp` leads to its pixels."""
    size = (query.shape[1], query.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(reference.astype(np.float32), warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    reach = cv2.warpPerspective(
        np.ones(reference.shape[:2], np.uint8), warp, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(warped, np.float32), np.asarray(reach).astype(bool)


def downscale(pixels: Pixels, scale: float) -> tuple[Pixels, Homography]:
    """A picture at a scale of 0..1, and its pixels → the smaller one's."""
    if scale >= 0.95:
        return pixels, np.eye(3)
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, scaling(size[0] / width, size[1] / height)


def refine_warp(query: Grey, reference: Grey, warp: Homography, scales: tuple[float, ...]) -> Homography:
    """A better `warp` (query pixels → reference pixels), scale by scale, while more detail correlates."""
    for scale in scales:
        light, to_light = downscale(query, scale)
        other, to_other = downscale(reference, scale)
        start = to_other @ warp @ np.linalg.inv(to_light)
        found = _maximise_ecc(light, other, start / start[2, 2], round(ECC_MARGIN * scale))
        warp = np.linalg.inv(to_other) @ found @ to_light
    return np.asarray(warp / warp[2, 2])


def _maximise_ecc(query: Grey, reference: Grey, warp: Homography, margin: int) -> Homography:
    """The warp at which the correlation is largest, from `warp` on; `warp` itself where none is larger."""
    inner: Grey = np.zeros(reference.shape[:2], np.uint8)
    inner[margin:-margin, margin:-margin] = 1
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, ECC_STEPS, ECC_EPSILON)
    start = warp.astype(np.float32)
    try:
        _, found = cv2.findTransformECC(query, reference, start, cv2.MOTION_HOMOGRAPHY, criteria, inner, ECC_SMOOTHING)
    except cv2.error:  # no convergence: what was found before stands
        return warp
    refined = np.asarray(found, np.float64)
    fine, other = _detail(query), _detail(reference)
    better = _correlation(fine, other, inner, refined) > _correlation(fine, other, inner, warp)
    return refined if better else warp


def _detail(light: Grey) -> Planes:
    """Light without its slow changes: a picture on a page, partly hidden by it, correlates in nothing else."""
    plane = light.astype(np.float32)
    slow = cv2.blur(plane, (DETAIL_WINDOW, DETAIL_WINDOW))
    return np.asarray(np.clip(plane - slow, -DETAIL_LEVELS, DETAIL_LEVELS), np.float32)


def _correlation(query: Planes, reference: Planes, inner: Grey, warp: Homography) -> float:
    """Correlation where the reference, warped by `warp`, reaches."""
    size = (query.shape[1], query.shape[0])
    warped = np.asarray(cv2.warpPerspective(reference, warp, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))
    reach = np.asarray(cv2.warpPerspective(inner, warp, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)) > 0
    if reach.sum() < (MIN_WORKING_SIDE // 2) ** 2:
        return -1.0
    one, other = query[reach], warped[reach]
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread > 0 else -1.0


Corners = NDArray[np.float64]

FRAME: Corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
"""Corners of a picture, in fractions of it."""


def visible_corners(to_reference: Homography) -> Corners:
    """Return the corners of what the query shows of the reference, N×2 fractions of the reference; none where N is 0.

    The reference's frame is projected into the query, where a copy has all of it in front of the horizon, clipped there
    by the query's own frame (Sutherland and Hodgman 1974), and projected back.

    Args:
        to_reference: fractions of the query → fractions of the reference.
    """
    corners = _project(FRAME, np.asarray(np.linalg.inv(to_reference), np.float64))
    for axis, sign, offset in ((0, 1, 0), (0, -1, 1), (1, 1, 0), (1, -1, 1)):
        corners = _clip(corners, sign * corners[:, axis] + offset)
    return _project(corners, to_reference) if len(corners) else corners


def _clip(corners: Corners, inside: NDArray[np.float64]) -> Corners:
    """Keep the part of a convex polygon where a linear function, whose values at the corners are given, is not
    negative."""
    kept = []
    for here, there, value, following in zip(
        corners, np.roll(corners, -1, 0), inside, np.roll(inside, -1), strict=True
    ):
        if value >= 0:
            kept.append(here)
        if (value < 0) != (following < 0):
            kept.append(here + (there - here) * (value / (value - following)))
    return np.array(kept).reshape(-1, 2)


def _project(points: Corners, homography: Homography) -> Corners:
    return np.asarray(cv2.perspectiveTransform(points[None], homography)[0], np.float64)
