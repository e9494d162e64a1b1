"""Fitting the comparison: its network, and the thresholds that make regions of its evidence.

How many of the copies it was fitted to may raise an alarm is chosen within the fitting photographs: a sixth of them is
held out, network and threshold come from the others, and the alarms among the sixth's copies are counted.
"""

import pickle
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.comparison_cases import REFERENCES, Photograph, copies, edits, looked_at
from bench.edits import WARP_KINDS, Mask
from bench.network import fit_network
from provenance.media.calibration import MEASURES, Model, ReferenceKind
from provenance.media.comparison.difference import Measures, found_elsewhere, outlined, weigh

FOLDS = 6

TRIED = (0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01)
"""Fractions of the copies that may raise an alarm where the threshold is set: the largest admissible one is taken …"""

MOST_ALARMS = 0.01
"""… which is one for which the 95 % interval of the alarms among held-out photographs' copies ends below this."""

MISNAMED = 0.01
"""Fraction of the edits that are no warps whose largest region may be called moved."""

DRAWS = 4_000
"""Resamples of the photographs."""

FITTING: list[Photograph] = []
"""The photographs that are fitted on: set before processes are forked."""

Rows = NDArray[np.float32]
Sampled = Mapping[ReferenceKind, tuple[Rows, Rows]]
"""Pixels of one photograph's cases, N×K measures, and whether each was edited, N."""

Counts = tuple[int, int]
"""Alarms, and copies."""


