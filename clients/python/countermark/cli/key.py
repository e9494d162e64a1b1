"""Commands for a publisher's own key: made here, and never leaving this machine; what it signs is signed here."""

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from countermark.cli import exits, output
from countermark.cli.options import ApiKey, AsJson, Url
from countermark.cli.own_key import PASSPHRASE, has_terminal, read_signer
from countermark.cli.register import need_key
from countermark.cli.service import connect
from countermark.content import Content
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, InvalidRequest
from provenance.limits import MAX_KEY_FILE_BYTES, MAX_RECORD_BYTES, SALT_BYTES

if TYPE_CHECKING:
    from countermark.models import PublisherKey
    from provenance.statement.keys import LocalSigner, PublicKey

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="The new key file.", show_default=False)]
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The key file.", show_default=False)]
KeyAlgorithm = Annotated[Literal["Ed25519", "ES256"], typer.Option(help="What it signs with.")]
Publisher = Annotated[str, typer.Option(metavar="ID", help="Whose key it is.", show_default=False)]
Rotate = Annotated[bool, typer.Option("--rotate", help="In the place of the publisher's keys, not beside them.")]
Replaces = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The key that it replaces, if that is your own, too.")
]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; public.")]
Records = Annotated[
    list[Path], typer.Argument(metavar="RECORD…", help="Records in JSON; a salt and the time are filled in.")
]
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Keeps records and statements.", show_default=False)
]
ToLog = Annotated[bool, typer.Option("--log", help="Also have the service log the statements, and keep the proofs.")]


def generate(file: NewFile, algorithm: KeyAlgorithm = "Ed25519") -> None:
    """Make a key: FILE, encrypted and for you alone to read, and FILE.pub. Neither is ever written over.

    Example: countermark key generate daily.pem

    The passphrase is asked for, or taken from COUNTERMARK_KEY_PASSPHRASE. The key is nowhere else: keep a copy.
    """
    from provenance.statement.keys import Algorithm, LocalSigner

    public = file.with_name(f"{file.name}.pub")
    try:
        _refuse_existing(file, public)
        signer = LocalSigner.generate(Algorithm(algorithm))
        write_new(file, signer.to_encrypted_pem(_new_passphrase(file)), mode=0o600)
        write_new(public, _public_pem(signer.public_key), mode=0o644)
    except CountermarkError as error:
        exits.exit_with(error)
    output.note(f"made {file} and {public}; a lost key or passphrase cannot be recovered")
    output.show_line(signer.public_key.thumbprint.hex())


def show(file: KeyFile, as_json: AsJson = False) -> None:
    """Show a key's thumbprint, of a key file or of its .pub, which needs no passphrase.

    Example: countermark key show daily.pem.pub
    """
    from provenance.statement.keys import parse_public_key

    try:
        pem = Content.of(file).read(MAX_KEY_FILE_BYTES)
        key = parse_public_key(pem) if b"PUBLIC KEY" in pem else read_signer(file).public_key
    except CountermarkError as error:
        exits.exit_with(error)
    if as_json:
        told = {"thumbprint": key.thumbprint.hex(), "algorithm": key.algorithm.value, "jwk": key.to_jwk()}
        output.show_json(told)
    else:
        output.show_line(f"{key.thumbprint.hex()}  {key.algorithm.value}")


