"""Printing: data on standard output."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from registry.usecases.maintenance.fsck import Defect

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_findings(findings: "Iterable[Defect]", as_json: bool, about: str = "") -> None:
    """Prints findings as they are made, then their number after what it is `about`. Raises Exit where there are any."""
    found = 0
    for found, finding in enumerate(findings, 1):  # noqa: B007  (counted)
        line = {"kind": finding.kind, "name": finding.name, "detail": finding.detail}
        typer.echo(json.dumps(line) if as_json else printable("  ".join(line.values())))
    typer.echo(f"{about}{found} findings", err=True)
    if found:
        raise typer.Exit(1)


def printable(text: str) -> str:
    """Untrusted text with control characters escaped, so that it cannot control a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
