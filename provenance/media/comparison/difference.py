"""Where an aligned query differs from the reference: measures at each pixel, one evidence, regions.

`overlap` says whether an aligned pair agrees at all. `Overlap.measure` measures windows around every second pixel of
the working frame: the difference of light and of colour, texture that does not correlate, texture that is lost or
gained, light that no shift by a pixel accounts for, displacement and how much it explains; and at how noisy this pair
is as a whole (a harsh recompression, a coarse sketch). `evidence_map` makes one evidence of them, by a small network
whose weights and thresholds were fitted on photographs and stand in `calibration.json`; `motion`, which is fine enough
for another frame of the same camera, is evidence of its own beside the network's. `find_patches` finds the connected
regions of it, and tells those whose parts are moved from all others: where the parts of either picture are found
elsewhere in the other. What was erased or replaced is found nowhere.

A shift by less than a pixel, clipped highlights and shadows, and detail that the sketch has lost are no evidence.

`draw_heat_map` draws it as an overlay of the query: one ramp from blue to magenta, which readers with any common colour
vision tell apart by lightness and opacity as well; never red or green, which would read as a judgement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from provenance.media.calibration import MEASURES, Model
from provenance.media.comparison.alignment import Mask, Part, Planes
from provenance.media.comparison.displacement import check_backward, estimate_displacement
from provenance.media.comparison.motion import motion

STEP = 2
"""Pixels: windows are measured around every so many of the working frame, along each axis."""

WINDOW = 7
"""Pixels a side of the window: an edit over 1 % of a 256 × 170 frame is about 21 pixels wide."""

WIDE_WINDOW = 15
"""Pixels a side of a second window, for what is spread thin."""

GRAIN = 4.0
"""Times: fine detail deviates by few levels, which the constants for texture would hide."""

COLOUR_WINDOW = 13
"""Colour is smoothed again over so many: the sketch keeps colour at half the resolution."""

SMOOTHING = 3.0
"""Pixels: deviation of the Gaussian over the evidence. One noisy window is no region."""

MARGIN = 4
"""Pixels left out along the edge of the reference's reach, where the surroundings bleed in (JPEG colour blocks), and
along the query's own, where windows hold fewer pixels."""

TEXTURED = 5.0
"""Levels of 255: local deviation from which on a window can agree or disagree."""

AGREEING = 0.5
"""Local correlation from which on a textured window agrees."""

NO_EVIDENCE = -8.0
"""Evidence where nothing can be measured."""

MIN_REGION = 16
"""Steps: a smaller region is dropped. It is 64 pixels of the working frame: 0.15 % of a picture of 256 × 170."""

QUIET = 0.25
"""Part of the picture, the least changed one, that says how noisy the pair is where most may be changed: a blurred
background covers more than half."""

MIN_RELOCATED = 0.5
"""Fraction of a region's pixels that have to be found elsewhere for its parts to be moved."""

CLOSING = 3
"""Steps: gaps up to this width within a region are closed, as between letters."""

_YCC = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
"""Light, blue and red difference of an RGB value (ITU-R BT.601)."""

_PIXEL = np.ones((3, 3), np.uint8)

_EXPLAINED = MEASURES.index("explained by displacement")


@dataclass(frozen=True, eq=False)
class Measures:
    """What one aligned pair shows, at every `STEP`th pixel of the working frame: H×W of these.

    Attributes:
        planes: H×W×K float32, in the order of `calibration.MEASURES`.
        valid: H×W, where they mean something: the reference's reach, less a margin.
        motion: H×W float32, as `motion.motion` returns it; None where it was not measured.
        relocation: returns H×W float32, how much of the difference displacement explains, from both sides: the
            logarithm of what remains of it, 0 where the way there and back does not end at its start. Asked for where
            a region may be moved alone, as it takes the time of a second field.
    """

    planes: Planes
    valid: Mask
    motion: Planes | None
    relocation: Callable[[], Planes]

    def placed(self, part: Part) -> "Measures":
        """These, of a part of the working frame, in the whole of it."""
        if part.is_all:
            return self
        return Measures(
            part.place(self.planes, STEP),
            part.place(self.valid, STEP),
            None if self.motion is None else part.place(self.motion, STEP),
            lambda: part.place(self.relocation(), STEP),
        )


@dataclass(frozen=True, eq=False)
class Patch:
    """A connected part of the picture that differs: its pixels (H×W, as the measures), its strength 0..1, and whether
    its parts are there and moved."""

    pixels: Mask
    strength: float
    moved: bool


