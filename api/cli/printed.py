"""What commands print: data on standard output.

Progress of long commands: a bar on standard error, where that is a terminal.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from registry.usecases.maintenance.fsck import Progress

if TYPE_CHECKING:
    from registry.usecases.maintenance.fsck import Finding

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_findings(findings: "Iterable[Finding]", as_json: bool) -> int:
    """Print findings as they come; returns their number."""
    found = 0
    for found, finding in enumerate(findings, 1):  # noqa: B007  (counted)
        line = {"kind": finding.kind, "name": finding.name, "detail": finding.detail}
        typer.echo(json.dumps(line) if as_json else printable("  ".join(line.values())))
    return found


def printable(text: str) -> str:
    """Text of which a stranger may have written a part, without what a terminal obeys: it is escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A `Progress` that draws one bar for each stage, and nothing where nobody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield progress
