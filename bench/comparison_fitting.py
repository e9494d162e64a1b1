"""Fitting the comparison: its networks, and the thresholds that make regions of their evidence.

How high the evidence of an honest copy rises is asked of networks that were fitted without its photograph. The networks
of an ordinary answer are given one share of alarms: the largest for which those that any look raises, by motion too,
stay below the aim among photographs that neither network nor thresholds were chosen by. Motion is given one photograph:
what moves between two frames rises far above what the copies of others show.

Photographs are few, and alarms come from the few copies of those that are unlike the others. So each is fitted on in
parts and sizes too, a network is fitted again to what alarmed it, and the mean of several is taken.
"""

import pickle
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.comparison_cases import REFERENCES, Case, Photograph, copies, derived, edits, large_copies, large_edits
from bench.edits import SMALL_AREA, SMALL_KINDS, WARP_KINDS, Mask
from bench.network import fit_network
from provenance.limits import CANONICAL_SIDE
from provenance.media.calibration import MEASURES, Model, ReferenceKind
from provenance.media.comparison.difference import Measures, find_components, network_evidence, relocation_within

FOLDS = 6

ROUNDS = 2
"""Times that a network is fitted: the second time to what raised its evidence most in copies as well. Of held-out edits
at alarms in 1.5 % of the copies, 71 % of those drawn again are found then, and 63 % after one round; a third round
found fewer, as the copies that it has not seen rise higher."""

HARDEST, APART = 40, 4
"""Pixels of a copy that are added for the next round, at most, and steps between them."""

TRIED = tuple(round(0.0005 * step, 4) for step in range(1, 31))
"""Shares of the copies in which one look may raise an alarm: the largest admissible one is taken …"""

MOST_ALARMS: Mapping[tuple[ReferenceKind, ...], float] = {("sketch", "stored picture"): 0.015, ("full detail",): 0.0075}
"""… which is one for which no more of the copies raise one in any of the looks of an ordinary answer; and at full
detail, of those in which the ordinary looks raise none."""

MISLAID = 1
"""Photographs of which copies may raise an alarm by motion: one of thin cables before the sky is laid so inexactly that
it would raise the threshold from 1.3 to 9.7, at which 8 of 43 pairs of frames that may be fitted on show nothing,
instead of 3. A second one would bring that to 2, and cost alarms in 0.3 % of the copies."""

MISNAMED = 0.01
"""Fraction of the edits that are no warps whose largest region may be called moved."""

LARGE_COPIES = 2
"""Every so many kinds of copies are looked at in full detail."""

DERIVED_COPIES = 2
"""Every so many kinds of copies are made of what is derived from a photograph. Without these, 57 % instead of 71 % of
the held-out parts that were drawn again were found, and 92 % instead of 95 % of all edits from 3 %."""

AGAIN = 4
"""Times that each kind of edit is made of a photograph, over all its sizes in turn."""

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
    """A fitting case, kept on disk while the network is fitted, as float16; `mask` and `relocation` None for a copy.

    Of an edit in full detail, what surrounds it. `motion` is the most of it.
    """

    number: int
    kind: str
    planes: NDArray[np.float16]
    valid: Mask
    mask: Mask | None
    relocation: NDArray[np.float16] | None
    motion: float

    def evidence(self, network: Model) -> Rows:
        """That of the network alone."""
        return network_evidence(self.planes.astype(np.float32), self.valid, network)


