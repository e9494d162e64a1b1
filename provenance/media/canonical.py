"""The canonical picture: what every fingerprint, sketch and comparison starts from.

Perceptual hashes drift with the size of their input (PDQ by up to 18 bits between 12 megapixels and 512 pixels), so
each picture is shrunk once, in one versioned way, and everything else is computed from that.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from provenance import limits

Pixels: TypeAlias = NDArray[np.uint8]
"""A picture: height × width × 3, RGB, 8 bits a channel."""


def shrink(pixels: Pixels, side: int) -> Pixels:
    """Return `pixels` with its longest side at most `side`; a smaller picture is returned as it is, never enlarged.

    Each result pixel is the mean of the rectangle it covers, pixels at the edge weighted by the part that is covered,
    rounded to the nearest level. OpenCV's `INTER_AREA` is that mean (within 2e-5 of a level of a float64 reference);
    Pillow's `BOX` weighs edge pixels by all or nothing and is off by up to 15 levels. The shorter side is rounded half
    up and is at least one pixel.
    """
    height, width = pixels.shape[:2]
    return _average(pixels, _shrunk(width, height, side))


def draw_canonical(pixels: Pixels, of_size: tuple[int, int] | None = None) -> Pixels:
    """Return the canonical picture of `pixels`, read-only.

    `of_size`: width and height of the picture, where `pixels` are a reduction of it that is still larger.
    """
    width, height = of_size or (pixels.shape[1], pixels.shape[0])
    canonical = _average(pixels, _shrunk(width, height, limits.CANONICAL_SIDE))
    canonical.flags.writeable = False
    return canonical


def _average(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    import cv2  # here: a digest of pixels alone does without

    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _shrunk(width: int, height: int, side: int) -> tuple[int, int]:
    longest = max(width, height)
    if longest <= side:
        return width, height
    return _scale_length(width, side, longest), _scale_length(height, side, longest)


def _scale_length(length: int, side: int, longest: int) -> int:
    return max(1, (2 * length * side + longest) // (2 * longest))
