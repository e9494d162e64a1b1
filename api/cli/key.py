"""`python -m api key`: API keys, in the store, or by the service if that has the store open."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api.cli.opened import opened_store
from api.cli.printed import Json
from api.settings import Settings, load_settings
from provenance.answers import ApiKey, ApiKeys, NewApiKey, Problem
from provenance.errors import InvalidRequest, NotPermitted, SettingsInvalid, StoreLocked, StoreUnavailable
from registry.keys import api_keys
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.times import utc_now

ANSWER_SECONDS = 30.0
"""Seconds for the service to answer."""

commands = typer.Typer(help="API keys.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, as shown by `key list`.")]


@commands.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for; shown in lists.")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(api_keys.SCOPES)}; may be repeated.")],
    publisher: Annotated[str, typer.Option(help="The publisher that the key writes for.")] = DEFAULT_PUBLISHER,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.")] = None,
) -> None:
    """Create an API key and print it: it is shown only now."""
    from api.http.conditional import read_answer
    from api.http.requests import ApiKeyRequest

    settings, now = load_settings(), _now()
    ends = None if days is None else (now + timedelta(days=days)).isoformat()
    try:
        wanted = ApiKeyRequest.model_validate(
            {"name": name, "scopes": scope, "publisher": publisher, "expires_at": ends}
        )
    except ValidationError as error:
        raise InvalidRequest(f"a key needs a name, and one or more scopes of: {', '.join(api_keys.SCOPES)}") from error
    try:
        with opened_store(settings) as store:
            key = api_keys.mint(
                store,
                name=wanted.name,
                scopes=wanted.scopes,
                now=now,
                publisher=wanted.publisher,
                expires_at=wanted.expires_at,
            )
    except StoreLocked as locked:
        key = read_answer(NewApiKey, _ask(settings, locked, "POST", "", wanted.model_dump(mode="json"))).key
    typer.echo(key)


@commands.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the API keys, revoked keys included."""
    settings = load_settings()
    try:
        with opened_store(settings) as store:
            keys: Sequence[ApiKey] = api_keys.listed(store)
    except StoreLocked as locked:
        from api.http.conditional import read_answer

        keys = read_answer(ApiKeys, _ask(settings, locked, "GET")).items
    for key in keys:
        line = _line(key)
        typer.echo(json.dumps(line, ensure_ascii=False) if as_json else "  ".join(line.values()))


@commands.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap: Annotated[
        int, typer.Option(min=0, max=api_keys.MAX_OVERLAP_SECONDS, help="Seconds for which the old key stays valid.")
    ] = api_keys.DEFAULT_OVERLAP_SECONDS,
) -> None:
    """Replace an API key with one of the same name, scopes and publisher, and print it: it is shown only now."""
    from api.http.conditional import read_answer
    from api.http.requests import RotationRequest

    settings = load_settings()
    try:
        with opened_store(settings) as store:
            key = api_keys.rotate(store, key_id, now=_now(), overlap=timedelta(seconds=overlap))
    except StoreLocked as locked:
        body = RotationRequest(overlap_seconds=overlap).model_dump(mode="json")
        key = read_answer(NewApiKey, _ask(settings, locked, "POST", f"/{key_id}/rotation", body)).key
    typer.echo(key)


@commands.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """Revoke an API key."""
    settings = load_settings()
    try:
        with opened_store(settings) as store:
            api_keys.revoke(store, key_id, utc_now())
    except StoreLocked as locked:
        _ask(settings, locked, "POST", f"/{key_id}/revocation")


def _ask(settings: Settings, locked: StoreLocked, method: str, path: str = "", body: Any = None) -> bytes:
    """The running service's answer to a request with the admin key in COUNTERMARK_API_KEY."""
    import httpx2

    from api.http.conditional import read_answer

    key = settings.api_key.get_secret_value()
    if not key:
        raise SettingsInvalid(
            f"{locked}; or set COUNTERMARK_API_KEY to an admin key, so that the running service does it"
        )
    address = f"{settings.local_url}/v1/keys{path}"
    try:
        with httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            answer = client.request(method, address, json=body, headers={"Authorization": f"Bearer {key}"})
    except httpx2.HTTPError as error:
        raise StoreUnavailable(f"{locked}, and the service does not answer at {settings.local_url}: {error}") from error
    if answer.is_success:
        return answer.content
    try:
        detail = read_answer(Problem, answer.content).detail
    except ValidationError:
        detail = f"the service at {settings.local_url} answers with {answer.status_code}"
    raise NotPermitted(detail) if answer.status_code in (401, 403) else InvalidRequest(detail)


def _line(key: ApiKey) -> dict[str, str]:
    ends = "revoked" if key.revoked_at else f"expires {key.expires_at:%Y-%m-%d}" if key.expires_at else "active"
    return {
        "id": key.id,
        "prefix": f"cmk_{key.prefix}_…",
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "publisher": key.publisher or "-",
        "state": ends,
        "use": f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used",
    }


def _now() -> datetime:
    return utc_now().replace(microsecond=0)
