"""`python -m bench.scale`: how a registry grows, at a thousand, ten thousand and a hundred thousand registrations.

Photographs that report are registered; all others are distractors, of two models (`bench.scale.distractors`). Every
part is kept when it is measured, so that parts can be measured alone; the report, bench/scale.md, is written from what
is kept, and the targets are printed. `--large`: a million too, of which the distractors alone take 7 GB of disk.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import cv2
from rich.console import Console

from bench.matching.observed import ObservedRegistry, bench_registry
from bench.scale import peers, report, route
from bench.scale.counts import counted
from bench.scale.described import Described, asked, described
from bench.scale.distractors import MODELS
from bench.scale.features import search_alone
from bench.scale.registrations import Distractors, looks, photograph_records, published, register_photographs
from bench.scale.run import Run
from registry.database import assets

SIZES, LARGE = (1_000, 10_000, 100_000), 1_000_000
PARTS = ("search", "route", "peers", "counts")

EVERY = {1_000: 1, 10_000: 1, 100_000: 3}
"""Of the 240 queries one in so many is asked: a search as it was takes seconds among a hundred thousand."""

QUICK_EVERY = 7
"""The same for a quick run, and for a million."""

ROUTE_EVERY = 3
"""The same for the whole route."""

ERASED = 3

console = Console(stderr=True)


def main() -> None:
    """Measure, write the report, print the targets."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", help="other sizes than these")
    parser.add_argument("--large", action="store_true", help="a million too")
    parser.add_argument("--quick", action="store_true", help=f"one query in {QUICK_EVERY}; no fsck, no backup")
    parser.add_argument("--only", choices=(*PARTS, "report"), action="append", help="parts, in place of all")
    parser.add_argument("--model", choices=sorted(MODELS), action="append", help="models, in place of both")
    parser.add_argument("--database", default="", help="an empty one on PostgreSQL with pgvector, for that peer")
    parser.add_argument("--folder", type=Path, help="where registries are made, and kept; by default nowhere")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    run, parts, models = Run.kept(), options.only or PARTS, options.model or sorted(MODELS)
    sizes = options.sizes or [*SIZES, *([LARGE] if options.large else [])]
    if "counts" in parts:
        for model in models:
            for each in counted(model):
                run.put("counts", model, each.registrations, asdict(each))
    for size in sizes:
        if "peers" in parts:
            for peer in peers.measured(size, options.database):
                run.put("peers", peer.name, size, asdict(peer))
        for model in models:
            if "search" in parts:
                _search(run, model, size, QUICK_EVERY if options.quick else EVERY.get(size, QUICK_EVERY))
            if "route" in parts:
                with _folder(options.folder) as folder:
                    measure_route(run, model, size, folder, quick=options.quick)
    console.print(report.write(run, Path(__file__).parents[1]))


def _search(run: Run, model: str, size: int, every: int) -> None:
    pictures = described()
    for part, plain in (("search", False), ("search as it was", True)):
        if not (plain and size > SIZES[-1]):
            console.print(f"{part}: {size:,} {model}")
            run.put(part, model, size, search_alone(pictures, model, size, every=every, plain=plain))


def measure_route(run: Run, model: str, size: int, scratch: Path, *, quick: bool = False) -> None:
    """Make a registry of this size in `scratch`, unless it is there, and measure it."""
    pictures = described()
    folder = scratch / f"{model}-{size}"
    records = _made(folder, pictures, model, size)

    def put(figures: route.Figures) -> None:
        console.print(f"{size:,} {model}", figures)
        run.put("route", model, size, figures)

    with published(folder):
        pass
    put(route.on_disk(folder, size))
    put(route.start(folder))
    queries = [each for each in pictures.queries if not each.fits]
    queries = queries[:: QUICK_EVERY if quick else EVERY.get(size, QUICK_EVERY)]
    files = list(asked(fits=False, every=QUICK_EVERY if quick else ROUTE_EVERY))
    with bench_registry(folder) as registry:
        put(route.search(registry, records, queries))
        put(route.answers(ObservedRegistry(registry), records, files))
        put(route.memory())
        put(route.written(registry, pictures.pool))
        if not quick:
            put(route.upkeep(registry))
        with registry.store.read() as session:
            rows = assets.by_index(session, [size // 2 + step for step in range(ERASED)])
        put(route.erasure(registry, [row.record_id for row in rows.values()]))
        with registry.store.read() as session:
            put(route.growing(registry.inverted_file.catch_up(session), pictures.pool))


def _made(folder: Path, pictures: Described, model: str, size: int) -> dict[str, bytes]:
    """The records of the photographs that report, in the registry in `folder`, which grew out of a copy of one that has
    these alone."""
    base, draft = folder.parent / "photographs", folder.with_name(f"{folder.name}.partial")
    with bench_registry(base) as registry:
        register_photographs(registry)
        distractors = Distractors.of(registry, pictures.pool, looks())
        records = photograph_records(registry)
    if not folder.exists():
        if not draft.exists():
            shutil.copytree(base, draft)
        distractors.grow(draft, model, size)
        draft.rename(folder)
    return records


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="countermark-scale-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
