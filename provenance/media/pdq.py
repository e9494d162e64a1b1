"""PDQ: a 256-bit perceptual hash with a quality, for a picture and its eight orientations.

The algorithm is that of "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019):
luma, two passes of a box filter in each direction (Jarosz 2001), 64 × 64 samples, the 16 × 16 lowest DCT frequencies
without the constant one, and one bit for each that lies above their median.

The reference implementation computes in 32-bit floats, one after the other; so does this one, in the same order, so
that both give the same bits even where two frequencies differ by rounding only (flat pictures).
"""

import math

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
_PASSES = 2
_LUMA = np.array([[299, 587, 114]], dtype=np.float32)  # ITU-R BT.601, in thousandths
_QUALITY_DIVISOR = 90  # the reference's heuristic scale of the gradient sum

_Floats = NDArray[np.float32]

_row, _column = np.mgrid[0:_FREQUENCIES, 0:_SAMPLES]
_DCT: _Floats = (
    np.float64(np.float32(math.sqrt(2 / _SAMPLES))) * np.cos((math.pi / 2 / _SAMPLES) * (_row + 1) * (2 * _column + 1))
).astype(np.float32)


def pdq(pixels: Pixels) -> tuple[bytes, int]:
    """Return the PDQ hash (32 bytes, the usual hexadecimal order) and its quality (0 to 100) of `pixels`.

    A hash of quality below 50 is of too plain a picture to search with (the algorithm's authors).
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _MIN_SIDE:
        return bytes(32), 0
    samples = _filter(pixels)[np.ix_(_sample_centres(height), _sample_centres(width))]
    return _bits(_frequencies(samples)), _quality(samples)


def pdq_dihedral(pixels: Pixels) -> tuple[tuple[bytes, ...], int]:
    """Return the hashes of `pixels` in the eight `ORIENTATIONS`, the first equal to `pdq`, and the quality.

    The picture is filtered once. Each of its four mirror states is sampled where PDQ would sample the mirrored picture
    (its sampling grid and even windows lie off centre), and transposing gives the other four. The reference changes
    signs of the coefficients instead, which moves the grid: over 120 photographs its hashes were a median of 18 bits
    from the hash of the mirrored picture, and 10 % beyond a search radius of 31. These were at most 12 bits from it.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _MIN_SIDE:
        return (bytes(32),) * 8, 0
    rows, columns = _sample_centres(height), _sample_centres(width)
    rows_flipped, columns_mirrored = _mirrored_centres(height), _mirrored_centres(width)
    filtered = _filter(pixels)
    upright = filtered[np.ix_(rows, columns)]
    plain = _frequencies(upright)
    mirrored = _frequencies(filtered[np.ix_(rows, columns_mirrored)])
    flipped = _frequencies(filtered[np.ix_(rows_flipped, columns)])
    both = _frequencies(filtered[np.ix_(rows_flipped, columns_mirrored)])
    waves = (plain, mirrored.T, both, flipped.T, mirrored, flipped, plain.T, both.T)
    return tuple(_bits(each) for each in waves), _quality(upright)


def _filter(pixels: Pixels) -> _Floats:
    """Return the luma of `pixels` after two box filters in each direction."""
    height, width = pixels.shape[:2]
    luma = _luma(pixels)
    if (height, width) == (_SAMPLES, _SAMPLES):  # the reference takes such a picture as sampled already
        return luma
    for _ in range(_PASSES):  # filtered along the leading axis, which keeps each step one contiguous row
        luma = _turn(_box(_turn(luma), _window(width)))
        luma = _box(luma, _window(height))
    return luma


def _turn(values: _Floats) -> _Floats:
    import cv2  # here: a digest of pixels alone does without

    return np.asarray(cv2.transpose(values), dtype=np.float32)


def _luma(pixels: Pixels) -> _Floats:
    import cv2

    # The weighted sums are whole numbers below 2^24, hence exact in 32 bits whatever the order of summation.
    thousandths = cv2.transform(pixels.astype(np.float32), _LUMA)
    return np.asarray(thousandths / np.float32(1000), dtype=np.float32)


def _window(length: int) -> int:
    return (length + 2 * _SAMPLES - 1) // (2 * _SAMPLES)


def _sample_centres(length: int) -> NDArray[np.intp]:
    return np.asarray(((np.arange(_SAMPLES) + 0.5) * length / _SAMPLES).astype(np.intp))


def _mirrored_centres(length: int) -> NDArray[np.intp]:
    """Return where to sample so that the samples are those of the mirrored picture.

    An even window reaches one further ahead than behind; mirrored, it is the same window one place back, each pass.
    """
    shift = _PASSES if _window(length) % 2 == 0 else 0
    return np.asarray(np.maximum(length - 1 - _sample_centres(length) - shift, 0))


def _box(values: _Floats, window: int) -> _Floats:
    """Return the running means over `window` rows of `values`, with shorter windows at both ends.

    The sums run as in the reference, one addition and one subtraction a step, with its rounding.
    """
    length = len(values)
    ahead = (window + 2) // 2 - 1  # rows of the first window
    behind = window - ahead
    sums = np.empty_like(values)
    rows, targets = list(values), list(sums)  # views: indexing makes one each time
    total = np.zeros(values.shape[1], dtype=np.float32)
    for row in rows[:ahead]:
        total = total + row
    for target, entering in zip(targets[:behind], rows[ahead:], strict=False):
        total = np.add(total, entering, target)
    for target, entering, leaving in zip(targets[behind:], rows[window:], rows, strict=False):
        total = np.subtract(np.add(total, entering, target), leaving, target)
    left = max(length - ahead, 0)
    for target, leaving in zip(targets[left:], rows[max(left - behind, 0) :], strict=False):
        total = np.subtract(total, leaving, target)
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
