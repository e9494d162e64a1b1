"""The report of a run: bench/scale.md and its plots. Every number in it comes from that run."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench.matching.plots import OURS, PEER, save
from bench.scale.run import Run

SEARCH_PLOT, REGISTRY_PLOT = "scale-search.svg", "scale-registry.svg"
MODELS = ("free", "clumped")
TIMES_SMALLER = 8
"""A law is drawn from the largest size, and from the largest of those that are smaller by as much."""

NEAR = 0.15
"""By how much a registry may be smaller or larger than a target's: the table says its size."""


@dataclass(frozen=True)
class Target:
    """What has to hold: the figure of a part at a size, in the model in which it is worst."""

    what: str
    part: str
    size: int
    name: str
    most: float
    unit: str
    scale: float = 1.0


TARGETS = (
    Target("search by local features, 10,000", "search", 10_000, "search_ms", 40, "ms"),
    Target("… aim", "search", 10_000, "search_ms", 10, "ms"),
    Target("search by local features, 100,000", "search", 100_000, "search_ms", 90, "ms"),
    Target("… aim", "search", 100_000, "search_ms", 30, "ms"),
    Target("search by local features, 1,000,000", "search", 1_000_000, "search_ms", 400, "ms"),
    Target("… aim", "search", 1_000_000, "search_ms", 120, "ms"),
    Target("candidates compared for a stranger, 100,000", "route", 100_000, "compared_for_a_stranger", 2, ""),
    Target("files of features a registration, on a host", "route", 100_000, "feature_bytes", 5, "KB", 1e-3),
    Target(
        "longest step by which one registration is taken in, 100,000", "route", 100_000, "longest_step_ms", 50, "ms"
    ),
    Target("opening the files of features, 1,000,000", "search", 1_000_000, "features_opened_seconds", 3, "s"),
    Target("ready after a start, 1,000,000", "route", 1_000_000, "start_cpu_seconds", 3, "s"),
    Target("exact copy, 100,000", "route", 100_000, "exact_ms", 6, "ms"),
    Target("hard altered copy beside its searches, 100,000", "route", 100_000, "altered_ms", 120, "ms"),
    Target("unknown picture beside its searches, 100,000", "route", 100_000, "stranger_ms", 80, "ms"),
    Target("written a registration, in batches, 18,000", "route", 18_000, "written_bytes", 70, "KiB", 1 / 1024),
    Target("an erasure, 1,000,000", "route", 1_000_000, "erasure_seconds", 0.2, "s"),
)

ELSEWHERE = (
    ("an erasure beside reports; a digest that hits nothing; a record's first answer", "python -m bench.verifying"),
    ("single statements over HTTP, p99", "python -m bench.hammer --processes 2 --database …"),
)

LAWS = (
    ("search", "search_ms", "search by local features, median, ms"),
    ("search", "search_p95_ms", "… 95th percentile, ms"),
    ("search as it was", "search_ms", "search as it was, median, ms"),
    ("search", "proposed", "proposals, median"),
    ("route", "exact_ms", "exact copy, ms"),
    ("route", "altered_ms", "hard altered copy beside its searches, ms"),
    ("route", "stranger_ms", "unknown picture beside its searches, ms"),
    ("route", "stranger_searches_ms", "… its searches by local features, ms"),
    ("route", "compared_for_a_stranger", "… candidates compared, mean"),
    ("route", "first_search_seconds", "first search of a process, s"),
    ("route", "own_megabytes", "memory of a process that also examines pictures, MB"),
    ("route", "shared_megabytes", "… files that it shares and has read, MB"),
    ("route", "feature_bytes", "files of local features, B a registration"),
    ("route", "database_bytes", "database, B a registration"),
    ("route", "written_bytes", "written in batches, B a registration"),
    ("route", "appended_ms", "appended in batches, ms a registration"),
    ("route", "longest_step_ms", "longest step that takes in a registration, ms"),
    ("search", "features_opened_seconds", "opening the files of features, s"),
    ("route", "start_cpu_seconds", "ready after a start, s"),
    ("route", "erasure_seconds", "an erasure, s"),
    ("route", "erasure_files_seconds", "… until it has left the files, s"),
    ("route", "fsck_seconds", "fsck, s of wall time"),
    ("route", "backup_seconds", "backup with its check, s of wall time"),
)


