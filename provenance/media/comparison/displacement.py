"""Where parts of an aligned picture are moved: the displacement that warps the reference's light onto the query's.

The field is dense inverse search optical flow (Kroeger et al. 2016). What moves the picture as a whole (a lens, a
homography that is a little off) is a smooth trend and is taken out, robustly; a local warp, as of a slimmed face or a
moved mouth, is what remains. Warping the reference by the field says how much of the difference it explains.

A field alone does not say that parts are moved: it explains what was erased by stretching the surroundings over it.
Parts that are moved are found from both sides: the field back, from the reference to the query, undoes the first.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Mask = NDArray[np.bool_]

TREND_STRIDE = 2
"""The trend is fitted to every so many of the field's vectors, along each axis."""

ROUNDS = 4
"""Reweighting rounds of the trend (Geman and McClure)."""

MIN_VARIANCE = 0.01
"""Square pixels: deviation of a tenth of a pixel, below which the field is not exact."""

CONSISTENCY_PIXELS = 0.5
CONSISTENCY_FRACTION = 0.25
"""Pixels, and fraction of the way there, by which the way back may miss where it started."""

RIDGE = 1e-6
"""Pull of the trend to 0, against a reach too small to fix it."""


@dataclass(frozen=True, eq=False)
class Displacement:
    """What warping the reference onto the query by displacement gives.

    Attributes:
        length: float32, pixels that remain of the field without its trend, at every so many pixels.
        warped: H×W float32, the reference's light, warped by the field.
        field: H×W×2 float32, from each pixel of the query to its place in the reference.
    """

    length: Planes
    warped: Planes
    field: Planes


def estimate_displacement(query: Planes, reference: Planes, valid: Mask, step: int) -> Displacement:
    """Find the displacement between two planes of light, H×W float32 0..255.

    Args:
        query: light.
        reference: the light that is moved.
        valid: where they mean something.
        step: pixels: `length` is told at every so many.
    """
    field = _field(query, reference)
    warped = _remap(reference, field)
    few, valid = field[::step, ::step], valid[::step, ::step]
    local = few - trend(few, valid)
    return Displacement(np.hypot(local[..., 0], local[..., 1]), warped, field)


def check_backward(query: Planes, reference: Planes, forward: Planes) -> tuple[Planes, Mask]:
    """Find the query's light in the reference's place, and where the way there and back ends at its start.

    Args:
        query: light, H×W float32 0..255.
        reference: the light that is moved.
        forward: the field of `estimate_displacement`.

    Returns:
        The query's light, warped onto the reference, and H×W, where both ways agree, from either side.
    """
    backward = _field(reference, query)
    consistent = _is_consistent(forward, backward) & _is_consistent(backward, forward)
    return _remap(query, backward), consistent


def _field(query: Planes, reference: Planes) -> Planes:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    one, other = (cv2.convertScaleAbs(light) for light in (query, reference))
    return np.asarray(flow.calc(one, other, np.zeros((*query.shape, 2), np.float32)), np.float32)


def _remap(planes: Planes, field: Planes) -> Planes:
    """What lies where the field leads from each pixel."""
    height, width = planes.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    places = x + field[..., 0], y + field[..., 1]
    return np.asarray(cv2.remap(planes, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _is_consistent(forward: Planes, backward: Planes) -> Mask:
    missed = forward + _remap(backward, forward)
    allowed = CONSISTENCY_PIXELS + CONSISTENCY_FRACTION * cv2.magnitude(*cv2.split(forward))
    return np.asarray(cv2.magnitude(*cv2.split(missed)) < allowed)


def trend(field: Planes, valid: Mask) -> Planes:
    """Return the quadratic that most of the field follows, H×W×2; `valid` says where it means something."""
    height, width = valid.shape
    terms = _terms(np.linspace(-0.5, 0.5, width)[None, :], np.linspace(-0.5, 0.5, height)[:, None])
    few = valid[::TREND_STRIDE, ::TREND_STRIDE]
    known, measured = (
        terms[::TREND_STRIDE, ::TREND_STRIDE][few],
        field[::TREND_STRIDE, ::TREND_STRIDE][few].astype(np.float64),
    )
    weight = np.ones(len(known))
    coefficients: NDArray[np.floating] = np.zeros((known.shape[1], 2))
    for _ in range(ROUNDS):
        weighted = known * weight[:, None]
        ridge = RIDGE * max(1.0, float(weight.sum())) * np.eye(known.shape[1])
        coefficients = np.linalg.solve(weighted.T @ known + ridge, weighted.T @ measured)
        error = np.square(measured - known @ coefficients).sum(1)
        scale = max(float(np.median(error)) if len(error) else 0.0, MIN_VARIANCE)
        weight = 1.0 / np.square(1.0 + error / (4.0 * scale))
    return np.asarray(terms @ coefficients, np.float32)


def _terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    ones = np.ones_like(x * y)
    return np.stack([ones, x * ones, y * ones, x * x * ones, x * y, y * y * ones], -1)