def cases(number: int) -> Iterator[Case]:
    photograph = FITTING[number]
    yield from copies(photograph)
    if max(photograph.large.shape) > CANONICAL_SIDE:  # others show nothing finer
        yield from large_copies(photograph, number % LARGE_COPIES, LARGE_COPIES)
    for again in range(AGAIN):
        yield from edits(FITTING, number, 1, again)
        yield from large_edits(FITTING, number, SMALL_KINDS, SMALL_AREA, 1, again)
        yield from large_edits(FITTING, number, LARGE_KINDS, LARGE_AREA, 1, again)
    for turn, other in enumerate(derived(photograph)):
        yield from copies(other, (number + turn) % DERIVED_COPIES, DERIVED_COPIES)
        yield from edits([*FITTING[:number], other, *FITTING[number + 1 :]], number, 1)


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
    motion = 0.0 if measures.motion is None else float(measures.motion.max())
    if case.mask is None:
        return Measured(turn, case.kind, planes, valid, None, None, motion)
    mask, relocation = on_frame(case.mask, valid), measures.relocation().astype(np.float16)
    looked = np.argwhere(valid)
    low, high = (looked.min(0), looked.max(0) + 1) if len(looked) else (np.zeros(2, int), np.array(valid.shape))
    part = (slice(low[0], high[0]), slice(low[1], high[1]))
    return Measured(turn, case.kind, planes[part].copy(), valid[part], mask[part], relocation[part], motion)


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
        groups = [(case.valid, 0.0, 40)]
        if case.mask is not None:
            mask = case.mask.astype(np.uint8)
            inner, outer = cv2.erode(mask, np.ones((5, 5), np.uint8)), cv2.dilate(mask, np.ones((15, 15), np.uint8))
            inner = inner if (case.valid & (np.asarray(inner) > 0)).any() else mask
            groups = [(case.valid & (inner > 0), 1.0, 40), (case.valid & (outer == 0), 0.0, 20)]
        for where, label, most in groups:
            indices = np.flatnonzero(where)
            chosen = random.choice(indices, min(most, len(indices)), replace=False)
            rows[reference].append(case.planes.reshape(-1, len(MEASURES))[chosen].astype(np.float32))
            labels[reference].append(np.full(len(chosen), label, np.float32))
    none = np.empty((0, len(MEASURES)), np.float32), np.empty(0, np.float32)
    return {
        kind: (np.concatenate(rows[kind]), np.concatenate(labels[kind])) if rows[kind] else none for kind in REFERENCES
    }


Job = tuple[ReferenceKind, int]
"""A network: of one kind of reference, without the photographs of one fold; of all of them for the fold after the
last."""

JOBS: list[Job] = [(kind, fold) for kind in REFERENCES for fold in range(FOLDS + 1)]


def hardest(folder: Path, networks: Mapping[Job, Model], number: int) -> dict[Job, Rows]:
    """Pixels of one photograph's copies where the evidence of each network that was fitted with it is highest."""
    rows: dict[Job, list[Rows]] = defaultdict(list)
    for kind, case in reread(folder, number):
        if case.mask is None:
            measures = case.planes.astype(np.float32)
            for fold in range(FOLDS + 1):
                if number % FOLDS != fold:
                    highest = tops(network_evidence(measures, case.valid, networks[kind, fold]), case.valid)
                    rows[kind, fold].append(measures.reshape(-1, len(MEASURES))[highest])
    return {job: np.concatenate(each) for job, each in rows.items()}


def tops(evidence: Rows, valid: Mask) -> NDArray[np.intp]:
    """Flat indices of the `HARDEST` highest of what is higher than all around it within `APART`."""
    around = cv2.dilate(evidence, np.ones((2 * APART + 1, 2 * APART + 1), np.uint8))
    indices = np.flatnonzero((evidence == around) & valid)
    return indices[np.argsort(evidence.ravel()[indices])[-HARDEST:]]


def rows_of(job: Job, sampled: Sequence[Sampled], hard: Sequence[Mapping[Job, Rows]]) -> tuple[Rows, Rows]:
    """What the network of a job is fitted to: sampled pixels, and those of copies where earlier networks of that job
    were highest; of photographs that are not held out of it alone."""
    kind, fold = job
    parts = [each[kind] for number, each in enumerate(sampled) if number % FOLDS != fold]
    parts += [(each[job], np.zeros(len(each[job]), np.float32)) for each in hard if job in each]
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([labels for _, labels in parts])


def fitted(rows: tuple[Rows, Rows]) -> Model:
    """A network without thresholds."""
    network = fit_network(*rows)
    return Model(network.weights, network.biases, network.output, float(network.bias[0]), 0.0, 0.0, None, 0.0)


Signal = tuple[ReferenceKind, Literal["seed", "motion"]]
"""What can raise an alarm in a look: its network, whose threshold is the model's `seed`, or motion."""

Peaks = dict[tuple[int, int], dict[Signal, float]]
"""How high each copy rises: by photograph and case."""


def peaks(folder: Path, networks: Mapping[Job, Model], number: int) -> Peaks:
    """Of one photograph's copies, by networks that were fitted without it."""
    found: Peaks = defaultdict(dict)
    for kind, case in reread(folder, number):
        if case.mask is None:
            found[number, case.number][kind, "seed"] = float(case.evidence(networks[kind, number % FOLDS]).max())
            if kind != "full detail":
                found[number, case.number][kind, "motion"] = case.motion
    return dict(found)


