"""`log.genesis`: the first entry of a log, which names it, its operator and its keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_GENESIS_KEYS, MAX_LINE_CHARACTERS, MAX_VERIFIER_KEY_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields
from provenance.statement.keys import PublicKey

VERIFIER_KEY = re.compile(r"[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}")
"""The form of a verifier key (C2SP signed-note)."""


@dataclass(frozen=True)
class LogGenesis:
    """The record at index 0.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the operator says this was stated.
        origin: the log's name in its checkpoints.
        operator: who runs the log, for people.
        log_keys: verifier keys of the log's checkpoints (C2SP signed-note); their form is checked here, their key
            where checkpoints are opened.
        operator_keys: may sign this record, `log.key` and `publisher.key` records.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.genesis"

    salt: bytes
    claimed_at: datetime
    origin: str
    operator: str
    log_keys: tuple[str, ...]
    operator_keys: tuple[PublicKey, ...]
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {
            "origin": self.origin,
            "operator": self.operator,
            "log_keys": list(self.log_keys),
            "operator_keys": [key.to_jwk() for key in self.operator_keys],
        }

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "LogGenesis":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            origin=fields.origin("origin"),
            operator=fields.text("operator", MAX_LINE_CHARACTERS),
            log_keys=fields.strings("log_keys", MAX_GENESIS_KEYS, VERIFIER_KEY, MAX_VERIFIER_KEY_CHARACTERS),
            operator_keys=fields.keys("operator_keys", MAX_GENESIS_KEYS),
            extra=fields.rest(),
        )
