"""Layout: whether two pictures that can be aligned share their content, or a frame and a template alone.

The straight lines of a table, the outline of a mark and the rows of a text agree, whatever is written in them. So
agreement is asked for where there is texture in two directions (the lesser eigenvalue of the structure tensor, as for
corners: Shi and Tomasi 1994), and along both axes. Of a photograph of which a part was replaced, the rest agrees
wholly; of a template with other content, nothing but the frame does. So what agrees best is asked, how much agrees
around it, and not the mean of all.

What shapes without such texture say, the bars and curves of a chart, is asked of their places: a longer bar stands
where the other picture has nothing but its ground, a shorter one leaves ground, and that in many places, where an edit
has one.

The thresholds were chosen on the kinds of `bench/templates.py`, copies and edits of them, and on photographs that fit.
A sketch hardly tells the numbers of one sheet from those of another: by it alone, what is drawn on a ground has to
agree nearly wholly.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from provenance.media.calibration import ReferenceKind
from provenance.media.comparison.alignment import Mask, Part, Planes

BEST = 0.3
"""Of what has texture, the part that agrees best, which has to agree around itself: of a photograph the rest may have
been replaced."""

BEST_DRAWN = 0.5
"""The same, of what is drawn on a ground: there other content is the likelier cause."""

MIN_COMMON = 0.6
"""Fraction that has to agree around that part, in the picture where it is more: one may be blurred, or emptied.
Templates without a ground, with other content, have 0.41 at most; photographs of which 26 to 60 % were replaced more,
but for two in a hundred and fifty."""

MIN_COMMON_DRAWN: dict[ReferenceKind, float] = {"sketch": 0.86, "stored picture": 0.7, "full detail": 0.7}
"""The same, of what is drawn on a ground. Templates with other content have 0.49 at most, charts aside, and edits over
up to 20 % of a template 0.9 and more; by a sketch sheets of other numbers have up to 0.82, and copies 0.93 and more
(screens of small print that were cropped to half aside: 0.75)."""

MIN_AGREEMENT_DRAWN = 0.65
"""Fraction of what has texture that has to agree in all, of what is drawn on a ground: a large mark beside other words
has 0.41 (by a sketch 0.62), templates with an edit over up to 20 % more, but for three in three hundred."""

MAX_MISPLACED = 0.022
"""Fraction of what is drawn on a ground that may stand elsewhere, both ways, times the fraction of places where that
is so. Charts with other numbers have 0.023 and more, but for one in fourteen; copies 0.015 and edits over up to 20 % of
the area 0.022 at most."""

MIN_GROUND = 0.32
"""Fraction of the overlap of one shade, from which on a picture is drawn on a ground: the photographs that fit have
0.29 at most, templates by a sketch 0.35 and more."""

SMOOTHING = 0.8
"""Pixels: deviation of the Gaussian before differences are taken."""

WINDOW = 9
"""Pixels a side: letters are told apart by their windows."""

STEP = 2
"""Pixels between windows."""

AROUND = 17
"""Windows a side: what is around one."""

TEXTURED = 2.0
"""Levels of 255 a pixel: deviation of the differences along any direction, from which on a window has texture."""

AGREEING = 0.7
"""Correlation of the differences along either axis, from which on a window agrees."""

MIN_WINDOWS = 10
"""Textured windows: fewer say nothing."""

SHADES = 32
"""Shades of light that the ground is sought among."""

DRAWN = 20.0
"""Levels of 255 off the ground, from which on something is drawn there."""

PLACES = 8
"""A side: places that what is drawn is counted in."""

MIN_DRAWN = 0.03
"""Fraction of a place that has to be drawn on, for it to count."""

ELSEWHERE = 0.15
"""Fraction of what is drawn in a place, from which on it stands elsewhere there."""

_PIXEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class SharedContent:
    """What two aligned pictures have in common, fractions 0..1.

    Attributes:
        agreement: of what has texture, what agrees; 1 where hardly anything has.
        common: how much agrees around what agrees best; 1 where hardly anything has texture.
        drawn: they are drawn on a plain ground.
        misplaced: of what is drawn, what one of the two alone has, the lesser of both ways, times the fraction of
            places where that is so; 0 where nothing is drawn.
    """

    agreement: float
    common: float
    drawn: bool
    misplaced: float

    def is_layout_only(self, kind: ReferenceKind) -> bool:
        """Whether no more than a layout agrees, as far as such a reference shows."""
        least = MIN_COMMON_DRAWN[kind] if self.drawn else MIN_COMMON
        little = self.drawn and self.agreement < MIN_AGREEMENT_DRAWN
        return self.common < least or little or self.misplaced > MAX_MISPLACED


def compare_content(query: Planes, reference: Planes, mask: Planes, part: Part) -> SharedContent:
    """Return what an aligned pair has in common.

    Args:
        query, reference: H×W, light of both in the same colours.
        mask: H×W, 1 where both are, 0 elsewhere.
        part: which part of the query these are.
    """
    one, other = (_Slopes.of(each, mask) for each in (query, reference))
    agrees = one.agrees(other)
    ground = _ground(reference, mask)
    best = BEST if ground is None else BEST_DRAWN
    shares = [_shares(each.textured, agrees, best) for each in (one, other)]
    return SharedContent(
        agreement=max(share for share, _ in shares),
        common=max(common for _, common in shares),
        drawn=ground is not None,
        misplaced=0.0 if ground is None else _measure_misplaced(query, reference, mask > 0, ground, part),
    )


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Differences of light along both axes, H×W; and their variances in windows around every `STEP`th pixel."""

    level: Planes
    upright: Planes
    mask: Planes
    level_variance: Planes
    upright_variance: Planes
    textured: Mask

    @classmethod
    def of(cls, light: Planes, mask: Planes) -> "_Slopes":
        smooth = np.asarray(cv2.GaussianBlur(light, (0, 0), SMOOTHING), np.float32)
        level, upright = (
            np.asarray(cv2.Sobel(smooth, cv2.CV_32F, *axis, scale=0.25), np.float32) * mask for axis in ((1, 0), (0, 1))
        )
        pairs = (level, level), (upright, upright), (level, upright)
        along, across, mixed = (_covariance(*pair, mask) for pair in pairs)
        least = (along + across) / 2 - np.sqrt(np.square((along - across) / 2) + np.square(mixed))
        textured = (least > TEXTURED * TEXTURED) & (mask[::STEP, ::STEP] > 0)
        return cls(level, upright, mask, np.maximum(along, 0), np.maximum(across, 0), textured)

    def agrees(self, other: "_Slopes") -> Mask:
        """Where the differences of both correlate, along either axis."""
        level = _covariance(self.level, other.level, self.mask) + 0.5
        upright = _covariance(self.upright, other.upright, self.mask) + 0.5
        of_level = np.sqrt((self.level_variance + 1) * (other.level_variance + 1))
        of_upright = np.sqrt((self.upright_variance + 1) * (other.upright_variance + 1))
        return np.asarray((level > AGREEING * of_level) & (upright > AGREEING * of_upright))