def write(run: Run, folder: Path) -> str:
    """Write the report and its plots into `folder`; returns the table of targets."""
    _draw_search(run, folder / SEARCH_PLOT)
    _draw_registry(run, folder / REGISTRY_PLOT)
    targets = _table(("what", "at most", "measured", ""), list(_targets(run)))
    elsewhere = _table(("measured elsewhere", "by"), [(what, f"`{command}`") for what, command in ELSEWHERE])
    text = "\n\n".join(
        [
            "# Scale: how a registry grows",
            _about(),
            "## Targets",
            targets,
            elsewhere,
            "## Recall",
            _recall(run),
            "## Growth laws",
            *(_laws(run, model) for model in MODELS),
            f"![Search by local features]({SEARCH_PLOT})",
            f"![A registry]({REGISTRY_PLOT})",
            "## Counts",
            _counts(run),
            "## Peers",
            _peers(run),
            "## When each part was measured",
            _when(run),
        ]
    )
    (folder / "scale.md").write_text(text + "\n", "utf-8")
    return f"{targets}\n\n{folder / 'scale.md'}"


def _about() -> str:
    return (
        "Written by `python -m bench.scale`. Registered are the 77 photographs that report; all other registrations "
        "are distractors, rows that never were pictures, drawn from the local features of some 400 other real ones: "
        "*free*, each feature alone; *clumped*, parts of two pictures, so that a query meets many registrations that "
        "share much with it. Asked for are 30 of the photographs in eight hard alterations each (crops to a half and "
        "a quarter, screenshots, insets, a collage, a meme on a telephone). Times are of processor time, medians where "
        "nothing else is said, on a machine that was busy with other work: ratios within a part say more than "
        "milliseconds. What is found among *real* pictures was not measured above some 500 of them. Where a size has "
        "few figures, no more of it was measured: the files of features are made and searched without the rest."
    )


def _targets(run: Run) -> Iterator[tuple[str, str, str, str]]:
    for target in TARGETS:
        found = [each for model in MODELS if (each := _nearest(run, target, model)) is not None]
        most = f"{target.most:g} {target.unit}".strip()
        if not found:
            yield target.what, most, "–", "not in this run"
            continue
        value, size = max(found)
        worst = value * target.scale
        among = "" if size == target.size else f", among {size:,}"
        met = "met" if worst <= target.most else "**not met**"
        yield target.what, most, f"{_number(worst)} {target.unit}".strip() + among, met
    for model in MODELS:
        for size, each in run.of("search", model).items():
            before = run.of("search as it was", model).get(size)
            if before is None:
                continue
            asked = int(each["queries"])
            for name, what in (("whole", "by the whole picture"), ("with_parts", "with parts")):
                yield (
                    f"found {what}, {size:,} {model}",
                    f"not fewer than {before[name]:.0f} of {asked}",
                    f"{each[name]:.0f} of {asked}",
                    "met" if each[name] >= before[name] else f"**{before[name] - each[name]:.0f} fewer**",
                )


def _recall(run: Run) -> str:
    rows = []
    for model in MODELS:
        for size in sorted({*run.of("search", model), *run.of("route", model)}):
            row = [f"{size:,} {model}"]
            for part in ("search as it was", "search"):
                each = run.of(part, model).get(size) or (
                    run.of("route", model).get(size, {}) if part == "search" else {}
                )
                known = "whole" in each
                row.append(f"{each['whole']:.0f} · {each['with_parts']:.0f} of {each['queries']:.0f}" if known else "–")
            each = run.of("route", model).get(size, {})
            row.append(f"{each['found']:.0f} of {each['asked']:.0f}" if "found" in each else "–")
            row.append(f"{each['strangers_matched']:.0f} of {each['strangers']:.0f}" if "found" in each else "–")
            rows.append(row)
    head = ("registrations", "search as it was: whole · with parts", "search", "whole route", "strangers matched")
    return (
        "The search proposes eight registrations, of the whole picture and, where the right one was not among these, "
        "of each part. As it was: one list a word, votes up to 20 bits apart, any number of pairs, the same code "
        "otherwise and the same queries. The whole route is `verify_file`: found means that the record is shown as a "
        "match, after comparison.\n\n" + _table(head, rows)
    )


def _laws(run: Run, model: str) -> str:
    sizes = sorted({size for part, _, _ in LAWS for size in run.of(part, model)})
    rows = []
    for part, name, what in LAWS:
        known = {size: each[name] for size, each in run.of(part, model).items() if name in each}
        if part == "search":  # a registry of a million is searched in the route alone
            known |= {
                size: each[name] for size, each in run.of("route", model).items() if name in each and size not in known
            }
        if known:
            rows.append([what, law(known), *(_number(known[size]) if size in known else "–" for size in sizes)])
    if not rows:
        return f"Distractors {model}: not in this run."
    return f"Distractors *{model}*:\n\n" + _table(("what", "law", *(f"{size:,}" for size in sizes)), rows)


def law(known: dict[int, float]) -> str:
    """How a figure grows from one size to one that is ten times as large: as which power of n."""
    large = max(known)
    smaller = [size for size in known if size * TIMES_SMALLER <= large]
    if not smaller or min(known[large], known[max(smaller)]) <= 0:
        return ""
    small = max(smaller)
    power = math.log(known[large] / known[small]) / math.log(large / small)
    return "flat" if abs(power) < 0.1 else f"n^{power:.2f}"


