"""`python -m api witness`: runs a witness for other logs, and shows its key."""

from contextlib import closing

import typer

from api.http import server
from api.http.connections import Connections
from api.http.logs import configure_logs
from api.http.server import stopping_in_order
from api.witness.app import create_witness_app
from api.witness.settings import load_witness_settings
from provenance.errors import MalformedNote, SettingsInvalid
from registry.attestation.witness import Witness, open_keys
from registry.times import utc_now

MAX_CONNECTIONS = 256
"""Concurrent connections; more are answered 503, because each may buffer a body of one megabyte. At most half of them
may be from one address."""

commands = typer.Typer(invoke_without_command=True, no_args_is_help=False)


@commands.callback()
def serve(context: typer.Context) -> None:
    """Run a C2SP witness for other logs until SIGTERM.

    Settings: COUNTERMARK_WITNESS_NAME, _LOGS (a file with one verifier key per line),
    _KEY_PASSPHRASE, _FOLDER, _HOST and _PORT. See docs/how-to/witness.md.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_witness_settings()
    configure_logs("info")
    logs = settings.read_logs()
    try:
        witness = Witness.open(settings.folder, settings.name, settings.passphrase, logs, utc_now)
    except MalformedNote as error:
        raise SettingsInvalid(f"COUNTERMARK_WITNESS_NAME: {error}") from error
    with stopping_in_order(), closing(witness):
        for key in witness.keys:
            typer.echo(f"{key}", err=True)
        typer.echo(
            f"The witness cosigns {len(logs)} logs, and listens on http://{settings.host}:{settings.port}", err=True
        )
        server.serve(
            create_witness_app(witness, body_timeout=settings.body_timeout),
            Connections(max_total=MAX_CONNECTIONS, max_per_address=MAX_CONNECTIONS // 2),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=10,
        )


@commands.command("key")
def show_key() -> None:
    """Print the witness's verifier keys, Ed25519 and ML-DSA-44; the first call generates them."""
    settings = load_witness_settings()
    try:
        keys = open_keys(settings.folder, settings.name, settings.passphrase, utc_now)
    except MalformedNote as error:
        raise SettingsInvalid(f"COUNTERMARK_WITNESS_NAME: {error}") from error
    for each in keys:
        typer.echo(str(each.key))
