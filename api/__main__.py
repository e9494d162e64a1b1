"""`python -m api`: runs the service, and does what its operator must do by hand.

Data goes to standard output, everything else to standard error. Exit codes: 0 satisfied, 1 something was found,
2 usage or settings, 3 could not be done.
"""

import base64
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress

from api.app import assemble, create_app
from api.first_key import make_first_key
from api.logs import configure_logs
from api.openapi import is_current, write
from api.progress import progress_bars
from api.settings import Settings, load_settings
from api.witness.commands import commands as witness_commands
from provenance.credentials.certificates import check_claim_certificate, parse_certificates
from provenance.errors import CertificateUnusable, CountermarkError, SettingsInvalid, StoreUnavailable
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.note import ED25519, VerifierKey
from registry import api_keys
from registry.attesters import read_policy, read_timestamping
from registry.backup import back_up
from registry.blobs import Blobs
from registry.bootstrap import DEFAULT_PUBLISHER, open_keystore, open_registry
from registry.freezing import freeze
from registry.fsck import Finding, check
from registry.high_water import HighWater
from registry.log_keys import held_key
from registry.migration import migrate
from registry.rebuild import rebuild_index
from registry.registry import Registry, RegistryConfig, utc_now
from registry.restoring import restore
from registry.rotation import rotate_log_key
from registry.signer_uri import open_signer
from registry.signers import Keystore, Role
from registry.store import Store, assets

DEVELOPMENT_PASSPHRASE = "development only: protects nothing"  # noqa: S105  # said to protect nothing
OPENAPI_FILE = Path(__file__).resolve().parent.parent / "openapi.yaml"

app = typer.Typer(help="Countermark's service.", no_args_is_help=True, pretty_exceptions_enable=False)
key_commands = typer.Typer(help="API keys.", no_args_is_help=True)
log_commands = typer.Typer(help="The transparency log.", no_args_is_help=True)
index_commands = typer.Typer(help="The similarity index.", no_args_is_help=True)
certificate_commands = typer.Typer(help="The certificate that C2PA claims are signed with.", no_args_is_help=True)
app.add_typer(key_commands, name="key")
app.add_typer(log_commands, name="log")
app.add_typer(index_commands, name="index")
app.add_typer(certificate_commands, name="certificate")
app.add_typer(witness_commands, name="witness")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def serve() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings()
    configure_logs(settings.log_level)
    with _registry(settings) as registry:
        first_key = make_first_key(registry)
        if first_key is not None:
            typer.echo(f"The first API key, which is shown only now:\n\n    {first_key}\n", err=True)
        typer.echo(f"Countermark listens on http://{settings.host}:{settings.port}", err=True)
        uvicorn.run(
            create_app(settings, registry),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            ws="none",
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=15,
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


@app.command()
def fsck(as_json: Json = False) -> None:
    """Recompute everything from the log's entries, and name what differs."""
    settings = load_settings()
    with _store(settings) as store, progress_bars() as progress:
        config, keystore = configuration(settings), _keystore(settings)
        policy, timestamping = read_policy(config), read_timestamping(config, keystore, utc_now)
        findings = check(
            store,
            Blobs.open(settings.objects_place),
            held_key(store, _log_key(settings), keystore.log_signer),
            witness_keys=policy.keys_for(settings.log_origin) if policy else (),
            authorities=timestamping.anchors if timestamping else (),
            high_water=settings.high_water_place,
            progress=progress,
        )
        found = _report(findings, as_json)
    typer.echo(f"{found} findings", err=True)
    if found:
        raise typer.Exit(1)


@app.command("migrate-store")
def migrate_store(
    to: Annotated[str, typer.Option(help="An empty database: postgresql+psycopg://USER@HOST/DATABASE.")],
    as_json: Json = False,
) -> None:
    """Copy the whole store into a PostgreSQL database. The log, its root and its name stay the same."""
    settings = load_settings()
    log_key = _log_key(settings)
    with _store(settings) as source, closing(Store.open(settings.folder, to)) as target, progress_bars() as progress:
        moved = migrate(source, target, log_key, progress)
    line = {"entries": moved.size, "root": moved.root.hex(), "rows": moved.rows}
    typer.echo(json.dumps(line) if as_json else "\n".join(f"{name}: {value}" for name, value in line.items()))
    typer.echo("Every row has arrived, and leads to the same root. Set COUNTERMARK_DATABASE_URL to use it.", err=True)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="Where to; missing or empty.")],
    as_json: Json = False,
) -> None:
    """Copy the data folder while the service goes on, and recompute the copy.

    The copy has everything that is needed to go on elsewhere, the encrypted keys included; not the passphrase.
    """
    settings = load_settings()
    if settings.database_url.get_secret_value():
        raise SettingsInvalid("COUNTERMARK_DATABASE_URL is set: back up the database with PostgreSQL's own tools")
    log_key, blobs = _log_key(settings), Blobs.open(settings.objects_place)
    with progress_bars() as progress:
        size, findings = back_up(settings.folder, blobs, target, log_key, progress)
    found = _report(findings, as_json)
    typer.echo(f"{target}: {size} entries, {found} findings", err=True)
    if found:
        raise typer.Exit(1)


