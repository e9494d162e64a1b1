"""PDQ: a 256-bit perceptual hash with a quality, for a picture and its eight orientations.

The algorithm is that of "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019):
luma, two passes of a box filter in each direction (Jarosz 2001), 64 × 64 samples, the 16 × 16 lowest DCT frequencies
without the constant one, and one bit for each that lies above their median.

The reference implementation computes in 32-bit floats, one after the other; so does this one, in the same order, so
that both give the same bits even where two frequencies differ by rounding only (flat pictures).
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.canonical import Pixels

ORIENTATIONS = (
    "identity",
    "rotated 90° counter-clockwise",
    "rotated 180°",
    "rotated 270° counter-clockwise",
    "mirrored left to right",
    "flipped top to bottom",
    "transposed",
    "transposed along the other diagonal",
)
"""What was done to the picture for each hash of `pdq_dihedral`: `np.rot90(p, 1)`, `(p, 2)`, `(p, 3)`, `p[:, ::-1]`,
`p[::-1]`, `p.swapaxes(0, 1)`, `p[::-1, ::-1].swapaxes(0, 1)`."""

_MIN_SIDE = 5  # pixels; the reference gives smaller pictures the hash zero and the quality zero
_SAMPLES = 64
_FREQUENCIES = 16
_LUMA = np.array([[299, 587, 114]], dtype=np.float32)  # ITU-R BT.601, in thousandths
_QUALITY_DIVISOR = 90  # the reference's heuristic scale of the gradient sum

_Floats = NDArray[np.float32]

_row, _column = np.mgrid[0:_FREQUENCIES, 0:_SAMPLES]
_DCT: _Floats = (
    np.float64(np.float32(math.sqrt(2 / _SAMPLES))) * np.cos((math.pi / 2 / _SAMPLES) * (_row + 1) * (2 * _column + 1))
).astype(np.float32)
_ODD_LAST = np.where(np.arange(_FREQUENCIES) % 2 == 0, np.float32(-1), np.float32(1))
_MIRRORED = np.broadcast_to(_ODD_LAST[None, :], (_FREQUENCIES, _FREQUENCIES))  # index 0 is frequency 1, which is odd
_FLIPPED = np.broadcast_to(_ODD_LAST[:, None], (_FREQUENCIES, _FREQUENCIES))


def pdq(pixels: Pixels) -> tuple[bytes, int]:
    """Return the PDQ hash (32 bytes, the usual hexadecimal order) and its quality (0 to 100) of `pixels`.

    A hash of quality below 50 is of too plain a picture to search with (the algorithm's authors).
    """
    samples = _downsample(pixels)
    if samples is None:
        return bytes(32), 0
    return _bits(_frequencies(samples)), _quality(samples)


def pdq_dihedral(pixels: Pixels) -> tuple[tuple[bytes, ...], int]:
    """Return the hashes of `pixels` in the eight `ORIENTATIONS`, the first equal to `pdq`, and the quality.

    A turned or mirrored picture has the same frequencies, transposed and with other signs, so that all eight hashes
    cost hardly more than one. They are the hashes of the turned picture up to the asymmetry of the sampling grid.
    """
    samples = _downsample(pixels)
    if samples is None:
        return (bytes(32),) * 8, 0
    waves = _frequencies(samples)
    turned = (
        waves,
        (waves * _MIRRORED).T,
        waves * _MIRRORED * _FLIPPED,
        (waves * _FLIPPED).T,
        waves * _MIRRORED,
        waves * _FLIPPED,
        waves.T,
        (waves * _MIRRORED * _FLIPPED).T,
    )
    return tuple(_bits(each) for each in turned), _quality(samples)


def hamming(a: bytes, b: bytes) -> int:
    """Return the number of bits in which two hashes of the same length differ.

    Raises:
        ValueError: the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError("hashes of different lengths have no Hamming distance")
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def _downsample(pixels: Pixels) -> _Floats | None:
    """Return 64 × 64 luma samples, or None where the picture is too small to be hashed."""
    height, width = pixels.shape[:2]
    if min(height, width) < _MIN_SIDE:
        return None
    luma = _luma(pixels)
    if (height, width) == (_SAMPLES, _SAMPLES):
        return luma
    rows, columns = _sample_centres(height), _sample_centres(width)
    across = _turn(luma)  # filtered along the leading axis, which keeps each step one contiguous row
    across = _box(across, _window(width))
    across = _turn(_box(_turn(across), _window(height)))
    across = _box(across, _window(width))[columns]
    return _box(_turn(across), _window(height))[rows]


def _turn(values: _Floats) -> _Floats:
    return np.asarray(cv2.transpose(values), dtype=np.float32)


def _luma(pixels: Pixels) -> _Floats:
    # The weighted sums are whole numbers below 2^24, hence exact in 32 bits whatever the order of summation.
    thousandths = cv2.transform(pixels.astype(np.float32), _LUMA)
    return np.asarray(thousandths / np.float32(1000), dtype=np.float32)


def _window(length: int) -> int:
    return (length + 2 * _SAMPLES - 1) // (2 * _SAMPLES)


def _sample_centres(length: int) -> NDArray[np.intp]:
    return np.asarray(((np.arange(_SAMPLES) + 0.5) * length / _SAMPLES).astype(np.intp))


def _box(values: _Floats, window: int) -> _Floats:
    """Return the running means over `window` rows of `values`, with shorter windows at both ends.

    The sums run as in the reference, one addition and one subtraction a step, with its rounding.
    """
    length = len(values)
    ahead = (window + 2) // 2 - 1
    sums = np.empty_like(values)
    total = np.zeros(values.shape[1], dtype=np.float32)
    for index in range(ahead):
        total = total + values[index]
    for index, target in enumerate(sums):
        entering, leaving = index + ahead, index + ahead - window
        if entering < length:
            total = np.add(total, values[entering], out=target)
        if leaving >= 0:
            total = np.subtract(total, values[leaving], out=target)
    position = np.arange(length)
    first = np.maximum(position + ahead - window + 1, 0)
    last = np.minimum(position + ahead, length - 1)
    sums /= (last - first + 1).astype(np.float32)[:, None]
    return sums


def _frequencies(samples: _Floats) -> _Floats:
    """Return the 16 × 16 DCT coefficients of the samples, summed in the reference's order."""
    columns = np.zeros((_FREQUENCIES, _SAMPLES), dtype=np.float32)
    for index in range(_SAMPLES):
        columns += _DCT[:, index, None] * samples[index]
    both = np.zeros((_FREQUENCIES, _FREQUENCIES), dtype=np.float32)
    for index in range(_SAMPLES):
        both += columns[:, index, None] * _DCT[:, index]
    return both


def _bits(frequencies: _Floats) -> bytes:
    flat = frequencies.ravel()
    lower_median = np.partition(flat, flat.size // 2 - 1)[flat.size // 2 - 1]
    return np.packbits((flat > lower_median)[::-1]).tobytes()


def _quality(samples: _Floats) -> int:
    gradient = 0
    for step in (samples[:-1] - samples[1:], samples[:, :-1] - samples[:, 1:]):
        gradient += int(np.abs((step * np.float32(100) / np.float32(255)).astype(np.int64)).sum())
    return min(gradient // _QUALITY_DIVISOR, 100)