@dataclass(frozen=True, eq=False)
class Overlap:
    """Where an aligned pair covers each other, and whether it agrees there.

    Attributes:
        light: H×W float32, of the query.
        reference: H×W float32, light of the reference in the query's colours.
        change: H×W×3 float32, difference of light and of colour (`_YCC`); none in a channel that is clipped in both.
        mask: H×W float32, 1 where a difference means something: the reference's reach, less a margin.
        texture: in windows of `WINDOW`.
        similarity: correlation of light, 0..1.
        textured_part: at every `STEP`th pixel, what has texture in the reference.
        textured: fraction of it.
        agreement: fraction of the textured part whose windows correlate.
    """

    light: Planes
    reference: Planes
    change: Planes
    mask: Planes
    texture: "_Texture"
    similarity: float
    textured_part: Mask
    textured: float
    agreement: float

    def measure(self, *, moving: bool = True) -> Measures:
        """Measure the pair, see the module's docstring; with motion where it is asked for what is `moving`."""
        mask, texture, change, light = self.mask, self.texture, self.change, self.light
        reference = light - _plane(change, 0)
        valid = mask[::STEP, ::STEP] > 0
        near = _mean(change, mask, WINDOW, 1)
        colour = _mean(near[..., 1:3], mask, COLOUR_WINDOW)
        wider = _texture(light, self.reference, mask, WIDE_WINDOW)
        grain = _texture(_grain(light), _grain(self.reference), mask, WIDE_WINDOW)
        unlike = (1 - grain.correlation) * np.log(2 + grain.reference)
        gain = np.log((grain.query + 1) / (grain.reference + 1))
        activity = np.log(2 + texture.reference)
        lost = np.maximum(texture.reference - texture.query, 0) / (texture.reference + 3)
        gained = np.maximum(texture.query - texture.reference, 0) / (texture.query + 3)
        above, below = cv2.dilate(reference, _PIXEL), cv2.erode(reference, _PIXEL)
        beyond = np.maximum(light - above, 0) + np.maximum(below - light, 0)
        displacement = estimate_displacement(light, reference, mask > 0, STEP)
        before = _deviation(light, reference, mask)
        after = _deviation(light, displacement.warped, mask)
        explained = _log_remaining(before, after)

        of_light = np.log(0.5 + np.abs(near[::STEP, ::STEP, 0]))
        of_colour = np.log(0.5 + cv2.magnitude(*cv2.split(colour)))
        of_beyond = np.log(0.3 + _mean(beyond, mask, WINDOW))
        uncorrelated = (1 - texture.correlation) * activity
        length = displacement.length * valid
        planes = {
            "light": of_light,
            "colour": of_colour,
            "activity": activity,
            "uncorrelated texture": uncorrelated,
            "uncorrelated texture, wide": (1 - wider.correlation) * np.log(2 + wider.reference),
            "texture lost": lost * activity,
            "texture gained": gained * np.log(2 + texture.query),
            "beyond a pixel": of_beyond,
            "residual, wide": np.log(0.5 + _mean(np.abs(_plane(change, 0)), mask, WIDE_WINDOW)),
            "displacement": np.log(0.1 + cv2.blur(length, (3, 3))),
            "explained by displacement": explained,
            "residual after displacement": np.log(1 + after),
            "noise of light": _quantile_plane(of_light, valid),
            "noise of texture": _quantile_plane(uncorrelated, valid),
            "noise beyond a pixel": _quantile_plane(of_beyond, valid),
            "noise of displacement": np.full_like(length, np.log(0.05 + np.median(length[valid]))),
            "noise of colour": _quantile_plane(of_colour, valid, QUIET),
            "noise of lost texture": _quantile_plane(lost * activity, self.textured_part, QUIET),
            "uncorrelated grain": unlike,
            "grain gained": gain,
            "noise of uncorrelated grain": _quantile_plane(unlike, self.textured_part, QUIET),
            "noise of gained grain": _quantile_plane(gain, self.textured_part, 1 - QUIET),
        }

        @cache
        def relocation() -> Planes:
            warped, agree = check_backward(light, reference, displacement.field)
            back = _log_remaining(before, _deviation(reference, warped, mask))
            return np.where(agree[::STEP, ::STEP], np.maximum(explained, back), np.float32(0))

        stacked = np.stack([planes[name] for name in MEASURES], -1, dtype=np.float32)
        return Measures(stacked, valid, motion(light, reference, mask, STEP) if moving else None, relocation)