@app.command("restore")
def restore_backup(
    source: Annotated[Path, typer.Argument(help="A folder that `backup` has made.")],
    discard_newer: Annotated[
        bool,
        typer.Option(
            "--discard-newer",
            help="Restore although the log has signed more entries than the backup has. They are lost, and the log "
            "will sign a second history of the same sizes: everybody who holds a newer receipt or checkpoint can "
            "prove that it has forked.",
        ),
    ] = False,
) -> None:
    """Bring a backup back into the data folder, which is missing or empty."""
    settings = load_settings()
    high_water = settings.high_water_place
    with progress_bars() as progress:
        log_key = _log_key(settings, source)
        done = restore(source, settings.folder, high_water, log_key, progress, discard_newer=discard_newer)
    typer.echo(f"{settings.folder}: {done.size} entries", err=True)
    if done.signed is None:
        typer.echo(
            f"There was no high-water file {high_water}: nothing here tells whether entries were signed after this "
            "backup was made. Before you start the service, compare it with the newest checkpoint that a witness, an "
            "auditor or a receipt has: a log that signs again from an older state forks.",
            err=True,
        )


@key_commands.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for, as lists show it.")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(api_keys.SCOPES)}; may be repeated.")],
    publisher: Annotated[str, typer.Option(help="The publisher that the key writes for.")] = DEFAULT_PUBLISHER,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.")] = None,
) -> None:
    """Make an API key and print it: the only time it is shown."""
    with _registry(load_settings()) as registry:
        now = registry.now()
        expires_at = None if days is None else now + timedelta(days=days)
        typer.echo(
            api_keys.mint(registry.store, name=name, scopes=scope, now=now, publisher=publisher, expires_at=expires_at)
        )


@key_commands.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the API keys, revoked ones included."""
    with _store(load_settings()) as store:
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


@key_commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Its id, as `key list` shows it.")]) -> None:
    """Revoke an API key from now on."""
    with _store(load_settings()) as store:
        api_keys.revoke(store, key_id, utc_now())


@log_commands.command("info")
def log_info(as_json: Json = False) -> None:
    """Show what auditors need: the log's name and verifier key, and the tree that it signed last.

    Works while the service runs: keys and high-water file are read, and nothing is opened for writing.
    """
    settings = load_settings()
    key = VerifierKey(settings.log_origin, ED25519, _keystore(settings).log.public_key.raw)
    note = HighWater(settings.high_water_place).read()
    if note is None:
        raise StoreUnavailable("the log has signed nothing yet")
    checkpoint, _ = open_checkpoint(note, [key], key.name)
    info = {
        "origin": key.name,
        "vkey": str(key),
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "checkpoint": note.decode(),
    }
    if as_json:
        typer.echo(json.dumps(info, ensure_ascii=False))
    else:
        typer.echo("\n".join(f"{name:<7} {value}" for name, value in info.items() if name != "checkpoint"))


@log_commands.command("freeze")
def freeze_log(
    reason: Annotated[str, typer.Option(help="Why, and where the registry goes on: the log's last entry says it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End the log: one more entry says so, and nothing follows it. This cannot be undone; reading goes on."""
    with _registry(load_settings()) as registry:
        if not yes:
            typer.confirm(f"End the log {registry.config.origin} for ever?", abort=True, err=True)
        last = freeze(registry, reason)
        typer.echo(registry.sequencer.checkpoint().decode(), nl=False)
        typer.echo(f"Frozen with entry {last.index}; the last checkpoint is above.", err=True)


