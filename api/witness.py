"""`python -m api witness`: runs a C2SP witness for other logs, and shows its key.

A separate application, with its own folder, key and settings (`COUNTERMARK_WITNESS_…`): C2SP tlog-witness over HTTP, in
plain text.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import anyio.to_thread
import structlog
import typer
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.http import server
from api.http.bodies import Bodies, gather
from api.http.connections import Connections
from api.http.logs import configure_logs
from api.http.problems import kind_of
from api.http.server import stopping_in_order
from api.settings import MIN_PASSPHRASE_CHARACTERS, from_environment
from provenance.errors import CountermarkError, MalformedNote, SettingsInvalid
from provenance.limits import MAX_WITNESS_REQUEST_BYTES
from provenance.transparency.witness import Cosigned
from registry.attestation.witness import LogKeys, Witness, open_keys, read_logs
from registry.times import utc_now

MAX_CONNECTIONS = 256
"""Concurrent connections; more are answered 503, because each may buffer a body of one megabyte. At most half of them
may be from one address."""

_log = structlog.get_logger(__name__)


class WitnessSettings(BaseSettings):
    """What the operator of a witness can set. Each field is `COUNTERMARK_WITNESS_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERMARK_WITNESS_", extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    name: str
    """The name of the witness's key, by convention a schema-less URL (witness.example/w1). It can never change."""
    folder: Path = Path("witness")
    """The folder for its key and the checkpoints that it has cosigned."""
    logs: Path | None = None
    """A file with one verifier key per line: the logs whose checkpoints it cosigns."""
    key_passphrase: SecretStr = SecretStr("")
    """Encrypts the private key; at least 20 characters."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8001
    body_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds within which a request's body must have arrived."""

    @field_validator("key_passphrase")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < MIN_PASSPHRASE_CHARACTERS:
            raise ValueError(f"must have at least {MIN_PASSPHRASE_CHARACTERS} characters")
        return value

    @property
    def passphrase(self) -> bytes:
        """The passphrase of the key file."""
        return self.key_passphrase.get_secret_value().encode()

    def read_logs(self) -> LogKeys:
        """The logs whose checkpoints it cosigns. Raises SettingsInvalid if the file is missing or invalid."""
        if self.logs is None:
            raise SettingsInvalid("COUNTERMARK_WITNESS_LOGS is not set: name the file with the logs' verifier keys")
        try:
            data = self.logs.read_bytes()
        except OSError as error:
            raise SettingsInvalid(f"COUNTERMARK_WITNESS_LOGS: {self.logs}: {error.strerror}") from error
        return read_logs(data)


def load_witness_settings(**values: object) -> WitnessSettings:
    """The settings of this process; `values` take precedence over the environment. Raises SettingsInvalid."""
    return from_environment(WitnessSettings, values)


def create_witness_app(witness: Witness, *, body_timeout: float) -> Starlette:
    """The application of a witness, which the caller closes. A body must arrive within `body_timeout` seconds."""

    async def add_checkpoint(request: Request) -> Response:
        body = await gather(request, MAX_WITNESS_REQUEST_BYTES)
        outcome = await anyio.to_thread.run_sync(witness.add_checkpoint, body)
        if isinstance(outcome, Cosigned):
            _log.info("cosigned", log=outcome.checkpoint.origin, size=outcome.checkpoint.size)
        else:
            _log.info("declined", status=outcome.status, reason=outcome.detail)
        return Response(outcome.body(), outcome.status, headers={"Content-Type": outcome.media_type})

    def get_checkpoint(request: Request) -> Response:
        note = witness.monitored(f"{request.path_params['origin']}/checkpoint")
        if note is None:
            return PlainTextResponse("this witness has cosigned nothing of such a log\n", 404)
        return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"})

    async def answer_error(request: Request, error: Exception) -> Response:
        kind = kind_of(error)
        if kind.status >= 500:
            _log.error("request failed", exc_info=error)
        headers = {"Connection": "close"} if kind.status in (408, 413) else {}
        detail = kind.detail or str(error) or kind.title
        return PlainTextResponse(f"{detail}\n", kind.status, headers=headers)

    app = Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin}/checkpoint", get_checkpoint, methods=["GET"]),
        ],
        exception_handlers={CountermarkError: answer_error, ClientDisconnect: answer_error, Exception: answer_error},
    )
    app.state.bodies = Bodies(seconds=body_timeout)
    return app


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