def thresholds(risen: Peaks) -> dict[ReferenceKind, dict[str, Any]]:
    """The thresholds of each look, and what was found for each share that was tried: of how many copies it raises an
    alarm, by thresholds that are chosen without their photographs.

    The looks of an ordinary answer have one share, by what they raise together, also where one bears out none of the
    other's, as the sketch alone raises it; that at full detail has its own, by what it adds.
    """
    shares: dict[ReferenceKind, float] = {}
    found: dict[ReferenceKind, dict[str, Any]] = {}
    for looks, most in MOST_ALARMS.items():
        tried = []
        for share in TRIED:
            raised = _alarms(risen, {**shares, **dict.fromkeys(looks, share)}, looks)
            tried.append({"share": share, "rate": round(sum(raised) / len(raised), 5), "n": len(raised)})
        admissible = [each for each in tried if each["rate"] <= most]
        taken = admissible[-1] if admissible else tried[0]
        shares.update(dict.fromkeys(looks, float(taken["share"])))
        found.update({kind: {"taken": taken, "tried": tried} for kind in looks})
    reached = _reached(risen, shares)
    return {
        kind: {"seed": reached[kind, "seed"], "motion": reached.get((kind, "motion")), **found[kind]} for kind in found
    }


def _alarms(risen: Peaks, shares: Mapping[ReferenceKind, float], looks: Sequence[ReferenceKind]) -> list[bool]:
    """Whether each copy that is seen by all looks that have a share, and by no others, raises an alarm in one of these
    looks and in none of the others, by the thresholds of the other folds."""
    raised = []
    for fold in range(FOLDS):
        reached = _reached({copy: each for copy, each in risen.items() if copy[0] % FOLDS != fold}, shares)
        for (number, _), each in risen.items():
            if number % FOLDS == fold and each.keys() == reached.keys():
                alarming = {kind for (kind, what), threshold in reached.items() if each[kind, what] > threshold}
                raised.append(bool(alarming) and alarming <= set(looks))
    return raised


def _reached(risen: Peaks, shares: Mapping[ReferenceKind, float]) -> dict[Signal, float]:
    """What each signal is reached by: a network in its share of the copies, motion in those of one photograph."""
    reached: dict[Signal, float] = {}
    for kind, share in shares.items():
        if kind == "full detail":
            values = [each[kind, "seed"] for each in risen.values() if (kind, "seed") in each]
        else:  # copies at full detail are others of the same kinds, of some photographs
            ordinary = {copy: each for copy, each in risen.items() if ("full detail", "seed") not in each}
            values = [each[kind, "seed"] for each in ordinary.values() if (kind, "seed") in each]
            most: dict[int, float] = defaultdict(float)
            for (number, _), each in ordinary.items():
                most[number] = max(most[number], each.get((kind, "motion"), 0.0))
            reached[kind, "motion"] = round(sorted(most.values())[-1 - MISLAID], 3)
        reached[kind, "seed"] = round(float(np.quantile(values, 1 - share)), 3)
    return reached


@dataclass(frozen=True, eq=False)
class Weighed:
    """A fitting edit under a network: what its thresholds are chosen by, as float16."""

    kind: str
    mask: Mask
    evidence: NDArray[np.float16]
    relocation: NDArray[np.float16]


def weighed(folder: Path, models: Mapping[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Weighed]]:
    found: list[tuple[ReferenceKind, Weighed]] = []
    for reference, case in reread(folder, number):
        if case.mask is not None and case.relocation is not None:
            evidence = case.evidence(models[reference]).astype(np.float16)
            found.append((reference, Weighed(case.kind, case.mask, evidence, case.relocation)))
    return found


def tuned(network: Model, altered: Sequence[Weighed], seed: float, motion: float | None) -> Model:
    """Choose the other thresholds: the outline by the edits, "moved" by those of them that are not warps."""

    def patches(case: Weighed, grow: float) -> list[Mask]:
        model = Model(network.weights, network.biases, network.output, network.bias, seed, grow, motion, 0.0)
        return [each.pixels for each in find_components(case.evidence.astype(np.float32), model)]

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
        relocation_within(case.relocation.astype(np.float32), found[0])
        for case in altered
        if case.kind not in WARP_KINDS and (found := patches(case, grow))
    ]
    moved = min(MOVED_AT_LEAST, round(float(np.quantile(means, MISNAMED)), 3)) if means else MOVED_AT_LEAST
    return Model(network.weights, network.biases, network.output, network.bias, seed, grow, motion, moved)


MOVED_AT_LEAST = -0.1
"""Where hardly any edit explains anything from both sides, a tenth of a difference is no displacement."""