def enrol(
    file: KeyFile,
    publisher: Publisher,
    rotate: Rotate = False,
    replaces: Replaces = None,
    reason: Reason = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Enrol a key for a publisher: its public half, and a proof that you hold it.

    Example: countermark key enrol daily.pem --publisher daily

    The API key needs the scope keys:write. With --rotate the service can no longer sign for the publisher.
    """
    need_key(api_key)
    try:
        own = read_signer(file)
        old = None if replaces is None else read_signer(replaces)
        enrolled = _enrol(own, old, publisher, rotate, reason, url, api_key)
    except CountermarkError as error:
        exits.exit_with(error)
    if as_json:
        from countermark.models import dump

        output.show_json(dump(enrolled))
    else:
        output.show_line(f"{enrolled.thumbprint}  {enrolled.state}")


def sign(
    file: KeyFile, records: Records, out: OutFolder, log: ToLog = False, url: Url = DEFAULT_URL, api_key: ApiKey = None
) -> None:
    """Sign records here; with --log, have the service log the statements. The records stay with you: keep them.

    Example: countermark key sign daily.pem withdrawal.json --out signed/ --log

    Of each RECORD.json, FOLDER gets RECORD.record (its canonical bytes), RECORD.cose, and with --log RECORD.tlog-proof.
    The same command again takes up what is there: the records, and their place in the log, stay the same.
    """
    from provenance.statement.statement import sign_statement

    if log:
        need_key(api_key)
    if len({record.stem for record in records}) < len(records):
        exits.refuse("two records have the same name: what comes of them could not be told apart")
    try:
        signer = read_signer(file)
        statements = []
        for record in records:
            kept = out / f"{record.stem}.record"
            canonical = _canonical(record, kept)
            statements.append(sign_statement(canonical, signer))
            for path, data in ((kept, canonical), (kept.with_suffix(".cose"), statements[-1])):
                if not path.exists():
                    write_new(path, data, mode=0o644)
            output.note(f"signed {record}")
        if log:
            with connect(url, api_key) as client:
                logged = client.log_statements(statements, proofs=True)
            for record, each in zip(records, logged.items, strict=True):
                output.save(out / f"{record.stem}.tlog-proof", (each.proof or "").encode())
                output.show_line(f"{record}: {each.record_id}, entry {each.index} of the log")
    except CountermarkError as error:
        exits.exit_with(error)


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Writes a file that was not there, whole, durable, and never readable by more than `mode` says.

    Raises InvalidRequest: it is there already, or cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(opened)
            os.link(partial, path)  # unlike a rename, this replaces nothing
        finally:
            partial.unlink()
    except FileExistsError as error:
        raise InvalidRequest(f"{path} is there already, and is not written over") from error
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror or error}") from error


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists() or path.is_symlink():
            raise InvalidRequest(f"{path} is there already, and is not written over")


def _new_passphrase(path: Path) -> bytes:
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None and has_terminal():
        passphrase = typer.prompt(f"New passphrase for {path}", hide_input=True, confirmation_prompt=True, err=True)
    if passphrase is None:
        raise InvalidRequest(f"a passphrase is needed: set {PASSPHRASE}, or call this on a terminal")
    return passphrase.encode()


def _public_pem(key: "PublicKey") -> bytes:
    """SubjectPublicKeyInfo in PEM, as `openssl pkey -pubout` writes it."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from provenance.statement.keys import Algorithm

    public = (
        Ed25519PublicKey.from_public_bytes(key.raw)
        if key.algorithm is Algorithm.ED25519
        else EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key.raw)
    )
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _enrol(
    own: "LocalSigner",
    old: "LocalSigner | None",
    publisher: str,
    rotate: bool,
    reason: str | None,
    url: str,
    api_key: str | None,
) -> "PublisherKey":
    from countermark.keys import OwnKey

    with connect(url, api_key) as client:
        proven = OwnKey.of(own, client.service().origin, publisher, replaces=old)
        if rotate:
            return client.rotate_key(publisher, own=proven, reason=reason)
        return client.enrol_key(publisher, own=proven)


def _canonical(path: Path, kept: Path) -> bytes:
    """The canonical bytes of a record, with a salt and the time where it states none: those of an earlier call.

    Raises InvalidRequest.
    """
    from provenance.errors import StatementError
    from provenance.statement.canonical_json import Json, canonical_json
    from provenance.statement.codec import format_timestamp
    from provenance.statement.encodings import encode_base64url
    from provenance.statement.record import parse_record

    try:
        stated = json.loads(Content.of(path).read(MAX_RECORD_BYTES))
        if not isinstance(stated, dict):
            raise InvalidRequest(f"{path} is not a record: a JSON object is expected")
        now = format_timestamp(datetime.now(UTC).replace(microsecond=0), "claimed_at")
        salt = encode_base64url(secrets.token_bytes(SALT_BYTES))
        filled: dict[str, Json] = {"version": 1, "salt": salt, "claimed_at": now}
        before = Content.of(kept).read(MAX_RECORD_BYTES) if kept.exists() else None
        if before is not None:
            filled |= {name: value for name, value in json.loads(before).items() if name in filled}
        canonical = canonical_json(filled | stated)
        parse_record(canonical)
        if before not in (None, canonical):
            raise InvalidRequest(f"{kept} is there already, and is another record")
    except (ValueError, RecursionError, StatementError) as error:
        raise InvalidRequest(f"{path} is not a record: {error}") from error
    return canonical
