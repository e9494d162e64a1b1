"""`python -m api log`: the transparency log."""

import base64
import json
from typing import Annotated

import typer

from api.cli.opened import make_first_key, opened_keystore, opened_registry, require_log
from api.cli.printed import Json
from api.settings import load_settings
from provenance.errors import SettingsInvalid, StoreUnavailable
from provenance.transparency.checkpoint import open_checkpoint
from registry.keys.signer_uri import open_signer
from registry.log.high_water import HighWater
from registry.usecases.maintenance.rotation import freeze, rotate_log_key

commands = typer.Typer(help="The transparency log.", no_args_is_help=True)


@commands.command("info")
def log_info(as_json: Json = False) -> None:
    """Show what auditors need: the log's name, its verifier keys, and the last signed checkpoint.

    Works while the service runs: it only reads the keys and the high-water file.
    """
    settings = load_settings()
    key, *others = opened_keystore(settings).log_keys(settings.log_origin)
    note = HighWater(settings.high_water_place).read()
    if note is None:
        raise StoreUnavailable("the log has not signed a checkpoint yet")
    checkpoint, _ = open_checkpoint(note, [key], key.name)
    info = {
        "origin": key.name,
        "vkey": str(key),
        "ml_dsa": [str(other) for other in others],
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "checkpoint": note.decode(),
    }
    if as_json:
        typer.echo(json.dumps(info, ensure_ascii=False))
    else:
        for name, value in info.items():
            for line in value if isinstance(value, list) else [value]:
                if name != "checkpoint":
                    typer.echo(f"{name.replace('_', '-'):<7} {line}")


@commands.command("init")
def init_log(as_json: Json = False) -> None:
    """Create a new log: its keys, genesis entry, first publisher, and an API key that is shown only now.

    The log's name (COUNTERMARK_ORIGIN) can never change. A folder with a log is left unchanged.
    """
    settings = load_settings()
    if HighWater(settings.high_water_place).read() is not None:
        raise SettingsInvalid(f"there is a log already: {settings.high_water_place} holds its last signed checkpoint")
    with opened_registry(settings, create=True) as registry:
        first_key = make_first_key(registry)
        key, *others = map(str, registry.sequencer.keys.current)
        if as_json:
            made = {"origin": registry.config.origin, "vkey": key, "ml_dsa": others, "api_key": first_key}
            typer.echo(json.dumps(made))
            return
        typer.echo("\n".join((key, *others)))
        typer.echo(f"The log {registry.config.origin} was created; its verifier keys are above.", err=True)
        if first_key is not None:
            typer.echo(f"The first API key, which is shown only now:\n\n    {first_key}\n", err=True)


@commands.command("freeze")
def freeze_log(
    reason: Annotated[str, typer.Option(help="Why, and where the registry continues; stated in the last entry.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """End the log with a last entry. This cannot be undone; reading and verifying still work."""
    with opened_registry(load_settings()) as registry:
        if not yes:
            typer.confirm(f"End the log {registry.config.origin} permanently?", abort=True, err=True)
        last = freeze(registry, reason)
        typer.echo(registry.sequencer.checkpoint().decode(), nl=False)
        typer.echo(f"Frozen with entry {last.index}; the last checkpoint is above.", err=True)


@commands.command("rotate-key")
def rotate_key(
    reason: Annotated[str | None, typer.Option(help="Why; stated in the record.")] = None,
    successor: Annotated[
        str | None, typer.Option(metavar="URI", help="The new key, if a token or program holds it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rotate the log's keys. Stop the server first.

    Prints the new verifier keys, Ed25519 first; new receipts prove the change to readers who trust the old key.
    """
    settings = load_settings()
    require_log(settings.folder)
    with opened_registry(settings) as registry:
        done = rotate_log_key(
            registry.sequencer,
            registry.keystore,
            now=registry.now(),
            ml_dsa=settings.log_ml_dsa,
            reason=reason,
            successor=None if successor is None else open_signer(successor),
        )
    if successor is not None:
        typer.echo("Set COUNTERMARK_LOG_SIGNER to the new key before the next start.", err=True)
    retired = [f"{key}@{done.index}" for key in done.retired]
    if as_json:
        answer = {
            "index": done.index,
            "record": done.record_id.hex(),
            "keys": [str(key) for key in done.keys],
            "retired": retired,
        }
        typer.echo(json.dumps(answer))
        return
    typer.echo("\n".join(map(str, done.keys)))
    typer.echo(
        f"The log's keys from entry {done.index} on. The earlier keys sign checkpoints up to that size:", err=True
    )
    typer.echo("".join(f"\n    {key}\n" for key in retired), err=True)
