"""Local features: short codes of a picture's keypoints, by which a part of it is found when its hash is not.

The keypoints are those that verify a match (`comparison.geometry`: SIFT on a grid, RootSIFT descriptors). Each
descriptor becomes a *word*, its cell in a product of two vocabularies of 128 centroids each (Babenko and Lempitsky,
"The Inverted Multi-Index", CVPR 2012), and 64 *signs* of what the word leaves (Hamming embedding: Jégou, Douze and
Schmid, ECCV 2008), with the keypoint's direction and size (weak geometric consistency: the same paper). The rotations
are Hadamard matrices with fixed random signs, so that only a mean and the centroids are fitted: on freely licensed
photographs, by `bench/fit_vocabulary.py`.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from provenance.media.comparison.geometry import Features, SiftFeatures

LOCAL_FEATURES = "org.countermark.local-features.v1"

MAX_FEATURES = 300
"""Features of a registration, 3.6 KB. Of 532 hard queries (crops, screenshots, collages, turns) among 113 photographs,
the right one is among the first four for 99.2 % with 200, 99.4 % with 300, and no more with 500."""

MAX_QUERY_FEATURES = 500
"""Features of a query: all that the grid gives. A part of a larger picture has but a part of them."""

CENTROIDS = 128
DIMENSIONS = 128
HALF = DIMENSIONS // 2

CODE: Final = np.dtype([("word", "<u2"), ("signs", "<u8"), ("direction", "u1"), ("size", "u1")])
"""One feature, 12 bytes. `direction`: 256ths of a turn. `size`: sixteenths of an octave of the keypoint's diameter, in
fractions of the picture's longest side, above 2^-12."""

Codes = NDArray[np.void]
"""N features of `CODE`."""

Descriptors = NDArray[np.float32]
"""N×128 RootSIFT."""


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The codes of one picture as it is, and those of its mirror image: `CODE`s one behind the other, 12 bytes each."""

    upright: bytes
    mirrored: bytes

    @property
    def count(self) -> int:
        """How many features there are."""
        return len(self.upright) // CODE.itemsize


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What is fitted: the mean descriptor (128) and the centroids of either half, 128×64 each, after rotation."""

    mean: NDArray[np.float32]
    centroids: tuple[NDArray[np.float32], NDArray[np.float32]]


def describe(extracted: SiftFeatures, most: int) -> LocalFeatures:
    """Return the codes of at most `most` features of a picture (`geometry.Query.sift`), in either mirror state."""
    return LocalFeatures(encode(extracted, most), encode(extracted, most, mirrored=True))


def encode(extracted: SiftFeatures, most: int, *, mirrored: bool = False) -> bytes:
    """Return the codes of at most `most` features of a picture, as it is or mirrored: `CODE`s one behind the other."""
    features = (extracted.mirrored if mirrored else extracted.upright).strongest(most)
    return _encoded(features, max(extracted.height, extracted.width)).tobytes()


def as_codes(data: bytes) -> Codes:
    """Return N features of `CODE`, read-only."""
    return np.frombuffer(data, CODE)


def rotate(descriptors: Descriptors, mean: NDArray[np.float32]) -> Descriptors:
    """Return N×128 descriptors about `mean` in the coordinates in which the vocabulary cuts them in halves."""
    return np.asarray((descriptors - mean) @ _hadamard(1), np.float32)


def _encoded(features: Features, side: int) -> Codes:
    known = vocabulary()
    turned = rotate(features.descriptors, known.mean)
    cells = [
        ((centroids**2).sum(1) - 2 * half @ centroids.T).argmin(1)
        for half, centroids in zip((turned[:, :HALF], turned[:, HALF:]), known.centroids, strict=True)
    ]
    left = turned - np.hstack([centroids[cell] for centroids, cell in zip(known.centroids, cells, strict=True)])
    codes = np.empty(len(turned), CODE)
    codes["word"] = cells[0] * CENTROIDS + cells[1]
    codes["signs"] = np.packbits(left @ _hadamard(2)[:, :64] > 0, axis=1, bitorder="little").view("<u8").ravel()
    codes["direction"] = np.round(features.directions * (256 / 360)).astype(np.int64) % 256
    octaves = np.log2(np.maximum(features.sizes, 1e-3) / side) + 12
    codes["size"] = np.clip(np.round(octaves * 16), 0, 255)
    return codes


@cache
def vocabulary() -> Vocabulary:
    """Return the fitted vocabulary."""
    data = files("provenance.media").joinpath("vocabulary.npz").read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        mean, centroids = stored["mean"].astype(np.float32), stored["centroids"].astype(np.float32)
    return Vocabulary(mean, (centroids[0], centroids[1]))


@cache
def _hadamard(seed: int) -> NDArray[np.float32]:
    """An orthogonal 128×128 matrix: Sylvester's, its rows' signs fixed by the seed."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < DIMENSIONS:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    signs = np.random.Generator(np.random.PCG64(seed)).integers(0, 2, DIMENSIONS) * 2 - 1
    return np.asarray(matrix * signs[:, None] / np.sqrt(DIMENSIONS), np.float32)
