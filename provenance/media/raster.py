"""Raster: a decoder's picture as rows of RGB, whatever its colour mode and orientation.

Transparency is composed over white, as a page would show it. 16-bit samples keep their high byte, so that black stays
black and white stays white. Colour profiles are not applied: the numbers are those in the file.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from provenance.media.canonical import Pixels

REDUCED_SIDE = 768
"""Pixels: half as much again as the canonical picture has, so that shrinking the rest evens out the difference."""

_STRIP_ROWS = 64  # rows converted at a time: keeps the peak at the decoder's memory plus the result (and in the cache)

_FROM_THE_END = frozenset((3, 4, 7, 8))  # orientations whose upper row is the last stored row or column


def draw_pixels(picture: ImageFile, orientation: int = 1) -> Pixels:
    """Decode `picture` and return its first frame, height × width × 3 RGB, upright if stored in that `orientation`.

    Raises whatever the decoder raises: call it inside `formats.decoding`.
    """
    width, height = _load(picture)
    pixels = np.empty((height, width, 3) if orientation < 5 else (width, height, 3), dtype=np.uint8)
    top = 0
    for strip in draw_strips(picture, orientation):
        pixels[top : top + len(strip)] = strip
        top += len(strip)
    return pixels


def draw_strips(picture: ImageFile, orientation: int = 1) -> Iterator[Pixels]:
    """Decode `picture` and yield the rows of `draw_pixels` from the top, some at a time. Raises as it does."""
    width, height = _load(picture)
    rows = height if orientation < 5 else width
    for top in range(0, rows, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, rows)
        first, last = (rows - bottom, rows - top) if orientation in _FROM_THE_END else (top, bottom)
        stored = picture.crop((0, first, width, last) if orientation < 5 else (first, 0, last, height))
        yield turn(_rgb(stored), orientation)


def draw_alpha(picture: ImageFile) -> Pixels | None:
    """Decode `picture` and return its opacity as stored, height × width; None where all of it is opaque.

    Raises whatever the decoder raises: call it inside `formats.decoding`.
    """
    if not picture.has_transparency_data and "transparency" not in picture.info:
        return None
    width, height = _load(picture)
    alpha = np.empty((height, width), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        alpha[top:bottom] = _opacity(picture.crop((0, top, width, bottom)))
    return alpha if (alpha < 255).any() else None


def draw_reduced(picture: ImageFile, side: int = REDUCED_SIDE) -> Pixels:
    """Decode a JPEG as `draw_pixels` does, its sides divided by 1, 2, 4 or 8, the longest at least `side`."""
    scale = min(1.0, side / max(picture.size))
    picture.draft(None, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    return draw_pixels(picture)


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Return `pixels` as EXIF `orientation` (1 to 8) says they are to be shown."""
    if orientation not in range(2, 9):
        return pixels
    import cv2  # here: a digest of pixels alone does without

    match orientation:  # EXIF 2.32, tag Orientation (274)
        case 2:
            upright = cv2.flip(pixels, 1)
        case 3:
            upright = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            upright = cv2.flip(pixels, 0)
        case 5:
            upright = cv2.transpose(pixels)
        case 6:
            upright = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            upright = cv2.flip(cv2.transpose(pixels), -1)
        case _:
            upright = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return np.asarray(upright, dtype=np.uint8)


def _load(picture: ImageFile) -> tuple[int, int]:
    """Decode `picture`, and return its width and height as stored."""
    picture.info.pop("xmp", None)  # Pillow turns a TIFF by the orientation in its XMP too, browsers do not
    picture.load()
    return picture.size


def _rgb(strip: Image.Image) -> Pixels:
    if strip.mode.startswith("I;16"):
        return _from_16_bits(np.asarray(strip), strip.info.get("transparency"))
    if strip.has_transparency_data:
        return _over_white(strip)
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))


def _from_16_bits(samples: NDArray[np.uint16], transparent: object) -> Pixels:
    grey = (samples >> 8).astype(np.uint8)
    if isinstance(transparent, int):
        grey[samples == transparent] = 255
    return np.repeat(grey[:, :, None], 3, axis=2)


def _opacity(strip: Image.Image) -> Pixels:
    if strip.mode.startswith("I;16"):
        transparent = strip.info.get("transparency")
        samples = np.asarray(strip)
        return (
            np.where(samples == transparent, 0, 255).astype(np.uint8)
            if isinstance(transparent, int)
            else _opaque(strip)
        )
    if not strip.has_transparency_data:
        return _opaque(strip)
    upright = strip.convert("LA") if strip.mode == "La" else strip
    return np.asarray(upright.convert("RGBA").getchannel("A"))


def _opaque(strip: Image.Image) -> Pixels:
    return np.full((strip.height, strip.width), 255, np.uint8)


def _over_white(strip: Image.Image) -> Pixels:
    if strip.mode == "La":
        strip = strip.convert("LA")
    rgba = strip.convert("RGBA")
    page = Image.new("RGB", strip.size, "white")
    page.paste(rgba, (0, 0), rgba)  # alpha / 255 of the one and the rest of the other, rounded to nearest
    return np.asarray(page)
