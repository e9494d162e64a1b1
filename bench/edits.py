"""Edits of a photograph, drawn from a seeded generator: each changes one region and carries its mask.

All functions take and return H×W×3 RGB uint8; masks are H×W bool.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.alterations import Pixels, Random, resized, write

Mask = NDArray[np.bool_]

EDIT_KINDS = ("paste", "removal", "text", "mosaic", "blur", "recolour", "hue", "re-synthesis")
"""Each is drawn over the sizes of `AREA_BUCKETS`. "hue" changes the hue alone, up to the edges of what is there;
"re-synthesis" is what a generator leaves of a part that it draws again: blurred, with other noise, and sharpened."""

SMALL_KINDS = ("insert", "small text", "small removal", "small recolour")
"""Over `SMALL_AREA`: a digit on a sign, a face in a crowd."""

BACKGROUND_KINDS = ("background blur",)
"""Over `BACKGROUND_AREA`: all but the subject, as a portrait mode blurs it."""

WARP_KINDS = ("slimming", "mouth", "bulge", "pinch", "shift")
"""Local warps, as face editors make them: nothing is added, parts are moved."""

WARP_REACH = (0.03, 0.10)
"""Largest displacement of a warp, as a fraction of its region's diameter: slimming a face by 6 to 20 %."""

AREA_BUCKETS = ((0.005, 0.01), (0.01, 0.03), (0.03, 0.10), (0.10, 0.30))
SMALL_AREA = (0.0005, 0.003)
BACKGROUND_AREA = (0.30, 0.85)
"""Fractions of the picture."""

MATERIAL_RMS = 10.0
"""Of 255: an edit that changes its region by less (over the canonical picture) is drawn again; removing sky from sky
changes nothing that a comparison could find."""

MATERIAL_WARP_RMS = 5.0
"""As above, for a warp, a re-synthesis and a blurred background: they keep the colours, and change them less."""


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


def along_edges(pixels: Pixels, mask: Mask) -> Mask:
    """The part of a mask's surroundings that its middle is of one piece with, by watershed: an object's outline, where
    there is one."""
    around = np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(0.35 * _radius(mask))))
    within = np.asarray(cv2.erode(mask.astype(np.uint8), _disc(0.35 * _radius(mask))))
    markers = np.zeros(mask.shape, np.int32)
    markers[within > 0] = 1
    markers[around == 0] = 2
    found = np.asarray(cv2.watershed(np.ascontiguousarray(pixels), markers)) == 1
    return np.asarray(cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))).astype(bool)


def _radius(mask: Mask) -> float:
    return float(np.sqrt(mask.sum() / np.pi))


def _disc(radius: float) -> Pixels:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _hue_turned(pixels: Pixels, mask: Mask, random: Random) -> Pixels:
    """Only the hue, in CIE Lab: light and saturation stay."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    turn = np.deg2rad(random.uniform(60, 300))
    a, b = lab[..., 1] - 128, lab[..., 2] - 128
    lab[..., 1] = 128 + a * np.cos(turn) - b * np.sin(turn)
    lab[..., 2] = 128 + a * np.sin(turn) + b * np.cos(turn)
    turned = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    return _blend(pixels, np.asarray(turned, np.uint8), mask, 1.0)


def _synthesised(pixels: Pixels, mask: Mask, random: Random) -> Pixels:
    """Detail is lost, other detail is made up, and the whole is sharpened."""
    scale = max(pixels.shape[:2]) / 1024
    soft = cv2.GaussianBlur(pixels, (0, 0), random.uniform(1.5, 3.5) * scale).astype(np.float32)
    noise = random.normal(0, random.uniform(4, 9), (*pixels.shape[:2], 1)).astype(np.float32)
    made = soft + cv2.GaussianBlur(noise, (0, 0), random.uniform(0.6, 1.2) * scale)[..., None] * 1.5
    sharp = made + random.uniform(0.5, 1.0) * (made - cv2.GaussianBlur(made, (0, 0), 1.5 * scale))
    return _blend(pixels, np.clip(sharp, 0, 255).astype(np.uint8), mask, 2.0 * scale)


def _background_blurred(pixels: Pixels, area: float, random: Random) -> tuple[Pixels, Mask]:
    """All but a subject that covers the rest; the mask is what is blurred."""
    height, width = pixels.shape[:2]
    subject = along_edges(pixels, blob(height, width, 1 - area, random))
    blurred = np.asarray(
        cv2.GaussianBlur(pixels, (0, 0), random.uniform(2.5, 8.0) * max(height, width) / 1024), np.uint8
    )
    mask = ~subject
    return _blend(pixels, blurred, mask, 2.0), mask


def _inserted(pixels: Pixels, mask: Mask, donor: Pixels, random: Random) -> Pixels:
    """A small part of another photograph, at a size at which it shows something."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    high, wide = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    times = random.uniform(1.5, 4.0)
    h, w = (min(round(side * times), most) for side, most in zip((high, wide), donor.shape[:2], strict=True))
    y, x = random.integers(0, donor.shape[0] - h + 1), random.integers(0, donor.shape[1] - w + 1)
    patch = pixels.copy()
    cut = cv2.resize(donor[y : y + h, x : x + w], (wide, high), interpolation=cv2.INTER_AREA)
    patch[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = cut
    return _blend(pixels, patch, mask, 1.0)


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
    least = MATERIAL_RMS if kind in (*EDIT_KINDS[:-1], *SMALL_KINDS) else MATERIAL_WARP_RMS
    for _ in range(8):
        if kind in ("text", "small text"):
            result, mask = _written(pixels, area, random)
        elif kind in BACKGROUND_KINDS:
            result, mask = _background_blurred(pixels, area, random)
        elif kind in WARP_KINDS:
            result, mask = _warped(pixels, kind, area, random)
        else:
            mask = blob(height, width, area, random)
            mask = along_edges(pixels, mask) if kind == "hue" else mask
            match kind:
                case "paste":
                    result = _pasted(pixels, mask, donor, random)
                case "removal" | "small removal":
                    result = _removed(pixels, mask)
                case "mosaic":
                    result = _mosaic(pixels, mask, area)
                case "blur":
                    result = _blurred(pixels, mask, area)
                case "hue":
                    result = _hue_turned(pixels, mask, random)
                case "re-synthesis":
                    result = _synthesised(pixels, mask, random)
                case "insert":
                    result = _inserted(pixels, mask, donor, random)
                case _:
                    result = _recoloured(pixels, mask, random)
        if mask.any() and _region_rms(pixels, result, mask) >= least:
            return result, mask
    return None
