"""`python -m api certificate`: the certificate chain that C2PA claims are signed with."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.opened import opened_keystore
from api.settings import load_settings
from provenance.credentials.certificates import check_claim_certificate, is_widely_read, parse_certificates
from provenance.errors import CertificateUnusable
from registry.times import utc_now

commands = typer.Typer(help="The certificate chain that C2PA claims are signed with.", no_args_is_help=True)


@commands.command("show")
def show_certificate(
    file: Annotated[Path | None, typer.Argument(help="A PEM chain; by default the one in use.")] = None,
) -> None:
    """Show each certificate of the chain: subject, issuer, validity."""
    for certificate in parse_certificates(_chain(file)):
        typer.echo(f"subject  {certificate.subject.rfc4514_string()}")
        typer.echo(f"issuer   {certificate.issuer.rfc4514_string()}")
        typer.echo(
            f"valid    {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
        typer.echo()


@commands.command("check")
def check_certificate(
    file: Annotated[Path | None, typer.Argument(help="A PEM chain; by default the one in use.")] = None,
) -> None:
    """Check the chain against the C2PA certificate profile; exit with 1 if it does not fit."""
    chain = _chain(file)
    try:
        check_claim_certificate(chain, utc_now())
    except CertificateUnusable as error:
        typer.echo(str(error))
        raise typer.Exit(1) from None
    if not is_widely_read(chain):
        typer.echo(
            "the certificate lacks the usage e-mail protection (1.3.6.1.5.5.7.3.4): the C2PA library with its default "
            "settings calls what it signs Invalid"
        )
        raise typer.Exit(1)
    typer.echo("The chain fits the C2PA certificate profile.", err=True)


def _chain(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateUnusable(f"{file} cannot be read as PEM") from error
    return opened_keystore(load_settings()).claim_signer().chain_pem
