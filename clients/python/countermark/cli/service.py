"""Commands that call a service: register; and what they have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from countermark.cli import exits, output
from countermark.cli.options import API_KEY_VARIABLE, ApiKey, AsJson, AsJsonLines, Files, Quiet, Url
from countermark.cli.views import registration_view
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, Exit

if TYPE_CHECKING:
    from countermark.claims import Claims
    from countermark.client import Client
    from countermark.models import Answer, RegisteredAsset


SourceType = Annotated[
    str | None, typer.Option(metavar="TERM", help="IPTC digital source type, such as digitalCapture.")
]
CredentialMode = Annotated[Literal["embedded", "sidecar", "none"], typer.Option(help="The C2PA credential to make.")]
PublishMetadata = Annotated[
    bool,
    typer.Option("--publish-metadata", help="Keep places, names and serial numbers in the public copy."),
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Save receipts and signed copies here.")
]


def connect(url: str, api_key: str | None = None) -> "Client":
    """A client of the service, imported only here: checking a receipt does not need it."""
    from countermark.client import Client

    try:
        return Client(url, api_key=api_key)
    except CountermarkError as error:
        exits.exit_with(error)


def register(
    files: Files,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title; for one picture at a time.")] = None,
    caption: Annotated[str | None, typer.Option(metavar="TEXT", help="Caption; for one picture at a time.")] = None,
    credit: Annotated[str | None, typer.Option(metavar="TEXT", help="Credit line.")] = None,
    licence: Annotated[str | None, typer.Option(metavar="TEXT", help="Licence, as its name or URL.")] = None,
    source_type: SourceType = None,
    created: Annotated[bool, typer.Option("--created", help="You created it, in the way of --source-type.")] = False,
    credential: CredentialMode = "embedded",
    publisher: Annotated[str | None, typer.Option(metavar="ID", help="Only with an administrator's key.")] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="Keep the record secret until it is revealed.")] = False,
    publish_metadata: PublishMetadata = False,
    folder: OutFolder = None,
    as_json: AsJson = False,
    as_json_lines: AsJsonLines = False,
    quiet: Quiet = False,
) -> None:
    """Register pictures; with --out, save each receipt and signed copy.

    Example: countermark register picture.jpg --title "Path below the Picos" --out kept/
    """
    if api_key is None:
        exits.refuse(f"registering needs an API key: --api-key, or the variable {API_KEY_VARIABLE}")
    check_forms(files, as_json, as_json_lines)
    _check_several(files, folder, titled=title is not None or caption is not None)
    claims: Claims = {
        "title": title,
        "caption": caption,
        "credit": credit,
        "licence": licence,
        "digital_source_type": source_type,
        "created": created or None,
        "credential": credential,
        "visibility": "sealed" if sealed else None,
        "publish_metadata": publish_metadata or None,
        "publisher": publisher,
    }
    worst = Exit.SATISFIED
    with connect(url, api_key) as client:
        for file in files:
            try:
                with output.upload_bar(file.name, quiet) as progress:
                    asset = client.register(file, progress=progress, **claims)
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


def _save(client: "Client", asset: "RegisteredAsset", file: Path, folder: Path) -> tuple[list[Path], Exit]:
    """The files that were saved of a registration; if one cannot be saved, the registration still stands."""
    saved: list[Path] = []
    try:
        for path, data in _files_to_save(client, asset, file, folder):
            output.save(path, data)
            saved.append(path)
    except CountermarkError as error:
        output.explain(error, file)
        return saved, error.exit_status
    return saved, Exit.SATISFIED


def check_forms(files: Sequence[object], as_json: bool, as_json_lines: bool) -> None:
    if as_json and (as_json_lines or len(files) > 1):
        exits.refuse("--json prints one answer; use --jsonl for several pictures")


def _check_several(files: list[Path], folder: Path | None, *, titled: bool) -> None:
    if len(files) > 1 and titled:
        exits.refuse("--title and --caption can be given for one picture only")
    if folder is not None and len({file.name for file in files}) < len(files):
        exits.refuse("--out cannot save the receipts of two files with the same name")


def show_answer(file: object, name: str, answer: "Answer", as_json_line: bool) -> None:
    from countermark.models import dump

    if as_json_line:
        output.show_json_line({"file": str(file), name: dump(answer)})
    else:
        output.show_json(dump(answer))


def report_error(error: CountermarkError, file: object, as_json_lines: bool) -> Exit:
    output.explain(error, file)
    if as_json_lines:
        output.show_json_line(
            {
                "file": str(file),
                "error": {"kind": type(error).__name__, "detail": str(error), "request_id": error.request_id},
            }
        )
    return error.exit_status


def _files_to_save(client: "Client", asset: "RegisteredAsset", file: Path, folder: Path) -> list[tuple[Path, bytes]]:
    """The files to save of a registration: the receipt, and the signed copy or the manifest."""
    kept = [(folder / f"{file.name}.countermark", client.receipt(asset.id))]
    if asset.credential is not None and asset.credential.embedded:
        stripped = asset.metadata.public_copy == "stripped"  # then the public copy is the one to publish
        kept.append((folder / f"{file.stem}.signed{file.suffix}", client.credentialed(asset.id, public=stripped)))
    elif asset.credential is not None:
        kept.append((folder / f"{file.name}.c2pa", client.manifest(asset.id)))
    return kept
