"""The report of a run: bench/matching.md and its plots. Every number in it comes from that run, or names its source."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

from numpy import quantile

from bench.matching import findings, plots
from bench.matching.findings import Proportion, upper_bound
from bench.matching.run import Run
from bench.matching.transforms import TRANSFORMS
from bench.template_rates import KINDS, by_kind
from registry.search.codes import RADIUS

RECALL_PLOT, SCALE_PLOT = "matching-recall.svg", "matching-scale.svg"
SCREENSHOTS = ("telephone screenshot", "desktop screenshot")

_STAGES = {
    "examine_file": "decode, fingerprints, credentials, marks",
    "compare_references": "compare with all candidates",
    "describe_parts": "look for parts and describe them",
    "whole": "**the whole verification**",
}


def write(run: Run, folder: Path) -> str:
    """Write the report into `folder`, and return its summary."""
    matched, compared = (findings.by_transform(run.rows, method) for method in findings.ours())
    methods, thresholds = findings.peers([row for row in run.rows if row.registered], run.originals)
    peers = {method.name: findings.by_transform(run.rows, method) for method in methods}
    plots.draw_recall(folder / RECALL_PLOT, matched, peers)
    plots.draw_scale(folder / SCALE_PLOT, run.scales)
    summary = _summary(run, matched, peers)
    text = "\n\n".join(
        [
            "# Matching: does every copy lead back to its record, and nothing else?",
            _about(run),
            "## Summary",
            summary,
            "## Recall by transform",
            _how(run, thresholds),
            f"![Recall by transform]({RECALL_PLOT})",
            _recall(matched, compared, peers),
            "## False matches",
            _false(run),
            "## Templates",
            _templates(run),
            "## Time of a verification",
            _time(run),
            "## Searching by hash at scale",
            _scale(run),
            f"![Searching by hash at scale]({SCALE_PLOT})",
            "## Differences shown",
            _differences(),
        ]
    )
    (folder / "matching.md").write_text(text + "\n", "utf-8")
    return f"{summary}\n\n{folder / 'matching.md'}"


def _about(run: Run) -> str:
    packages = ", ".join(f"{package} {count}" for package, count in run.packages.items())
    return (
        f"Written by `{run.command}` on {run.date}, revision {run.revision}, {run.machine}. Times are milliseconds of "
        "processor time, one thread: other work on the machine does not count, but slows it through the caches.\n\n"
        f"**Pictures.** {run.reporting} photographs that nothing was fitted on ({packages}), each at "
        f"1,024 pixels altered in {len({row.transform for row in run.rows} - {'piece'})} ways by a generator seeded "
        f"with its digest. Three folds: each registers {run.registered} photographs and leaves out a third of those, "
        "which are then asked for as strangers. Intervals are 95 % (Wilson); bounds of what was not seen are 95 %, "
        "one-sided. Queries of one photograph are not independent of each other, so that intervals are narrower than "
        "those for new photographs would be.\n\n"
        f"**Limits of this run.** {_part(run)}The registries are small: a larger one has more pictures that might be "
        "taken for another. The transforms are made by programs, the screenshots are drawn."
    )


def _part(run: Run) -> str:
    if "--quick" not in run.command and "--every" not in run.command:
        return ""
    return f"It asked for {run.reporting} photographs only: intervals are wide, and single transforms say little. "


def _summary(run: Run, matched: Mapping[str, Proportion], peers: Mapping[str, Mapping[str, Proportion]]) -> str:
    ours = findings.mean(matched)
    screens = findings.mean({name: each for name, each in matched.items() if name in SCREENSHOTS})
    wrong = findings.wrong(run.rows, run.registered)
    accepted = sum(each.accepted for each in run.forged)
    rows = [
        ("recall, mean over all transforms", "≥ 98.5 %", _percent(ours)),
        ("both kinds of screenshot", "≥ 95 %", _percent(screens) if screens.n else "not in this run"),
        ("strangers given a match", "0", f"{len(wrong.accepted)} of {wrong.strangers:,}"),
        ("wrong records, pairs", "0 in 10⁵", f"{len(wrong.matches)} of {wrong.pairs:,}"),
        ("forged PDQ collisions accepted", "0", f"{accepted} of {len(run.forged)}"),
        *_shared_layouts(run),
        *_speed(run),
    ]
    times = [row.milliseconds["whole"] for row in run.rows if row.photograph in row.matched]
    if times:
        answer = f"median {median(times):.0f} ms, 95th percentile {quantile(times, 0.95):.0f} ms"
        rows.append(("answer for a web picture that matched", "≤ 15 ms by PDQ, ≤ 80 ms otherwise", answer))
    rows += [(f"recall of {name}, same pictures", "–", _percent(findings.mean(each))) for name, each in peers.items()]
    return _table(("what", "target", "measured"), rows)


def _shared_layouts(run: Run) -> Iterable[tuple[str, str, str]]:
    for kind in KINDS if run.templates else ():
        matched = [each.matches[kind] for each in run.templates if each.what == "other content"]
        yield f"templates of other content called a match, by the {kind}", "≤ 1 %", f"{sum(matched)} of {len(matched)}"


def _speed(run: Run) -> Iterable[tuple[str, str, str]]:
    for codes, target in ((10**6, "≤ 1 ms"), (10**7, "≤ 8 ms")):
        for scale in run.scales:
            if scale.index == "multi-index" and scale.codes == codes:
                name = f"search of {codes:,} codes, exact to {RADIUS} bits, median"
                yield name, target, f"{scale.one:.2f} ms; in eight orientations {scale.eight:.1f} ms"
                if codes == 10**7:
                    yield "memory of that index", "≤ 1 GB", f"{scale.megabytes or 0:,.0f} MB"


def _how(run: Run, thresholds: Sequence[findings.PeerThreshold]) -> str:
    rows = [
        (each.name, f"{each.threshold} of {each.bits} bits", f"{each.false:,} of {each.pairs:,}") for each in thresholds
    ]
    return (
        "Found means: the record of the photograph itself is reported as a match, after its sketch was compared. "
        "“Compared” is what the search proposed, and bounds it. A peer has found a photograph when its hash lies "
        f"within the peer's threshold: the largest that lets through at most {findings.FALSE_MATCH_RATE:.0e} of the "
        "pairs of different pictures in this run, and for PDQ also the 31 bits of Hasher-Matcher-Actioner. PDQ here is "
        f"{run.pdq_source}.\n\n" + _table(("peer", "threshold", "different pictures within it"), rows)
    )


def _recall(
    matched: Mapping[str, Proportion],
    compared: Mapping[str, Proportion],
    peers: Mapping[str, Mapping[str, Proportion]],
) -> str:
    families = {transform.name: transform.family for transform in TRANSFORMS}
    rows = []
    for name, each in matched.items():
        low, high = each.interval
        shown = [f"{recalls[name].rate:.3f}" for recalls in peers.values()]
        interval = f"{low:.3f}–{high:.3f}"
        rows.append(
            (families[name], name, str(each.n), f"**{each.rate:.3f}**", interval, f"{compared[name].rate:.3f}", *shown)
        )
    return _table(("family", "transform", "n", "found", "95 %", "compared", *peers), rows)


def _false(run: Run) -> str:
    wrong = findings.wrong(run.rows, run.registered)
    lines = [
        f"- {wrong.queries:,} queries of registered photographs make {wrong.pairs:,} pairs with records of other "
        f"pictures: **{len(wrong.matches)} were reported as a match** ({_bound(len(wrong.matches), wrong.pairs)}).",
        f"- {wrong.strangers:,} queries of photographs that are not registered: **{len(wrong.accepted)} were given a "
        f"match** ({_bound(len(wrong.accepted), wrong.strangers)}).",
        f"- {wrong.compared:,} pairs of different pictures came to a comparison.",
    ]
    lines += [
        f"  - {transform}: {asked[:12]}… taken for {given[:12]}…"
        for transform, asked, given in wrong.matches + wrong.accepted
    ]
    within = [each for each in run.forged if each.distance <= RADIUS]
    if run.forged:
        lines.append(
            f"- Forged collisions: of {len(run.forged)} pairs, {len(within)} forgeries lie within {RADIUS} bits of the "
            f"hash they were made for (median PSNR {median(each.psnr for each in run.forged):.1f} dB); "
            f"{sum(each.compared for each in within)} of those were compared with that record's sketch, and "
            f"**{sum(each.accepted for each in run.forged)} were accepted**."
        )
    return "\n".join(lines)


def _templates(run: Run) -> str:
    """One row a kind: other content, then copies; and the edits that must not be taken for a mere layout."""
    if not run.templates:
        return "Not in this run."
    head = [f"{what}, by the {kind}" for what in ("taken for a match", "copies that match") for kind in KINDS]
    counts = [by_kind(run.templates, what, kind) for what in ("other content", "copy") for kind in KINDS]
    rows = [(name, *(_counted(each[name]) for each in counts)) for name in counts[0]]
    rows.append(("**all**", *(_counted([sum(each) for each in zip(*by.values(), strict=True)]) for by in counts)))
    kept = [by_kind(run.templates, "edited", kind) for kind in KINDS]
    edits = [(name, *(_counted(each[name]) for each in kept)) for name in kept[0]]
    return (
        "One layout drawn twice with other content (`bench/newsroom_templates.py`), around photographs that report; no "
        "threshold was chosen on these kinds. Taken for a match: the one is said to show the other, and not to share "
        "its layout alone.\n\n"
        + _table(("kind", *head), rows)
        + "\n\nPhotographs of which a part was replaced have to stay matches:\n\n"
        + _table(("replaced", *(f"match by the {kind}" for kind in KINDS)), edits)
    )


def _counted(count: Sequence[int]) -> str:
    return f"{count[0]} of {count[1]}"


def _time(run: Run) -> str:
    stages = findings.quantiles(row for row in run.rows if row.transform != "piece")
    order = sorted(stages, key=lambda stage: (stage == "whole", -stages[stage][1]))
    rows = [
        (_STAGES.get(stage, stage), f"{stages[stage][0]:,}", f"{stages[stage][1]:.1f}", f"{stages[stage][2]:.1f}")
        for stage in order
    ]
    return (
        "Pictures of about 1,024 pixels. The rest of the whole is reading and proving records, writing the report "
        "and committing it.\n\n" + _table(("stage", "queries", "median ms", "95th percentile ms"), rows)
    )


def _scale(run: Run) -> str:
    rows = [
        (
            f"{scale.codes:,}",
            scale.index,
            f"{scale.one:.2f} / {scale.one_late:.2f}",
            f"{scale.eight:.2f} / {scale.eight_late:.2f}",
            "–" if scale.megabytes is None else f"{scale.megabytes:,.0f}",
            f"{scale.build:.1f}",
            "–" if scale.merge is None else f"{scale.merge:.2f}",
        )
        for scale in sorted(run.scales, key=lambda scale: (scale.codes, scale.index))
    ]
    return (
        "Random codes; a query is one of them with 31 bits flipped, alone, or with seven random hashes as a picture's "
        "other orientations. The multi-index is exact to 31 bits (a property test holds it to brute force); the scan "
        "reaches further and pays for it with each code.\n\n"
        + _table(
            (
                "codes",
                "index",
                "one hash: median / 95th ms",
                "eight: median / 95th ms",
                "MB held",
                "s to fill",
                "s to merge 8,193 more",
            ),
            rows,
        )
    )


def _differences() -> str:
    document: dict[str, Any] = json.loads(files("provenance.media").joinpath("calibration.json").read_text("utf-8"))
    parts = [
        "From `provenance/media/calibration.json`, which `python -m bench.calibrate_comparison` writes: "
        f"{document['corpus']['summary']}. Found, with the 95 % interval, of how many; and the mean overlap (IoU) of "
        "what is drawn with what was edited, where it was found."
    ]
    for reference, measured in document.get("references", {"sketch": document}).items():
        rates = measured["rates"]
        alarms = rates["false_alarms"]
        parts.append(
            f"Against the {reference}: a false alarm in {100 * alarms['rate']:.2f} % of {alarms['n']:,} copies without "
            "an edit."
        )
        by_kind = {"all edits": rates["edits_found"], **rates.get("found_by_kind", {})}
        sizes = [f"{100 * low:.1f} to {100 * high:.0f} % of the area" for low, high in _areas(rates["edits_found"])]
        parts.append(_table(("kind", *sizes), [(kind, *map(_found, each)) for kind, each in by_kind.items()]))
    return "\n\n".join(parts)


def _areas(found: Iterable[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(each["area"][0], each["area"][1]) for each in found]


def _found(each: dict[str, Any]) -> str:
    if not each["n"]:
        return "–"
    overlap = f", IoU {each['iou_mean']:.2f}" if each["iou_mean"] is not None else ""
    return f"{each['rate']:.2f} ({each['interval'][0]:.2f}–{each['interval'][1]:.2f}) of {each['n']}{overlap}"


def _percent(each: Proportion) -> str:
    low, high = each.interval
    return f"{100 * each.rate:.1f} % of {each.n:,} ({100 * low:.1f} to {100 * high:.1f})"


def _bound(hits: int, n: int) -> str:
    return f"rate below {upper_bound(n):.1e}" if not hits else f"at most {Proportion(hits, n).interval[1]:.1e}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
