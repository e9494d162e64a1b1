"""A witness's settings, from the environment (`COUNTERMARK_WITNESS_…`)."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.settings import MIN_PASSPHRASE_CHARACTERS, from_environment
from provenance.errors import SettingsInvalid
from registry.attestation.witness import LogKeys, read_logs


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
