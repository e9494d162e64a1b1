"""Edits of a photograph, drawn from a seeded generator: each changes one region and carries its mask.

All functions take and return H×W×3 RGB uint8; masks are H×W bool.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.alterations import Pixels, Random, resized, write

Mask = NDArray[np.bool_]

EDIT_KINDS = ("paste", "removal", "text", "mosaic", "blur", "recolour")
WARP_KINDS = ("slimming", "mouth", "bulge", "pinch", "shift")
"""Local warps, as face editors make them: nothing is added, parts are moved."""

WARP_REACH = (0.03, 0.10)
"""Largest displacement of a warp, as a fraction of its region's diameter: slimming a face by 6 to 20 %."""

AREA_BUCKETS = ((0.005, 0.01), (0.01, 0.03), (0.03, 0.10), (0.10, 0.30))
MATERIAL_RMS = 10.0
"""Of 255: an edit that changes its region by less (over the canonical picture) is drawn again; removing sky from sky
changes nothing that a comparison could find."""

MATERIAL_WARP_RMS = 5.0
"""As above, for a warp: it keeps the colours of its region, and changes them less."""


def blob(height: int, width: int, area: float, random: Random) -> Mask:
    """A smooth random shape that covers `area` (fraction) of the picture, whole within it."""
    for _ in range(60):
        aspect = random.uniform(0.6, 1.7)
        radius = (area * height * width / np.pi) ** 0.5
        rx, ry = radius * aspect**0.5, radius / aspect**0.5
        if 2 * rx > width * 0.96 or 2 * ry > height * 0.96:
            continue
        cx, cy = random.uniform(rx, width - rx), random.uniform(ry, height - ry)
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        wobble = 1 + sum(random.uniform(0, 0.12) * np.cos(k * angles + random.uniform(0, 2 * np.pi)) for k in (2, 3, 4))
        points = np.stack([cx + rx * wobble * np.cos(angles), cy + ry * wobble * np.sin(angles)], 1)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
        if abs(mask.mean() / area - 1) < 0.2:
            return mask.astype(bool)
    mask = np.zeros((height, width), bool)
    h, w = round(height * area**0.5), round(width * area**0.5)
    y, x = random.integers(0, height - h + 1), random.integers(0, width - w + 1)
    mask[y : y + h, x : x + w] = True
    return mask


def _blend(pixels: Pixels, patch: Pixels, mask: Mask, feather: float) -> Pixels:
    alpha = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), feather))[..., None]
    return (pixels * (1 - alpha) + patch * alpha).round().astype(np.uint8)


def _pasted(pixels: Pixels, mask: Mask, donor: Pixels, random: Random) -> Pixels:
    """Part of another photograph, of about the same brightness, with a feathered edge."""
    height, width = pixels.shape[:2]
    zoom = max(height / donor.shape[0], width / donor.shape[1]) * random.uniform(1.0, 1.5)
    patch = np.asarray(cv2.resize(donor, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC), np.uint8)
    y, x = random.integers(0, patch.shape[0] - height + 1), random.integers(0, patch.shape[1] - width + 1)
    patch = patch[y : y + height, x : x + width]
    shift = 0.5 * (pixels[mask].mean(0) - patch[mask].mean(0))
    return _blend(pixels, np.clip(patch + shift, 0, 255).astype(np.uint8), mask, random.uniform(1.0, 4.0))


def _removed(pixels: Pixels, mask: Mask) -> Pixels:
    """Filled from the surroundings; computed at 384 px, because filling is slow, and grain put back."""
    small = resized(pixels, 384)
    size = (small.shape[1], small.shape[0])
    hole = np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST))
    filled = cv2.inpaint(small, cv2.dilate(hole, np.ones((3, 3), np.uint8)), 4, cv2.INPAINT_TELEA)
    patch = cv2.resize(filled, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_CUBIC)
    return _blend(pixels, np.asarray(patch, np.uint8), mask, 2.0)


def _written(pixels: Pixels, area: float, random: Random) -> tuple[Pixels, Mask]:
    """Words over the picture; the mask is the box around them."""
    height, width = pixels.shape[:2]
    lines = ("BREAKING", "NEWS TODAY") if random.integers(2) else ("I WAS HERE",)
    (w0, h0), _ = cv2.getTextSize(max(lines, key=len), cv2.FONT_HERSHEY_DUPLEX, 10.0, 20)
    aspect = w0 / (h0 * 1.5 * len(lines))
    box_w = min(width * 0.96, (area * height * width * aspect) ** 0.5)
    size = 10.0 * box_w / w0
    line_h = h0 * 1.5 * size / 10.0
    box_h = min(height * 0.96, line_h * len(lines))
    x, y = random.uniform(0, width - box_w), random.uniform(0, height - box_h)
    canvas = pixels.copy()
    colour = [(255, 255, 255), (10, 10, 10), (240, 220, 30)][random.integers(3)]
    for number, line in enumerate(lines):
        write(canvas, line, round(x), round(y + line_h * (number + 0.8)), size, colour)
    changed = (canvas != pixels).any(2)
    ys, xs = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    mask = np.zeros((height, width), bool)
    if len(ys) and len(xs):
        mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = True
    return canvas, mask


