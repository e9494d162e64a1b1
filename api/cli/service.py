"""`python -m api serve | openapi`: runs the service, and writes its OpenAPI document."""

from pathlib import Path
from typing import Annotated

import typer

from api.app import assemble, create_app
from api.cli.opened import make_first_key, opened_registry
from api.http import server
from api.http.connections import Connections
from api.http.logs import configure_logs
from api.http.metrics import Metrics
from api.http.openapi import is_current, write
from api.http.server import stopping_in_order
from api.settings import load_settings

OPENAPI_FILE = Path(__file__).resolve().parents[2] / "openapi.yaml"

commands = typer.Typer()


@commands.command()
def serve() -> None:
    """Run the service until SIGTERM."""
    settings = load_settings()
    configure_logs(settings.log_level)
    with stopping_in_order(), opened_registry(settings) as registry:
        first_key = make_first_key(registry)
        if first_key is not None:
            typer.echo(f"The first API key, shown only now:\n\n    {first_key}\n", err=True)
        typer.echo(f"Countermark listens on http://{settings.host}:{settings.port}", err=True)
        metrics = Metrics()
        connections = Connections(
            max_total=settings.max_connections,
            max_per_address=settings.max_connections_per_address,
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


@commands.command()
def openapi(
    check_only: Annotated[bool, typer.Option("--check", help="Only compare; exit with 1 if it differs.")] = False,
    path: Annotated[Path, typer.Option(help="The committed document.")] = OPENAPI_FILE,
) -> None:
    """Write openapi.yaml, or compare it with the code."""
    if not check_only:
        write(assemble(), path)
    elif not is_current(assemble(), path):
        typer.echo(f"{path.name} is out of date: run `python -m api openapi`.", err=True)
        raise typer.Exit(1)