def overlap(query: Planes, predicted: Planes, covered: Mask) -> Overlap | None:
    """Say where an aligned pair of H×W×3 float32 0..255 agrees; None when hardly any of it is covered.

    Args:
        query: the query at working resolution.
        predicted: the reference warped onto it, in the query's colours.
        covered: where the reference reaches.
    """
    inner = cv2.erode(
        covered.astype(np.uint8), _PIXEL, iterations=MARGIN, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    valid = np.asarray(inner).astype(bool)
    if valid[::STEP, ::STEP].sum() < WINDOW * WINDOW:
        return None
    mask = valid.astype(np.float32)
    clipped = ((query > 252) & (predicted > 232)) | ((query < 3) & (predicted < 22))
    change = np.asarray(cv2.transform(np.where(clipped, np.float32(0), query - predicted), _YCC), np.float32)
    light, reference = (np.asarray(cv2.transform(planes, _YCC[:1]), np.float32) for planes in (query, predicted))
    texture = _texture(light, reference, mask, WINDOW)
    sampled = valid[::STEP, ::STEP]
    textured = sampled & (texture.reference > TEXTURED)
    return Overlap(
        light=light,
        reference=reference,
        change=change,
        mask=mask,
        texture=texture,
        similarity=_correlate(light[valid], reference[valid]),
        textured_part=textured,
        textured=float(textured.sum() / sampled.sum()),
        agreement=float((texture.correlation[textured] > AGREEING).mean()) if textured.any() else 0.0,
    )


@dataclass(frozen=True, eq=False)
class _Texture:
    """Local deviation of light in both pictures, levels of 255, and their correlation -1..1; float32 each, at every
    `STEP`th pixel."""

    query: Planes
    reference: Planes
    correlation: Planes


def _texture(query: Planes, reference: Planes, mask: Planes, window: int) -> _Texture:
    one, other = query * mask, reference * mask
    planes = [one, other, one * query, other * reference, one * reference]
    products = _mean(np.asarray(cv2.merge(planes), np.float32), mask, window, masked=True)
    mean_one, mean_other, square_one, square_other, mixed = cv2.split(products)
    variance_one = np.maximum(square_one - mean_one * mean_one, 0)
    variance_other = np.maximum(square_other - mean_other * mean_other, 0)
    correlation = (mixed - mean_one * mean_other + 4) / np.sqrt((variance_one + 4) * (variance_other + 4))
    return _Texture(np.sqrt(variance_one), np.sqrt(variance_other), correlation)


def _plane(planes: Planes, number: int) -> Planes:
    return np.asarray(cv2.extractChannel(planes, number), np.float32)


def _mean(planes: Planes, mask: Planes, window: int, step: int = STEP, *, masked: bool = False) -> Planes:
    """Mean over a window, at every `step`th pixel, of the pixels in `mask` (1 or 0); `masked` where the others are 0
    already."""
    if not masked:
        planes = planes * (mask if planes.ndim == 2 else mask[..., None])
    weight = np.maximum(cv2.blur(mask, (window, window))[::step, ::step], 1e-3)
    sums = cv2.blur(planes, (window, window))[::step, ::step]
    return np.asarray(sums / (weight if planes.ndim == 2 else weight[..., None]))


def _grain(light: Planes) -> Planes:
    """The finest detail alone, `GRAIN` times as strong: what a part that is drawn again does not have."""
    return (light - cv2.blur(light, (3, 3))) * np.float32(GRAIN)


def _deviation(one: Planes, other: Planes, mask: Planes) -> Planes:
    """Root mean square of the difference, in windows of `WINDOW`."""
    return np.sqrt(np.maximum(_mean(np.square(one - other), mask, WINDOW), 0))


def _log_remaining(before: Planes, after: Planes) -> Planes:
    """Logarithm of what remains of a difference: 0 for all of it."""
    return np.log((np.minimum(after, before) + np.float32(1.5)) / (before + np.float32(1.5)))


def _quantile_plane(plane: Planes, where: Mask, part: float = 0.5) -> Planes:
    """The value of a plane that this part of it does not surpass."""
    return np.full_like(plane, np.quantile(plane[where], part) if where.any() else 0)


def _correlate(one: Planes, other: Planes) -> float:
    if min(float(one.std()), float(other.std())) < 0.5:
        return 0.0
    covariance = float(((one - one.mean()) * (other - other.mean())).mean())
    return min(1.0, max(0.0, covariance / float(one.std() * other.std())))


def evidence_map(measures: Measures, model: Model) -> Planes:
    """Return the evidence for a difference, H×W float32: that of the network, or that of motion where it is more.

    Motion is on the network's scale at its two thresholds: where it reaches its own it reaches `model.seed`, and half
    as much reaches `model.grow`.
    """
    evidence = network_evidence(measures.planes, measures.valid, model)
    if measures.motion is None or model.motion is None:
        return evidence
    doublings = np.log2(np.maximum(measures.motion, np.float32(1e-6)) / np.float32(model.motion))
    moving = np.float32(model.seed) + np.float32(model.seed - model.grow) * doublings
    return np.asarray(np.maximum(evidence, moving), np.float32)


def network_evidence(planes: Planes, valid: Mask, model: Model) -> Planes:
    """Return the evidence of the network alone, H×W float32: log-odds, smoothed."""
    hidden = planes[valid] @ model.weights
    hidden += model.biases
    np.maximum(hidden, 0, out=hidden)  # in place: three planes of all units would take twice the time
    evidence = np.full(valid.shape, NO_EVIDENCE, np.float32)
    evidence[valid] = hidden @ model.output + np.float32(model.bias)
    return np.asarray(cv2.GaussianBlur(evidence, (0, 0), SMOOTHING / STEP), np.float32)


@dataclass(frozen=True, eq=False)
class Component:
    """A connected part of the evidence that is above the thresholds: its pixels, H×W, and its strength 0..1."""

    pixels: Mask
    strength: float


def find_components(evidence: Planes, model: Model) -> list[Component]:
    """Return the connected parts above `model.grow` that reach `model.seed` somewhere, largest first."""
    grown = (evidence > model.grow).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSING, CLOSING))
    closed = cv2.morphologyEx(grown, cv2.MORPH_CLOSE, kernel)
    count, labels = cv2.connectedComponents(closed, connectivity=8)
    components = []
    for label in range(1, count):
        pixels: Mask = labels == label
        peak = float(evidence[pixels].max())
        if peak > model.seed and pixels.sum() >= MIN_REGION:
            strength = (peak - model.grow) / (2 * (model.seed - model.grow))
            components.append(Component(pixels, min(1.0, strength)))
    return sorted(components, key=lambda component: -int(component.pixels.sum()))


