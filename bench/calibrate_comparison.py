"""Fit the comparison's weights and thresholds, measure its error rates, write provenance/media/calibration.json.

    python -m bench.calibrate_comparison

The photographs are those of `photographs.toml`, which says which may be fitted on: no photograph that reports has been.
About fifteen minutes on one core.
"""

import argparse
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
    Mask,
    Pixels,
    Random,
    edited,
    non_photographs,
    recompressed,
    resized,
)
from bench.photographs import photographs
from provenance.media.calibration import MEASURES, Model
from provenance.media.canonical import shrink
from provenance.media.comparison import COMPARISON_VERSION, geometry
from provenance.media.comparison.comparison import Laid, draw_comparison, lay
from provenance.media.comparison.difference import weigh
from provenance.media.sketch import draw_sketch

OUTPUT = Path(__file__).parents[1] / "provenance" / "media" / "calibration.json"
SOURCE_SIDE = 1024
"""Pixels: photographs are altered at this size, a common one on the web."""

FALSE_ALARMS = 0.005
"""Fraction of the fitting half's copies that may raise an alarm; half of what the reporting half may show."""

FOUND = 0.1
"""Fraction of an edit's pixels that must be reported for it to count as found."""

Z = 1.959964


@dataclass(frozen=True, eq=False)
class Photograph:
    package: str
    digest: str
    fits: bool
    pixels: Pixels
    sketch: Pixels


@dataclass(frozen=True, eq=False)
class Case:
    """One altered picture, compared: `mask` (canonical size) is None for a copy; `laid` is None where not verified."""

    photograph: Photograph
    kind: str
    area: tuple[float, float] | None
    query: Pixels
    mask: Mask | None
    laid: Laid | None


def wilson(successes: int, n: int) -> list[float]:
    """95 % interval of a proportion (Wilson 1927)."""
    if not n:
        return [0.0, 1.0]
    share, z2 = successes / n, Z * Z / n
    centre, half = share + z2 / 2, Z * float(np.sqrt(share * (1 - share) / n + z2 / n / 4))
    return [round(max(0.0, (centre - half) / (1 + z2)), 5), round(min(1.0, (centre + half) / (1 + z2)), 5)]


def proportion(successes: int, n: int) -> dict[str, Any]:
    return {"rate": round(successes / n, 5) if n else None, "n": n, "interval": wilson(successes, n)}


def load() -> list[Photograph]:
    loaded = []
    for listed in photographs():
        pixels = listed.pixels(SOURCE_SIDE)
        sketch = draw_sketch(shrink(pixels, 512)).pixels
        loaded.append(Photograph(listed.package, listed.sha256, listed.fits, pixels, sketch))
    return loaded


def seeded(photograph: Photograph, *what: object) -> Random:
    return np.random.default_rng(list(hashlib.sha256(repr((photograph.digest, what)).encode()).digest()))


def copies(photographs: Sequence[Photograph]) -> Iterator[Case]:
    for photograph in photographs:
        for kind, alter in {**COPIES, **FRAMED}.items():
            query = shrink(alter(photograph.pixels, seeded(photograph, kind)), 512)
            yield Case(photograph, kind, None, query, None, lay(query, photograph.sketch))


