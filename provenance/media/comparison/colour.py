"""What one change of colour over the whole picture explains: a filter, a brightness change, grey.

Three models are fitted from reference to query, each robustly (iteratively reweighted, Geman and McClure), and the
simplest that explains most of the picture is taken. "Most" is the median: a recoloured object is in the minority and
cannot buy itself a richer model.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Mask = NDArray[np.bool_]

SAMPLES = 3000
"""Pixels a model is fitted to, taken evenly."""

ROUNDS = 5
"""Reweighting rounds."""

WORTH = 0.8
"""A richer model must bring the median error below this fraction of the simpler one's …"""

WORTH_LEVELS = 0.7
"""… and lower it by as many levels of 255."""

CHANGED_LEVELS = 4.0
"""Levels of 255: mean change by the model from which on the colours are said to have changed."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """The reference in the query's colours, H×W×3 float32 0..255, and whether that changed it noticeably."""

    predicted: Planes
    changed: bool


def _curves(rgb: Planes) -> list[Planes]:
    return [np.stack([np.ones_like(c), c, c * c, c**3], -1) for c in np.moveaxis(rgb, -1, 0)]


def _mixture(rgb: Planes) -> list[Planes]:
    r, g, b = np.moveaxis(rgb, -1, 0)
    terms = np.stack([np.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, g * b, r * b], -1)
    return [terms] * 3


def _solve(terms: list[Planes], target: Planes) -> list[Planes]:
    """Coefficients of each channel, with weights shared by the channels."""
    weight = np.ones(len(target), np.float32)
    solution: list[Planes] = []
    for _ in range(ROUNDS):
        solution = []
        error = np.zeros(len(target), np.float32)
        for channel, basis in enumerate(terms):
            weighted = basis * weight[:, None]
            ridge = 1e-4 * len(target) * np.eye(basis.shape[1], dtype=np.float32) * weight.mean()
            solution.append(np.linalg.solve(weighted.T @ basis + ridge * 1e-2, weighted.T @ target[:, channel]))
            error += np.square(basis @ solution[-1] - target[:, channel])
        scale = max(float(np.median(error)), (1.0 / 255) ** 2)
        weight = 1.0 / np.square(1.0 + error / (4.0 * scale))
    return solution


def _apply(terms: list[Planes], solution: list[Planes]) -> Planes:
    mapped = [basis @ coefficients for basis, coefficients in zip(terms, solution, strict=True)]
    return np.clip(np.stack(mapped, -1), 0.0, 1.0)


def recolour(query: Planes, reference: Planes, covered: Mask) -> Colouring:
    """Predict the query's colours from the reference's. All H×W×3 float32 0..255; `covered` says where to look."""
    smooth_query = cv2.blur(query, (3, 3)) / np.float32(255)
    smooth_reference = cv2.blur(reference, (3, 3)) / np.float32(255)
    inside = np.flatnonzero(covered)
    chosen = inside[:: max(1, len(inside) // SAMPLES)]
    target = smooth_query.reshape(-1, 3)[chosen]
    source = smooth_reference.reshape(-1, 3)[chosen]
    unclipped = ((target > 0.015) & (target < 0.985)).all(1)
    if unclipped.sum() < 100:
        return Colouring(reference, False)
    fit_source, fit_target = source[unclipped], target[unclipped]

    def median_error(predicted: Planes) -> float:
        return float(np.median(np.abs(predicted - target).mean(1)))

    predicted, error = reference, median_error(source)
    for model in (_curves, _mixture):
        solution = _solve(model(fit_source), fit_target)
        candidate = median_error(_apply(model(source), solution))
        if candidate < WORTH * error and candidate < error - WORTH_LEVELS / 255:
            error = candidate
            predicted = _apply(model(reference / np.float32(255)), solution) * np.float32(255)
    changed = bool(np.abs(predicted - reference)[covered].mean() > CHANGED_LEVELS)
    return Colouring(predicted.astype(np.float32), changed)
