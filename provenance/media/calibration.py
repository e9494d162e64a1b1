"""What the comparison's figures rest on: its fitted weights and thresholds, and its measured error rates.

All of it stands in `calibration.json`, written by `bench/calibrate_comparison.py` from photographs of which one half
fitted the figures and the other half measured the rates. Intervals are Wilson's, 95 % (Wilson 1927). The rates hold for
such photographs, copies and edits as the file describes; several copies of one photograph are not independent.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

MEASURES = ("light", "colour", "activity", "uncorrelated texture", "texture lost", "noise")
"""What is weighed at each pixel, in the order of `Model.weights`: the keys in calibration.json."""


@dataclass(frozen=True)
class Model:
    """The logistic model of a differing pixel, and the thresholds of a region (log-odds).

    Attributes:
        bias: added to the weighted measures.
        weights: one for each of `MEASURES`.
        seed: evidence that a region must reach: fixes the false alarm rate.
        grow: evidence down to which it extends: fixes its outline.
    """

    bias: float
    weights: tuple[float, ...]
    seed: float
    grow: float


@dataclass(frozen=True)
class ErrorRate:
    """How often the comparison errs, for edits of one size.

    Attributes:
        fpr: fraction of copies without an edit in which a region is reported as differing.
        tpr: fraction of edits of this size that are found.
        n: number of such edits.
        interval: 95 % interval of `tpr`.
        test_set: the photographs, in words.
        area: smallest and largest area of these edits, fractions of the picture.
        fpr_n: number of copies without an edit.
        fpr_interval: 95 % interval of `fpr`.
    """

    fpr: float
    tpr: float
    n: int
    interval: tuple[float, float]
    test_set: str
    area: tuple[float, float]
    fpr_n: int
    fpr_interval: tuple[float, float]


@dataclass(frozen=True)
class FalseMatches:
    """How many pairs of different pictures were taken for one, of how many, and the 95 % upper bound of the rate."""

    accepted: int
    n: int
    upper: float


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("provenance.media").joinpath("calibration.json").read_text("utf-8"))
    return document


@cache
def model() -> Model:
    """Return the fitted model that `compare` uses."""
    fitted = _document()["model"]
    weights = tuple(float(fitted["weights"][name]) for name in MEASURES)
    return Model(float(fitted["bias"]), weights, float(fitted["seed"]), float(fitted["grow"]))


@cache
def miss_rates() -> tuple[ErrorRate, ...]:
    """Return the measured rates, one for each size of edit, smallest first."""
    return tuple(_rate(row) for row in _document()["rates"]["edits_found"])


@cache
def error_rate_for(area: float) -> ErrorRate | None:
    """Return the rate for edits that cover `area` (fraction of the picture); None for a size that was not measured."""
    for row in _document()["rates"]["edits_found"]:
        smallest, largest = row["area"]
        if smallest <= area <= largest:
            return _rate(row)
    return None


def _rate(row: dict[str, Any]) -> ErrorRate:
    alarms = _document()["rates"]["false_alarms"]
    return ErrorRate(
        fpr=float(alarms["rate"]),
        tpr=float(row["rate"]),
        n=int(row["n"]),
        interval=_pair(row["interval"]),
        test_set=str(_document()["corpus"]["summary"]),
        area=_pair(row["area"]),
        fpr_n=int(alarms["n"]),
        fpr_interval=_pair(alarms["interval"]),
    )


def _pair(values: list[float]) -> tuple[float, float]:
    lower, upper = values
    return float(lower), float(upper)


@cache
def false_matches() -> FalseMatches:
    """Return how often two different pictures were taken for one."""
    measured = _document()["rates"]["false_matches"]
    return FalseMatches(int(measured["accepted"]), int(measured["n"]), float(measured["upper"]))
