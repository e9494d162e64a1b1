"""The publisher's own key, an encrypted file, as commands take it: `--key FILE`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli import exits
from countermark.content import Content
from provenance.errors import CountermarkError, InvalidRequest
from provenance.limits import MAX_KEY_FILE_BYTES

if TYPE_CHECKING:
    from countermark.claims import Claims
    from provenance.statement.keys import LocalSigner

PASSPHRASE = "COUNTERMARK_KEY_PASSPHRASE"  # noqa: S105  # the variable's name

OwnKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", help=f"Sign here, with a key of your own; needs --publisher. Passphrase: {PASSPHRASE}."
    ),
]


def signer_of(key: Path | None, claims: "Claims") -> "LocalSigner | None":
    """The signer of `--key`; ends the command where there cannot be one."""
    if key is None:
        return None
    if claims.get("publisher") is None:
        exits.refuse("--key needs --publisher: the service is not asked whose record you sign")
    try:
        return read_signer(key)
    except CountermarkError as error:
        exits.exit_with(error)


def read_signer(path: Path) -> "LocalSigner":
    """The key of an encrypted file; a terminal is asked for its passphrase. Raises UnusableKey, InvalidRequest."""
    from provenance.statement.keys import LocalSigner

    pem = Content.of(path).read(MAX_KEY_FILE_BYTES)
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None and has_terminal():
        passphrase = typer.prompt(f"Passphrase of {path}", hide_input=True, err=True)
    if passphrase is None:
        raise InvalidRequest(f"the key's passphrase is needed: set {PASSPHRASE}")
    return LocalSigner.from_encrypted_pem(pem, passphrase.encode())


def has_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
