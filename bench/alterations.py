"""Copies of a photograph, as they happen to pictures on the web; drawn from a seeded generator.

A *copy* changes nothing that a reader would call an edit. A *framed* copy gains something around the picture: bars, a
border, a page. All functions take and return H×W×3 RGB uint8.
"""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Random = np.random.Generator
Alteration = Callable[[Pixels, Random], Pixels]


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


def write(canvas: Pixels, text: str, x: int, baseline: int, size: float, colour: tuple[int, int, int]) -> None:
    """Write one line onto `canvas`; `size` in units of OpenCV's font."""
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
    write(
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
        write(canvas, "Council votes on the river path after a long night", x, line, 0.8, (30, 30, 30))
    for line in range(y + height + 40, canvas.shape[0] - 20, 34):
        write(canvas, "Residents say that they were told of it last week.", x, line, 0.8, (60, 60, 60))
    for line in range(y + 30, y + height, 60):
        write(canvas, "More news", x + width + 30, line, 0.7, (0, 60, 160))
    return recompressed(canvas, 85)


FRAMED: dict[str, Alteration] = {"captioned bar": _barred, "bordered": _bordered, "on a page": _on_a_page}
"""Copies with something around them: it must be reported as outside, and nothing as differing."""