def _mosaic(pixels: Pixels, mask: Mask, area: float) -> Pixels:
    height, width = pixels.shape[:2]
    tile = max(4.0, (area * height * width) ** 0.5 / 6)
    small = cv2.resize(
        pixels, (max(1, round(width / tile)), max(1, round(height / tile))), interpolation=cv2.INTER_AREA
    )
    return _blend(pixels, np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)), mask, 0.6)


def _blurred(pixels: Pixels, mask: Mask, area: float) -> Pixels:
    sigma = max(4.0, (area * pixels.shape[0] * pixels.shape[1]) ** 0.5 / 10)
    return _blend(pixels, np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8), mask, 1.5)


def _recoloured(pixels: Pixels, mask: Mask, random: Random) -> Pixels:
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV).astype(np.int32)
    hsv[..., 0] = (hsv[..., 0] + random.integers(40, 140)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.2 + 30, 0, 255)
    return _blend(pixels, np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)), mask, 1.5)


def _warped(pixels: Pixels, kind: str, area: float, random: Random) -> tuple[Pixels, Mask]:
    """Parts of an ellipse over `area` are moved, smoothly and without a fold; the mask is that ellipse."""
    height, width = pixels.shape[:2]
    radius = (area * height * width / np.pi) ** 0.5
    aspect = random.uniform(0.75, 1.35)
    rx, ry = min(radius * aspect, width * 0.48), min(radius / aspect, height * 0.48)
    cx, cy = random.uniform(rx, width - rx), random.uniform(ry, height - ry)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u, v = (x - cx) / rx, (y - cy) / ry
    fading = np.square(np.clip(1 - 0.8 * (u * u + v * v), 0, 1))
    still = np.zeros_like(u)
    match kind:
        case "slimming":
            field = np.stack([u, still], -1)
        case "mouth":
            field = np.stack([still, u * u - 0.3], -1)
        case "bulge":
            field = -np.stack([u, v], -1)
        case "pinch":
            field = np.stack([u, v], -1)
        case _:
            turn = random.uniform(0, 2 * np.pi)
            field = np.stack([still + np.cos(turn), still + np.sin(turn)], -1)
    field = field * fading[..., None]
    length = np.hypot(field[..., 0], field[..., 1])
    field *= random.uniform(*WARP_REACH) * 2 * radius / length.max()
    moved = cv2.remap(
        pixels,
        (x + field[..., 0]).astype(np.float32),
        (y + field[..., 1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(moved, np.uint8), np.asarray(u * u + v * v < 1.0)


def _region_rms(before: Pixels, after: Pixels, mask: Mask) -> float:
    scale = 512 / max(before.shape[:2])
    size = (round(before.shape[1] * min(1.0, scale)), round(before.shape[0] * min(1.0, scale)))
    a, b, m = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (before, after, mask.astype(np.float32)))
    difference = a.astype(np.float32) - b.astype(np.float32)
    inside = np.asarray(m) > 0.5
    return float(np.sqrt(np.square(difference[inside]).mean())) if inside.any() else 0.0


def edited(pixels: Pixels, kind: str, area: float, donor: Pixels, random: Random) -> tuple[Pixels, Mask] | None:
    """One edit of `kind` over about `area` (fraction), and its mask; None when no material one was found."""
    height, width = pixels.shape[:2]
    least = MATERIAL_WARP_RMS if kind in WARP_KINDS else MATERIAL_RMS
    for _ in range(8):
        if kind == "text":
            result, mask = _written(pixels, area, random)
        elif kind in WARP_KINDS:
            result, mask = _warped(pixels, kind, area, random)
        else:
            mask = blob(height, width, area, random)
            match kind:
                case "paste":
                    result = _pasted(pixels, mask, donor, random)
                case "removal":
                    result = _removed(pixels, mask)
                case "mosaic":
                    result = _mosaic(pixels, mask, area)
                case "blur":
                    result = _blurred(pixels, mask, area)
                case _:
                    result = _recoloured(pixels, mask, random)
        if mask.any() and _region_rms(pixels, result, mask) >= least:
            return result, mask
    return None