def _covariance(one: Planes, other: Planes, mask: Planes) -> Planes:
    weight = np.maximum(_sums(mask), 1e-3)
    return np.asarray(_sums(one * other) / weight - _sums(one) * _sums(other) / np.square(weight))


def _sums(plane: Planes) -> Planes:
    return np.asarray(cv2.blur(plane, (WINDOW, WINDOW))[::STEP, ::STEP], np.float32)


def _shares(textured: Mask, agrees: Mask, best: float) -> tuple[float, float]:
    """Of what has texture: the fraction that agrees, and that fraction around each of the part that agrees best."""
    if textured.sum() < MIN_WINDOWS:
        return 1.0, 1.0
    around = (np.asarray(cv2.blur(each.astype(np.float32), (AROUND, AROUND))) for each in (textured, textured & agrees))
    many, agreeing = (each[textured] for each in around)
    return float(agrees[textured].mean()), float(np.quantile(agreeing / many, 1 - best))


def _ground(reference: Planes, mask: Planes) -> float | None:
    """The shade that the reference is drawn on; None where there is none."""
    light = reference[mask > 0]
    shades = np.bincount(np.clip(light * SHADES / 256, 0, SHADES - 1).astype(np.intp), minlength=SHADES)
    if shades.max() < MIN_GROUND * len(light):
        return None
    return float((shades.argmax() + 0.5) * 256 / SHADES)


def _measure_misplaced(query: Planes, reference: Planes, inside: Mask, ground: float, part: Part) -> float:
    one, other = ((np.abs(np.asarray(cv2.blur(each, (3, 3))) - ground) > DRAWN) & inside for each in (query, reference))
    added, left = one & ~_dilate(other), other & ~_dilate(one)
    lesser = min(int(added.sum()), int(left.sum()))
    drawn, elsewhere, room = (_by_place(part.place(each)) for each in (one | other, added | left, inside))
    counts = (drawn >= MIN_DRAWN * room) & (drawn > 0)
    if not lesser or not counts.any():
        return 0.0
    spread = float((elsewhere[counts] > ELSEWHERE * drawn[counts]).mean())
    return lesser / int((one | other).sum()) * spread


def _dilate(drawn: Mask) -> Mask:
    """Within a pixel of what is drawn: alignment is that exact."""
    return np.asarray(cv2.dilate(drawn.astype(np.uint8), _PIXEL)) > 0


def _by_place(pixels: Mask) -> Planes:
    """Fraction of each of `PLACES` × `PLACES` parts."""
    return np.asarray(cv2.resize(pixels.astype(np.float32), (PLACES, PLACES), interpolation=cv2.INTER_AREA), np.float32)
