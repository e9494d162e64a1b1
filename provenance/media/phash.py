"""pHash: the 64-bit DCT hash, as imagehash computes it with SciPy, bit by bit.

The picture is drawn at 32 × 32 in grey; a bit says whether one of the 8 × 8 lowest frequencies is above their median.
Where two frequencies are equal but for rounding, rounding decides the bit. So the cosine transform here (DCT-II, in two
passes, columns first) takes the same steps as SciPy's: one real Fourier transform of the sums and differences of
neighbours, then a turn of each pair of results (J. Makhoul, "A fast cosine transform in one and two dimensions", 1980).
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from provenance.media.canonical import Pixels

SIDE = 32
"""Pixels of the drawn picture's side."""
LOW = 8
"""Frequencies of each direction that have bits."""

Numbers = npt.NDArray[np.float64]


def phash(canonical: Pixels) -> bytes:
    """64 bits, row by row.

    Args:
        canonical: `Media.canonical`, RGB, of any height and width.
    """
    drawn = Image.fromarray(canonical).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    frequencies = _cosines(_cosines(np.asarray(drawn, np.float64).T).T)[:LOW, :LOW]
    return np.packbits(frequencies > np.median(frequencies)).tobytes()


def _cosines(rows: Numbers) -> Numbers:
    """Twice the DCT-II of each row of `SIDE` numbers."""
    neighbours = np.zeros((len(rows), SIDE // 2 + 1), np.complex128)
    neighbours[:, 0], neighbours[:, -1] = 2 * rows[:, 0], 2 * rows[:, -1]
    neighbours[:, 1:-1].real = rows[:, 1:-1:2] + rows[:, 2::2]
    neighbours[:, 1:-1].imag = rows[:, 2::2] - rows[:, 1:-1:2]
    found = np.fft.irfft(neighbours, SIDE, norm="forward")
    low, high = found[:, 1 : SIDE // 2], found[:, : SIDE // 2 : -1]
    summed = _TURNS[: SIDE // 2 - 1] * high + _TURNS[: SIDE // 2 - 1 : -1] * low
    apart = _TURNS[: SIDE // 2 - 1] * low - _TURNS[: SIDE // 2 - 1 : -1] * high
    turned = found.copy()
    turned[:, 1 : SIDE // 2], turned[:, : SIDE // 2 : -1] = 0.5 * (summed + apart), 0.5 * (summed - apart)
    turned[:, SIDE // 2] *= _TURNS[SIDE // 2 - 1]
    return turned


def _turn(steps: int) -> float:
    """The cosine of so many 128ths of a circle. Above an eighth of it, two turns are joined: rounding is SciPy's."""
    eighth, angle = SIDE // 2, 2 * math.pi / (4 * SIDE) * (steps % (SIDE // 2))
    if steps < eighth:
        return math.cos(angle)
    return math.cos(angle) * math.sin(math.pi / 4) - math.sin(angle) * math.cos(math.pi / 4)


_TURNS = np.array([_turn(steps) for steps in range(1, SIDE)])
"""31 cosines, of 1 to 31 128ths of a circle."""
