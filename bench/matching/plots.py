"""The plots of the report: SVG, the same bytes for the same run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.matching.findings import Proportion
from bench.matching.scale import Scale

mpl.rcParams["svg.hashsalt"] = "countermark"
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["font.size"] = 9

OURS, PEER = "#0b6e4f", ("#8a8a8a", "#b9b9b9", "#c98a2b", "#e3c16f", "#7a6fb0")
_MARKS = ("|", "x", "s", "^", "v")


def draw_recall(path: Path, ours: Mapping[str, Proportion], peers: Mapping[str, Mapping[str, Proportion]]) -> None:
    """One row a transform: ours with its interval, the peers as marks."""
    names = list(ours)
    figure = Figure(figsize=(8, 0.17 * len(names) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(names))
    for (peer, recalls), colour, mark in zip(peers.items(), PEER, _MARKS, strict=False):
        axes.plot([recalls[name].rate for name in names], places, mark, color=colour, markersize=4, label=peer)
    rates = [ours[name].rate for name in names]
    low, high = zip(*(ours[name].interval for name in names), strict=True)
    reach = [[rate - each for rate, each in zip(rates, low, strict=True)]]
    reach.append([each - rate for rate, each in zip(rates, high, strict=True)])
    axes.errorbar(rates, places, xerr=reach, fmt="o", color=OURS, markersize=4, linewidth=1, label="Countermark")
    axes.set_yticks(places, names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("recall (bars: 95 % interval)")
    axes.grid(axis="x", linewidth=0.3)
    axes.margins(y=0.01)
    figure.legend(loc="outside upper center", ncols=6, fontsize=7, frameon=False)
    save(figure, path)


def draw_scale(path: Path, scales: Sequence[Scale]) -> None:
    """Milliseconds of a search in eight orientations, and megabytes, by number of codes."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, colour in (("multi-index", OURS), ("scan", PEER[2])):
        measured = [scale for scale in scales if scale.index == index]
        codes = [scale.codes for scale in measured]
        left.plot(codes, [scale.eight for scale in measured], "o-", color=colour, label=f"{index}, 8 orientations")
        left.plot(codes, [scale.one for scale in measured], "o:", color=colour, label=f"{index}, one hash")
        right.plot(codes, [scale.megabytes or 0 for scale in measured], "o-", color=colour, label=index)
    for axes, label in ((left, "milliseconds, median"), (right, "megabytes")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("codes")
        axes.set_ylabel(label)
        axes.grid(linewidth=0.3)
        axes.legend(fontsize=6, frameon=False)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
