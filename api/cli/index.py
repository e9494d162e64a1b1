"""`python -m api index`: the similarity index."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from api.cli.opened import opened_registry
from api.settings import load_settings
from registry.database import assets
from registry.usecases.maintenance.rebuild import compare_all, rebuild_index

commands = typer.Typer(help="The similarity index.", no_args_is_help=True)


@commands.command("rebuild")
def index_rebuild(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Do not go on where an interrupted rebuilding was, but begin again.")
    ] = False,
) -> None:
    """Rebuild the similarity index from records and blobs; exit with 1 if a registration is not indexed completely.

    Searches find what they found before until it is done. Interrupted, it goes on where it was.
    """
    found = done = 0
    with (
        opened_registry(load_settings()) as registry,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        with registry.store.read() as session:
            total = assets.count(session)
        task = progress.add_task("Indexing", total=total)
        for done, finding in rebuild_index(registry, from_start=from_start):
            progress.update(task, completed=done)
            if finding:
                found += 1
                typer.echo(finding)
        for compared, finding in compare_all(registry):
            progress.update(task, completed=compared, description="Comparing")
            if finding:
                found += 1
                typer.echo(finding)
    typer.echo(f"{done} registrations indexed and compared with one another; {found} incomplete", err=True)
    if found:
        raise typer.Exit(1)
