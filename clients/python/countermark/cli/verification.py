"""`countermark verify`: pictures, digests and folders."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from countermark.cli import audit, exits, output
from countermark.cli.options import AsJson, AsJsonLines, Quiet, Url
from countermark.cli.service import check_forms, connect, report_error, show_answer
from countermark.cli.views import brief_report_view, report_view
from countermark.content import Content
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, Exit, InvalidRequest, ServiceUnreachable

if TYPE_CHECKING:
    from countermark.audit import Outcome, Send
    from countermark.client import Client
    from countermark.models import Report

_DIGEST = re.compile(r"sha256:([0-9A-Fa-f]{64})")
STANDARD_INPUT = "-"

MAX_UNREACHED = 5
"""Pictures in a row that reached no service after which the others are not asked: each has been tried three times."""

Asked = Annotated[
    list[str],
    typer.Argument(
        metavar="PICTURE",
        help="A file, - for standard input, sha256:DIGEST, or a folder, which is audited.",
        show_default=False,
    ),
]
HashesOnly = Annotated[bool, typer.Option("--hashes-only", help="Send only the SHA-256, not the picture.")]
FullDetail = Annotated[
    bool, typer.Option("--full-detail", help="Compare at full resolution, if the registered picture is kept.")
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Have the service keep each report, whatever was found; it says until when.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="All that a report says.")]


@dataclass(frozen=True)
class How:
    """How each picture is verified."""

    hashes_only: bool
    full_detail: bool
    keep: bool
    quiet: bool


def verify(
    pictures: Asked,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    as_json_lines: AsJsonLines = False,
    hashes_only: HashesOnly = False,
    full_detail: FullDetail = False,
    keep: Keep = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Verify pictures with a service: one in a few lines, several with a line each and totals.

    Example: countermark verify copy.jpg --url https://registry.example

    Example: curl -s https://example.org/copy.jpg | countermark verify -

    Exit status 0 if each matches a current registration without difference.
    """
    folder = next((each for each in pictures if each != STANDARD_INPUT and Path(each).is_dir()), None)
    if folder is not None:
        if as_json or as_json_lines or full_detail or keep or verbose:
            exits.refuse(f"{folder} is a folder, which is audited: see countermark audit --help for its options")
        _audit(pictures, folder, url, "never" if hashes_only else "unsettled", quiet)
    check_forms(pictures, as_json, as_json_lines)
    how, as_text, several = (
        How(hashes_only, full_detail, keep, quiet),
        not (as_json or as_json_lines),
        len(pictures) > 1,
    )
    worst, totals = Exit.SATISFIED, Counter[str]()
    with connect(url) as client:
        for picture, answer in _answers(client, pictures, how):
            outcome = _outcome(answer)
            totals[outcome.bucket.value] += 1
            if as_text and several:
                output.show_line(audit.item_line(outcome, _path(picture)))
            if isinstance(answer, CountermarkError):
                worst = max(worst, report_error(answer, picture, as_json_lines))
                continue
            worst = max(worst, exits.of_report(answer))
            if not as_text:
                show_answer(picture, "report", answer, as_json_lines)
            elif verbose or not several:
                output.show((report_view if verbose else brief_report_view)(_name(picture), answer))
                if answer.url is not None:
                    output.show_line(f"report: {answer.url}")  # whole, however long
    if as_text and several:
        output.show_line(audit.totals_line(totals.total(), totals))
    if unasked := len(pictures) - totals.total():
        output.note(f"{unasked:,} were not asked: the service did not answer {MAX_UNREACHED} times in a row")
    raise typer.Exit(worst)


def _answers(client: "Client", pictures: Sequence[str], how: How) -> "Iterator[tuple[str, Report | CountermarkError]]":
    """What is said of each picture, until the service counts as gone."""
    unreached = 0
    for picture in pictures:
        try:
            yield picture, _verify(client, picture, how)
        except ServiceUnreachable as error:
            unreached += 1
            yield picture, error
        except CountermarkError as error:
            unreached = 0
            yield picture, error
        else:
            unreached = 0
        if unreached == MAX_UNREACHED:
            return


def _verify(client: "Client", picture: str, how: How) -> "Report":
    digest = _DIGEST.fullmatch(picture)
    if digest is not None:
        return client.verify_digests(digest[1].lower(), keep=how.keep)
    source = sys.stdin.buffer if picture == STANDARD_INPUT else Path(picture)
    if how.hashes_only:
        return client.verify_digests(Content.of(source).sha256(), keep=how.keep)
    with output.upload_bar(_name(picture), how.quiet) as progress:
        return client.verify(source, progress=progress, full_detail=how.full_detail, keep=how.keep)


def _name(picture: str) -> str:
    """What people read above its report."""
    if picture == STANDARD_INPUT or _DIGEST.fullmatch(picture):
        return "standard input" if picture == STANDARD_INPUT else picture
    return Path(picture).name


def _path(picture: str) -> str:
    """What names it in its line, as audits do."""
    from countermark.audit.report import shown

    return shown(os.fsencode(picture))


def _outcome(answer: "Report | CountermarkError") -> "Outcome":
    from countermark.audit.buckets import Counts, could_not_check, of_error, of_report

    if isinstance(answer, InvalidRequest):
        return could_not_check("unreadable", str(answer))
    return of_error(answer) if isinstance(answer, CountermarkError) else of_report(answer, Counts())


def _audit(paths: Sequence[str], folder: str, url: str, send: "Send", quiet: bool) -> NoReturn:
    """Audits files and folders; the report has the folder's name, in the working directory."""
    from countermark.audit import Options, Sources

    if any(each == STANDARD_INPUT or _DIGEST.fullmatch(each) for each in paths):
        exits.refuse("a folder is audited with files and folders alone")
    out = Path(f"{Path(folder).resolve().name or 'root'}.audit")
    try:
        sources, options = Sources(paths=paths), Options(url.rstrip("/"), send=send)
    except CountermarkError as error:
        exits.exit_with(error)
    audit.run(sources, out, options, None, quiet)
