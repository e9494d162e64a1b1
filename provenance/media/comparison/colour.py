"""The one change of colour over the whole picture (a filter, brightness, grey) that explains most of the difference.

Three models are fitted from reference to query, each robustly (iteratively reweighted, Geman and McClure), and the
simplest that explains most of the picture is taken. "Most" is the median: a recoloured object is in the minority and
cannot buy itself a richer model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Mask = NDArray[np.bool_]

SAMPLES = 3000
"""Pixels a model is fitted to, taken evenly."""

ROUNDS = 6
"""Reweighting rounds."""

WORTH = 0.8
"""A richer model must bring the median error below this fraction of the simpler one's …"""

WORTH_LEVELS = 0.7
"""… and lower it by as many levels of 255."""

MIN_SAMPLES = 200
"""Pixels of overlap below which no model is fitted."""

RIDGE = 1e-6
"""Pull of the coefficients to 0, against features that coincide (a grey picture)."""

LOW, HIGH = 3 / 255, 252 / 255
"""Values of 0..1 at or beyond which a channel counts as clipped."""

QUIET_LEVELS = 1.5
"""Levels of 255: median error as it stands, below which the colours are taken to be unchanged."""

CHANGED_LEVELS = 4.0
"""Levels of 255: mean change by the model from which on the colours are said to have changed."""


@dataclass(frozen=True, eq=False)
class ColourTransfer:
    """What one change of colour over the whole picture makes of the reference.

    Attributes:
        predicted: the reference in the query's colours, H×W×3 float32 0..255.
        changed: whether that changed it noticeably.
        predict: does the same to another cut of the reference, h×w×3 float32 0..255.
    """

    predicted: Planes
    changed: bool
    predict: Callable[[Planes], Planes]


def _as_it_is(planes: Planes) -> Planes:
    return planes


def _curves(rgb: Planes) -> list[Planes]:
    return [np.stack([np.ones_like(c), c, c * c, c**3], -1) for c in np.moveaxis(rgb, -1, 0)]


def _mixture(rgb: Planes) -> list[Planes]:
    r, g, b = np.moveaxis(rgb, -1, 0)
    terms = np.stack([np.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, g * b, r * b], -1)
    return [terms] * 3


def _solve(terms: list[Planes], target: Planes) -> list[Planes]:
    """Coefficients of each channel, with weights shared by the channels.

    A clipped value is a bound, not a measurement: it takes the model's own value once that lies beyond it.
    """
    low, high = target <= LOW, target >= HIGH
    weight = np.where((low | high).any(1), 0.05, 1.0)
    aim = target.astype(np.float64)
    exact = {id(basis): basis.astype(np.float64) for basis in terms}
    solution: list[Planes] = []
    for _ in range(ROUNDS):
        mapped = np.empty_like(aim)
        solution = []
        normal = {key: _normal_equations(basis, weight) for key, basis in exact.items()}  # once where channels share it
        for channel, basis in enumerate(map(id, terms)):
            weighted, gram = normal[basis]
            coefficients = np.linalg.solve(gram, weighted.T @ aim[:, channel])
            mapped[:, channel] = exact[basis] @ coefficients
            solution.append(coefficients.astype(np.float32))
        aim = np.where(low, np.minimum(target, mapped), target)
        aim = np.where(high, np.maximum(target, mapped), aim)
        error = np.square(mapped - aim).sum(1)
        scale = max(float(np.median(error)), (1.0 / 255) ** 2)
        weight = 1.0 / np.square(1.0 + error / (4.0 * scale))
    return solution


def _normal_equations(
    basis: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weighted terms, N×K, and K×K of the least squares, with the pull to 0."""
    weighted = basis * weight[:, None]
    return weighted, weighted.T @ basis + RIDGE * float(weight.sum()) * np.eye(basis.shape[1])


def _apply(terms: list[Planes], solution: list[Planes]) -> Planes:
    mapped = [basis @ coefficients for basis, coefficients in zip(terms, solution, strict=True)]
    return np.clip(np.stack(mapped, -1), 0.0, 1.0)


def recolour(query: Planes, reference: Planes, covered: Mask) -> ColourTransfer:
    """Predict the query's colours from the reference's. All H×W×3 float32 0..255; `covered`: where the reference
    reaches."""
    inside = np.flatnonzero(covered)
    if len(inside) < MIN_SAMPLES:
        return ColourTransfer(reference, False, _as_it_is)
    chosen = inside[:: max(1, len(inside) // SAMPLES)]
    target = cv2.blur(query, (3, 3)).reshape(-1, 3)[chosen] / np.float32(255)
    source = cv2.blur(reference, (3, 3)).reshape(-1, 3)[chosen] / np.float32(255)

    def median_error(mapped: Planes) -> float:
        return float(np.median(np.abs(mapped - target).mean(1)))

    predict, error = _as_it_is, median_error(source)
    if error < QUIET_LEVELS / 255:
        return ColourTransfer(reference, False, _as_it_is)
    for model in (_curves, _mixture):
        terms = model(source)
        solution = _solve(terms, target)
        candidate = median_error(_apply(terms, solution))
        if candidate < WORTH * error and candidate < error - WORTH_LEVELS / 255:
            error = candidate
            predict = partial(_apply_model, model, solution)
    predicted = predict(reference)
    changed = bool(np.abs(predicted - reference).reshape(-1, 3)[chosen].mean() > CHANGED_LEVELS)
    return ColourTransfer(predicted, changed, predict)


def _apply_model(model: Callable[[Planes], list[Planes]], solution: list[Planes], planes: Planes) -> Planes:
    return np.asarray(_apply(model(planes / np.float32(255)), solution) * np.float32(255), np.float32)
