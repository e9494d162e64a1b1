"""Commands that register pictures: single ones, and whole folders."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from countermark.cli import exits, output
from countermark.cli.claims import states_claims
from countermark.cli.options import API_KEY_VARIABLE, ApiKey, AsJson, AsJsonLines, Quiet, Url
from countermark.cli.own_key import OwnKeyFile, signer_of
from countermark.cli.service import check_forms, connect, report_error, show_answer
from countermark.cli.views import registration_view
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, Exit, StoreUnavailable

if TYPE_CHECKING:
    from countermark.claims import Claims
    from countermark.client import Client
    from countermark.models import RegisteredAsset
    from countermark.newsroom import Item, Options
    from provenance.statement.keys import Signer

Paths = Annotated[
    list[Path], typer.Argument(metavar="FILE|DIR…", help="Pictures, or folders of them.", show_default=False)
]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Save receipts and signed copies here; folders need it."),
]

_FOLDERS = "Folders"
MapFile = Annotated[
    Path | None,
    typer.Option(
        "--map", metavar="CSV", help="What is stated of each file: `file`, and claims.", rich_help_panel=_FOLDERS
    ),
]
RenditionsOf = Annotated[
    str | None,
    typer.Option(
        metavar="RECORD|largest",
        help="Recognise forms of this picture, or of the largest of the files that show one.",
        rich_help_panel=_FOLDERS,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Such files of folders, not all pictures.", rich_help_panel=_FOLDERS),
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="No such files or folders.", rich_help_panel=_FOLDERS)
]
InFlight = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", help="Registrations at a time.", rich_help_panel=_FOLDERS)
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget what the folder has, and begin anew.", rich_help_panel=_FOLDERS)
]

LABELS = {
    "registered": "Registered",
    "registered_before": "Registered before",
    "repeated": "Repeated",
    "changed_claims": "Other claims than before",
    "left_out": "Left out",
    "failed": "Failed",
    "not_done": "Not done",
}
_QUIET = ("registered", "registered_before")


@states_claims(of_one=True)
def register(
    files: Paths,
    claims: "Claims",
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    key: OwnKeyFile = None,
    folder: OutFolder = None,
    table: MapFile = None,
    renditions_of: RenditionsOf = None,
    include: Include = None,
    exclude: Exclude = None,
    in_flight: InFlight = 4,
    restart: Restart = False,
    as_json: AsJson = False,
    as_json_lines: AsJsonLines = False,
    quiet: Quiet = False,
) -> None:
    """Register pictures; with --out, save each receipt and signed copy.

    Example: countermark register picture.jpg --title "Path below the Picos" --out kept/

    Of folders every picture is registered once: the same command goes on where it was.

    Example: countermark register archive/ --map captions.csv --out kept/
    """
    need_key(api_key)
    titled = "title" in claims or "caption" in claims
    if not (any(file.is_dir() for file in files) or table is not None or renditions_of is not None):
        check_forms(files, as_json, as_json_lines)
        _check_several(files, folder, titled=titled)
        sending = _Sending(connect(url, api_key), claims, signer_of(key, claims), quiet)
        _register_files(files, sending, folder, as_json, as_json_lines)
    if folder is None:
        exits.refuse("folders, --map and --renditions-of need --out: a folder for receipts and the state")
    if titled or as_json:
        exits.refuse("--title, --caption and --json are for one picture: use --map and --jsonl")
    from countermark.newsroom import Options

    options = Options(
        url=url.rstrip("/"),
        api_key=api_key,
        claims=claims,
        signer=signer_of(key, claims),
        table=_read_map(table),
        renditions_of=renditions_of,
        include=include or (),
        exclude=exclude or (),
        in_flight=in_flight,
        restart=restart,
    )
    _register_folders(files, folder, options, as_json_lines, quiet)


def need_key(api_key: str | None) -> str:
    """The API key; ends the command without one."""
    if api_key is None:
        exits.refuse(f"registering needs an API key: --api-key, or the variable {API_KEY_VARIABLE}")
    return api_key


@dataclass(frozen=True)
class _Sending:
    """How single pictures are registered: `signer` holds the publisher's own key, if it has one."""

    client: "Client"
    claims: "Claims"
    signer: "Signer | None"
    quiet: bool

    def register(self, file: Path) -> "RegisteredAsset":
        """Uploads and registers a picture; what it says of itself is told before it is signed."""
        from countermark.newsroom.registering import says, understood

        with output.upload_bar(file.name, self.quiet) as progress:
            uploaded = self.client.upload(file, progress=progress)
        for line in says(file.name, uploaded, self.claims):
            output.note(line)
        claims = understood(uploaded, self.claims)
        if self.signer is None:
            return self.client.register(uploaded, **claims)
        return self.client.register_signed(file, self.signer, uploaded=uploaded, **claims)


