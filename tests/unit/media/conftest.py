"""Pictures drawn by integer arithmetic alone, so that every machine gets the same ones, and files made of them."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

Draw = Callable[..., NDArray[np.uint8]]
Encode = Callable[..., bytes]


def _noise(rows: int, columns: int, seed: int) -> NDArray[np.int64]:
    """Return whole numbers 0..255 by a linear congruential generator (the constants of Numerical Recipes)."""
    values = np.empty(rows * columns * 3, dtype=np.int64)
    state = seed
    for index in range(values.size):
        state = (1664525 * state + 1013904223) % 2**32
        values[index] = state >> 24
    return values.reshape(rows, columns, 3)


def draw_picture(kind: str, width: int, height: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return a picture of `kind`: "landscape" (smooth areas), "waves", "gradient", "flat" or "noise"."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    match kind:
        case "landscape":
            grid = _noise(10, 14, seed)
            row, column = y * 9 * 256 // height, x * 13 * 256 // width
            top, left = row >> 8, column >> 8
            down, right = (row & 255)[:, :, None], (column & 255)[:, :, None]
            above = grid[top, left] * (256 - right) + grid[top, left + 1] * right
            below = grid[top + 1, left] * (256 - right) + grid[top + 1, left + 1] * right
            values = (above * (256 - down) + below * down) >> 16
        case "waves":
            values = np.stack([(x * 3 + y * seed) % 256, (x * x // (seed + 7) + y) % 256, (x * y // 50) % 256], axis=2)
        case "gradient":
            values = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2)
        case "flat":
            values = np.broadcast_to(np.array([13, 77, 200]) + seed, (height, width, 3))
        case "noise":
            values = _noise(height, width, seed)
        case _:
            raise ValueError(kind)
    return np.ascontiguousarray(values.astype(np.uint8))


def encode_picture(pixels: NDArray[np.uint8] | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """Return the file of a picture in Pillow's format name, or "HEIC"."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, form, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def draw() -> Draw:
    return draw_picture


@pytest.fixture(scope="session")
def encode() -> Encode:
    return encode_picture


@pytest.fixture(scope="session")
def landscape() -> NDArray[np.uint8]:
    """A picture of 360 × 240 pixels with smooth areas, unlike any turned or mirrored copy of itself."""
    return draw_picture("landscape", 360, 240)
