"""Copies and edits of a photograph, as they happen to pictures on the web; drawn from a seeded generator.

A *copy* changes nothing that a reader would call an edit. An *edit* changes one region and carries its mask.
A *framed* copy gains something around the picture: bars, a border, a page.
All functions take and return H×W×3 RGB uint8; masks are H×W bool.
"""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Random = np.random.Generator
Alteration = Callable[[Pixels, Random], Pixels]

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


def recompressed(pixels: Pixels, quality: int, kind: str = "JPEG") -> Pixels:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resized(pixels: Pixels, longest: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cropped(pixels: Pixels, random: Random, keep: float) -> Pixels:
    height, width = pixels.shape[:2]
    side = keep**0.5 * random.uniform(0.92, 1.0)
    h, w = round(height * side), round(width * min(1.0, keep / side))
    y, x = random.integers(0, height - h + 1), random.integers(0, width - w + 1)
    return pixels[y : y + h, x : x + w]


def _levels(pixels: Pixels, gain: float = 1.0, offset: float = 0.0, gamma: float = 1.0) -> Pixels:
    table = np.clip((np.arange(256) / 255.0) ** gamma * 255.0 * gain + offset, 0, 255).round().astype(np.uint8)
    return table[pixels]


def _matrix(pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    return np.clip(pixels.astype(np.float32) @ matrix.T.astype(np.float32), 0, 255).round().astype(np.uint8)


_LUMA = np.tile(np.array([0.299, 0.587, 0.114]), (3, 1))
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def _saturated(pixels: Pixels, amount: float) -> Pixels:
    return _matrix(pixels, np.eye(3) * amount + _LUMA * (1 - amount))


def _rotated(pixels: Pixels, degrees: float) -> Pixels:
    """Turned, and cropped to the largest box of the same aspect without empty corners."""
    height, width = pixels.shape[:2]
    turn = np.deg2rad(abs(degrees))
    scale = np.cos(turn) + max(width / height, height / width) * np.sin(turn)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def _in_perspective(pixels: Pixels, random: Random) -> Pixels:
    """Seen a little from one side: the corners move inwards by up to 6 % of the sides, and the frame is filled."""
    height, width = pixels.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = random.uniform(0.0, 0.06, (4, 2)) * np.sign((width, height) / np.float64(2) - frame) * (width, height)
    matrix = cv2.getPerspectiveTransform((frame + inwards).astype(np.float32), frame)
    return np.asarray(cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def _sharpened(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.addWeighted(pixels, 1.6, cv2.GaussianBlur(pixels, (0, 0), 1.5), -0.6, 0), np.uint8)


def _web_chain(pixels: Pixels, random: Random) -> Pixels:
    step = recompressed(_cropped(pixels, random, 0.85), 85)
    step = _levels(step, gain=random.uniform(0.9, 1.12), gamma=random.uniform(0.85, 1.2))
    return recompressed(resized(step, 720), 65)


COPIES: dict[str, Alteration] = {
    "jpeg 95": lambda p, r: recompressed(p, 95),
    "jpeg 75": lambda p, r: recompressed(p, 75),
    "jpeg 50": lambda p, r: recompressed(resized(p, 800), 50),
    "jpeg 30": lambda p, r: recompressed(resized(p, 1000), 30),
    "webp 60": lambda p, r: recompressed(p, 60, "WEBP"),
    "resized to 640": lambda p, r: recompressed(resized(p, 640), 85),
    "resized to 320": lambda p, r: recompressed(resized(p, 320), 85),
    "squeezed 6 %": lambda p, r: recompressed(
        np.asarray(cv2.resize(p, None, fx=0.94, fy=1.0, interpolation=cv2.INTER_AREA), np.uint8), 85
    ),
    "cropped to 95 %": lambda p, r: recompressed(_cropped(p, r, 0.95), 85),
    "cropped to 80 %": lambda p, r: recompressed(_cropped(p, r, 0.80), 85),
    "cropped to 50 %": lambda p, r: recompressed(_cropped(p, r, 0.50), 80),
    "grey": lambda p, r: recompressed(_matrix(p, _LUMA), 85),
    "brighter": lambda p, r: recompressed(_levels(p, gain=r.uniform(1.1, 1.25)), 85),
    "darker": lambda p, r: recompressed(_levels(p, gain=r.uniform(0.7, 0.9)), 85),
    "more contrast": lambda p, r: recompressed(_levels(p, gain=1.25, offset=-32), 85),
    "less contrast": lambda p, r: recompressed(_levels(p, gain=0.75, offset=32), 85),
    "gamma 0.75": lambda p, r: recompressed(_levels(p, gamma=0.75), 85),
    "gamma 1.35": lambda p, r: recompressed(_levels(p, gamma=1.35), 85),
    "saturated": lambda p, r: recompressed(_saturated(p, 1.4), 85),
    "muted": lambda p, r: recompressed(_saturated(p, 0.5), 85),
    "warm": lambda p, r: recompressed(_matrix(p, np.diag([1.12, 1.0, 0.86])), 85),
    "cool": lambda p, r: recompressed(_matrix(p, np.diag([0.88, 1.0, 1.1])), 85),
    "sepia": lambda p, r: recompressed(_matrix(p, _SEPIA), 85),
    "sharpened": lambda p, r: recompressed(_sharpened(resized(p, 1000)), 85),
    "softened": lambda p, r: recompressed(np.asarray(cv2.GaussianBlur(resized(p, 1000), (0, 0), 1.0), np.uint8), 85),
    "mirrored": lambda p, r: recompressed(np.ascontiguousarray(p[:, ::-1]), 85),
    "rotated 3 degrees": lambda p, r: recompressed(_rotated(p, 3.0), 85),
    "rotated -6 degrees": lambda p, r: recompressed(_rotated(p, -6.0), 85),
    "squeezed 15 %": lambda p, r: recompressed(
        np.asarray(cv2.resize(p, None, fx=1.0, fy=0.85, interpolation=cv2.INTER_AREA), np.uint8), 85
    ),
    "perspective": lambda p, r: recompressed(_in_perspective(p, r), 85),
    "rotated 20 degrees": lambda p, r: recompressed(_rotated(p, 20.0), 85),
    "quarter turn": lambda p, r: recompressed(np.ascontiguousarray(np.rot90(p)), 85),
    "web chain": _web_chain,
}
"""Benign copies. A region reported as differing in one of them is a false alarm."""


def _write(canvas: Pixels, text: str, x: int, baseline: int, size: float, colour: tuple[int, int, int]) -> None:
    cv2.putText(
        canvas, text, (x, baseline), cv2.FONT_HERSHEY_DUPLEX, size, colour, max(1, round(size * 2)), cv2.LINE_AA
    )


def _barred(pixels: Pixels, random: Random) -> Pixels:
    height, width = pixels.shape[:2]
    bar = round(height * random.uniform(0.10, 0.16))
    light = bool(random.integers(2))
    canvas = np.full((height + bar, width, 3), 255 if light else 0, np.uint8)
    top = bool(random.integers(2))
    canvas[bar * top : bar * top + height] = pixels
    baseline = round(bar * 0.65) + (0 if top else height)
    _write(
        canvas,
        "WHEN THE TRAIN IS LATE AGAIN",
        round(width * 0.05),
        baseline,
        bar / 60,
        (0,) * 3 if light else (255,) * 3,
    )
    return recompressed(canvas, 80)


def _bordered(pixels: Pixels, random: Random) -> Pixels:
    by = round(max(pixels.shape) * random.uniform(0.02, 0.06))
    colour = [int(c) for c in random.integers(0, 256, 3)]
    return recompressed(
        np.asarray(cv2.copyMakeBorder(pixels, by, by, by, by, cv2.BORDER_CONSTANT, value=colour), np.uint8), 80
    )


def _on_a_page(pixels: Pixels, random: Random) -> Pixels:
    """Half of a screenshot: text above and below, a side column."""
    picture = resized(pixels, 900)
    height, width = picture.shape[:2]
    canvas = np.full((round(height * 1.5), round(width * 1.35), 3), 248, np.uint8)
    y, x = round(height * 0.2), round(width * 0.05)
    canvas[y : y + height, x : x + width] = picture
    for line in range(y - 24, 20, -34):
        _write(canvas, "Council votes on the river path after a long night", x, line, 0.8, (30, 30, 30))
    for line in range(y + height + 40, canvas.shape[0] - 20, 34):
        _write(canvas, "Residents say that they were told of it last week.", x, line, 0.8, (60, 60, 60))
    for line in range(y + 30, y + height, 60):
        _write(canvas, "More news", x + width + 30, line, 0.7, (0, 60, 160))
    return recompressed(canvas, 85)


FRAMED: dict[str, Alteration] = {"captioned bar": _barred, "bordered": _bordered, "on a page": _on_a_page}
"""Copies with something around them: it must be reported as outside, and nothing as differing."""


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
        _write(canvas, line, round(x), round(y + line_h * (number + 0.8)), size, colour)
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


# Pictures that are not photographs ----------------------------------------------------------------


_WORDS = ("the", "river", "council", "votes", "on", "a", "path", "after", "night", "residents", "say", "last", "week")


def _page(random: Random) -> Pixels:
    page = np.full((512, 390, 3), 255, np.uint8)
    for baseline in range(30, 500, 16):
        _write(page, " ".join(random.choice(_WORDS, 9)), 20, baseline, 0.36, (20, 20, 20))
    return page


def _code(random: Random) -> Pixels:
    """A square code with three finder patterns, all of which such codes share."""
    size = int(random.integers(25, 40))
    modules = (random.integers(0, 2, (size, size)) * 255).astype(np.uint8)
    finder = np.zeros((7, 7), np.uint8)
    finder[1:6, 1:6] = 255
    finder[2:5, 2:5] = 0
    modules[:7, :7] = modules[:7, -7:] = modules[-7:, :7] = finder
    framed = np.pad(modules, 3, constant_values=255)
    large = cv2.resize(framed, (400, 400), interpolation=cv2.INTER_NEAREST)
    return np.repeat(np.asarray(large, np.uint8)[..., None], 3, 2)


def _stars(random: Random) -> Pixels:
    sky = np.zeros((384, 512), np.uint8)
    for _ in range(300):
        x, y, radius, light = (int(random.integers(*span)) for span in ((0, 512), (0, 384), (1, 3), (80, 255)))
        cv2.circle(sky, (x, y), radius, light, -1)
    return np.repeat(np.asarray(cv2.GaussianBlur(sky, (0, 0), 0.8), np.uint8)[..., None], 3, 2)


def _gradient(random: Random) -> Pixels:
    first, last = random.integers(0, 256, 3), random.integers(0, 256, 3)
    ramp = np.linspace(0, 1, 512)[None, :, None]
    return np.repeat(first * (1 - ramp) + last * ramp, 340, 0).astype(np.uint8)


def _logo(random: Random) -> Pixels:
    canvas = np.full((300, 480, 3), 255, np.uint8)
    colour = tuple(int(c) for c in random.integers(0, 200, 3))
    cv2.circle(canvas, (110, 150), int(random.integers(50, 95)), colour, -1)
    _write(canvas, "".join(random.choice(list("ACMORSTUN"), 5)), 220, 180, 2.2, (20, 20, 20))
    return canvas


def non_photographs(random: Random, each: int = 8) -> list[Pixels]:
    """Pages of text, square codes, star fields, gradients and logos: alike in kind, different in content."""
    return [draw(random) for draw in (_page, _code, _stars, _gradient, _logo) for _ in range(each)]
