"""The commands: register, verify, receipt."""

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from countermark.cli.output import Exit, err, out, print_json, print_json_line, print_receipt, print_report, upload_bar
from countermark.client import Client
from countermark.connection import DEFAULT_URL
from countermark.files import FileToSend
from countermark.models import Report
from countermark.receipts import verify_receipt
from provenance.errors import CountermarkError, RateLimited, ServiceError, StoreUnavailable

app = typer.Typer(
    name="countermark",
    help="Register pictures, verify them, and check receipts without a service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit status: 0 satisfied, 1 findings, 2 usage, 3 incomplete.",
)
receipt_app = typer.Typer(help="Receipts: the .countermark files that prove a registration.", no_args_is_help=True)
app.add_typer(receipt_app, name="receipt")

Url = Annotated[str, typer.Option("--url", envvar="COUNTERMARK_URL", help="The service's address.")]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="COUNTERMARK_API_KEY", help="Needed to register.", show_envvar=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Files = Annotated[list[Path], typer.Argument(help="Pictures.", show_default=False)]


@app.command()
def register(
    files: Files,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    title: Annotated[str | None, typer.Option(help="Title of the picture.")] = None,
    caption: Annotated[str | None, typer.Option(help="Caption.")] = None,
    credit: Annotated[str | None, typer.Option(help="Credit line.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence.")] = None,
    source_type: Annotated[
        str | None, typer.Option("--source-type", help="IPTC digital source type, such as digitalCapture.")
    ] = None,
    credential: Annotated[str, typer.Option(help="embedded, sidecar or none.")] = "embedded",
    publisher: Annotated[str | None, typer.Option(help="Only with an administrator's key.")] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Save receipts and signed copies into this folder.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Register pictures; with --out, save each receipt and signed copy."""
    if title is not None and len(files) > 1:
        _refuse("--title is for one picture at a time")
    with Client(url, api_key=api_key) as client:
        for file in files:
            try:
                with upload_bar(file.name, quiet) as progress:
                    asset = client.register(
                        file,
                        title=title,
                        caption=caption,
                        credit=credit,
                        licence=licence,
                        digital_source_type=source_type,
                        credential=credential,
                        publisher=publisher,
                        progress=progress,
                    )
                saved = _save(client, asset.id, asset.credential is not None, file, out_folder) if out_folder else []
            except CountermarkError as error:
                _fail(error, file)
            if as_json:
                print_json(asset.model_dump(mode="json"))
                continue
            out.print(f"[bold]{file.name}[/bold] {'registered' if asset.created else 'was registered already'}")
            out.print(f"  record     {asset.id}", soft_wrap=True)
            out.print(f"  index      {asset.index}, logged {asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, {asset.state}")
            out.print(f"  publisher  {asset.publisher.name}")
            for path in saved:
                out.print(f"  saved      {path}", soft_wrap=True)


@app.command()
def verify(
    files: Files,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON a picture.")] = False,
    hashes_only: Annotated[bool, typer.Option("--hashes-only", help="Send the SHA-256 alone, not the picture.")] = False,
    quiet: Quiet = False,
) -> None:
    """Ask a service what is known about pictures. Exit status 0 when each is an exact match or shows no difference."""
    worst = Exit.SATISFIED
    with Client(url) as client:
        for number, file in enumerate(files):
            try:
                report = _verify(client, file, hashes_only, quiet)
            except CountermarkError as error:
                status = _explain(error, file)
                worst = max(worst, status)
                if jsonl:
                    print_json_line({"file": str(file), "error": str(error), "request_id": error.request_id})
                continue
            worst = max(worst, _status_of(report))
            if jsonl:
                print_json_line({"file": str(file), "report": report.model_dump(mode="json")})
            elif as_json:
                print_json(report.model_dump(mode="json"))
            else:
                if number:
                    out.print()
                print_report(file.name, report)
    raise typer.Exit(worst)


@receipt_app.command("verify")
def receipt_verify(
    receipt: Annotated[Path, typer.Argument(help="A .countermark file.", show_default=False)],
    picture: Annotated[Path | None, typer.Argument(help="The picture that it should be about.")] = None,
    vkey: Annotated[
        list[str] | None, typer.Option("--vkey", help="Verifier key of a log you trust; may be given more than once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt step by step, with no service and no network."""
    try:
        report = verify_receipt(receipt, picture, log_keys=vkey or ())
    except CountermarkError as error:
        _fail(error, receipt)
    if as_json:
        print_json(
            {
                "holds": report.holds,
                "log_key_pinned": report.log_key_pinned,
                "withdrawn": report.withdrawn,
                "record_id": report.record_id.hex(),
                "index": report.index,
                "steps": [vars(step) for step in report.steps],
            }
        )
    else:
        print_receipt(report)
    raise typer.Exit(_receipt_status(report.holds, report.withdrawn, report.log_key_pinned))


@receipt_app.command("get")
def receipt_get(
    asset: Annotated[str, typer.Argument(help="Record of the picture, 64 hex digits.", show_default=False)],
    url: Url = DEFAULT_URL,
    out_file: Annotated[Path | None, typer.Option("--out", help="Where to save it; standard output otherwise.")] = None,
) -> None:
    """Fetch the receipt of a registered picture."""
    try:
        with Client(url) as client:
            data = client.receipt(asset)
    except CountermarkError as error:
        _fail(error)
    if out_file is None:
        typer.echo(data.decode())
    else:
        _write(out_file, data)
        out.print(f"saved {out_file}", soft_wrap=True)


@receipt_app.command("show")
def receipt_show(receipt: Annotated[Path, typer.Argument(help="A .countermark file.", show_default=False)]) -> None:
    """Print a receipt's JSON, indented. Nothing is checked."""
    try:
        print_json(json.loads(receipt.read_bytes()))
    except (OSError, ValueError) as error:
        _refuse(f"{receipt}: {error}")


def main() -> None:
    """Entry point of the `countermark` command."""
    app()


def _verify(client: Client, file: Path, hashes_only: bool, quiet: bool) -> Report:
    if hashes_only:
        return client.verify_digests(FileToSend.of(file).sha256())
    with upload_bar(file.name, quiet) as progress:
        return client.verify(file, progress=progress)


def _status_of(report: Report) -> Exit:
    if report.axes.registration.value == "NOT_CHECKED":
        return Exit.INCOMPLETE
    fits = report.headline.code in {"EXACT_MATCH", "MATCH_NO_DIFFERENCE_FOUND"}
    stands = all(match.standing.value == "current" for match in report.matches[:1])
    return Exit.SATISFIED if fits and stands else Exit.FINDINGS


def _receipt_status(holds: bool, withdrawn: bool, pinned: bool) -> Exit:
    if not holds or withdrawn:
        return Exit.FINDINGS
    if not pinned:
        err.print(
            "The log's key is the receipt's own word. Give the key that you know the log by: --vkey …", style="bold"
        )
    return Exit.SATISFIED


def _save(client: Client, asset_id: str, signed: bool, file: Path, folder: Path) -> list[Path]:
    receipt = folder / f"{file.stem}.countermark"
    _write(receipt, client.receipt(asset_id))
    saved = [receipt]
    asset = client.asset(asset_id)
    if signed and asset.credential is not None:
        if asset.credential.embedded:
            copy, data = folder / f"{file.stem}.signed{file.suffix}", client.credentialed(asset_id)
        else:
            copy, data = folder / f"{file.stem}.c2pa", client.manifest(asset_id)
        _write(copy, data)
        saved.append(copy)
    return saved


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        _refuse(f"{path} cannot be written: {error.strerror}")


def _explain(error: CountermarkError, file: Path | None = None) -> Exit:
    where = f"{file}: " if file else ""
    trace = f" (request {error.request_id})" if error.request_id else ""
    err.print(f"{where}{error}{trace}", markup=False, soft_wrap=True)
    return Exit.INCOMPLETE if isinstance(error, ServiceError | StoreUnavailable | RateLimited) else Exit.USAGE


def _fail(error: CountermarkError, file: Path | None = None) -> NoReturn:
    raise typer.Exit(_explain(error, file)) from error


def _refuse(text: str) -> NoReturn:
    err.print(text, markup=False, soft_wrap=True)
    raise typer.Exit(Exit.USAGE)
