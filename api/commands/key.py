"""`python -m api key`: API keys."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from api.commands.opened import opened_registry, opened_store
from api.commands.printed import Json
from api.settings import load_settings
from registry import api_keys
from registry.bootstrap import DEFAULT_PUBLISHER
from registry.registry import utc_now

commands = typer.Typer(help="API keys.", no_args_is_help=True)


@commands.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for, as lists show it.")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(api_keys.SCOPES)}; may be repeated.")],
    publisher: Annotated[str, typer.Option(help="The publisher that the key writes for.")] = DEFAULT_PUBLISHER,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.")] = None,
) -> None:
    """Make an API key and print it: the only time it is shown."""
    with opened_registry(load_settings()) as registry:
        now = registry.now()
        expires_at = None if days is None else now + timedelta(days=days)
        typer.echo(
            api_keys.mint(registry.store, name=name, scopes=scope, now=now, publisher=publisher, expires_at=expires_at)
        )


@commands.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the API keys, revoked ones included."""
    with opened_store(load_settings()) as store:
        for key in api_keys.listed(store):
            ends = "revoked" if key.revoked_at else f"expires {key.expires_at:%Y-%m-%d}" if key.expires_at else "active"
            used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            line = {
                "id": key.id,
                "prefix": f"cmk_{key.prefix}_…",
                "name": key.name,
                "scopes": " ".join(key.scopes),
                "publisher": key.publisher or "-",
                "state": ends,
                "use": used,
            }
            typer.echo(json.dumps(line, ensure_ascii=False) if as_json else "  ".join(line.values()))


@commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Its id, as `key list` shows it.")]) -> None:
    """Revoke an API key from now on."""
    with opened_store(load_settings()) as store:
        api_keys.revoke(store, key_id, utc_now())
