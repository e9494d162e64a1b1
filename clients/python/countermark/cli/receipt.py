"""Commands about receipts: the `.countermark` files that prove a registration."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.console import RenderableType

from countermark.cli import exits, output
from countermark.cli.options import AsJson, MaxAge, PolicyFile, Url, seconds
from countermark.cli.service import connect
from countermark.cli.views import proof_view, receipt_view
from countermark.content import Content
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, Exit
from provenance.limits import MAX_RECEIPT_BYTES

if TYPE_CHECKING:
    from provenance.receipts.other_formats import ProofReport
    from provenance.receipts.report import ReceiptReport

ReceiptFile = Annotated[
    Path,
    typer.Argument(metavar="RECEIPT", help="A .countermark, .tlog-proof or .cose file.", show_default=False),
]


Picture = Annotated[Path | None, typer.Argument(metavar="PICTURE", help="The picture that the receipt should be for.")]
VerifierKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--vkey",
        envvar="COUNTERMARK_VKEY",
        metavar="KEY[@SIZE]",
        help="Verifier key of a log or witness you trust; repeatable. @SIZE: a retired key, for trees up to SIZE.",
    ),
]
Authorities = Annotated[
    list[Path] | None,
    typer.Option(
        "--authority",
        metavar="FILE",
        help="Certificates (PEM) of a time-stamping authority you trust; repeatable.",
    ),
]
Entry = Annotated[Path | None, typer.Option(metavar="FILE", help="The log entry, if the tlog-proof does not carry it.")]
NewerReceipt = Annotated[
    Path | None,
    typer.Option(
        metavar="RECEIPT",
        help="A newer .countermark file of the same log, to verify a tlog-proof or COSE receipt after a key rotation.",
    ),
]


def verify(
    receipt: ReceiptFile,
    picture: Picture = None,
    vkey: VerifierKeys = None,
    authority: Authorities = None,
    entry: Entry = None,
    keys: NewerReceipt = None,
    policy: PolicyFile = None,
    max_age: MaxAge = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt step by step, offline.

    Example: countermark receipt verify picture.countermark picture.jpg --vkey "$LOG_KEY"

    Exit status 0 needs --vkey or --policy: without one, the receipt only claims to be of its log (3).
    With --authority it also needs a valid time stamp.
    """
    from countermark.receipts import verify_proof, verify_receipt
    from provenance.receipts.other_formats import parse_any_receipt
    from provenance.receipts.receipt import Receipt

    age = seconds(max_age)
    try:
        found = parse_any_receipt(Content.of(receipt).read(MAX_RECEIPT_BYTES))
        if not isinstance(found, Receipt):
            if picture is not None:
                exits.refuse("a picture can be compared with a .countermark file only, and this is not one")
            proof = verify_proof(receipt, log_keys=vkey or (), entry=entry, keys=keys, policy=policy, max_age=age)
            _end(as_json, _proof_json(proof), proof_view(proof), exits.of_proof(proof))
        report = verify_receipt(
            receipt, picture, log_keys=vkey or (), authorities=authority or (), policy=policy, max_age=age
        )
    except CountermarkError as error:
        exits.exit_with(error, receipt)
    asked = bool(authority)
    view = receipt_view(report, stamp_asked=asked)
    _end(as_json, _json(report), view, exits.of_receipt(report, stamp_asked=asked))


def _end(as_json: bool, answer: dict[str, object], view: RenderableType, status: Exit) -> NoReturn:
    if as_json:
        output.show_json(answer)
    else:
        output.show(view)
    raise typer.Exit(status)


def get(
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="Record id (64 hex digits) or URN.", show_default=False)
    ],
    url: Url = DEFAULT_URL,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to save it; by default standard output.")
    ] = None,
    form: Annotated[
        Literal["countermark", "tlog-proof", "cose"],
        typer.Option("--format", help="countermark proves most; other software reads the two others."),
    ] = "countermark",
) -> None:
    """Fetch the receipt of a registration.

    Example: countermark receipt get RECORD --out picture.countermark
    """
    try:
        with connect(url) as client:
            data = client.receipt(record, form)
        if file is None:
            output.show_bytes(data)
        else:
            output.save(file, data)
            output.note(f"saved {file}")
    except CountermarkError as error:
        exits.exit_with(error)


def show(receipt: ReceiptFile) -> None:
    """Print a .countermark file as indented JSON, without checking it.

    Example: countermark receipt show picture.countermark
    """
    from provenance.receipts.receipt import Receipt

    try:
        data = Content.of(receipt).read(MAX_RECEIPT_BYTES)
        Receipt.parse(data)
    except CountermarkError as error:
        exits.exit_with(error, receipt)
    output.show_json(json.loads(data))


def _json(report: "ReceiptReport") -> dict[str, object]:
    return {
        "holds": report.holds,
        "log_key_pinned": report.log_key_pinned,
        "withdrawn": report.withdrawn,
        "disputed": report.disputed,
        "superseded_by": report.superseded_by,
        "key_compromised": report.key_compromised,
        "contested_origins": [origin.hex() for origin in report.contested_origins],
        "truncated": report.truncated,
        "record_id": report.record_id.hex(),
        "index": report.index,
        "origin": report.checkpoint.origin,
        "tree_size": report.checkpoint.size,
        "cosigners": [cosigner.key.name for cosigner in report.cosigners],
        "witnessing": None if report.witnessing is None else asdict(report.witnessing),
        "timestamp": None if report.timestamp is None else report.timestamp.time.isoformat(),
        "steps": [asdict(step) for step in report.steps],
        "chain": [
            asdict(link) | {"child": link.child.hex(), "parent": link.parent.hex()}
            for link in (report.chain.links if report.chain is not None else ())
        ],
    }


def _proof_json(report: "ProofReport") -> dict[str, object]:
    return {
        "holds": report.holds,
        "record_id": None if report.statement is None else report.statement.record_id.hex(),
        "key": None if report.statement is None else report.statement.kid.hex(),
        "index": report.index,
        "log": report.log,
        "tree_size": report.tree_size,
        "cosigners": [cosigner.key.name for cosigner in report.cosigners],
        "witnessing": None if report.witnessing is None else asdict(report.witnessing),
        "steps": [asdict(step) for step in report.steps],
    }
