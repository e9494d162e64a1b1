"""Layout: whether two pictures that can be laid over each other share their content, or a frame and a template alone.

The straight lines of a table and the rows of a text agree, whatever is written in them. So agreement is asked for where
there is texture in both directions, and along both. What shapes without texture say, the bars of a chart, is asked of
their places: a longer bar stands where the other picture has nothing but its ground, and a shorter one leaves ground.

The thresholds were chosen on the fitting half of `bench/templates.py` and on photographs that fit. A sketch does not
tell the numbers of one sheet from those of another; the stored picture does.
"""

import cv2
import numpy as np

from provenance.media.calibration import ReferenceKind
from provenance.media.comparison.alignment import Planes

MIN_SHARED: dict[ReferenceKind, float] = {"sketch": 0.46, "stored picture": 0.52, "full detail": 0.52}
"""Fraction of what has texture that has to agree, in the picture where that is more: one may be blurred, or emptied.
Templates with other content have less (charts aside, and sheets of numbers by a sketch), photographs with an edit over
up to 30 % of the area have more, but for two in three hundred. Where half is replaced, most of what has texture does
not agree."""

MAX_MISPLACED = 0.1
"""Fraction of what is drawn on a plain ground that may stand elsewhere, both ways. Charts with other numbers have 0.13
and more where some bars are longer and some shorter, copies of graphics with an edit 0.08 at most."""

MIN_GROUND = 0.4
"""Fraction of the overlap of one shade, from which on a picture is drawn on a ground: photographs hardly have it."""

SMOOTHING = 0.8
"""Pixels: deviation of the Gaussian before differences are taken."""

WINDOW = 9
"""Pixels a side: letters are told apart by their windows."""

STEP = 2
"""Pixels between windows."""

TEXTURED = 2.0
"""Levels of 255 a pixel: deviation of the differences along both axes, from which on a window has texture."""

AGREEING = 0.7
"""Correlation of the differences along either axis, from which on a window agrees."""

MIN_WINDOWS = 10
"""Textured windows: fewer say nothing."""

SHADES = 32
"""Shades of light that the ground is sought among."""

DRAWN = 20.0
"""Levels of 255 off the ground, from which on something is drawn there."""


def agreement(query: Planes, reference: Planes, hold: Planes) -> float:
    """Fraction, 0..1, of what has texture that agrees; 1 where hardly anything has.

    Args:
        query, reference: H×W, light of an aligned pair in the same colours.
        hold: H×W, 1 where both are, 0 elsewhere.
    """
    pair = [np.asarray(cv2.GaussianBlur(each, (0, 0), SMOOTHING), np.float32) for each in (query, reference)]
    level, upright = (_windows(_slope(pair[0], *axis), _slope(pair[1], *axis), hold) for axis in ((1, 0), (0, 1)))
    agrees = (level[2] > AGREEING) & (upright[2] > AGREEING)
    valid = hold[::STEP, ::STEP] > 0
    shares = []
    for one, other in zip(level[:2], upright[:2], strict=True):
        textured = (np.minimum(one, other) > TEXTURED * TEXTURED) & valid
        shares.append(float(agrees[textured].mean()) if textured.sum() >= MIN_WINDOWS else 1.0)
    return max(shares)


def misplaced(query: Planes, reference: Planes, hold: Planes) -> float:
    """Fraction, 0..1, of what is drawn on a plain ground that one of the two alone has: the lesser of both ways.

    0 where there is no such ground. The arguments are those of `agreement`.
    """
    inside = hold > 0
    one, other = (np.asarray(cv2.blur(each, (5, 5)))[inside] for each in (query, reference))
    shades = np.bincount(np.clip(other * SHADES / 256, 0, SHADES - 1).astype(np.intp), minlength=SHADES)
    if shades.max() < MIN_GROUND * len(other):
        return 0.0
    ground = (shades.argmax() + 0.5) * 256 / SHADES
    in_one, in_other = (np.abs(each - ground) > DRAWN for each in (one, other))
    drawn = int((in_one | in_other).sum())
    return min(int((in_one & ~in_other).sum()), int((in_other & ~in_one).sum())) / max(1, drawn)


def _slope(light: Planes, across: int, down: int) -> Planes:
    return np.asarray(cv2.Sobel(light, cv2.CV_32F, across, down, scale=0.25), np.float32)


def _windows(one: Planes, other: Planes, hold: Planes) -> tuple[Planes, Planes, Planes]:
    """Variance of both and their correlation, in windows around every `STEP`th pixel."""
    weight = np.maximum(_sums(hold), 1e-3)
    of_one, of_other = (_sums(each * hold) / weight for each in (one, other))
    one_squared = np.maximum(_sums(one * one * hold) / weight - of_one * of_one, 0)
    other_squared = np.maximum(_sums(other * other * hold) / weight - of_other * of_other, 0)
    shared = _sums(one * other * hold) / weight - of_one * of_other
    return one_squared, other_squared, (shared + 0.5) / np.sqrt((one_squared + 1) * (other_squared + 1))


def _sums(plane: Planes) -> Planes:
    return np.asarray(cv2.blur(plane, (WINDOW, WINDOW))[::STEP, ::STEP], np.float32)