def find_patches(measures: Measures, evidence: Planes, model: Model) -> list[Patch]:
    """Return what `find_components` finds, and what of it is moved."""
    return [
        Patch(component.pixels, component.strength, _is_moved(measures, component.pixels, model.moved))
        for component in find_components(evidence, model)
    ]


def _is_moved(measures: Measures, pixels: Mask, moved: float) -> bool:
    """Whether the parts of a region are found elsewhere."""
    if measures.planes[..., _EXPLAINED][pixels].mean() >= moved:  # and both ways explain no more than one
        return False
    return relocation_within(measures.relocation(), pixels) < moved


def relocation_within(relocation: Planes, pixels: Mask) -> float:
    """How much displacement explains of a region from both sides, mean of `Measures.relocation`; 0 where most of its
    parts are found nowhere."""
    found = relocation[pixels]
    return float(found.mean()) if (found < 0).mean() > MIN_RELOCATED else 0.0


def heat_map(evidence: Planes, patches: list[Patch], model: Model) -> NDArray[np.uint8]:
    """Return strength 0..255 within the patches, H×W; 0 elsewhere."""
    strength = np.clip((evidence - model.grow) / (2 * (model.seed - model.grow)), 0.1, 1.0)
    reported = np.zeros(evidence.shape, bool)
    for patch in patches:
        reported |= patch.pixels
    return (np.where(reported, strength, 0.0) * 255).round().astype(np.uint8)


PNG_LEVEL = 6
"""Of zlib: trying all of its ways makes an overlay smaller by a few per cent, in four times the time."""

WEAK = np.array([38, 70, 200, 110], np.float32)
STRONG = np.array([214, 60, 220, 205], np.float32)
"""RGBA of the weakest and the strongest difference."""


def draw_heat_map(heat: NDArray[np.uint8]) -> bytes:
    """Return a PNG of the size of `heat` (H×W, 0..255), whose palette has alpha: transparent where `heat` is 0."""
    ramp = np.linspace(WEAK, STRONG, 256).round().astype(np.uint8)
    ramp[0] = 0
    overlay = Image.fromarray(heat, "P")
    overlay.putpalette(ramp.tobytes(), "RGBA")
    buffer = BytesIO()
    overlay.save(buffer, "PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()
