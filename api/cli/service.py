"""`python -m api serve | openapi`: runs the service, and writes its OpenAPI document."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.app import assemble, create_app, policies_of
from api.cli.opened import make_first_key, opened_registry
from api.http import server
from api.http.connections import Connections
from api.http.logs import configure_logs
from api.http.metrics import Metrics
from api.http.openapi import is_current, write
from api.http.server import LISTENING, stopping_in_order
from api.memory import share_arenas
from api.processes import Parent, Processes
from api.settings import Settings, load_settings
from provenance.errors import SettingsInvalid, StoreUnavailable

OPENAPI_FILE = Path(__file__).resolve().parents[2] / "openapi.yaml"

commands = typer.Typer()


@commands.command()
def serve(
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that serve together; more than one needs PostgreSQL.")
    ] = 1,
    inherited: Annotated[tuple[int, int] | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service until SIGTERM."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    if processes > 1:
        _serve_by_several(settings, processes)
    else:
        _serve(settings, [socket.socket(fileno=each) for each in inherited or ()])


def _serve_by_several(settings: Settings, processes: int) -> None:
    if not settings.database_url.get_secret_value():
        raise SettingsInvalid(
            "several processes need a database on PostgreSQL: set COUNTERMARK_DATABASE_URL. SQLite in the data folder "
            "serves one process"
        )
    with _listening(settings) as listening:
        port = listening.getsockname()[1]
        typer.echo(f"Countermark listens on http://{settings.host}:{port}, with {processes} processes", err=True)
        status = asyncio.run(Processes(processes, listening, policies_of(settings)).run())
    if status:
        raise typer.Exit(status)


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=LISTENING)
    except OSError as error:
        raise StoreUnavailable(f"nothing can listen on {settings.host}:{settings.port}: {error.strerror}") from error


def _serve(settings: Settings, given: Sequence[socket.socket]) -> None:
    """`given`: the socket to accept from and the end of the pair to the parent; nothing where there is no parent."""
    share_arenas()
    listening, parent = (given[0], Parent(given[1])) if given else (None, None)
    with stopping_in_order(), opened_registry(settings) as registry:
        first_key = make_first_key(registry)
        if first_key is not None:
            typer.echo(f"The first API key, shown only now:\n\n    {first_key}\n", err=True)
        if parent is None:
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
            create_app(settings, registry, metrics, parent),
            connections,
            stop=registry.sandbox.close,
            listening=listening,
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
