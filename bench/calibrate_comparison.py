"""Fit the comparison's models and thresholds, measure its error rates, write provenance/media/calibration.json.

    python -m bench.calibrate_comparison

The photographs are those of `photographs.toml`, which says which may be fitted on: no photograph that reports has been.
About half an hour on two cores.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.alterations import COPIES, FRAMED, Pixels
from bench.comparison_cases import REFERENCES, Photograph, load
from bench.comparison_fitting import FITTING, FOLDS, MOST_ALARMS, chosen, fitted, held_out, samples, tuned, weighed
from bench.comparison_rates import FOUND, REPORTING, outcomes, rates
from bench.drawings import non_photographs
from bench.edits import EDIT_KINDS, MATERIAL_RMS, MATERIAL_WARP_RMS, WARP_KINDS, WARP_REACH
from bench.intervals import wilson
from provenance.media.calibration import MEASURES, Model
from provenance.media.canonical import shrink
from provenance.media.comparison import COMPARISON_VERSION, geometry
from provenance.media.comparison.comparison import lay, match
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
        folds = list(pool.map(partial(held_out, folder, sampled), range(FOLDS)))
        choice = {kind: chosen([fold[kind] for fold in folds]) for kind in REFERENCES}
        told(f"alarms: {choice}")
        models = fitted(sampled)
        told("networks fitted")
        cases = [each for found in pool.map(partial(weighed, folder, models), range(len(FITTING))) for each in found]
        models = {
            kind: tuned(models[kind], [case for of, case in cases if of == kind], choice[kind]["fraction"])
            for kind in REFERENCES
        }
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
        "alarms_allowed": "the largest fraction for which the 95 % interval of the alarms among copies of fitting "
        f"photographs that were held out, in {FOLDS} folds and resampled by photograph, ends below {MOST_ALARMS:.0%}",
        "false_matches": {
            "accepted": len(taken),
            "n": n,
            "upper": wilson(len(taken), n)[1],
            "keypoints_alone": matched,
        },
        "references": {
            kind: {
                "rates": rates([each for of, each in seen if of == kind]),
                "alarms_allowed": choice[kind],
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
