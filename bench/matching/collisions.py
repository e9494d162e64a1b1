"""Targeted PDQ collisions: a picture that shows one thing and has, but for a few bits, the hash of another.

PDQ's bits say which of 256 DCT coefficients lie above their median, and the coefficients are linear in the 64 × 64
samples of the picture's light. So the least change of the samples that moves chosen coefficients across the median is a
small linear system; its solution, enlarged, is added to the picture. The bits that would cost most are left alone.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.canonical import Pixels, draw_canonical
from provenance.media.pdq import pdq
from registry.search.codes import RADIUS

SAMPLES = 64
FREQUENCIES = 16
LEFT_ALONE = 16
"""Wanted bits that stay wrong: less than the 31 that a search allows, because rounding flips some back."""

MARGIN = 0.15
"""How far beyond the median a bit is moved, as a fraction of the mean coefficient."""

ROUNDS = 8

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Forgery:
    """A forged picture (H×W×3 RGB), its bits from the wanted hash, and its PSNR (dB) against the picture it shows."""

    pixels: Pixels
    distance: int
    psnr: float


def forged(shown: Pixels, wanted: bytes) -> Forgery:
    """A picture that looks like `shown` (longest side ≤ 512) and hashes nearly to `wanted`.

    Of some rounds, the one that changes least within `RADIUS` bits; else the nearest.
    """
    height, width = shown.shape[:2]
    basis = _basis()
    bits = np.unpackbits(np.frombuffer(wanted, np.uint8))[::-1].astype(bool)
    change = np.zeros((SAMPLES, SAMPLES))
    best: Forgery | None = None
    for _ in range(ROUNDS):
        enlarged = cv2.resize(change, (width, height), interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(shown + enlarged[..., None], 0, 255).round().astype(np.uint8)
        hashed, _ = pdq(draw_canonical(pixels))
        distance = (int.from_bytes(hashed) ^ int.from_bytes(wanted)).bit_count()
        forgery = Forgery(pixels, distance, _psnr(shown, pixels))
        best = forgery if best is None else min(best, forgery, key=_cost)
        light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
        coefficients = basis @ cv2.resize(light, (SAMPLES, SAMPLES), interpolation=cv2.INTER_AREA).ravel()
        change += (basis.T @ _steps(coefficients, bits)).reshape(SAMPLES, SAMPLES)
    assert best is not None
    return best


def _cost(forgery: Forgery) -> tuple[int, float]:
    return max(forgery.distance, RADIUS), -forgery.psnr


def _steps(coefficients: Values, bits: NDArray[np.bool_]) -> Values:
    """By how much each coefficient has to move to lie on its wanted side of the median, the dearest ones left alone."""
    median = float(np.median(coefficients))
    margin = MARGIN * float(np.abs(coefficients - median).mean())
    goal = np.where(bits, np.maximum(coefficients, median + margin), np.minimum(coefficients, median - margin))
    steps = goal - coefficients
    steps[np.argsort(-np.abs(steps))[:LEFT_ALONE]] = 0
    return steps


def _basis() -> Values:
    """256 × 4,096, orthonormal rows: the lowest 16 × 16 frequencies of the DCT without the constant ones, as in PDQ."""
    row, column = np.mgrid[0:FREQUENCIES, 0:SAMPLES]
    waves = math.sqrt(2 / SAMPLES) * np.cos(math.pi / 2 / SAMPLES * (row + 1) * (2 * column + 1))
    return np.kron(waves, waves)


def _psnr(before: Pixels, after: Pixels) -> float:
    error = float(np.square(before.astype(np.float64) - after).mean())
    return 10 * math.log10(255**2 / max(error, 1e-9))
