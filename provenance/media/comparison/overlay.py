"""The difference map as a picture to lay over the query.

One ramp from blue to magenta, which readers with any common colour vision tell apart by lightness and opacity as well;
never red or green, which would read as a judgement.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WEAK = np.array([38, 70, 200, 110], np.float32)
STRONG = np.array([214, 60, 220, 205], np.float32)
"""RGBA of the weakest and the strongest difference."""


def draw_heat(heat: NDArray[np.uint8]) -> bytes:
    """Return a PNG with alpha, of the size of `heat` (H×W, 0..255): transparent where `heat` is 0."""
    ramp = np.linspace(WEAK, STRONG, 256).round().astype(np.uint8)
    ramp[0] = 0
    buffer = BytesIO()
    Image.fromarray(ramp[heat]).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
