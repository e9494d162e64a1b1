"""`make demo`: registers photographs as a newsroom, verifies copies as readers, and writes a report.

Exit status 0 only if each verdict is the expected one.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from countermark import Client
from countermark.cli.views import language
from countermark.models import Asset, Comparison, Region, Report, read
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from demo import alterations
from demo.cases import CASES, CHANGED, REGISTERED, Case
from demo.report import own_words, write_report
from demo.service import running_service

REPORT = Path(__file__).parent / "report.html"


@dataclass(frozen=True)
class Shown:
    """The registered picture shown beside a case, and where they differ. `older`: it is older than the match's."""

    asset: Asset
    thumbnail: bytes
    regions: tuple[Region, ...]
    older: bool


@dataclass(frozen=True)
class Outcome:
    """The result of a case. `unexpected` maps an axis to (expected, found), and is empty if all are as expected."""

    case: Case
    picture: bytes
    report: Report
    shown: Shown | None
    difference: bytes | None
    unexpected: dict[str, tuple[str, str]]
    seconds: float


def main() -> int:
    """Runs the demonstration; returns the exit status."""
    output, progress_output = Console(), Console(stderr=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="countermark-demo-") as scratch:
        progress_output.print("Starting the service …")
        with (
            running_service(Path(scratch) / "data") as service,
            Client(service.url, api_key=service.api_key) as client,
            Progress(console=progress_output, transient=True, disable=not progress_output.is_terminal) as progress,
        ):
            registered: dict[str, str] = {}
            copies: dict[str, bytes] = {}
            for photograph in progress.track(REGISTERED, description="Registering"):
                asset = client.register(
                    photograph.path, title=photograph.title, credit=photograph.credit, licence=photograph.licence
                )
                registered[photograph.file] = asset.id
                copies[photograph.file] = client.credentialed(asset.id)
            with Client(service.url, api_key=service.enrol("echo", "The Demonstration Echo")) as echo:
                registered[CHANGED] = echo.register(alterations.copy_without_the_rocket(), title="A pad at dusk").id
            outcomes = [
                _verify(client, case, copies, registered) for case in progress.track(CASES, description="Verifying")
            ]
    write_report(REPORT, outcomes, len(REGISTERED))
    output.print(table_of(outcomes))
    failed = [outcome for outcome in outcomes if outcome.unexpected]
    for outcome in failed:
        for axis, (expected, found) in outcome.unexpected.items():
            output.print(f"({outcome.case.letter}) {axis}: expected {expected}, found {found}", style="bold")
    output.print(
        f"{len(REGISTERED)} photographs and a changed copy registered, {len(outcomes)} pictures verified in "
        f"{time.monotonic() - started:.0f} s; {len(outcomes) - len(failed)} of {len(outcomes)} verdicts as expected."
    )
    output.print(f"Report with the pictures and their differences: {REPORT}", soft_wrap=True)
    return 1 if failed else 0


def _verify(client: Client, case: Case, copies: dict[str, bytes], registered: dict[str, str]) -> Outcome:
    picture = case.file(copies)
    started = time.monotonic()
    report = client.verify(picture)
    seconds = time.monotonic() - started
    first = report.matches[0] if report.matches else None
    found = {"headline": report.headline.code} | {axis: value.value for axis, value in report.axes.items()}
    unexpected = {axis: (value, found[axis]) for axis, value in case.expected.items() if found[axis] != value}
    leads_to = registered.get(case.leads_to) if case.leads_to else None
    if (first.asset.id if first else None) != leads_to:
        unexpected["record"] = (case.leads_to or "none", first.asset.title or first.asset.id if first else "none")
    older = registered.get(case.older) if case.older else None
    if report.older_registration != older:
        unexpected["older record"] = (case.older or "none", report.older_registration or "none")
    return Outcome(
        case=case,
        picture=picture,
        report=report,
        shown=_shown(client, report),
        difference=client.difference(report.id) if first and first.difference_url else None,
        unexpected=unexpected,
        seconds=seconds,
    )


def _shown(client: Client, report: Report) -> Shown | None:
    """The registered picture to show beside a case: an older one that the headline is about, else the match's."""
    if not report.matches:
        return None
    compared, asset, older = report.matches[0].comparison, report.matches[0].asset, report.older
    if older is not None:
        asset = client.asset(older.id)
        compared = read(Comparison, older.comparison) if older.comparison else None
    return Shown(asset, client.thumbnail(asset.id), compared.regions if compared else (), older=older is not None)


def table_of(outcomes: list[Outcome]) -> Table:
    words = own_words()
    table = Table(title=words["heading"], show_lines=True)
    for name, width in (("", 1), (words["picture"], 16), (words["verdict"], 42), (words["expected"], 8)):
        table.add_column(name, width=width)
    for outcome in outcomes:
        axes, told = outcome.report.axes, outcome.report.headline.wording(language())
        table.add_row(
            outcome.case.letter,
            words["cases"][outcome.case.letter],
            f"[bold]{outcome.report.headline.code}[/bold]\n{told.text if told else outcome.report.headline.text}\n"
            f"[dim]credential {axes.credential.value} · origin {axes.declared_origin.value} · "
            f"proof {axes.proof.value}[/dim]",
            words["no" if outcome.unexpected else "yes"],
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
