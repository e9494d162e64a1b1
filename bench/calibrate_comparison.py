"""Fit the comparison's models and thresholds, measure its error rates, write provenance/media/calibration.json.

    python -m bench.calibrate_comparison

The photographs are those of `photographs.toml`, which says which may be fitted on: no photograph that reports has been.
About half an hour on two cores.
"""

import argparse
import hashlib
import json
import pickle
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.alterations import (
    AREA_BUCKETS,
    COPIES,
    EDIT_KINDS,
    FRAMED,
    MATERIAL_RMS,
    MATERIAL_WARP_RMS,
    WARP_KINDS,
    WARP_REACH,
    Mask,
    Pixels,
    non_photographs,
)
from bench.comparison_cases import Area, Case, Photograph, copies, edits, load
from bench.network import Network, fit_network
from provenance.media.calibration import MEASURES, Model, ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison import COMPARISON_VERSION, geometry
from provenance.media.comparison.comparison import Laid, draw_comparison, lay, match
from provenance.media.comparison.difference import Measures, differing, weigh
from provenance.media.sketch import SKETCH_VERSION, draw_sketch

OUTPUT = Path(__file__).parents[1] / "provenance" / "media" / "calibration.json"
EXPLAINED = MEASURES.index("explained by displacement")
REFERENCES: tuple[ReferenceKind, ...] = ("sketch", "stored picture")

FALSE_ALARMS = 0.003
"""Fraction of the fitting half's copies that may raise an alarm: the reporting half may show three times as many."""

FOUND = 0.1
"""Fraction of an edit's pixels that must be reported for it to count as found."""

Z = 1.959964

# What the processes share: set before they are forked.
FITTING: list[Photograph] = []
REPORTING: list[Photograph] = []
SKETCHES: list[Pixels] = []
SOURCES: list[Pixels] = []


def wilson(successes: int, n: int) -> list[float]:
    """95 % interval of a proportion (Wilson 1927)."""
    if not n:
        return [0.0, 1.0]
    share, z2 = successes / n, Z * Z / n
    centre, half = share + z2 / 2, Z * float(np.sqrt(share * (1 - share) / n + z2 / n / 4))
    return [round(max(0.0, (centre - half) / (1 + z2)), 5), round(min(1.0, (centre + half) / (1 + z2)), 5)]


def proportion(outcomes: Iterable[bool]) -> dict[str, Any]:
    counted = list(outcomes)
    successes, n = sum(counted), len(counted)
    return {"rate": round(successes / n, 5) if n else None, "n": n, "interval": wilson(successes, n)}


# Fitting ------------------------------------------------------------------------------------------


