"""The part of the reference that a query shows.

Clipped in double precision: of two frames that nearly coincide, `cv2.intersectConvexConvex` loses corners (of 2,000
homographies within 1e-5 of the identity it gave a part where the whole was visible for 207).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.comparison.geometry import Homography

Corners = NDArray[np.float64]

FRAME: Corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
"""Corners of a picture, in fractions of it."""


def visible(to_reference: Homography) -> Corners:
    """Return the corners of what the query shows of the reference, N×2 fractions of the reference; none where N is 0.

    The reference's frame is laid over the query, where a copy has all of it in front of the horizon, clipped there by
    the query's own frame (Sutherland and Hodgman 1974), and carried back.

    Args:
        to_reference: fractions of the query → fractions of the reference.
    """
    corners = _carried(FRAME, np.asarray(np.linalg.inv(to_reference), np.float64))
    for axis, sign, offset in ((0, 1, 0), (0, -1, 1), (1, 1, 0), (1, -1, 1)):
        corners = _cut(corners, sign * corners[:, axis] + offset)
    return _carried(corners, to_reference) if len(corners) else corners


def _cut(corners: Corners, inside: NDArray[np.float64]) -> Corners:
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


def _carried(points: Corners, homography: Homography) -> Corners:
    return np.asarray(cv2.perspectiveTransform(points[None], homography)[0], np.float64)
