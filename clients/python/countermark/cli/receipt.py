"""Commands about receipts: the `.countermark` files that prove a registration."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli import exits, output
from countermark.cli.service import AsJson, Url, connect
from countermark.cli.views import receipt_view
from countermark.content import Content
from countermark.defaults import DEFAULT_URL
from countermark.receipts import verify_receipt
from provenance.errors import CountermarkError
from provenance.limits import MAX_RECEIPT_BYTES
from provenance.transparency.receipt import Receipt
from provenance.transparency.receipt_verification import ReceiptReport

ReceiptFile = Annotated[Path, typer.Argument(metavar="RECEIPT", help="A .countermark file.", show_default=False)]


def verify(
    receipt: ReceiptFile,
    picture: Annotated[
        Path | None, typer.Argument(metavar="PICTURE", help="The picture that it should be about.")
    ] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            envvar="COUNTERMARK_VKEY", metavar="KEY", help="Verifier key of a log or witness you trust; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt step by step, with no service and no network.

    Exit status 0 needs --vkey: without it, which log this is remains the receipt's own word (3).
    """
    try:
        report = verify_receipt(receipt, picture, log_keys=vkey or ())
    except CountermarkError as error:
        exits.leave_with(error, receipt)
    if as_json:
        output.show_json(_json(report))
    else:
        output.show(receipt_view(report))
    raise typer.Exit(exits.of_receipt(report))


def get(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="Its 64 hex digits or URN.", show_default=False)],
    url: Url = DEFAULT_URL,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to save it; standard output otherwise.")
    ] = None,
) -> None:
    """Fetch the receipt of a registration."""
    try:
        with connect(url) as client:
            data = client.receipt(record)
        if file is None:
            output.show_bytes(data)
        else:
            output.save(file, data)
            output.note(f"saved {file}")
    except CountermarkError as error:
        exits.leave_with(error)


def show(receipt: ReceiptFile) -> None:
    """Print a receipt as indented JSON. It is parsed, and nothing in it is checked."""
    try:
        data = Content.of(receipt).read(MAX_RECEIPT_BYTES)
        Receipt.parse(data)
    except CountermarkError as error:
        exits.leave_with(error, receipt)
    output.show_json(json.loads(data))


def _json(report: ReceiptReport) -> dict[str, object]:
    return {
        "holds": report.holds,
        "log_key_pinned": report.log_key_pinned,
        "withdrawn": report.withdrawn,
        "disputed": report.disputed,
        "record_id": report.record_id.hex(),
        "index": report.index,
        "origin": report.checkpoint.origin,
        "tree_size": report.checkpoint.size,
        "cosigners": [cosigner.key.name for cosigner in report.cosigners],
        "steps": [asdict(step) for step in report.steps],
        "chain": [
            asdict(link) | {"child": link.child.hex(), "parent": link.parent.hex()}
            for link in (report.chain.links if report.chain is not None else ())
        ],
    }
