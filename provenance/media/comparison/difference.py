"""Where an aligned query differs from the reference: measures at each pixel, one evidence, regions.

`measure` looks at a window around each pixel of the working frame: the difference of light and of colour, how much
texture does not correlate, how much texture is gone; and at how noisy this pair is as a whole (a harsh recompression,
a coarse sketch). `weigh` adds these logarithms up to one evidence, a logistic model whose weights and thresholds were
fitted on photographs and stand in `calibration.json`. `regions` draws connected regions of it.

A shift by less than a pixel, clipped highlights and shadows, and detail that the sketch has lost are no evidence.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.calibration import Model
from provenance.media.comparison.alignment import Mask, Planes

WINDOW = 7
"""Pixels a side of the window: an edit over 1 % of a 256 × 170 frame is about 21 pixels wide."""

COLOUR_WINDOW = 13
"""Colour is smoothed again over so many: the sketch keeps colour at half the resolution."""

SMOOTHING = 3.0
"""Pixels: deviation of the Gaussian over the evidence. One noisy window is no region."""

MARGIN = 4
"""Pixels left out along the edge of the reference's reach, where the surroundings bleed in (JPEG colour blocks)."""

TEXTURED = 5.0
"""Levels of 255: local deviation from which on a window can agree or disagree."""

AGREEING = 0.5
"""Local correlation from which on a textured window agrees."""

NO_EVIDENCE = -8.0
"""Evidence where nothing can be measured."""

MIN_AREA = 0.0015
"""Fraction of the query: smaller regions are dropped. The smallest edits that are calibrated cover 0.5 %."""

CLOSING = 7
"""Pixels: gaps up to this width within a region are closed, as between letters."""

_YCC = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
"""Light, blue and red difference of an RGB value (ITU-R BT.601)."""

_PIXEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Measures:
    """What one aligned pair shows.

    Attributes:
        planes: H×W×K float32, in the order of `calibration.MEASURES`.
        valid: H×W, where they mean something: the reference's reach, less a margin.
        similarity: correlation of light over the valid part, 0..1.
        textured: fraction of the valid part that has texture in the reference.
        agreement: fraction of the textured part whose windows correlate.
    """

    planes: Planes
    valid: Mask
    similarity: float
    textured: float
    agreement: float


@dataclass(frozen=True, eq=False)
class Patch:
    """A connected part of the working frame that differs: its pixels (H×W) and its strength 0..1."""

    pixels: Mask
    strength: float


def measure(query: Planes, predicted: Planes, covered: Mask) -> Measures | None:
    """Measure an aligned pair of H×W×3 float32 0..255; None when hardly any of it is covered.

    Args:
        query: the query at working resolution.
        predicted: the reference laid onto it, in the query's colours.
        covered: where the reference reaches.
    """
    inner = cv2.erode(
        covered.astype(np.uint8), _PIXEL, iterations=MARGIN, borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    valid = np.asarray(inner).astype(bool)
    if valid.sum() < WINDOW * WINDOW:
        return None
    seen, expected = cv2.transform(query, _YCC), cv2.transform(predicted, _YCC)
    clipped = (((query > 252) & (predicted > 232)) | ((query < 3) & (predicted < 22))).all(2)
    hold = valid.astype(np.float32)
    change = (seen - expected) * (hold * ~clipped)[..., None]
    light_query, light = seen[..., 0] * hold, expected[..., 0] * hold
    products = (light_query, light, light_query * light_query, light * light, light_query * light)
    planes = cv2.merge([*cv2.split(change), *products])
    weight = np.maximum(cv2.blur(hold, (WINDOW, WINDOW)), 1e-3)[..., None]
    near = cv2.blur(planes, (WINDOW, WINDOW)) / weight
    wide = (COLOUR_WINDOW, COLOUR_WINDOW)
    colour = cv2.blur(near[..., 1:3] * hold[..., None], wide) / np.maximum(cv2.blur(hold, wide), 1e-3)[..., None]

    variance_query = np.maximum(near[..., 5] - near[..., 3] ** 2, 0)
    variance = np.maximum(near[..., 6] - near[..., 4] ** 2, 0)
    covariance = near[..., 7] - near[..., 3] * near[..., 4]
    correlation = (covariance + 4) / np.sqrt((variance_query + 4) * (variance + 4))
    deviation = np.sqrt(variance)
    activity = np.log(2 + deviation)
    lost = np.maximum(deviation - np.sqrt(variance_query), 0) / (deviation + 3)
    of_light = np.log(0.5 + np.abs(near[..., 0]))
    of_colour = np.log(0.5 + np.hypot(colour[..., 0], colour[..., 1]))
    noise = np.full_like(of_light, np.median(of_light[valid]))
    measures = cv2.merge([of_light, of_colour, activity, (1 - correlation) * activity, lost * activity, noise])

    textured = valid & (deviation > TEXTURED)
    return Measures(
        planes=np.asarray(measures, np.float32),
        valid=valid,
        similarity=_correlated(light_query[valid], light[valid]),
        textured=float(textured.sum() / valid.sum()),
        agreement=float((correlation[textured] > AGREEING).mean()) if textured.any() else 0.0,
    )


def _correlated(one: Planes, other: Planes) -> float:
    if min(float(one.std()), float(other.std())) < 0.5:
        return 0.0
    covariance = float(((one - one.mean()) * (other - other.mean())).mean())
    return min(1.0, max(0.0, covariance / float(one.std() * other.std())))


def weigh(measures: Measures, model: Model) -> Planes:
    """Return the evidence for a difference, H×W float32: log-odds by the model, smoothed."""
    evidence = measures.planes @ np.array(model.weights, np.float32) + np.float32(model.bias)
    evidence = np.where(measures.valid, evidence, np.float32(NO_EVIDENCE))
    return np.asarray(cv2.GaussianBlur(evidence, (0, 0), SMOOTHING), np.float32)


def differing(evidence: Planes, model: Model) -> list[Patch]:
    """Return the connected parts above `model.grow` that reach `model.seed` somewhere, largest first."""
    grown = (evidence > model.grow).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSING, CLOSING))
    closed = cv2.morphologyEx(grown, cv2.MORPH_CLOSE, kernel)
    count, labels = cv2.connectedComponents(closed, connectivity=8)
    patches = []
    for label in range(1, count):
        pixels: Mask = labels == label
        peak = float(evidence[pixels].max())
        if peak > model.seed and pixels.mean() >= MIN_AREA:
            strength = (peak - model.grow) / (2 * (model.seed - model.grow))
            patches.append(Patch(pixels, min(1.0, strength)))
    return sorted(patches, key=lambda patch: -int(patch.pixels.sum()))


def heat_of(evidence: Planes, patches: list[Patch], model: Model) -> NDArray[np.uint8]:
    """Return strength 0..255 within the patches, H×W; 0 elsewhere."""
    strength = np.clip((evidence - model.grow) / (2 * (model.seed - model.grow)), 0.1, 1.0)
    reported = np.zeros(evidence.shape, bool)
    for patch in patches:
        reported |= patch.pixels
    return (np.where(reported, strength, 0.0) * 255).round().astype(np.uint8)
