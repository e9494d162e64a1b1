"""What commands open: the registry, the store alone, or the keys, from the settings."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from api.settings import Settings
from provenance.errors import SettingsInvalid
from registry.database import Store
from registry.keys import api_keys
from registry.keys.api_keys import DEFAULT_PUBLISHER

if TYPE_CHECKING:  # a command that needs only the store does not import the rest
    from provenance.transparency.note import VerifierKey
    from registry.keys.keystore import Keystore, Role
    from registry.registry import Registry, RegistryConfig

DEVELOPMENT_PASSPHRASE = "development only: protects nothing"  # noqa: S105  # it says so itself


def configuration(settings: Settings) -> "RegistryConfig":
    """The registry's configuration from the settings."""
    from registry.registry import RegistryConfig

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
        claim_timestamp_url=settings.claim_timestamp_url or None,
        timestamp_anchors=settings.timestamp_anchors,
        timestamp_interval=settings.timestamp_interval,
        sandbox_without=frozenset(settings.sandbox_without),
        ml_dsa=settings.log_ml_dsa,
        signers={role: uri.get_secret_value() for role, uri in signers.items() if uri.get_secret_value()},
        claim_chain=settings.claim_chain,
    )


@contextmanager
def opened_registry(settings: Settings, *, create: bool = False) -> "Iterator[Registry]":
    """The registry, open while the context is. Raises and takes `create` as `open_registry`."""
    from registry.bootstrap import open_registry

    if not create and settings.environment != "development":
        require_log(settings.folder)
    registry = open_registry(configuration(settings), create=create)
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The store alone, for commands that must work on a folder that the service refuses to open."""
    require_log(settings.folder)
    with closing(Store.open(settings.folder, settings.database_url.get_secret_value())) as store:
        yield store


def opened_keystore(settings: Settings, folder: Path | None = None) -> "Keystore":
    """The keys in the data folder or in a copy of it. Raises SettingsInvalid if there are none."""
    from registry.bootstrap import open_keystore

    require_log(folder or settings.folder)
    return open_keystore(configuration(settings), folder=folder)


def log_key(settings: Settings, folder: Path | None = None) -> "VerifierKey":
    """The log's public key, from the keys in the data folder or in a copy of it."""
    from provenance.transparency.note import ED25519, VerifierKey

    return VerifierKey(settings.log_origin, ED25519, opened_keystore(settings, folder).log.public_key.raw)


def require_log(folder: Path) -> None:
    """Raises SettingsInvalid if the folder has no registry."""
    if not (folder / "keys").is_dir():
        raise SettingsInvalid(
            f"{folder} contains no log. To create one there, run `python -m api log init`; else set "
            "COUNTERMARK_FOLDER to the log's folder"
        )


def make_first_key(registry: "Registry") -> str | None:
    """An admin's API key if the registry has no keys yet, to be shown once; else None. Raises: StoreUnavailable.

    The key is for the publisher that was enrolled when the log was created.
    """
    if api_keys.listed(registry.store):
        return None
    return api_keys.mint(
        registry.store,
        name="first key",
        scopes=[api_keys.ADMIN],
        now=registry.now(),
        publisher=DEFAULT_PUBLISHER,
    )
