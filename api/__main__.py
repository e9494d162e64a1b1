"""`python -m api`: runs the service, and does what its operator must do by hand.

Data goes to standard output, everything else to standard error. Exit codes: 0 satisfied, 1 something was found,
2 usage or settings, 3 could not be done.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api import server
from api.app import assemble, create_app
from api.commands import certificate, index, key, log, store
from api.commands.opened import opened_registry
from api.commands.printed import printable
from api.connections import Connections
from api.first_key import make_first_key
from api.logs import configure_logs
from api.metrics import Metrics
from api.openapi import is_current, write
from api.server import stopping_in_order
from api.settings import load_settings
from api.witness.commands import commands as witness_commands
from provenance.errors import CountermarkError, SettingsInvalid

OPENAPI_FILE = Path(__file__).resolve().parent.parent / "openapi.yaml"

app = typer.Typer(help="Countermark's service.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(store.commands)
app.add_typer(key.commands, name="key")
app.add_typer(log.commands, name="log")
app.add_typer(index.commands, name="index")
app.add_typer(certificate.commands, name="certificate")
app.add_typer(witness_commands, name="witness")


@app.command()
def serve() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings()
    configure_logs(settings.log_level)
    with stopping_in_order(), opened_registry(settings) as registry:
        first_key = make_first_key(registry)
        if first_key is not None:
            typer.echo(f"The first API key, which is shown only now:\n\n    {first_key}\n", err=True)
        typer.echo(f"Countermark listens on http://{settings.host}:{settings.port}", err=True)
        metrics = Metrics()
        connections = Connections(
            in_all=settings.max_connections,
            of_an_address=settings.max_connections_per_address,
            proxies=settings.trusted_proxies,
            refused=lambda reason: metrics.refused.labels(reason).inc(),
        )
        metrics.connections.set_function(lambda: connections.open)
        server.serve(
            create_app(settings, registry, metrics),
            connections,
            stop=registry.sandbox.close,
            host=settings.host,
            port=settings.port,
            date_header=True,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=20,
        )


@app.command()
def openapi(
    check_only: Annotated[bool, typer.Option("--check", help="Only compare; exit with 1 where it differs.")] = False,
    path: Annotated[Path, typer.Option(help="The committed document.")] = OPENAPI_FILE,
) -> None:
    """Write openapi.yaml, or compare it with the code."""
    if not check_only:
        write(assemble(), path)
    elif not is_current(assemble(), path):
        typer.echo(f"{path.name} is not what the code says: run `python -m api openapi`.", err=True)
        raise typer.Exit(1)


def main() -> None:
    """Runs a command; failures of ours are one line, not a trace."""
    try:
        app()
    except SettingsInvalid as error:
        typer.echo(printable(f"These settings cannot be used: {error}"), err=True)
        sys.exit(2)
    except CountermarkError as error:
        typer.echo(printable(f"{type(error).__name__}: {error}"), err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
