"""`make bench-matching`: alter photographs in sixty ways, ask where they come from, write bench/matching.md.

The pictures are those of bench/photographs.toml that nothing was fitted on; they are fetched when they are missing.
Each is registered and asked for by the code that the service runs, without HTTP.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import cv2
from rich.console import Console
from rich.progress import track

from bench.matching import attack, queries, scale
from bench.matching.peers import PDQ_SOURCE
from bench.matching.report import write
from bench.matching.run import Run, machine
from bench.matching.transforms import TRANSFORMS, Transform
from bench.newsroom_templates import REPORTING
from bench.photographs import FOLDER, Photograph, photographs
from bench.template_rates import EACH, REPLACED, compared

REPORT = Path(__file__).parents[1]
PART = "part"
"""Folder of the reports of runs that are not whole."""

QUICK_PHOTOGRAPHS = 5
QUICK_TRANSFORMS = 5
QUICK_CODES = 10_000
QUICK_TEMPLATES = 1
"""Of each kind."""

SMALLEST_CODES = 10_000

T = TypeVar("T")
console = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"a small run in two minutes, written to .bench/{PART}/")
    parser.add_argument(
        "--every", type=int, default=1, help=f"ask for every so many photographs, also to .bench/{PART}/"
    )
    parser.add_argument(
        "--codes", type=int, default=10_000_000, help="largest index to measure; ten million take 1.5 GB"
    )
    parser.add_argument("--redraw", action="store_true", help="write the report of the last run again")
    arguments = parser.parse_args()
    part = arguments.quick or arguments.every > 1
    folder = FOLDER.parent / PART if part else REPORT
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.redraw:
        cv2.setNumThreads(1)
        measured = _quick(photographs()) if arguments.quick else _thinned(photographs(), arguments.every)
        transforms = TRANSFORMS[::QUICK_TRANSFORMS] if arguments.quick else TRANSFORMS
        codes, templates = (QUICK_CODES, QUICK_TEMPLATES) if arguments.quick else (arguments.codes, EACH)
        _measured(measured, transforms, codes, templates).keep(part)
    try:
        run = Run.kept(part)
    except OSError:
        raise SystemExit("There is no run to draw again.") from None
    print(write(run, folder))


def _measured(used: Sequence[Photograph], transforms: Sequence[Transform], codes: int, templates: int) -> Run:
    reporting = [photograph for photograph in used if not photograph.fits]
    started, revision = datetime.now(UTC), _revision()
    with tempfile.TemporaryDirectory(prefix="countermark-bench-") as scratch:
        asked = queries.rows(used, transforms, Path(scratch) / "queries")
        rows = _shown(asked, "altered pictures", queries.count(used, transforms))
        forged = _shown(attack.forgeries(reporting, Path(scratch) / "attack"), "forged hashes", attack.count(reporting))
    pictures = [photograph.pixels(1024) for photograph in reporting]
    shared = compared(pictures, templates)
    asked_of = 2 * templates * len(REPORTING) + len(REPLACED) * len(pictures)
    sizes = [size for size in (SMALLEST_CODES * 10**power for power in range(8)) if size <= codes]
    return Run(
        command=" ".join(["python -m bench.matching", *sys.argv[1:]]),
        date=f"{started:%Y-%m-%d %H:%M} UTC",
        revision=revision,
        machine=machine(),
        packages=dict(sorted(Counter(photograph.package for photograph in reporting).items())),
        reporting=len(reporting),
        registered=len(used) - len(reporting[:: queries.FOLDS]),
        pdq_source=PDQ_SOURCE,
        rows=tuple(rows),
        originals=queries.originals(used),
        forged=tuple(forged),
        scales=tuple(_shown(scale.scales(sizes), "sizes of the index", scale.count(sizes))),
        templates=tuple(_shown(shared, "templates", asked_of)),
    )


def _quick(everything: Sequence[Photograph]) -> list[Photograph]:
    halves = [[each for each in everything if each.fits is fits] for fits in (False, True)]
    return [each for half in halves for each in half[:QUICK_PHOTOGRAPHS]]


def _thinned(everything: Sequence[Photograph], every: int) -> list[Photograph]:
    """All that are only registered, and one in `every` of those that are asked for."""
    reporting = [photograph for photograph in everything if not photograph.fits]
    return [*reporting[::every], *(photograph for photograph in everything if photograph.fits)]


def _shown(measured: Iterable[T], what: str, total: int) -> list[T]:
    return list(track(measured, description=what, total=total, console=console))


def _revision() -> str:
    """The commit that was measured, and whether the files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPORT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
