"""Fitting the comparison: its networks, and the thresholds that make regions of their evidence.

How high the evidence of an honest copy rises is asked of networks that were fitted without its photograph. All looks
are given the same share of alarms: the largest for which those that any of them raises together stay below the aim.
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

from bench.comparison_cases import REFERENCES, Case, Photograph, copies, edits, large_copies, large_edits
from bench.edits import SMALL_AREA, SMALL_KINDS, WARP_KINDS, Mask
from bench.network import fit_network
from provenance.media.calibration import MEASURES, Model, ReferenceKind
from provenance.media.comparison.difference import Measures, found_elsewhere, outlined, weigh

FOLDS = 4

TRIED = tuple(round(0.0005 * step, 4) for step in range(1, 31))
"""Shares of the copies in which one look may raise an alarm: the largest admissible one is taken …"""

MOST_ALARMS = 0.01
"""… which is one for which no more of the copies raise one in any of the looks."""

MISNAMED = 0.01
"""Fraction of the edits that are no warps whose largest region may be called moved."""

COPIES_EACH = 3
LARGE_COPIES = 12
"""Every so many kinds of copies are made of a photograph; and are looked at in full detail."""

LARGE_KINDS = ("paste", "recolour", "re-synthesis", "slimming")
LARGE_AREA = (0.003, 0.02)
"""Beside small edits, what the network for full detail is fitted on."""

FITTING: list[Photograph] = []
"""The photographs that are fitted on: set before processes are forked."""

Rows = NDArray[np.float32]
Sampled = Mapping[ReferenceKind, tuple[Rows, Rows]]
"""Pixels of one photograph's cases, N×K measures, and whether each was edited, N."""


def on_frame(mask: Mask, frame: Mask) -> Mask:
    size = (frame.shape[1], frame.shape[0])
    large = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(large) > min(0.5, float(np.max(large)) / 2)


@dataclass(frozen=True, eq=False)
class Measured:
    """A fitting case, kept on disk while the network is fitted, as float16; `mask` and `elsewhere` None for a copy.

    Of an edit in full detail, what surrounds it.
    """

    number: int
    kind: str
    planes: NDArray[np.float16]
    valid: Mask
    mask: Mask | None
    elsewhere: NDArray[np.float16] | None

    def evidence(self, network: Model) -> Rows:
        return weigh(Measures(self.planes.astype(np.float32), self.valid, _not_asked), network)


def _not_asked() -> Rows:
    raise AssertionError("evidence does not ask what is moved")


def cases(number: int) -> Iterator[Case]:
    photograph = FITTING[number]
    yield from copies(photograph, number % COPIES_EACH, COPIES_EACH)
    yield from edits(FITTING, number)
    yield from large_copies(photograph, number % LARGE_COPIES, LARGE_COPIES)
    yield from large_edits(FITTING, number, SMALL_KINDS, SMALL_AREA)
    yield from large_edits(FITTING, number, LARGE_KINDS, LARGE_AREA)


def measured(folder: Path, number: int) -> None:
    """Measure the cases of one fitting photograph, if that was not done before."""
    kept = folder / str(number)
    if kept.exists():
        return
    with (partial := kept.with_suffix(".partial")).open("wb") as file:
        for turn, case in enumerate(cases(number)):
            for reference, measures in case.measures.items():
                if not case.large or case.mask is None or reference == "full detail":
                    pickle.dump((reference, _kept(turn, case, measures)), file)
    partial.rename(kept)


def _kept(turn: int, case: Case, measures: Measures) -> Measured:
    planes, valid = measures.planes.astype(np.float16), measures.valid
    if case.mask is None:
        return Measured(turn, case.kind, planes, valid, None, None)
    mask, elsewhere = on_frame(case.mask, valid), measures.elsewhere().astype(np.float16)
    looked = np.argwhere(valid)
    low, high = (looked.min(0), looked.max(0) + 1) if len(looked) else (np.zeros(2, int), np.array(valid.shape))
    part = (slice(low[0], high[0]), slice(low[1], high[1]))
    return Measured(turn, case.kind, planes[part].copy(), valid[part], mask[part], elsewhere[part])


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
            inner = inner if (case.valid & (np.asarray(inner) > 0)).any() else mask
            groups = [(case.valid & (inner > 0), 1.0, 80), (case.valid & (outer == 0), 0.0, 50)]
        for where, label, most in groups:
            indices = np.flatnonzero(where)
            chosen = random.choice(indices, min(most, len(indices)), replace=False)
            rows[reference].append(case.planes.reshape(-1, len(MEASURES))[chosen].astype(np.float32))
            labels[reference].append(np.full(len(chosen), label, np.float32))
    none = np.empty((0, len(MEASURES)), np.float32), np.empty(0, np.float32)
    return {
        kind: (np.concatenate(rows[kind]), np.concatenate(labels[kind])) if rows[kind] else none for kind in REFERENCES
    }


