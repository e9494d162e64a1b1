"""The server's settings, from the environment (`COUNTERMARK_…`), and the refusal of insecure ones.

In production every insecure setting is named and the server does not start. In development the same
settings are allowed with a warning, and the server listens on loopback only.
"""

import ipaddress
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from provenance import limits
from provenance.errors import SettingsInvalid
from registry.attestation import DEVELOPMENT_STAMPS

S = TypeVar("S", bound=BaseSettings)

MIN_PASSPHRASE_CHARACTERS = 20
"""Characters: 20 random ones of a base-32 alphabet have 100 bits, which cannot be brute-forced."""


class InsecureSettingsWarning(UserWarning):
    """Development uses a setting that production refuses."""


class Settings(BaseSettings):
    """What an operator can set. Each field is `COUNTERMARK_<NAME>`; lists are separated by commas."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERMARK_", extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    environment: Literal["production", "development"] = "production"
    folder: Path = Path("data")
    """Where the registry keeps its data; made on first start."""
    public_url: str = "http://127.0.0.1:8000"
    """The address by which others reach this server; it is written into links and credentials."""
    origin: str = ""
    """The log's name in its checkpoints; by default the public URL's host and path."""
    operator: str = "Unnamed operator"
    """Who runs the log, as the genesis record says it."""
    key_passphrase: SecretStr = SecretStr("")
    """Encrypts the private keys in the data folder."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Sandboxed processes that examine files."""
    sandbox_without: Annotated[tuple[Literal["system_calls", "files", "own_user"], ...], NoDecode] = ()
    """Layers of the sandbox that may be missing in production: `system_calls`, `files`, `own_user`."""
    trust_lists: Path | None = None
    """A folder of PEM files, each a trust list for C2PA credentials."""
    database_url: SecretStr = SecretStr("")
    """A PostgreSQL database, postgresql+psycopg://USER@HOST/DATABASE; by default SQLite in the data folder."""
    objects_url: str = ""
    """Where tiles and blobs are stored: s3://BUCKET/PREFIX, or a folder; by default `objects` in the data folder."""
    high_water: str = ""
    """Where the last signed checkpoint is kept: a file, best on another disk, or s3://BUCKET/NAME; by default in the
    data folder."""
    witness_policy: Path | None = None
    """A C2SP tlog-policy file: the witnesses that are asked for cosignatures, and the required quorum."""
    timestamp_url: str = ""
    """An RFC 3161 authority that stamps the log's checkpoints; "development": the server's own, proving nothing."""
    claim_timestamp_url: str = ""
    """An RFC 3161 authority that stamps C2PA claims as they are signed, so that copies outlive its certificate."""
    timestamp_anchors: Path | None = None
    """PEM: the trusted certificates of that authority, its root among them."""
    timestamp_interval: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Minimum seconds between two time stamps."""
    log_signer: SecretStr = SecretStr("")
    """The signer of the log's key, if it is not a key file: a `pkcs11:` URI, or `exec:` and a command line."""
    operator_signer: SecretStr = SecretStr("")
    """As `log_signer`, for the operator's key."""
    claim_signer: SecretStr = SecretStr("")
    """As `log_signer`, for the key that signs C2PA claims."""
    claim_chain: Path | None = None
    """PEM file with the certificates of the key that `claim_signer` names."""
    log_ml_dsa: bool = True
    """Whether a new log, or one whose key is rotated, also signs with ML-DSA-44."""
    spool: Path | None = None
    """The folder for incoming uploads. On a disk of its own, files can be verified while the data's disk is full."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks whose `X-Forwarded-For` is trusted."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Web origins whose scripts may call this API."""
    max_media_bytes: Annotated[int, Field(ge=1, le=limits.MAX_MEDIA_BYTES)] = limits.MAX_MEDIA_BYTES
    upload_timeout: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Seconds within which a request's body must have arrived."""
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 2048
    """Maximum concurrent connections; never more than half of the process's file descriptors."""
    max_connections_per_address: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    """Maximum concurrent connections of one client address; at most half of all. Trusted proxies are exempt."""
    max_uploads_per_address: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Maximum concurrent request bodies of one client address that have not arrived whole; more are answered 503."""
    queue: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Maximum pictures in hand, and apart from them maximum concurrent requests that write; more are answered 503."""
    max_pictures_per_address: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Maximum pictures in hand of one client address, without a key; more are answered 429."""
    max_pictures_per_key: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Maximum pictures of one API key in hand; more are answered 429."""
    max_wait: Annotated[float, Field(gt=0, le=3600)] = limits.MAX_WAIT_SECONDS
    """Seconds that a picture may be expected to wait for a worker; beyond that it is answered 503 at once."""
    verification_rate: str = "60/minute"
    """Verifications allowed to one API key, or client address, as COUNT/PERIOD."""
    lookup_rate: str = "600000/hour"
    """Digests that one API key, or client address, may look up, as COUNT/PERIOD; a fingerprint counts for ten."""
    read_rate: str = "1200/minute"
    """Reads allowed to one API key, or client address, as COUNT/PERIOD."""
    authentication_failure_rate: str = "20/5 minute"
    """Requests with an API key that is not valid, of one client address, as COUNT/PERIOD; more are answered 429."""
    verification_quota: Annotated[int, Field(ge=1)] = 5_000
    """Verifications allowed to one client address on a day (UTC)."""
    lookup_quota: Annotated[int, Field(ge=1)] = 3_000_000
    """Digests that one client address may look up on a day (UTC)."""
    write_quota: Annotated[int, Field(ge=1)] = 100_000
    """Requests that write, allowed to one API key on a day (UTC)."""
    report_days: Annotated[int, Field(ge=1, le=36_500)] = 30
    """Days for which a verification report is kept where its reader asks for that."""
    api_key: SecretStr = SecretStr("")
    """An admin's API key, for commands that call the running service."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""
    log_client_addresses: bool = False
    """Whether the request log names client addresses: personal data in most jurisdictions, so off."""

    @field_validator("trusted_proxies", "cors_origins", "sandbox_without", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        url = _split_url(value)
        if url is None or url.query or url.fragment or url.username is not None:
            raise ValueError("must be an http(s) URL without user, query and fragment")
        return value.rstrip("/")

    @field_validator("timestamp_url")
    @classmethod
    def _is_an_authority(cls, value: str) -> str:
        if value not in ("", DEVELOPMENT_STAMPS) and _split_url(value) is None:
            raise ValueError('must be an http(s) URL, or "development"')
        return value

    @field_validator("claim_timestamp_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and _split_url(value) is None:
            raise ValueError("must be an http(s) URL")
        return value

    @field_validator("origin")
    @classmethod
    def _is_a_key_name(cls, value: str) -> str:
        # C2SP signed-note: a key name has no white space and no "+".
        if re.search(r"[\s+\x00-\x1f]", value):
            raise ValueError("must have no white space and no '+'")
        return value

    @field_validator("verification_rate", "lookup_rate", "read_rate", "authentication_failure_rate")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @property
    def objects_place(self) -> Path | str:
        """Where tiles and blobs are stored: a folder, or a bucket's URL."""
        return _place(self.objects_url) or self.folder / "objects"

    @property
    def high_water_place(self) -> Path | str:
        """Where the last signed checkpoint is kept: a file, or an object's URL."""
        return _place(self.high_water) or self.folder / "high-water"

    @property
    def local_url(self) -> str:
        """The address at which commands on this machine reach the service."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (no address to listen on)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def log_origin(self) -> str:
        """The log's name in its checkpoints (C2SP tlog-checkpoint: a schema-less URL)."""
        if self.origin:
            return self.origin
        url = urlsplit(self.public_url)
        return f"{url.netloc}{url.path}/log"


PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def parse_rate(text: str) -> tuple[int, int]:
    """(count, seconds) of "60/minute" or "5/10 second". Raises: ValueError."""
    match = re.fullmatch(r"(\d{1,9})/(?:(\d{1,6}) ?)?(second|minute|hour|day)s?", text)
    if match is None or int(match[1]) == 0 or match[2] == "0":
        raise ValueError("must be COUNT/PERIOD, as in 60/minute")
    return int(match[1]), int(match[2] or 1) * PERIODS[match[3]]


def weaknesses(settings: Settings) -> list[str]:
    """What makes these settings insecure, one sentence each."""
    found = []
    passphrase = settings.key_passphrase.get_secret_value()
    if not passphrase:
        found.append("COUNTERMARK_KEY_PASSPHRASE is not set: the private keys would be unencrypted in the data folder.")
    elif len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        found.append(f"COUNTERMARK_KEY_PASSPHRASE has fewer than {MIN_PASSPHRASE_CHARACTERS} characters.")
    url = urlsplit(settings.public_url)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        found.append("COUNTERMARK_PUBLIC_URL is plain http: API keys and answers would cross the network in the clear.")
    if any("*" in origin for origin in settings.cors_origins):
        found.append("COUNTERMARK_CORS_ORIGINS has a wildcard: any web page could use a visitor's access.")
    if any(_is_plain_origin(origin) for origin in settings.cors_origins):
        found.append("COUNTERMARK_CORS_ORIGINS names a plain http origin off loopback.")
    if any(proxy in ("*", "0.0.0.0/0", "::/0") for proxy in settings.trusted_proxies):
        found.append("COUNTERMARK_TRUSTED_PROXIES trusts everybody: a client could choose its own address.")
    if settings.timestamp_url == DEVELOPMENT_STAMPS:
        found.append("COUNTERMARK_TIMESTAMP_URL is development: the server would time-stamp its own checkpoints.")
    return found


def load_settings(**values: object) -> Settings:
    """The settings of this process; `values` take precedence over the environment.

    Warns: InsecureSettingsWarning for each weakness in development. Raises: SettingsInvalid.
    """
    settings = from_environment(Settings, values)
    found = weaknesses(settings)
    if settings.environment == "production":
        if found:
            raise SettingsInvalid(" ".join(found))
        return settings
    if not is_loopback(settings.host):
        raise SettingsInvalid(
            f"Development listens on loopback only, and COUNTERMARK_HOST is {settings.host}. "
            "Set COUNTERMARK_ENVIRONMENT=production to serve others."
        )
    for weakness in found:
        warnings.warn(weakness, InsecureSettingsWarning, stacklevel=2)
    return settings


def from_environment(model: type[S], values: Mapping[str, object]) -> S:
    """Settings of this process, over which `values` take precedence. Raises: SettingsInvalid."""
    try:
        return model(**values)  # type: ignore[arg-type]  # pydantic validates them
    except ValidationError as error:
        prefix = model.model_config.get("env_prefix", "")
        reasons = [f"{prefix}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsInvalid("; ".join(reasons)) from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _place(value: str) -> Path | str | None:
    """A URL as a string, a path or file:// URL as a Path; None if `value` is empty."""
    if value.startswith("file://"):
        return Path(value.removeprefix("file://"))
    return value if "://" in value else Path(value) if value else None


def _split_url(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        _ = url.port  # raises ValueError if it is invalid
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.hostname else None


def _is_plain_origin(origin: str) -> bool:
    url = urlsplit(origin)
    return url.scheme == "http" and "*" not in origin and not is_loopback(url.hostname or "")
