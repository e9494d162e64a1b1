"""Views: registrations, reports and receipts for people. Every text of a stranger's goes through `plain`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from countermark.cli.output import plain
from countermark.receipts import MEDIA_STEP
from provenance.transparency.receipt_verification import ReceiptReport

if TYPE_CHECKING:
    from countermark.models import Match, Region, RegisteredAsset, Report


def registration_view(name: str, asset: "RegisteredAsset", saved: Iterable[Path]) -> RenderableType:
    """What was registered, and the files that were saved."""
    facts = [
        ("record", asset.id),
        ("index", f"{asset.index}, logged {asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, {asset.state}"),
        ("publisher", asset.publisher.name),
        *(("saved", str(path)) for path in saved),
    ]
    return Group(_heading(name, "registered" if asset.created else "was registered already"), _facts(facts))


def report_view(name: str, report: "Report") -> RenderableType:
    """A verification report."""
    axes = ((axis.replace("_", " "), f"{value.value}\n{plain(value.summary)}") for axis, value in report.axes.items())
    return Group(
        _heading(name),
        Text(plain(report.headline.text)),
        Text(),
        _facts(axes, multiline=True),
        *(part for number, match in enumerate(report.matches, 1) for part in _match(number, match)),
        Text(),
        *(Text(line, style="dim") for line in _limits(report)),
    )


def receipt_view(report: ReceiptReport) -> RenderableType:
    """The steps of checking a receipt, and what came of them."""
    steps = _grid(3)
    for step in report.steps:
        steps.add_row(str(step.number), Text(step.outcome, style="bold"), Text(f"{step.name}: {plain(step.detail)}"))
    links = report.chain.links if report.chain is not None else ()
    return Group(
        steps,
        Text(),
        _facts([("record", report.record_id.hex()), ("index", str(report.index))]),
        _facts(
            (("made from", f"{link.parent.hex()}\n{link.relation}, {link.state}: {link.detail}") for link in links),
            multiline=True,
        ),
        Text(_conclusion(report), style="bold"),
    )


def _conclusion(report: ReceiptReport) -> str:
    failed = [step.number for step in report.steps if step.outcome == "fails"]
    if failed == [MEDIA_STEP]:
        return "The receipt is about another picture."
    if not report.holds:
        return "The receipt does not hold."
    if report.withdrawn:
        return "The receipt holds, and its publisher has withdrawn the registration."
    if report.disputed:
        return "The receipt holds, and another publisher disputes the registration."
    if not report.log_key_pinned:
        return (
            "The receipt holds if its log key is the right one, which is its own word. "
            "Give the key that you know the log by: --vkey"
        )
    if report.chain is None or not report.chain.complete:
        return "The receipt holds. What the picture was made from is not proven up to its origins."
    return "The receipt holds."


def _match(number: int, match: "Match") -> Iterator[RenderableType]:
    asset = match.asset
    publisher = asset.publisher
    yield Text()
    yield _heading(f"match {number}", plain(asset.title or "untitled"))
    yield _facts(
        [
            ("record", asset.id),
            ("publisher", f"{publisher.name} ({publisher.identity.established})"),
            ("logged", f"{asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, index {asset.index}"),
            ("standing", f"{match.standing.value}: {match.standing.detail}"),
            *((region.kind, _place(region)) for region in (match.comparison.regions if match.comparison else ())),
        ]
    )


def _place(region: "Region") -> str:
    box = region.query
    return (
        f"left {box.left:.0%}, top {box.top:.0%}, right {box.right:.0%}, bottom {box.bottom:.0%} "
        f"({region.area:.1%} of the picture)"
    )


def _limits(report: "Report") -> Iterator[str]:
    for finding in report.findings[:1]:
        yield f"Does not show: {plain(finding.does_not_show)}"
    for item in report.not_checked:
        yield f"Not checked: {plain(item.what)} ({plain(item.why)})"


def _heading(name: str, rest: str = "") -> Text:
    return Text.assemble((plain(name), "bold"), f" {rest}" if rest else "")


def _facts(facts: Iterable[tuple[str, str]], *, multiline: bool = False) -> Table:
    """Names and values; a record's 64 digits fit beside names of up to 14 characters."""
    grid = _grid(2)
    for name, value in facts:
        first, _, rest = value.partition("\n") if multiline else ("", "", value)
        grid.add_row(plain(name), Text.assemble((first, "bold"), "\n" if first else "", plain(rest)))
    return grid


def _grid(columns: int) -> Table:
    """The last column wraps, the others do not."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(columns - 1):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
