"""What the commands print: data to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from countermark.files import Progress as ProgressCallback
from countermark.models import Report
from provenance.transparency.receipt_verification import ReceiptReport

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """The documented exit statuses."""

    SATISFIED = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3


def print_json(value: object) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def print_json_line(value: object) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.write("\n")
    sys.stdout.flush()


@contextmanager
def upload_bar(name: str, quiet: bool) -> Iterator[ProgressCallback | None]:
    """A bar for one upload; none without a terminal."""
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda sent, total: bar.update(task, completed=sent, total=total)


def print_report(name: str, report: Report) -> None:
    """A verification report, for people, within 80 columns."""
    out.print(f"[bold]{_plain(name)}[/bold]")
    out.print(_plain(report.headline.text))
    out.print()
    axes = Table.grid(padding=(0, 2))
    axes.add_column(no_wrap=True)
    axes.add_column()
    for axis, value in report.axes.items():
        axes.add_row(axis.replace("_", " "), f"[bold]{value.value}[/bold]\n{_plain(value.summary)}")
    out.print(axes)
    for number, match in enumerate(report.matches, 1):
        out.print()
        asset = match.asset
        out.print(f"[bold]match {number}[/bold] {_plain(asset.title or 'untitled')}")
        facts = Table.grid(padding=(0, 2))
        facts.add_column(no_wrap=True)
        facts.add_column()
        facts.add_row("record", asset.id)
        facts.add_row("publisher", f"{_plain(asset.publisher.name)} ({_plain(asset.publisher.identity.established)})")
        facts.add_row("logged", f"{asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, index {asset.index}")
        facts.add_row("standing", f"{match.standing.value}: {_plain(match.standing.detail)}")
        if match.comparison:
            for region in match.comparison.regions:
                box = region.query
                facts.add_row(
                    region.kind,
                    f"left {box.left:.0%}, top {box.top:.0%}, right {box.right:.0%}, bottom {box.bottom:.0%} "
                    f"({region.area:.1%} of the picture)",
                )
        out.print(facts)
    limits = [finding for finding in report.findings if finding.axis == "registration"][:1]
    out.print()
    for finding in limits:
        out.print(f"[dim]Does not show: {_plain(finding.does_not_show)}[/dim]")
    for item in report.not_checked:
        out.print(f"[dim]Not checked: {_plain(item.what)} ({_plain(item.why)})[/dim]")


def print_receipt(report: ReceiptReport) -> None:
    """The steps of checking a receipt, for people."""
    steps = Table.grid(padding=(0, 2))
    for _ in range(2):
        steps.add_column(no_wrap=True)
    steps.add_column()
    for step in report.steps:
        steps.add_row(str(step.number), f"[bold]{step.outcome}[/bold]", f"{step.name}: {_plain(step.detail)}")
    out.print(steps)
    out.print()
    out.print(f"record {report.record_id.hex()}", soft_wrap=True)
    if report.withdrawn:
        out.print("The publisher has withdrawn this registration.")


def _plain(text: str) -> str:
    """A stranger's text: no markup of ours, no control characters of the terminal's."""
    return "".join(c for c in text if c == "\n" or c.isprintable()).replace("[", r"\[")
