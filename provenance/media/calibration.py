"""What the comparison's figures rest on: its fitted models and thresholds, and its measured error rates.

All of it stands in `calibration.json`, written by `bench/calibrate_comparison.py`, once for each kind of reference,
from photographs of which some fitted the figures and others measured the rates. Intervals are Wilson's, 95 %
(Wilson 1927). The rates hold for such photographs, copies and edits as the file describes; several copies of one
photograph are not independent.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from provenance.message import Message, recall

ReferenceKind = Literal["sketch", "stored picture", "full detail"]
"""What a picture is compared with: the sketch that every record has; the credentialed copy, where that is kept, at 512
pixels; or that copy at up to its own resolution."""

RegionKind = Literal["differs", "moved"]

_ROWS: dict[RegionKind, str] = {"differs": "edits_found", "moved": "warps_found"}
"""Where the rates of each kind of region stand."""

TEST_SET = Message(
    "{photographs} photographs of {packages} packages, none of them among the {fitted} fitted on; "
    "{copies} kinds of copies, {edits} kinds of edits, {warps} kinds of local warps"
)
"""What the calibration's summary says."""

MEASURES = (
    "light",
    "colour",
    "activity",
    "uncorrelated texture",
    "uncorrelated texture, wide",
    "texture lost",
    "texture gained",
    "beyond a pixel",
    "residual, wide",
    "displacement",
    "explained by displacement",
    "residual after displacement",
    "noise of light",
    "noise of texture",
    "noise beyond a pixel",
    "noise of displacement",
    "noise of colour",
    "noise of lost texture",
    "uncorrelated grain",
    "grain gained",
    "noise of uncorrelated grain",
    "noise of gained grain",
)
"""What is weighed at each pixel, in the order of the rows of `Model.weights`: the keys in calibration.json."""


@dataclass(frozen=True, eq=False)
class Model:
    """The model of a differing pixel, a network with one hidden layer of H rectified units; and a region's thresholds.

    Attributes:
        weights: of the hidden layer, K×H float32; K measures in the order of `MEASURES`.
        biases: of the hidden layer, H.
        output: weights of the evidence (log-odds), H.
        bias: of the evidence.
        seed: evidence that a region must reach: fixes the false alarm rate.
        grow: evidence down to which it extends: fixes its outline.
        motion: what displacement explains against what it leaves, that a region of motion must reach; None where
            motion is no evidence.
        moved: mean, over a region, of how much displacement explains from both sides, below which its parts are said
            to be moved.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    output: NDArray[np.float32]
    bias: float
    seed: float
    grow: float
    motion: float | None
    moved: float


@dataclass(frozen=True)
class ErrorRate:
    """How often the comparison errs, for differences of one kind and one size.

    Attributes:
        fpr: fraction of copies without an edit in which a region is reported that is no border or page around it.
        tpr: fraction of edits of this kind and size that are found.
        n: number of such edits.
        interval: 95 % interval of `tpr`.
        test_set: the photographs, in words.
        area: smallest and largest area of these edits, fractions of the picture.
        fpr_n: number of copies without an edit.
        fpr_interval: 95 % interval of `fpr`.
        kind: "differs" for what was added, removed or recoloured; "moved" for local warps.
        reference: what was compared with.
    """

    fpr: float
    tpr: float
    n: int
    interval: tuple[float, float]
    test_set: str
    area: tuple[float, float]
    fpr_n: int
    fpr_interval: tuple[float, float]
    kind: RegionKind
    reference: ReferenceKind


@dataclass(frozen=True)
class FalseMatches:
    """How many pairs of different pictures match, of how many, and the 95 % upper bound of the rate."""

    accepted: int
    n: int
    upper: float


@dataclass(frozen=True)
class OtherFrames:
    """Pairs of frames of one camera between which something moved: how many, and in how many of them nothing is
    reported."""

    unseen: int
    n: int


@cache
def _document(name: str = "calibration.json") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("provenance.media").joinpath(name).read_text("utf-8"))
    return document


@cache
def model(reference: ReferenceKind) -> Model:
    """Return the fitted model for comparisons with such a reference."""
    fitted = _document()["references"][reference]["model"]
    hidden = fitted["hidden"]
    return Model(
        weights=np.array([hidden["weights"][name] for name in MEASURES], np.float32),
        biases=np.array(hidden["biases"], np.float32),
        output=np.array(fitted["output"]["weights"], np.float32),
        bias=float(fitted["output"]["bias"]),
        seed=float(fitted["seed"]),
        grow=float(fitted["grow"]),
        motion=None if fitted["motion"] is None else float(fitted["motion"]),
        moved=float(fitted["moved"]),
    )


@cache
def miss_rates(reference: ReferenceKind) -> tuple[ErrorRate, ...]:
    """Return the measured rates of all looks up to that reference, joined: for each size of edit, smallest first, and
    then for each size of warp.

    At full detail small edits alone were measured: others have the rates of the answer without it, which it adds to.
    """
    rates = _document()["references"][reference]["rates"]
    alarms = rates["false_alarms"]
    coarser = {(rate.kind, rate.area): rate for rate in _COARSER.get(reference, tuple)()}
    return tuple(
        ErrorRate(
            fpr=float(alarms["rate"]),
            tpr=float(row["rate"]),
            n=int(row["n"]),
            interval=_pair(row["interval"]),
            test_set=recall(_document()["corpus"]["summary"], (TEST_SET,)),
            area=_pair(row["area"]),
            fpr_n=int(alarms["n"]),
            fpr_interval=_pair(alarms["interval"]),
            kind=kind,
            reference=reference,
        )
        if row["n"]
        else coarser[kind, _pair(row["area"])]
        for kind, rows in _ROWS.items()
        for row in rates[rows]
    )


_COARSER: dict[ReferenceKind, Callable[[], tuple[ErrorRate, ...]]] = {
    "full detail": lambda: miss_rates("stored picture")
}


def _pair(values: list[float]) -> tuple[float, float]:
    lower, upper = values
    return float(lower), float(upper)


@cache
def false_matches() -> FalseMatches:
    """Return how often two different photographs (some drawings among them) were taken for one."""
    return _false_matches(_document()["false_matches"])


@cache
def other_frames(reference: ReferenceKind) -> OtherFrames:
    """Return how often another frame of the same camera is taken for a copy (bench.bursts)."""
    measured = _document()["bursts"]["sketch" if reference == "sketch" else "stored picture"]
    return OtherFrames(round(measured["rate"] * measured["n"]), int(measured["n"]))


@cache
def template_matches(reference: ReferenceKind) -> FalseMatches:
    """Return how often a template with other content was taken for a match of the picture (bench.template_rates)."""
    return _false_matches(_document("template_rates.json")["sketch" if reference == "sketch" else "stored picture"])


def _false_matches(measured: dict[str, Any]) -> FalseMatches:
    return FalseMatches(int(measured["accepted"]), int(measured["n"]), float(measured["upper"]))
