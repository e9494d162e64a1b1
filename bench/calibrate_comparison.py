"""Fit the comparison's models and thresholds, measure its error rates, write provenance/media/calibration.json.

    python -m bench.calibrate_comparison

The photographs are those of `photographs.toml`, which says which may be fitted on: no photograph that reports has been.
About three quarters of an hour on two cores; 20 GB of disk while it lasts.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import bursts as videos
from bench.alterations import COPIES, FRAMED, Pixels
from bench.comparison_cases import REFERENCES, Photograph, load
from bench.comparison_fitting import (
    FITTING,
    FOLDS,
    JOBS,
    MISLAID,
    MOST_ALARMS,
    ROUNDS,
    Job,
    Rows,
    fitted,
    hardest,
    peaks,
    rows_of,
    samples,
    thresholds,
    tuned,
    weighed,
)
from bench.comparison_rates import BURSTS, FOUND, REPORTING, Outcomes, called_the_same, outcomes, rates
from bench.drawings import non_photographs
from bench.edits import (
    BACKGROUND_KINDS,
    EDIT_KINDS,
    MATERIAL_RMS,
    MATERIAL_WARP_RMS,
    SMALL_KINDS,
    WARP_KINDS,
    WARP_REACH,
)
from bench.intervals import proportion, wilson
from provenance.media.calibration import MEASURES, TEST_SET, Model, ReferenceKind, model
from provenance.media.canonical import shrink
from provenance.media.comparison import COMPARISON_VERSION, geometry
from provenance.media.comparison.comparison import align_pair, match
from provenance.media.sketch import SKETCH_VERSION, draw_sketch

OUTPUT = Path(__file__).parents[1] / "provenance" / "media" / "calibration.json"
PAIRS_EACH = 60
"""Pictures that one query is compared with."""

# What the processes share: set before they are forked.
SKETCHES: list[Pixels] = []
SOURCES: list[Pixels] = []


def remembered(function: Callable[[Pixels], geometry.Features]) -> Callable[[Pixels], geometry.Features]:
    """The same function, computing each picture once: pairs share their pictures."""
    known: dict[tuple[bytes, tuple[int, ...]], geometry.Features] = {}

    def features(grey: Pixels) -> geometry.Features:
        key = (hashlib.sha256(grey.tobytes()).digest(), grey.shape)
        if key not in known:
            known[key] = function(grey)
        return known[key]

    return features


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
    taken = [(own, other) for other, each in found if align_pair(query, SKETCHES[other], each.homography) is not None]
    return len(others), len(found), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs",
        type=int,
        default=5_200,
        help="pairs of different pictures to verify; with 0, what was measured before stands",
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="take every so many of the photographs, for a try")
    parser.add_argument(
        "--quick", action="store_true", help="fit on half of the fitting photographs, report on the other"
    )
    parser.add_argument(
        "--keep", type=Path, help="a folder for what the fitting photographs measure, to be taken again"
    )
    parser.add_argument("--fit", type=int, help="at most so many of the fitting photographs are fitted on")
    parser.add_argument(
        "--rates", action="store_true", help="the models and thresholds stand; what they find is measured anew"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after so many, no further one reports")
    parser.add_argument("--report", type=int, help="at most so many photographs report")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()

    def told(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    corpus = load(arguments.every)
    if arguments.quick:
        corpus = [photograph for photograph in corpus if photograph.fits]
    FITTING.extend(each for each in corpus[:: 2 if arguments.quick else 1] if each.fits)
    REPORTING.extend(
        corpus[1::2] if arguments.quick else [each for each in corpus if not each.fits][: arguments.report]
    )
    BURSTS.extend(videos.pairs(fits=arguments.quick))
    drawn = non_photographs(np.random.default_rng(2))
    SOURCES.extend([*(photograph.pixels for photograph in corpus), *drawn])
    SKETCHES.extend(
        [*(photograph.sketch for photograph in corpus), *(draw_sketch(shrink(p, 512)).pixels for p in drawn)]
    )
    names = [*(photograph.digest[:12] for photograph in corpus), *(f"drawing {n}" for n in range(len(drawn)))]
    geometry.detect_orb = remembered(geometry.detect_orb)
    geometry.detect_sift = remembered(geometry.detect_sift)
    told(f"{len(corpus)} photographs: {len(FITTING)} fit, {len(REPORTING)} report")
    with (
        ProcessPoolExecutor(arguments.processes, mp_context=get_context("fork")) as pool,
        tempfile.TemporaryDirectory(prefix="countermark-calibration-") as passing,
    ):
        folder = arguments.keep or Path(passing)
        fitting = range(len(FITTING) if arguments.fit is None else min(arguments.fit, len(FITTING)))
        models, alarms = earlier_models() if arguments.rates else fit(pool, folder, fitting, told)
        bursts = list(pool.map(partial(called_the_same, models), range(len(BURSTS))))
        told("bursts measured")
        pairs = list(pool.map(mistaken, range(-(-arguments.pairs // (PAIRS_EACH - 1)))))
        told("pairs verified")
        seen: Outcomes = []
        for reported, found in enumerate(pool.map(partial(outcomes, models), range(len(REPORTING))), 1):
            seen += found
            if time.monotonic() - started > arguments.seconds:
                del REPORTING[reported:]
                pool.shutdown(wait=False, cancel_futures=True)
                break
        told(f"rates measured on {len(REPORTING)} photographs")
    n, matched = (sum(each[part] for each in pairs) for part in (0, 1))
    taken = [pair for each in pairs for pair in each[2]]
    told(f"pairs taken for one another: {[[names[number] for number in pair] for pair in taken]}")
    allowed = ", ".join(f"{100 * most:g} % ({' and '.join(looks)})" for looks, most in MOST_ALARMS.items())
    document = {
        "method": COMPARISON_VERSION,
        "sketch": SKETCH_VERSION,
        "corpus": described(corpus, len(fitting)),
        "alarms_allowed": "the largest share of each look's network for which the looks of an ordinary answer, "
        f"together and by motion too, or that at full detail beyond them, raise an alarm in no more than {allowed} of "
        "the copies of fitting photographs, by networks fitted and thresholds chosen without them, in "
        f"{FOLDS} folds; motion alone raises one in copies of {MISLAID} of these photographs",
        "false_matches": {
            "method": COMPARISON_VERSION,
            "accepted": len(taken),
            "n": n,
            "upper": wilson(len(taken), n)[1],
            "keypoints_alone": matched,
        }
        if pairs
        else earlier(),
        "bursts": called(bursts)
        | {
            "videos": {
                video: called([each for each, pair in zip(bursts, BURSTS, strict=True) if pair.video == video])
                for video in sorted({pair.video for pair in BURSTS})
            }
        },
        "references": {
            kind: {
                "rates": rates([each for of, each in seen if of == kind]),
                "alarms_allowed": alarms[kind],
                "model": written(models[kind]),
            }
            for kind in REFERENCES
        },
    }
    arguments.output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    told("done")
    for kind in REFERENCES:
        summary = {name: part for name, part in document["references"][kind]["rates"].items() if "kind" not in name}  # type: ignore[index]
        print(kind, json.dumps(summary, ensure_ascii=False))


def fit(
    pool: Executor, folder: Path, fitting: range, told: Callable[[str], None]
) -> tuple[dict[ReferenceKind, Model], dict[ReferenceKind, dict[str, Any]]]:
    """The models with their thresholds, and the alarms that these raise in copies that neither was chosen by."""
    sampled = list(pool.map(partial(samples, folder), fitting))
    told("measured")
    hard: list[Mapping[Job, Rows]] = []
    networks: dict[Job, Model] = {}
    for turn in range(ROUNDS):
        if networks:
            hard += pool.map(partial(hardest, folder, networks), fitting)
        rows = (rows_of(job, sampled, hard) for job in JOBS)
        networks = dict(zip(JOBS, pool.map(fitted, rows), strict=True))
        told(f"networks fitted, round {turn + 1} of {ROUNDS}")
    risen = {
        copy: each for found in pool.map(partial(peaks, folder, networks), fitting) for copy, each in found.items()
    }
    alarms = thresholds(risen)
    told(f"alarms: {[(kind, each['taken']) for kind, each in alarms.items()]}")
    models = {kind: networks[kind, FOLDS] for kind in REFERENCES}
    cases = [each for found in pool.map(partial(weighed, folder, models), fitting) for each in found]
    models = {
        kind: tuned(
            models[kind],
            [case for of, case in cases if of == kind],
            alarms[kind]["seed"],
            alarms[kind]["motion"],
        )
        for kind in REFERENCES
    }
    del cases
    told(f"thresholds: {[(kind, each.seed, each.grow, each.motion, each.moved) for kind, each in models.items()]}")
    return models, alarms


def earlier_models() -> tuple[dict[ReferenceKind, Model], dict[ReferenceKind, dict[str, Any]]]:
    """The same of an earlier calibration."""
    references: dict[ReferenceKind, dict[str, Any]] = earlier_document()["references"]
    alarms = {kind: each["alarms_allowed"] for kind, each in references.items()}
    return {kind: model(kind) for kind in references}, alarms


def called(bursts: Sequence[Mapping[ReferenceKind, bool]]) -> dict[str, Any]:
    """How often other frames are said to show no difference."""
    return {kind: proportion(each[kind] for each in bursts if kind in each) for kind in ("sketch", "stored picture")}


def earlier() -> dict[str, Any]:
    """The pairs of an earlier calibration, whose method they name: only laying and agreement decide about them."""
    document = earlier_document()
    return {"method": document["method"], **document["false_matches"]}


def earlier_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(OUTPUT.read_text("utf-8"))
    return document


def described(corpus: list[Photograph], fitted_on: int) -> dict[str, Any]:
    packages = Counter(photograph.package for photograph in REPORTING)
    return {
        "summary": TEST_SET.template.format(
            photographs=len(REPORTING),
            packages=len(packages),
            fitted=fitted_on,
            copies=len(COPIES) + len(FRAMED),
            edits=len(EDIT_KINDS) + len(SMALL_KINDS) + len(BACKGROUND_KINDS),
            warps=len(WARP_KINDS),
        ),
        "packages": dict(sorted(packages.items())),
        "split": "fitted on: freely licensed packages, even SHA-256 (bench/photographs.toml); all others report",
        "fitted_on": fitted_on,
        "reported_on": len(REPORTING),
        "copies": [*COPIES, *FRAMED],
        "edits": [*EDIT_KINDS, *SMALL_KINDS, *BACKGROUND_KINDS],
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
        "motion": model.motion,
        "moved": model.moved,
        "hidden": {
            "biases": rounded(model.biases),
            "weights": {name: rounded(row) for name, row in zip(MEASURES, model.weights, strict=True)},
        },
        "output": {"bias": round(model.bias, 5), "weights": rounded(model.output)},
    }


if __name__ == "__main__":
    main()
