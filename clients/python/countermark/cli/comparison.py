"""`countermark compare`: two files of one's own."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli import exits, output
from countermark.cli.options import AsJson, Quiet, Url
from countermark.cli.service import connect
from countermark.cli.views import comparison_view
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, UnexpectedAnswer

if TYPE_CHECKING:
    from countermark.models import FileComparison

_PNG = "data:image/png;base64,"

File = Annotated[Path, typer.Argument(metavar="FILE", help="The picture whose regions are named.", show_default=False)]
Reference = Annotated[Path, typer.Argument(metavar="REFERENCE", help="What it is compared with.", show_default=False)]
Difference = Annotated[
    Path | None,
    typer.Option("--difference", metavar="PNG", help="Save an overlay for FILE, most opaque where it differs most."),
]
FullDetail = Annotated[bool, typer.Option("--full-detail", help="Compare both as a whole, at full resolution.")]


def compare(
    file: File,
    reference: Reference,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    full_detail: FullDetail = False,
    difference: Difference = None,
    quiet: Quiet = False,
) -> None:
    """Compare two pictures of your own; neither is looked up or kept, so nobody vouches for either.

    Example: countermark compare received.jpg sent.jpg --difference where.png

    Exit status 0 if no difference is found, also inside a larger picture; 1 if one is, or the two share no part.
    """
    with connect(url) as client:
        try:
            with output.upload_bar(f"{file.name}, {reference.name}", quiet) as progress:
                compared = client.compare(file, reference, progress=progress, full_detail=full_detail)
            if difference is not None:
                _save_overlay(difference, compared)
        except CountermarkError as error:
            exits.exit_with(error)
    if as_json:
        from countermark.models import dump

        output.show_json(dump(compared))
    else:
        output.show(comparison_view(file.name, reference.name, compared))
    raise typer.Exit(exits.of_comparison(compared))


def _save_overlay(path: Path, compared: "FileComparison") -> None:
    """Raises InvalidRequest for a path that cannot be written, UnexpectedAnswer."""
    if compared.difference is None:
        output.note(f"{path} is not written: there are no differences to draw")
        return
    try:
        drawn = base64.b64decode(compared.difference.removeprefix(_PNG), validate=True)
    except ValueError as error:
        raise UnexpectedAnswer("the service drew the differences in a form that is not known here") from error
    output.save(path, drawn)
