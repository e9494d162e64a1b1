"""Raster: a decoder's picture as rows of RGB, whatever its colour mode and orientation.

Transparency is composed over white, as a page would show it. 16-bit samples keep their high byte, so that black stays
black and white stays white. Colour profiles are not applied: the numbers are those in the file.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from provenance.media.canonical import Pixels

REDUCED_SIDE = 768
"""Pixels: half as much again as the canonical picture has, so that shrinking the rest evens out the difference."""

_STRIP_ROWS = 64  # rows converted at a time: keeps the peak at the decoder's memory plus the result (and in the cache)

_TURNS = {  # EXIF 2.32, tag Orientation (274): what shows the stored picture upright
    2: lambda stored: cv2.flip(stored, 1),
    3: lambda stored: cv2.rotate(stored, cv2.ROTATE_180),
    4: lambda stored: cv2.flip(stored, 0),
    5: lambda stored: cv2.transpose(stored),
    6: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE),
    7: lambda stored: cv2.flip(cv2.transpose(stored), -1),
    8: lambda stored: cv2.rotate(stored, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def draw_pixels(picture: ImageFile) -> Pixels:
    """Decode `picture` and return its first frame as stored, height × width × 3 RGB.

    Raises whatever the decoder raises: call it inside `formats.decoding`.
    """
    picture.info.pop("xmp", None)  # Pillow turns a TIFF by the orientation in its XMP too, browsers do not
    picture.load()
    width, height = picture.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        pixels[top:bottom] = _rgb(picture.crop((0, top, width, bottom)))
    return pixels


def draw_alpha(picture: ImageFile) -> Pixels | None:
    """Decode `picture` and return its opacity as stored, height × width; None where all of it is opaque.

    Raises whatever the decoder raises: call it inside `formats.decoding`.
    """
    if not picture.has_transparency_data and "transparency" not in picture.info:
        return None
    picture.info.pop("xmp", None)
    picture.load()
    width, height = picture.size
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
    upright = _TURNS.get(orientation)
    return pixels if upright is None else np.asarray(upright(pixels), dtype=np.uint8)


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