def on_frame(mask: Mask, frame: Mask) -> Mask:
    size = (frame.shape[1], frame.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.5


@dataclass(frozen=True, eq=False)
class Measured:
    """A fitting case, kept on disk while the network is fitted: planes as float16, `mask` None for a copy."""

    kind: str
    planes: NDArray[np.float16]
    valid: Mask
    mask: Mask | None


def looked_at(cases: Iterable[Case]) -> Iterator[tuple[ReferenceKind, Case, Laid | None]]:
    """Each case over its sketch; every third over the stored picture too, which takes three times as long."""
    for turn, case in enumerate(cases):
        yield "sketch", case, case.laid("sketch")
        if turn % 3 == 1:
            yield "stored picture", case, case.laid("stored picture")


def measured(folder: Path, number: int) -> None:
    """Measure the cases of one fitting photograph."""
    with (folder / str(number)).open("wb") as file:
        for reference, case, laid in looked_at((*copies(FITTING[number]), *edits(FITTING, number, 2))):
            if laid is not None:
                planes, valid = laid.measures.planes.astype(np.float16), laid.measures.valid
                mask = None if case.mask is None else on_frame(case.mask, valid)
                pickle.dump((reference, Measured(case.kind, planes, valid, mask)), file)


def reread(folder: Path, number: int) -> Iterator[tuple[ReferenceKind, Measured]]:
    with (folder / str(number)).open("rb") as file:
        while True:
            try:
                yield pickle.load(file)  # our own file of a minute ago
            except EOFError:
                return


def samples(folder: Path, number: int) -> dict[ReferenceKind, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Measured pixels of one photograph's cases and whether each was edited: a few of each, none near an outline."""
    random = np.random.default_rng(number)
    rows: dict[ReferenceKind, list[NDArray[np.float32]]] = defaultdict(list)
    labels: dict[ReferenceKind, list[NDArray[np.float32]]] = defaultdict(list)
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


@dataclass(frozen=True, eq=False)
class Weighed:
    """A fitting case under a network. Copies: `peak` alone. Edits: what the thresholds are chosen by, as float16."""

    kind: str
    peak: float
    mask: Mask | None = None
    evidence: NDArray[np.float16] | None = None
    explained: NDArray[np.float16] | None = None


def weighed(folder: Path, models: dict[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Weighed]]:
    found: list[tuple[ReferenceKind, Weighed]] = []
    for turn, (reference, case) in enumerate(reread(folder, number)):
        if case.mask is not None and turn % 2:
            continue
        planes = case.planes.astype(np.float32)
        evidence = weigh(Measures(planes, case.valid, 1.0, 1.0, 1.0), models[reference])
        peak = float(evidence.max())
        if case.mask is None:
            found.append((reference, Weighed(case.kind, peak)))
        else:
            explained = case.planes[..., EXPLAINED].copy()
            found.append((reference, Weighed(case.kind, peak, case.mask, evidence.astype(np.float16), explained)))
    return found


def untuned(network: Network) -> Model:
    return Model(network.weights, network.biases, network.output, float(network.bias[0]), 0.0, 0.0, 0.0)


def tuned(network: Model, cases: list[Weighed]) -> Model:
    """Choose the thresholds: seed by the copies, outline by the edits, "moved" by telling warps from other edits."""
    seed = round(float(np.quantile([case.peak for case in cases if case.mask is None], 1 - FALSE_ALARMS)), 3)
    altered = [case for case in cases if case.mask is not None]

    def patches(case: Weighed, grow: float, moved: float = 0.0) -> list[tuple[Mask, bool]]:
        assert case.evidence is not None
        assert case.explained is not None
        planes = np.zeros((*case.evidence.shape, len(MEASURES)), np.float32)
        planes[..., EXPLAINED] = case.explained
        measures = Measures(planes, np.ones(case.evidence.shape, bool), 1.0, 1.0, 1.0)
        model = Model(network.weights, network.biases, network.output, network.bias, seed, grow, moved)
        return [(each.pixels, each.moved) for each in differing(measures, case.evidence.astype(np.float32), model)]

    def outline(grow: float) -> float:
        overlaps = []
        for case in altered:
            assert case.mask is not None
            drawn = np.zeros_like(case.mask)
            for pixels, _ in patches(case, grow):
                drawn |= pixels
            overlaps.append(float((drawn & case.mask).sum() / max(1, (drawn | case.mask).sum())))
        return float(np.mean(overlaps))

    grow = max((round(seed * step / 8, 3) for step in range(-2, 7)), key=outline)
    means: list[tuple[float, bool]] = []
    for case in altered:
        assert case.explained is not None
        if found := patches(case, grow):
            means.append((float(case.explained[found[0][0]].mean()), case.kind in WARP_KINDS))

    def told_apart(moved: float) -> float:
        sides = [[(mean < moved) == warp for mean, warp in means if warp is wanted] for wanted in (True, False)]
        return float(np.mean(sides[0])) + float(np.mean(sides[1]))

    moved = max((round(step / 50, 2) for step in range(-60, 0)), key=told_apart)
    return Model(network.weights, network.biases, network.output, network.bias, seed, grow, moved)


# Reporting ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What comparing one altered picture gave. `named_moved`: the largest region found is said to be moved."""

    photograph: str
    kind: str
    area: Area | None
    verified: bool
    alarmed: bool = False
    found: bool = False
    overlap: float = 0.0
    named_moved: bool = False


def outcomes(models: dict[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Outcome]]:
    """Half the kinds of copies, in turn, and half the sizes of each kind of edit."""
    cases = (*copies(REPORTING[number], number % 2, 2), *edits(REPORTING, number, 2))
    return [(kind, outcome(case, laid, kind, models[kind])) for kind, case, laid in looked_at(cases)]


def outcome(case: Case, laid: Laid | None, kind: ReferenceKind, model: Model) -> Outcome:
    about = case.photograph.digest, case.kind, case.area
    if case.match is None or laid is None:
        return Outcome(*about, False)
    comparison = draw_comparison(case.match, laid, case.query, case.photograph.reference(kind), kind, model)
    regions = [region for region in comparison.regions if region.kind != "outside"]
    if case.mask is None or comparison.heat is None:
        return Outcome(*about, True, alarmed=bool(regions))
    pixels = comparison.heat > 12
    shared = int((pixels & case.mask).sum())
    found = shared >= FOUND * int(case.mask.sum())
    overlap = shared / max(1, int((pixels | case.mask).sum()))
    return Outcome(*about, True, bool(regions), found, overlap, bool(regions) and regions[0].kind == "moved")


def rates(measured: list[Outcome]) -> dict[str, Any]:
    """Rates of one kind of reference, by kind and size."""
    copied = [each for each in measured if each.area is None and each.verified]
    by_verified: dict[str, list[bool]] = defaultdict(list)
    for each in measured:
        by_verified[each.kind if each.area is None else f"edit: {each.kind}"].append(each.verified)
    least = sorted(((kind, round(float(np.mean(each)), 4)) for kind, each in by_verified.items()), key=lambda k: k[1])

    def of(kinds: Iterable[str], areas: Iterable[Area]) -> dict[str, Any]:
        chosen = [each for each in measured if each.kind in kinds and each.area in areas]
        overlaps = [each.overlap for each in chosen if each.found]
        return proportion(each.found for each in chosen) | {
            "iou_mean": round(float(np.mean(overlaps)), 3) if overlaps else None,
            "iou_median": round(float(np.median(overlaps)), 3) if overlaps else None,
        }

    large = [area for area in AREA_BUCKETS if area[0] >= 0.03]
    return {
        "verified": proportion(each.verified for each in measured) | {"least": dict(least[:5])},
        "false_alarms": proportion(each.alarmed for each in copied)
        | {"photographs_with_any": len({each.photograph for each in copied if each.alarmed})},
        "false_alarms_by_kind": {
            kind: proportion(each.alarmed for each in copied if each.kind == kind) for kind in (*COPIES, *FRAMED)
        },
        "edits_found": [{"area": list(area)} | of(EDIT_KINDS, [area]) for area in AREA_BUCKETS],
        "warps_found": [{"area": list(area)} | of(WARP_KINDS, [area]) for area in AREA_BUCKETS],
        "edits_found_from_3_percent": of(EDIT_KINDS, large),
        "warps_found_from_3_percent": of(WARP_KINDS, large),
        "found_by_kind": {
            kind: [{"area": list(area)} | of([kind], [area]) for area in AREA_BUCKETS]
            for kind in (*EDIT_KINDS, *WARP_KINDS)
        },
        "named_moved": {
            "warps": proportion(each.named_moved for each in measured if each.found and each.kind in WARP_KINDS),
            "edits": proportion(each.named_moved for each in measured if each.found and each.kind in EDIT_KINDS),
        },
    }


# Different pictures -------------------------------------------------------------------------------


def remembered(function: Callable[[Pixels], geometry.Features]) -> Callable[[Pixels], geometry.Features]:
    """The same function, computing each picture once: pairs share their pictures."""
    known: dict[tuple[bytes, tuple[int, ...]], geometry.Features] = {}

    def features(grey: Pixels) -> geometry.Features:
        key = (hashlib.sha256(grey.tobytes()).digest(), grey.shape)
        if key not in known:
            known[key] = function(grey)
        return known[key]

    return features


PAIRS_EACH = 60


def mistaken(number: int) -> tuple[int, int, list[tuple[int, int]]]:
    """One query against other pictures' sketches: pairs, of which the keypoints alone matched, and which were taken."""
    random = np.random.default_rng((2, number))
    own = int(random.integers(len(SOURCES)))
    alter = list({**COPIES, **FRAMED}.values())
    query = shrink(alter[int(random.integers(len(alter)))](SOURCES[own], random), 512)
    many = min(PAIRS_EACH, len(SKETCHES))
    others = [int(other) for other in random.choice(len(SKETCHES), many, replace=False) if other != own]
    seen = geometry.Query(query)
    found = [(other, geometry_found) for other in others if (geometry_found := match(seen, SKETCHES[other]))]
    taken = [(own, other) for other, each in found if lay(query, SKETCHES[other], each.homography) is not None]
    return len(others), len(found), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_200, help="pairs of different pictures to verify")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="take every so many of the photographs, for a try")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()

    def told(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    corpus = load(arguments.every)
    FITTING.extend(photograph for photograph in corpus if photograph.fits)
    REPORTING.extend(photograph for photograph in corpus if not photograph.fits)
    drawn = non_photographs(np.random.default_rng(2))
    SOURCES.extend([*(photograph.pixels for photograph in corpus), *drawn])
    SKETCHES.extend(
        [*(photograph.sketch for photograph in corpus), *(draw_sketch(shrink(p, 512)).pixels for p in drawn)]
    )
    names = [*(photograph.digest[:12] for photograph in corpus), *(f"drawing {n}" for n in range(len(drawn)))]
    geometry.orb_features = remembered(geometry.orb_features)
    geometry.sift_features = remembered(geometry.sift_features)
    told(f"{len(corpus)} photographs: {len(FITTING)} fit, {len(REPORTING)} report")
    with (
        ProcessPoolExecutor(arguments.processes, mp_context=get_context("fork")) as pool,
        tempfile.TemporaryDirectory(prefix="countermark-calibration-") as kept,
    ):
        folder = Path(kept)
        sampled = list(pool.map(partial(samples, folder), range(len(FITTING))))
        told("measured")
        models = {
            kind: untuned(
                fit_network(*(np.concatenate([each[kind][part] for each in sampled]) for part in (0, 1)))  # type: ignore[arg-type]
            )
            for kind in REFERENCES
        }
        told("networks fitted")
        cases = [each for found in pool.map(partial(weighed, folder, models), range(len(FITTING))) for each in found]
        models = {kind: tuned(models[kind], [case for of, case in cases if of == kind]) for kind in REFERENCES}
        del cases
        told(f"thresholds: {[(kind, model.seed, model.grow, model.moved) for kind, model in models.items()]}")
        seen = [each for found in pool.map(partial(outcomes, models), range(len(REPORTING))) for each in found]
        told("rates measured")
        pairs = list(pool.map(mistaken, range(-(-arguments.pairs // (PAIRS_EACH - 1)))))
    n, matched = (sum(each[part] for each in pairs) for part in (0, 1))
    taken = [pair for each in pairs for pair in each[2]]
    told(f"pairs taken for one another: {[[names[number] for number in pair] for pair in taken]}")
    document = {
        "method": COMPARISON_VERSION,
        "sketch": SKETCH_VERSION,
        "corpus": described(corpus),
        "false_matches": {
            "accepted": len(taken),
            "n": n,
            "upper": wilson(len(taken), n)[1],
            "keypoints_alone": matched,
        },
        "references": {
            kind: {"rates": rates([each for of, each in seen if of == kind]), "model": written(models[kind])}
            for kind in REFERENCES
        },
    }
    arguments.output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    told("done")
    for kind in REFERENCES:
        summary = {name: part for name, part in document["references"][kind]["rates"].items() if "kind" not in name}  # type: ignore[index]
        print(kind, json.dumps(summary, ensure_ascii=False))


def described(corpus: list[Photograph]) -> dict[str, Any]:
    packages = Counter(photograph.package for photograph in corpus)
    return {
        "summary": f"{len(REPORTING)} photographs of {len(packages)} packages, none of them among the "
        f"{len(FITTING)} fitted on; {len(COPIES) + len(FRAMED)} kinds of copies, "
        f"{len(EDIT_KINDS)} kinds of edits, {len(WARP_KINDS)} kinds of local warps",
        "packages": dict(sorted(packages.items())),
        "split": "fitted on: freely licensed packages, even SHA-256 (bench/photographs.toml); all others report",
        "fitted_on": len(FITTING),
        "reported_on": len(REPORTING),
        "copies": [*COPIES, *FRAMED],
        "edits": list(EDIT_KINDS),
        "warps": list(WARP_KINDS),
        "edit_changes_at_least_rms": MATERIAL_RMS,
        "warp_changes_at_least_rms": MATERIAL_WARP_RMS,
        "warp_displaces_by_of_its_diameter": list(WARP_REACH),
        "found_means": f"at least {FOUND:.0%} of the edit's pixels are reported",
    }


def written(model: Model) -> dict[str, Any]:
    def rounded(values: NDArray[np.float32]) -> list[float]:
        return [round(float(value), 5) for value in values]

    return {
        "seed": model.seed,
        "grow": model.grow,
        "moved": model.moved,
        "hidden": {
            "biases": rounded(model.biases),
            "weights": {name: rounded(row) for name, row in zip(MEASURES, model.weights, strict=True)},
        },
        "output": {"bias": round(model.bias, 5), "weights": rounded(model.output)},
    }


if __name__ == "__main__":
    main()