def on_frame(mask: Mask, frame: Mask) -> Mask:
    size = (frame.shape[1], frame.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.5


@dataclass(frozen=True, eq=False)
class Measured:
    """A fitting case, kept on disk while the network is fitted, as float16; `mask` and `elsewhere` None for a copy."""

    kind: str
    planes: NDArray[np.float16]
    valid: Mask
    mask: Mask | None
    elsewhere: NDArray[np.float16] | None

    def evidence(self, network: Model) -> Rows:
        return weigh(Measures(self.planes.astype(np.float32), self.valid, _not_asked), network)


def _not_asked() -> Rows:
    raise AssertionError("evidence does not ask what is moved")


def measured(folder: Path, number: int) -> None:
    """Measure the cases of one fitting photograph."""
    with (folder / str(number)).open("wb") as file:
        for reference, case, laid in looked_at((*copies(FITTING[number]), *edits(FITTING, number, 2))):
            if laid is not None:
                planes, valid = laid.measures.planes.astype(np.float16), laid.measures.valid
                mask = None if case.mask is None else on_frame(case.mask, valid)
                elsewhere = None if case.mask is None else laid.measures.elsewhere().astype(np.float16)
                pickle.dump((reference, Measured(case.kind, planes, valid, mask, elsewhere)), file)


def reread(folder: Path, number: int) -> Iterator[tuple[ReferenceKind, Measured]]:
    with (folder / str(number)).open("rb") as file:
        while True:
            try:
                yield pickle.load(file)  # our own file of a minute ago
            except EOFError:
                return


def samples(folder: Path, number: int) -> Sampled:
    """Measured pixels of one photograph's cases and whether each was edited: a few of each, none near an outline."""
    random = np.random.default_rng(number)
    rows: dict[ReferenceKind, list[Rows]] = defaultdict(list)
    labels: dict[ReferenceKind, list[Rows]] = defaultdict(list)
    measured(folder, number)
    for reference, case in reread(folder, number):
        groups = [(case.valid, 0.0, 80)]
        if case.mask is not None:
            mask = case.mask.astype(np.uint8)
            inner, outer = cv2.erode(mask, np.ones((5, 5), np.uint8)), cv2.dilate(mask, np.ones((15, 15), np.uint8))
            groups = [(case.valid & (inner > 0), 1.0, 80), (case.valid & (outer == 0), 0.0, 50)]
        for where, label, most in groups:
            indices = np.flatnonzero(where)
            chosen = random.choice(indices, min(most, len(indices)), replace=False)
            rows[reference].append(case.planes.reshape(-1, len(MEASURES))[chosen].astype(np.float32))
            labels[reference].append(np.full(len(chosen), label, np.float32))
    return {kind: (np.concatenate(rows[kind]), np.concatenate(labels[kind])) for kind in REFERENCES}


def fitted(sampled: Sequence[Sampled]) -> dict[ReferenceKind, Model]:
    """The network of each kind of reference, without thresholds."""
    models: dict[ReferenceKind, Model] = {}
    for kind in REFERENCES:
        rows, labels = (np.concatenate([each[kind][part] for each in sampled]) for part in (0, 1))
        network = fit_network(rows, labels)
        bias = float(network.bias[0])
        models[kind] = Model(network.weights, network.biases, network.output, bias, 0.0, 0.0, 0.0)
    return models


def seed_of(peaks: Sequence[float], alarms: float) -> float:
    """The evidence that this fraction of the copies surpasses."""
    return round(float(np.quantile(peaks, 1 - alarms)), 3)


def held_out(folder: Path, sampled: Sequence[Sampled], fold: int) -> dict[ReferenceKind, list[list[Counts]]]:
    """For each reference and each of `TRIED`, the alarms among the copies of each photograph of that part of them."""
    models = fitted([each for number, each in enumerate(sampled) if number % FOLDS != fold])
    known: dict[ReferenceKind, list[float]] = defaultdict(list)
    asked: list[dict[ReferenceKind, list[float]]] = []
    for number in range(len(sampled)):
        peaks = known
        if number % FOLDS == fold:
            asked.append(peaks := defaultdict(list))
        for kind, case in reread(folder, number):
            if case.mask is None:
                peaks[kind].append(float(case.evidence(models[kind]).max()))

    def counted(kind: ReferenceKind, alarms: float) -> list[Counts]:
        seed = seed_of(known[kind], alarms)
        return [(sum(peak > seed for peak in peaks[kind]), len(peaks[kind])) for peaks in asked]

    return {kind: [counted(kind, alarms) for alarms in TRIED] for kind in REFERENCES}


def chosen(folds: Sequence[list[list[Counts]]]) -> dict[str, Any]:
    """The fraction that is taken, and what was found for each that was tried: of one reference, over all folds.

    Copies of one photograph fail together: the bound is that of the rate over photographs drawn again and again.
    """
    random, tried = np.random.default_rng(0), []
    for number, alarms in enumerate(TRIED):
        counts = np.array([each for fold in folds for each in fold[number]])
        drawn = counts[random.integers(0, len(counts), (DRAWS, len(counts)))].sum(1)
        upper = float(np.quantile(drawn[:, 0] / drawn[:, 1], 0.975))
        raised, n = counts.sum(0).tolist()
        tried.append({"fraction": alarms, "rate": round(raised / n, 5), "n": n, "upper": round(upper, 5)})
    admissible = [each["fraction"] for each in tried if each["upper"] <= MOST_ALARMS]
    return {"fraction": max(admissible, default=TRIED[0]), "held_out": tried}


@dataclass(frozen=True, eq=False)
class Weighed:
    """A fitting case under a network. Copies: `peak` alone. Edits: what the thresholds are chosen by, as float16."""

    kind: str
    peak: float
    mask: Mask | None = None
    evidence: NDArray[np.float16] | None = None
    elsewhere: NDArray[np.float16] | None = None


def weighed(folder: Path, models: dict[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Weighed]]:
    found: list[tuple[ReferenceKind, Weighed]] = []
    for turn, (reference, case) in enumerate(reread(folder, number)):
        if case.mask is not None and turn % 2:
            continue
        evidence = case.evidence(models[reference])
        weight = Weighed(case.kind, float(evidence.max()))
        if case.mask is not None:
            weight = Weighed(weight.kind, weight.peak, case.mask, evidence.astype(np.float16), case.elsewhere)
        found.append((reference, weight))
    return found


def tuned(network: Model, cases: list[Weighed], alarms: float) -> Model:
    """Choose the thresholds: seed by the copies, outline by the edits, "moved" by the edits that are not warps.

    `alarms`: fraction of the copies that may raise an alarm, from `chosen`.
    """
    seed = seed_of([case.peak for case in cases if case.mask is None], alarms)
    altered = [case for case in cases if case.mask is not None]

    def patches(case: Weighed, grow: float) -> list[Mask]:
        assert case.evidence is not None
        model = Model(network.weights, network.biases, network.output, network.bias, seed, grow, 0.0)
        return [each.pixels for each in outlined(case.evidence.astype(np.float32), model)]

    def outline(grow: float) -> float:
        overlaps = []
        for case in altered:
            assert case.mask is not None
            drawn = np.zeros_like(case.mask)
            for pixels in patches(case, grow):
                drawn |= pixels
            overlaps.append(float((drawn & case.mask).sum() / max(1, (drawn | case.mask).sum())))
        return float(np.mean(overlaps))

    grow = max((round(seed * step / 8, 3) for step in range(-2, 7)), key=outline)
    means = [
        found_elsewhere(case.elsewhere.astype(np.float32), found[0])
        for case in altered
        if case.kind not in WARP_KINDS and case.elsewhere is not None and (found := patches(case, grow))
    ]
    moved = round(float(np.quantile(means, MISNAMED)), 3)
    return Model(network.weights, network.biases, network.output, network.bias, seed, grow, moved)
