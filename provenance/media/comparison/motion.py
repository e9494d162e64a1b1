"""Motion: small displacements between two frames of one camera, which no other evidence of a difference shows.

Around each pixel the displacement is sought that explains most of the difference (Lucas and Kanade 1981, one linear
step of least squares), and is weighed by what it explains against what it leaves. Recompression, resizing, blur and
sharpening change light, but not as a displacement would; what moves the whole picture (a lens, a homography that is a
little off) is a smooth trend, and so displaces nothing.
"""

import cv2
import numpy as np

from provenance.media.comparison.alignment import Mask, Planes
from provenance.media.comparison.displacement import trend

FINE, COARSE = 1.2, 6.0
"""Pixels: deviations of the Gaussians between which light is compared: finer is noise, coarser is shade."""

COARSE_STEP = 3
"""Pixels: what is coarse is smoothed at every so many."""

WINDOW = 5.0
"""Pixels: deviation of the Gaussian window that one displacement is sought in."""

SMOOTHING = 5.0
"""Pixels: deviation of the Gaussian over what was found. One noisy window is no motion."""

NOISE = 1.0
"""Levels of 255: difference that is expected anywhere. It pulls a displacement that no texture fixes to 0."""

EXACT = 0.1
"""Pixels: a displacement below it is no motion, as pictures are not aligned more exactly."""

EDGE = 2
"""Pixels left out along the edge of the reach: differences are taken across them."""

TEXTURED = 2.0
"""Times the noise: texture along the weaker axis, from which on a window helps to fix the trend."""

MIN_TEXTURED = 120
"""Steps with texture: fewer fix no trend, and show no motion."""


def motion(query: Planes, reference: Planes, mask: Planes, step: int) -> Planes:
    """Return how much displacement explains against what it leaves, 0.., at every `step`th pixel, float32.

    Args:
        query: light, H×W float32 0..255.
        reference: light of the reference, aligned with it and in its colours.
        mask: H×W float32, 1 where a difference means something, 0 elsewhere.
        step: pixels.
    """
    inner = np.asarray(cv2.erode(mask, _square(EDGE), borderType=cv2.BORDER_CONSTANT, borderValue=0), np.float32)
    one, other = _band(query, inner), _band(reference, inner)
    change, mean = one - other, (one + other) / 2
    x, y = (cv2.Sobel(mean, cv2.CV_32F, *axis, ksize=3, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    within = np.asarray(cv2.erode(inner, _square(EDGE), borderType=cv2.BORDER_CONSTANT, borderValue=0), np.float32)
    products = np.asarray(cv2.merge([x * x, x * y, y * y, x * change, y * change, change * change]), np.float32)
    weight, sums = (_windows(planes, step) for planes in (within, products * within[..., None]))
    means = sums / np.maximum(weight, 1e-3)[..., None]
    xx, xy, yy, x_change, y_change, whole = (np.asarray(each, np.float32) for each in cv2.split(means))

    fixed = (xx + NOISE**2) * (yy + NOISE**2) - xy * xy
    found_x = ((yy + NOISE**2) * x_change - xy * y_change) / fixed
    found_y = ((xx + NOISE**2) * y_change - xy * x_change) / fixed
    found = np.stack([found_x, found_y], -1)

    def explained(field: Planes) -> Planes:
        u, v = field[..., 0], field[..., 1]
        return np.asarray(u * u * xx + 2 * u * v * xy + v * v * yy, np.float32)

    valid: Mask = within[::step, ::step] > 0
    textured = valid & (fixed / (xx + yy + 2 * NOISE**2) > TEXTURED * NOISE**2)
    if textured.sum() < MIN_TEXTURED:
        return np.zeros(valid.shape, np.float32)
    local = np.asarray(found - trend(found, textured), np.float32)
    by_found = explained(found)
    left = np.maximum(whole - 2 * (found_x * x_change + found_y * y_change) + by_found, 0)
    # What no displacement explains is not moved, nor what a smooth trend explains.
    gain = np.minimum(by_found, explained(local))
    exact = np.square(EXACT) / np.maximum(np.square(local).sum(-1), 1e-9)
    ratio = gain * np.maximum(1 - exact, 0) / (left + NOISE**2)
    return _smooth(np.asarray(ratio * valid, np.float32), SMOOTHING / step)


def _band(light: Planes, mask: Planes) -> Planes:
    """Light between two deviations, of what `mask` says means something."""
    height, width = light.shape
    small = (-(-width // COARSE_STEP), -(-height // COARSE_STEP))
    weighted = np.asarray(cv2.merge([light * mask, mask]), np.float32)
    few = np.asarray(cv2.resize(weighted, small, interpolation=cv2.INTER_AREA), np.float32)
    wide = cv2.resize(_smooth(few, COARSE / COARSE_STEP), (width, height), interpolation=cv2.INTER_LINEAR)
    (near, by_near), (far, by_far) = (cv2.split(each) for each in (_smooth(weighted, FINE), wide))
    return np.asarray(near / np.maximum(by_near, 1e-3) - far / np.maximum(by_far, 1e-3), np.float32)


def _windows(planes: Planes, step: int) -> Planes:
    """Mean over the window, at every `step`th pixel."""
    few = np.asarray(cv2.blur(planes, (step, step))[::step, ::step], np.float32)
    return _smooth(few, WINDOW / step)


def _smooth(planes: Planes, deviation: float) -> Planes:
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), deviation), np.float32)


def _square(reach: int) -> Planes:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.float32)