def _when(run: Run) -> str:
    parts: dict[str, list[str]] = {}
    for part, when in run.measured.items():
        parts.setdefault(when, []).append(part)
    return "\n".join(f"- {when}: {'; '.join(sorted(those))}" for when, those in sorted(parts.items()))


def _counts(run: Run) -> str:
    rows = []
    for model in MODELS:
        for size, each in run.of("counts", model).items():
            statements = each["statements"]
            rows.append(
                (
                    f"{size:,} {model}",
                    f"{each['pairs']:,}",
                    *(str(count) for count in statements.values()),
                    f"{each['feature_bytes']:,}",
                    f"{each['database_bytes']:,}",
                )
            )
    if not rows:
        return "Not in this run."
    names = list(
        next(iter(next(run.of("counts", model) for model in MODELS if run.of("counts", model)).values()))["statements"]
    )
    return (
        "What `tests/unit/bench/test_growth.py` holds to its laws: pairs of features that one search compares, in two "
        "mirror states; statements; bytes a registration. The pictures are those of the demonstration.\n\n"
        + _table(
            ("registrations", "pairs", *(f"statements: {name}" for name in names), "features, B", "database, B"), rows
        )
    )


def _peers(run: Run) -> str:
    engines = list(run.figures.get("peers", {}))
    rows = []
    for size in sorted({size for name in engines for size in run.of("peers", name)}):
        for name in engines:
            each = run.of("peers", name).get(size)
            if each is not None:
                found = " · ".join(f"{hits} of {each['asked']}" for hits in each["found"].values())
                rows.append((f"{size:,}", name, _number(each["built_seconds"]), _number(each["search_ms"]), found))
    return (
        "Searching hashes: random codes of 256 bits, a query is one of them with 20 or with 31 bits flipped.\n\n"
        + _table(("codes", "engine", "built, s", "a search, ms", "found at 20 · 31 bits"), rows)
    )


def _nearest(run: Run, target: Target, model: str) -> tuple[float, int] | None:
    """A target's figure, and at which size; a registry that is searched in the route alone counts for the search."""
    parts = (target.part, "route") if target.part == "search" else (target.part,)
    for part in parts:
        known = {size: each[target.name] for size, each in run.of(part, model).items() if target.name in each}
        near = [size for size in known if abs(size / target.size - 1) <= NEAR]
        if near:
            size = min(near, key=lambda size: abs(size - target.size))
            return float(known[size]), size
    return None


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _draw_search(run: Run, path: Path) -> None:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    lines = ((OURS, "o-", "free"), (PEER[2], "s-", "clumped"))
    for colour, style, model in lines:
        for part, mark, words in (("search", style, ""), ("search as it was", style[0] + ":", ", as it was")):
            each = run.of(part, model) | ({} if words else _only(run, model))
            _line(left, each, "search_ms", mark, colour, f"{model}{words}")
        _line(right, run.of("route", model), "stranger_ms", style, colour, f"unknown picture, {model}")
        _line(right, run.of("route", model), "exact_ms", style[0] + ":", colour, f"exact copy, {model}")
    _finish(left, "search by local features, ms")
    _finish(right, "answer beside such searches, ms")
    save(figure, path)


def _only(run: Run, model: str) -> dict[int, dict[str, Any]]:
    """Sizes that were searched in the route alone."""
    return {
        size: each
        for size, each in run.of("route", model).items()
        if "search_ms" in each and size not in run.of("search", model)
    }


def _draw_registry(run: Run, path: Path) -> None:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    route = run.of("route")
    for place, (name, words) in enumerate(
        (
            ("start_cpu_seconds", "ready after a start"),
            ("first_search_seconds", "first search"),
            ("erasure_seconds", "an erasure"),
            ("erasure_files_seconds", "… until out of the files"),
            ("fsck_seconds", "fsck (wall time)"),
        )
    ):
        _line(left, route, name, "o-", ([OURS, *PEER])[place], words)
    for place, (name, words) in enumerate(
        (
            ("database_bytes", "database"),
            ("feature_bytes", "files of features"),
            ("written_bytes", "written in batches"),
        )
    ):
        _line(right, route, name, "o-", ([OURS, *PEER])[place], words)
    _finish(left, "seconds")
    _finish(right, "bytes a registration")
    save(figure, path)


def _line(axes: Any, figures: dict[int, dict[str, Any]], name: str, style: str, colour: str, label: str) -> None:
    known = {size: each[name] for size, each in sorted(figures.items()) if name in each}
    if known:
        axes.plot(list(known), list(known.values()), style, color=colour, markersize=4, label=label)


def _finish(axes: Any, label: str) -> None:
    if not axes.lines:
        return
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("registrations")
    axes.set_ylabel(label)
    axes.grid(linewidth=0.3)
    axes.legend(fontsize=6, frameon=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
