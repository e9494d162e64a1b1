"""Where an aligned query differs from the reference: measures at each pixel, one evidence, regions.

Per pixel of the working frame, over a window around it, `measure` takes the signed difference of light at two scales,
the difference beyond what a shift of one pixel explains, the difference of colour, local correlation, and texture
gained or lost; and over the whole picture the same measures' medians, which say how noisy this pair is (a harsh
recompression, a coarse sketch). Their logarithms are weighed together into one evidence (a logistic model). The weights and the two
thresholds are fitted on photographs and stand in `calibration.json`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.comparison.alignment import Mask, Planes

MEASURES = (
    "light",
    "light, broad",
    "light, beyond a pixel",
    "colour",
    "colour, broad",
    "structure",
    "correlation",
    "activity",
    "texture lost",
    "texture gained",
    "light or colour",
    "uncorrelated activity",
    "texture lost in activity",
    "noise of light",
    "noise of colour",
    "noise of structure",
)
"""Names of the weighed measures, in the order of `measure`'s last axis; the keys of the weights in calibration.json."""

WINDOW = 7
"""Pixels a side of the window: an edit over 1 % of a 256 × 170 frame is about 21 pixels wide."""

BROAD_WINDOW = 13

MARGIN = 4
"""Pixels left out along the edge of the reference's reach, where the surroundings bleed in (JPEG chroma blocks)."""

TEXTURED = 5.0
"""Levels of 255: local deviation from which on a window can agree or disagree."""

AGREEING = 0.5
"""Local correlation from which on a textured window agrees."""

MIN_AREA = 0.0015
"""Fraction of the query: smaller regions are dropped. The smallest edits that are calibrated cover 0.5 %."""

MIN_OUTSIDE = 0.01
"""Fraction of the query: less outside the reference is an inexact edge, not a border."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLUE = np.array([-0.169, -0.331, 0.5], np.float32)
_RED = np.array([0.5, -0.419, -0.081], np.float32)
_PIXEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Measures:
    """What one aligned pair shows.

    Attributes:
        planes: H×W×K float32, in the order of `MEASURES`.
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


def measure(query: Planes, predicted: Planes, covered: Mask) -> Measures | None:
    """Measure an aligned pair; None when hardly any of it is covered. All planes are float32 0..255."""
    valid = cv2.erode(
        covered.astype(np.uint8), _PIXEL, iterations=MARGIN, borderType=cv2.BORDER_CONSTANT, borderValue=1
    ).astype(bool)
    if valid.sum() < WINDOW * WINDOW:
        return None
    q, p = query @ _LUMA, predicted @ _LUMA
    beyond = np.maximum(np.maximum(q - cv2.dilate(p, _PIXEL), cv2.erode(p, _PIXEL) - q), 0)
    change = query - predicted
    light, blue, red = q - p, change @ _BLUE, change @ _RED
    clipped = (((query > 252) & (predicted > 232)) | ((query < 3) & (predicted < 22))).all(2)
    hold = valid.astype(np.float32)
    shown = hold * ~clipped
    planes = np.stack([hold, light * shown, beyond * shown, blue * shown, red * shown,
                       q * hold, p * hold, q * q * hold, p * p * hold, q * p * hold], -1)  # fmt: skip
    near = cv2.blur(planes, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT)
    weight = np.maximum(near[..., :1], 1e-3)
    near = near / weight
    far = cv2.blur(near[..., 1:5] * hold[..., None], (BROAD_WINDOW, BROAD_WINDOW), borderType=cv2.BORDER_REFLECT)
    far /= np.maximum(cv2.blur(hold, (BROAD_WINDOW, BROAD_WINDOW), borderType=cv2.BORDER_REFLECT), 1e-3)[..., None]

    variance_q = np.maximum(near[..., 7] - np.square(near[..., 5]), 0)
    variance_p = np.maximum(near[..., 8] - np.square(near[..., 6]), 0)
    covariance = near[..., 9] - near[..., 5] * near[..., 6]
    correlation = (covariance + 4) / np.sqrt((variance_q + 4) * (variance_p + 4))
    activity_q, activity = np.sqrt(variance_q), np.sqrt(variance_p)
    lost = np.maximum(activity - activity_q, 0) / (activity + 3)
    gained = np.maximum(activity_q - activity, 0) / (activity_q + 3)

    log_light = np.log(0.5 + np.abs(near[..., 1]))
    log_broad = np.log(0.5 + np.abs(far[..., 0]))
    log_beyond = np.log(0.3 + near[..., 2])
    log_colour = np.log(0.7 + np.hypot(near[..., 3], near[..., 4]))
    log_colour_broad = np.log(0.5 + np.hypot(far[..., 2], far[..., 3]))
    log_structure = 0.5 * np.log(1 + np.maximum(variance_q + variance_p - 2 * covariance, 0))
    log_activity = np.log(2 + activity)
    even = np.ones_like(q)
    noise = [even * np.median(plane[valid]) for plane in (log_light, log_colour, log_structure)]
    stacked = np.stack(
        [log_light, log_broad, log_beyond, log_colour, log_colour_broad, log_structure, correlation, log_activity,
         lost, gained, np.maximum(log_light, log_colour), (1 - correlation) * log_activity, lost * log_activity, *noise],
        -1,
    )  # fmt: skip

    similarity = float(np.corrcoef(q[valid], p[valid])[0, 1]) if q[valid].std() > 0.5 and p[valid].std() > 0.5 else 0.0
    textured = valid & (activity > TEXTURED)
    agreement = float((correlation[textured] > AGREEING).mean()) if textured.any() else 0.0
    share = float(textured.sum() / valid.sum())
    return Measures(stacked.astype(np.float32), valid, min(1.0, max(0.0, similarity)), share, agreement)