def fitted(sampled: Sequence[Sampled], kind: ReferenceKind) -> Model:
    """The network of one kind of reference, without thresholds."""
    rows, labels = (np.concatenate([each[kind][part] for each in sampled]) for part in (0, 1))
    network = fit_network(rows, labels)
    return Model(network.weights, network.biases, network.output, float(network.bias[0]), 0.0, 0.0, 0.0)


def fitted_without(sampled: Sequence[Sampled], job: tuple[ReferenceKind, int]) -> Model:
    """The network of one kind, without the photographs of one fold; of all of them for the fold after the last."""
    kind, fold = job
    return fitted([each for number, each in enumerate(sampled) if number % FOLDS != fold], kind)


Peaks = dict[tuple[int, int], dict[ReferenceKind, float]]
"""How high the evidence of each copy rises: by photograph and case."""


def peaks(folder: Path, networks: Mapping[tuple[ReferenceKind, int], Model], number: int) -> Peaks:
    """Of one photograph's copies, by networks that were fitted without it."""
    found: Peaks = defaultdict(dict)
    for kind, case in reread(folder, number):
        if case.mask is None:
            found[number, case.number][kind] = float(case.evidence(networks[kind, number % FOLDS]).max())
    return dict(found)


def thresholds(risen: Peaks, looks: Sequence[ReferenceKind]) -> dict[str, Any]:
    """The seed of the last of these looks that is reached by the largest admissible share of the copies, and what was
    found for each share that was tried: how many raise an alarm in any of the looks."""
    seen = [each for each in risen.values() if looks[-1] in each]
    tried = []
    for share in TRIED:
        seeds = {kind: _quantile([each[kind] for each in risen.values() if kind in each], share) for kind in looks}
        raised = sum(any(kind in each and each[kind] > seeds[kind] for kind in looks) for each in seen)
        tried.append({"share": share, "seed": seeds[looks[-1]], "rate": round(raised / len(seen), 5), "n": len(seen)})
    admissible = [each for each in tried if each["rate"] <= MOST_ALARMS]
    return {"taken": admissible[-1] if admissible else tried[0], "tried": tried}


def _quantile(values: Sequence[float], share: float) -> float:
    return round(float(np.quantile(values, 1 - share)), 3)


@dataclass(frozen=True, eq=False)
class Weighed:
    """A fitting edit under a network: what its thresholds are chosen by, as float16."""

    kind: str
    mask: Mask
    evidence: NDArray[np.float16]
    elsewhere: NDArray[np.float16]


def weighed(folder: Path, models: Mapping[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Weighed]]:
    found: list[tuple[ReferenceKind, Weighed]] = []
    for reference, case in reread(folder, number):
        if case.mask is not None and case.elsewhere is not None:
            evidence = case.evidence(models[reference]).astype(np.float16)
            found.append((reference, Weighed(case.kind, case.mask, evidence, case.elsewhere)))
    return found


def tuned(network: Model, altered: Sequence[Weighed], seed: float) -> Model:
    """Choose the other thresholds: the outline by the edits, "moved" by those of them that are not warps."""

    def patches(case: Weighed, grow: float) -> list[Mask]:
        model = Model(network.weights, network.biases, network.output, network.bias, seed, grow, 0.0)
        return [each.pixels for each in outlined(case.evidence.astype(np.float32), model)]

    def outline(grow: float) -> float:
        overlaps = []
        for case in altered:
            drawn = np.zeros_like(case.mask)
            for pixels in patches(case, grow):
                drawn |= pixels
            overlaps.append(float((drawn & case.mask).sum() / max(1, (drawn | case.mask).sum())))
        return float(np.mean(overlaps))

    grow = max((round(seed * step / 8, 3) for step in range(-2, 7)), key=outline)
    means = [
        found_elsewhere(case.elsewhere.astype(np.float32), found[0])
        for case in altered
        if case.kind not in WARP_KINDS and (found := patches(case, grow))
    ]
    moved = min(MOVED_AT_LEAST, round(float(np.quantile(means, MISNAMED)), 3)) if means else MOVED_AT_LEAST
    return Model(network.weights, network.biases, network.output, network.bias, seed, grow, moved)


MOVED_AT_LEAST = -0.1
"""Where hardly any edit explains anything from both sides, a tenth of a difference is no displacement."""