def edits(photographs: Sequence[Photograph], buckets_each: int) -> Iterator[Case]:
    for number, photograph in enumerate(photographs):
        for turn, kind in enumerate(EDIT_KINDS):
            for step in range(buckets_each):
                bucket = AREA_BUCKETS[(number + turn + step * (len(AREA_BUCKETS) // buckets_each)) % len(AREA_BUCKETS)]
                random = seeded(photograph, kind, bucket)
                donor = photographs[(number + int(random.integers(1, len(photographs)))) % len(photographs)]
                drawn = edited(photograph.pixels, kind, float(random.uniform(*bucket)), donor.pixels, random)
                if drawn is None:
                    continue
                whole = resized(drawn[0], int(random.integers(600, SOURCE_SIDE + 1)))
                query = shrink(recompressed(whole, int(random.integers(60, 96))), 512)
                size = (query.shape[1], query.shape[0])
                mask = cv2.resize(drawn[1].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.3
                yield Case(photograph, kind, bucket, query, np.asarray(mask), lay(query, photograph.sketch))


# Fitting ------------------------------------------------------------------------------------------


def samples(cases: Sequence[Case]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measured pixels and whether each was edited: a few of each case, none near an edit's outline."""
    random = np.random.default_rng(1)
    rows, edited_rows = [], []
    for case in cases:
        if case.laid is None:
            continue
        valid = case.laid.measures.valid
        planes = case.laid.measures.planes.reshape(-1, len(MEASURES))
        groups = [(valid, 0.0, 80)]
        if case.mask is not None:
            size = (valid.shape[1], valid.shape[0])
            mask = np.asarray(cv2.resize(case.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST))
            inner, outer = cv2.erode(mask, np.ones((5, 5), np.uint8)), cv2.dilate(mask, np.ones((15, 15), np.uint8))
            groups = [(valid & (inner > 0), 1.0, 40), (valid & (outer == 0), 0.0, 30)]
        for where, label, most in groups:
            indices = np.flatnonzero(where)
            chosen = random.choice(indices, min(most, len(indices)), replace=False)
            rows.append(planes[chosen])
            edited_rows.append(np.full(len(chosen), label))
    return np.concatenate(rows).astype(np.float64), np.concatenate(edited_rows)


def logistic(rows: NDArray[np.float64], labels: NDArray[np.float64]) -> tuple[float, tuple[float, ...]]:
    """Ridge logistic regression by Newton's method; bias and weights of the unscaled measures."""
    mean, deviation = rows.mean(0), rows.std(0)
    design = np.column_stack([np.ones(len(rows)), (rows - mean) / deviation])
    solution = np.zeros(design.shape[1])
    for _ in range(25):
        odds = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        spread = (odds * (1 - odds) + 1e-6)[:, None]
        penalty = 1e-3 * len(rows)
        curvature = design.T @ (design * spread) + penalty * np.eye(len(solution))
        solution -= np.linalg.solve(curvature, design.T @ (odds - labels) + penalty * solution)
    weights = solution[1:] / deviation
    return round(float(solution[0] - weights @ mean), 4), tuple(round(float(weight), 4) for weight in weights)


def fit(cases: Sequence[Case]) -> Model:
    bias, weights = logistic(*samples(cases))
    model = Model(bias, weights, 0.0, 0.0)
    unedited = [float(weigh(case.laid.measures, model).max()) for case in cases if case.mask is None and case.laid]
    seed = round(float(np.quantile(unedited, 1 - FALSE_ALARMS)), 3)
    with_mask = [case for case in cases if case.mask is not None and case.laid is not None]
    outlined = {
        grow: float(np.mean([overlap(case, Model(bias, weights, seed, grow)) for case in with_mask]))
        for grow in (round(seed * step / 8, 3) for step in range(-4, 8))
    }
    return Model(bias, weights, seed, max(outlined, key=lambda grow: outlined[grow]))


# Reporting ----------------------------------------------------------------------------------------


def reported(case: Case, model: Model) -> Mask:
    """Pixels of the query that are reported as differing."""
    assert case.laid is not None
    heat = draw_comparison(case.laid, case.query, case.photograph.sketch, model).heat
    assert heat is not None
    return heat > 12


def overlap(case: Case, model: Model) -> float:
    """Intersection over union of what is reported and what was edited."""
    assert case.mask is not None
    pixels = reported(case, model)
    return float((pixels & case.mask).sum() / max(1, (pixels | case.mask).sum()))


def rates(cases: Sequence[Case], model: Model) -> dict[str, Any]:
    alarms: Counter[str] = Counter()
    alarmed = set()
    seen: Counter[str] = Counter()
    verified: dict[str, list[bool]] = defaultdict(list)
    found: dict[tuple[float, float], list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    outlines: dict[tuple[float, float], list[float]] = defaultdict(list)
    for case in cases:
        verified[case.kind if case.mask is None else f"edit: {case.kind}"].append(case.laid is not None)
        if case.mask is None:
            if case.laid is not None:
                seen[case.kind] += 1
                if reported(case, model).any():
                    alarms[case.kind] += 1
                    alarmed.add(case.photograph.digest)
            continue
        assert case.area is not None
        hit = case.laid is not None and bool((reported(case, model) & case.mask).sum() >= FOUND * case.mask.sum())
        found[case.area].append(hit)
        if case.area[0] >= 0.03:
            by_kind[case.kind].append(hit)
        if hit:
            outlines[case.area].append(overlap(case, model))
    every = [each for outcomes in verified.values() for each in outcomes]
    large = [each for area in AREA_BUCKETS if area[0] >= 0.03 for each in found[area]]
    return {
        "verified": proportion(sum(every), len(every))
        | {
            "least": dict(
                sorted(((kind, round(float(np.mean(each)), 4)) for kind, each in verified.items()), key=lambda k: k[1])[
                    :5
                ]
            )
        },
        "false_alarms": proportion(alarms.total(), seen.total())
        | {"photographs_with_any": len(alarmed), "most": dict(alarms.most_common(5))},
        "edits_found": [
            {"area": list(area)}
            | proportion(sum(found[area]), len(found[area]))
            | {
                "iou_mean": round(float(np.mean(outlines[area])), 3),
                "iou_median": round(float(np.median(outlines[area])), 3),
            }
            for area in AREA_BUCKETS
        ],
        "edits_found_from_3_percent": proportion(sum(large), len(large))
        | {
            "iou_mean": round(
                float(np.mean([o for area in AREA_BUCKETS if area[0] >= 0.03 for o in outlines[area]])), 3
            )
        },
        "edits_found_from_3_percent_by_kind": {
            kind: proportion(sum(each), len(each)) for kind, each in by_kind.items()
        },
    }


def remembered(function: Callable[[Pixels], geometry.Features]) -> Callable[[Pixels], geometry.Features]:
    """The same function, computing each picture once: pairs share their pictures."""
    known: dict[tuple[bytes, tuple[int, ...]], geometry.Features] = {}

    def features(grey: Pixels) -> geometry.Features:
        key = (hashlib.sha256(grey.tobytes()).digest(), grey.shape)
        if key not in known:
            known[key] = function(grey)
        return known[key]

    return features


def false_matches(photographs: Sequence[Photograph], pairs: int) -> dict[str, Any]:
    """Pairs of different pictures that are verified: photographs and their copies, pages, codes, stars, gradients."""
    geometry.orb_features = remembered(geometry.orb_features)
    geometry.sift_features = remembered(geometry.sift_features)
    random = np.random.default_rng(2)
    drawn = non_photographs(random)
    references = [
        *(photograph.sketch for photograph in photographs),
        *(draw_sketch(shrink(p, 512)).pixels for p in drawn),
    ]
    alter = list({**COPIES, **FRAMED}.values())
    accepted = counted = matched = 0
    while counted < pairs:
        number = int(random.integers(len(references)))
        source = photographs[number].pixels if number < len(photographs) else drawn[number - len(photographs)]
        query = shrink(alter[int(random.integers(len(alter)))](source, random), 512)
        seen = geometry.Query(query)
        for other in random.choice(len(references), 60, replace=False):
            if other != number and counted < pairs:
                counted += 1
                matched += geometry.verify(seen, references[other]) is not None
                accepted += lay(seen, references[other]) is not None
    return {"accepted": accepted, "n": counted, "upper": wilson(accepted, counted)[1], "keypoints_alone": matched}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs of different pictures to verify")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()

    def told(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    corpus = load()
    halves = [[photograph for photograph in corpus if photograph.fits is fits] for fits in (True, False)]
    told(f"{len(corpus)} photographs: {len(halves[0])} fit, {len(halves[1])} report")
    model = fit([*copies(halves[0]), *edits(halves[0], 2)])
    told(f"fitted: {model}")
    measured = rates([*copies(halves[1]), *edits(halves[1], 4)], model)
    told("rates measured")
    measured["false_matches"] = false_matches(corpus, arguments.pairs)
    told("pairs of different pictures counted")
    packages = Counter(photograph.package for photograph in corpus)
    document = {
        "method": COMPARISON_VERSION,
        "model": {
            "bias": model.bias,
            "weights": dict(zip(MEASURES, model.weights, strict=True)),
            "seed": model.seed,
            "grow": model.grow,
        },
        "corpus": {
            "summary": f"{len(halves[1])} photographs of {len(packages)} packages, none of them among the "
            f"{len(halves[0])} fitted on; {len(COPIES) + len(FRAMED)} kinds of copies, "
            f"{len(EDIT_KINDS)} kinds of edits",
            "packages": dict(sorted(packages.items())),
            "split": "fitted on: freely licensed packages, even SHA-256 (bench/photographs.toml); all others report",
            "fitted_on": len(halves[0]),
            "reported_on": len(halves[1]),
            "copies": [*COPIES, *FRAMED],
            "edits": list(EDIT_KINDS),
            "edit_changes_at_least_rms": MATERIAL_RMS,
            "found_means": f"at least {FOUND:.0%} of the edit's pixels are reported as differing",
        },
        "rates": measured,
    }
    arguments.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(measured, indent=2, ensure_ascii=False))
    told("done")


if __name__ == "__main__":
    main()