@log_commands.command("rotate-key")
def rotate_key(
    reason: Annotated[str | None, typer.Option(help="Why, as the record says it.")] = None,
    successor: Annotated[
        str | None, typer.Option(metavar="URI", help="The new key, where a token or program holds it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign the log with a new key from here on. The server has to be stopped.

    The new verifier key is printed; readers who trust the old one are led to it by the receipts.
    """
    settings = load_settings()
    _refuse_missing(settings.folder)
    with _registry(settings) as registry:
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
    typer.echo(str(done.keys[0]))
    typer.echo(
        f"The log's key from entry {done.index} on. The one before signs checkpoints of up to that size:", err=True
    )
    typer.echo(f"\n    {retired[0]}\n", err=True)
    typer.echo("ML-DSA-44 keys are too long for a line: --json prints all, and the service serves /log/keys.", err=True)


@index_commands.command("rebuild")
def index_rebuild() -> None:
    """Make the similarity index anew from records and their blobs; exit with 1 where a registration lacks its own."""
    found = done = 0
    with _registry(load_settings()) as registry, Progress(console=Console(stderr=True), transient=True) as progress:
        with registry.store.read() as session:
            total = assets.count(session)
        task = progress.add_task("Indexing", total=total)
        for done, finding in rebuild_index(registry):
            progress.update(task, completed=done)
            if finding:
                found += 1
                typer.echo(finding)
    typer.echo(f"{done} registrations indexed, {found} without local features", err=True)
    if found:
        raise typer.Exit(1)


@certificate_commands.command("show")
def show_certificate(
    file: Annotated[Path | None, typer.Argument(help="A PEM chain; by default the one in use.")] = None,
) -> None:
    """Show each certificate of the chain: subject, issuer, validity."""
    for certificate in parse_certificates(_chain(file)):
        typer.echo(f"subject  {certificate.subject.rfc4514_string()}")
        typer.echo(f"issuer   {certificate.issuer.rfc4514_string()}")
        typer.echo(
            f"valid    {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
        typer.echo()


@certificate_commands.command("check")
def check_certificate(
    file: Annotated[Path | None, typer.Argument(help="A PEM chain; by default the one in use.")] = None,
) -> None:
    """Check the chain against the C2PA certificate profile; exit with 1 where it does not fit."""
    try:
        check_claim_certificate(_chain(file), utc_now())
    except CertificateUnusable as error:
        typer.echo(str(error))
        raise typer.Exit(1) from None
    typer.echo("The chain fits the C2PA certificate profile.", err=True)


def configuration(settings: Settings) -> RegistryConfig:
    """What the registry needs of the settings."""
    passphrase = settings.key_passphrase.get_secret_value()
    if not passphrase and settings.environment == "development":
        passphrase = DEVELOPMENT_PASSPHRASE
    signers: dict[Role, SecretStr] = {
        "log": settings.log_signer,
        "operator": settings.operator_signer,
        "claim": settings.claim_signer,
    }
    return RegistryConfig(
        folder=settings.folder,
        origin=settings.log_origin,
        operator=settings.operator,
        public_url=settings.public_url,
        passphrase=passphrase.encode(),
        workers=settings.workers,
        environment=settings.environment,
        trust_lists=settings.trust_lists,
        database_url=settings.database_url.get_secret_value(),
        objects=settings.objects_place,
        high_water=settings.high_water_place,
        spool=settings.spool,
        witness_policy=settings.witness_policy,
        timestamp_url=settings.timestamp_url or None,
        timestamp_anchors=settings.timestamp_anchors,
        timestamp_interval=settings.timestamp_interval,
        ml_dsa=settings.log_ml_dsa,
        signers={role: uri.get_secret_value() for role, uri in signers.items() if uri.get_secret_value()},
        claim_chain=settings.claim_chain,
    )


@contextmanager
def _registry(settings: Settings) -> Iterator[Registry]:
    registry = open_registry(configuration(settings))
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    """The store alone, for what must work on a folder that the service refuses to open."""
    _refuse_missing(settings.folder)
    with closing(Store.open(settings.folder, settings.database_url.get_secret_value())) as store:
        yield store


def _keystore(settings: Settings, folder: Path | None = None) -> Keystore:
    _refuse_missing(folder or settings.folder)
    return open_keystore(configuration(settings), folder=folder)


def _log_key(settings: Settings, folder: Path | None = None) -> VerifierKey:
    """The log's public key, from the keys in the data folder or in a copy of it."""
    return VerifierKey(settings.log_origin, ED25519, _keystore(settings, folder).log.public_key.raw)


def _report(findings: Iterable[Finding], as_json: bool) -> int:
    """Print findings as they come; returns their number."""
    found = 0
    for found, finding in enumerate(findings, 1):  # noqa: B007  (counted)
        line = {"kind": finding.kind, "name": finding.name, "detail": finding.detail}
        typer.echo(json.dumps(line) if as_json else "  ".join(line.values()))
    return found


def _refuse_missing(folder: Path) -> None:
    if not (folder / "keys").is_dir():
        raise SettingsInvalid(f"{folder} holds no registry (COUNTERMARK_FOLDER names the data folder)")


def _chain(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateUnusable(f"{file} cannot be read as PEM") from error
    return _keystore(load_settings()).claim_signer().chain_pem


def main() -> None:
    """Runs a command; failures of ours are one line, not a trace."""
    try:
        app()
    except SettingsInvalid as error:
        typer.echo(f"These settings cannot be used: {error}", err=True)
        sys.exit(2)
    except CountermarkError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
