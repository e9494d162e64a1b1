"""`python -m api fsck | backup | restore | migrate-store`: commands on a whole store."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from api.cli.opened import configuration, log_key, opened_keystore, opened_store
from api.cli.printed import Json, print_findings
from api.settings import load_settings
from provenance.errors import SettingsInvalid
from registry.bootstrap import read_policy, read_timestamp_settings
from registry.database import Store
from registry.log.log_keys import current_key
from registry.storage.blobs import Blobs
from registry.times import utc_now
from registry.usecases.maintenance.backup import back_up, restore
from registry.usecases.maintenance.fsck import Progress, check
from registry.usecases.maintenance.migration import migrate

commands = typer.Typer()


@commands.command()
def fsck(as_json: Json = False) -> None:
    """Recompute everything from the log's entries, and list what differs."""
    settings = load_settings()
    with opened_store(settings) as store, progress_bars() as progress:
        config, keystore = configuration(settings), opened_keystore(settings)
        policy, timestamping = read_policy(config), read_timestamp_settings(config, keystore, utc_now)
        findings = check(
            store,
            Blobs.open(settings.objects_place),
            current_key(store, log_key(settings), keystore.log_signer),
            witness_keys=policy.keys_for(settings.log_origin) if policy else (),
            authorities=timestamping.anchors if timestamping else (),
            high_water=settings.high_water_place,
            progress=progress,
        )
        print_findings(findings, as_json)


@commands.command("migrate-store")
def migrate_store(
    to: Annotated[str, typer.Option(help="An empty database: postgresql+psycopg://USER@HOST/DATABASE.")],
    as_json: Json = False,
) -> None:
    """Copy the whole store into a PostgreSQL database. The log's name, entries and root stay the same."""
    settings = load_settings()
    key = log_key(settings)
    with (
        opened_store(settings) as source,
        closing(Store.open(settings.folder, to)) as target,
        progress_bars() as progress,
    ):
        moved = migrate(source, target, key, progress)
    line = {"entries": moved.size, "root": moved.root.hex(), "rows": moved.rows}
    typer.echo(json.dumps(line) if as_json else "\n".join(f"{name}: {value}" for name, value in line.items()))
    typer.echo("All rows were copied, and the root is the same. Set COUNTERMARK_DATABASE_URL to use it.", err=True)


@commands.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The target folder; missing or empty.")],
    as_json: Json = False,
) -> None:
    """Copy the data folder while the service runs, and check the copy.

    The copy is complete, encrypted keys included; only the passphrase is not in it.
    """
    settings = load_settings()
    if settings.database_url.get_secret_value():
        raise SettingsInvalid("COUNTERMARK_DATABASE_URL is set: back up the database with PostgreSQL's tools")
    key, blobs = log_key(settings), Blobs.open(settings.objects_place)
    with progress_bars() as progress:
        size, findings = back_up(settings.folder, blobs, target, key, progress)
    print_findings(findings, as_json, f"{target}: {size} entries, ")


@commands.command("restore")
def restore_backup(
    source: Annotated[Path, typer.Argument(help="A folder made by `backup`.")],
    discard_newer: Annotated[
        bool,
        typer.Option(
            "--discard-newer",
            help="Restore even if the log has signed more entries than the backup has. They are lost, and the log "
            "forks: anyone with a newer receipt or checkpoint can prove it.",
        ),
    ] = False,
) -> None:
    """Restore a backup into the data folder, which must be missing or empty."""
    settings = load_settings()
    high_water = settings.high_water_place
    with progress_bars() as progress:
        key = log_key(settings, source)
        done = restore(source, settings.folder, high_water, key, progress, discard_newer=discard_newer)
    typer.echo(f"{settings.folder}: {done.size} entries", err=True)
    if done.signed is None:
        typer.echo(
            f"There was no high-water file {high_water}, so it is unknown whether the log signed entries after this "
            "backup. Before you start the service, compare the backup with the newest checkpoint of a witness, an "
            "auditor or a receipt: a log that signs again from an older state forks.",
            err=True,
        )


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A `Progress` that draws one bar for each stage; none if standard error is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield progress