def _register_files(
    files: list[Path], sending: _Sending, folder: Path | None, as_json: bool, as_json_lines: bool
) -> NoReturn:
    worst = Exit.SATISFIED
    with sending.client as client:
        for file in files:
            try:
                asset = sending.register(file)
            except CountermarkError as error:
                worst = max(worst, report_error(error, file, as_json_lines))
                continue
            saved, status = ([], Exit.SATISFIED) if folder is None else _save(client, asset, file, folder)
            worst = max(worst, status)
            if as_json or as_json_lines:
                show_answer(file, "asset", asset, as_json_lines)
            else:
                output.show(registration_view(file.name, asset, saved))
    raise typer.Exit(worst)


def _check_several(files: list[Path], folder: Path | None, *, titled: bool) -> None:
    if len(files) > 1 and titled:
        exits.refuse("--title and --caption can be given for one picture only")
    if folder is not None and len({file.name for file in files}) < len(files):
        exits.refuse("--out cannot save the receipts of two files with the same name")


def _save(client: "Client", asset: "RegisteredAsset", file: Path, folder: Path) -> tuple[list[Path], Exit]:
    """The files that were saved of a registration; if one cannot be saved, the registration still stands."""
    from countermark.newsroom.registering import files_of

    saved: list[Path] = []
    try:
        for name, ask in files_of(asset, file.name):
            output.save(folder / name, ask(client))
            saved.append(folder / name)
    except CountermarkError as error:
        output.explain(error, file)
        return saved, error.exit_status
    return saved, Exit.SATISFIED


def _read_map(table: Path | None) -> "dict[bytes, Claims]":
    from countermark.newsroom.claims_table import read_map

    try:
        return {} if table is None else read_map(table)
    except CountermarkError as error:
        exits.exit_with(error)


def _register_folders(
    files: list[Path], folder: Path, options: "Options", as_json_lines: bool, quiet: bool
) -> NoReturn:
    from countermark.cli.audit import ProgressLine
    from countermark.newsroom import register_folders

    line = ProgressLine(quiet)
    totals: Counter[str] = Counter()
    try:
        for item in register_folders(files, folder, options, tell=line.tell, watch=line.watch):
            line.clear()
            totals[item.outcome or "not_done"] += 1
            _show_item(item, as_json_lines)
    except KeyboardInterrupt:
        line.tell(f"interrupted: what was done is in {folder}; the same command goes on")
        raise typer.Exit(Exit.INCOMPLETE) from None
    except CountermarkError as error:
        line.clear()
        output.explain(error)
        told = isinstance(error, StoreUnavailable)
        raise typer.Exit(Exit.INCOMPLETE if told else error.exit_status) from error
    line.clear()
    summed = ", ".join(f"{number:,} {LABELS[name].lower()}" for name in LABELS if (number := totals[name]))
    pictures = "1 picture" if totals.total() == 1 else f"{totals.total():,} pictures"
    output.note(f"{pictures}: {summed or 'none'}; {folder / 'records.csv'}")
    raise typer.Exit(_status(totals))


def _show_item(item: "Item", as_json_line: bool) -> None:
    outcome = item.outcome or "not_done"
    if as_json_line:
        values = {"outcome": outcome, "detail": item.detail, "sha256": item.sha256}
        output.show_json_line({"file": item.path, **values, "record": item.record, "index": item.index})
    elif outcome not in _QUIET:
        output.show_line(f"{LABELS[outcome]}: {item.path}{f' ({item.detail})' if item.detail else ''}")


def _status(totals: "Counter[str]") -> Exit:
    from countermark.newsroom.folders import FINDINGS

    if totals["not_done"]:
        return Exit.INCOMPLETE
    return Exit.FINDINGS if any(totals[name] for name in FINDINGS) else Exit.SATISFIED
