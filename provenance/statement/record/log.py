"""`log.genesis`: the first entry of a log, which names it, its operator and its keys.

`log.key`: a log's checkpoints are signed with other keys from here on.

`log.frozen`: the last entry of a log, by which its operator says that no other follows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_GENESIS_KEYS, MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS, MAX_VERIFIER_KEY_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.encodings import decode_base64url, encode_base64url
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


_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}|[A-Za-z0-9_-]{3227}")
_LONGEST_SIGNATURE = 3227


@dataclass(frozen=True)
class LogKey:
    """A change of a log's keys, stated by an operator of the log and signed by the old keys and the new.

    It counts for every tree that holds it: a checkpoint of more entries than this record's index is signed with
    `log_keys`, and with no earlier key that is not among them.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the operator says this was stated.
        log_keys: the verifier keys that are in force from here on, all of them; their form is checked here, their key
            where the change is followed.
        signatures: by each key that was in force and each of `log_keys` (see `transparency.log_keys`, which has the
            message and the order): 64 bytes of Ed25519, or 2,420 of ML-DSA-44.
        reason: why.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.key"

    salt: bytes
    claimed_at: datetime
    log_keys: tuple[str, ...]
    signatures: tuple[bytes, ...]
    reason: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        value: dict[str, Json] = {
            "log_keys": list(self.log_keys),
            "signatures": [encode_base64url(signature) for signature in self.signatures],
        }
        if self.reason is not None:
            value["reason"] = self.reason
        return value

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "LogKey":
        """Reads the fields of this type; raises MalformedRecord."""
        log_keys = fields.strings("log_keys", MAX_GENESIS_KEYS, VERIFIER_KEY, MAX_VERIFIER_KEY_CHARACTERS)
        encoded = fields.strings("signatures", 2 * MAX_GENESIS_KEYS, _SIGNATURE, _LONGEST_SIGNATURE)
        try:
            signatures = tuple(decode_base64url(text) for text in encoded)
        except ValueError as error:
            raise fields.refusal("signatures", str(error)) from error
        return cls(
            salt,
            claimed_at,
            log_keys=log_keys,
            signatures=signatures,
            reason=fields.optional(fields.text, "reason", MAX_TEXT_CHARACTERS),
            extra=fields.rest(),
        )


@dataclass(frozen=True)
class LogFrozen:
    """The end of a log; all that is in it stays provable under its last checkpoint.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the operator says this was stated.
        reason: why, for people, and where the registry goes on, if it does.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.frozen"

    salt: bytes
    claimed_at: datetime
    reason: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {"reason": self.reason}

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "LogFrozen":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(salt, claimed_at, reason=fields.text("reason", MAX_TEXT_CHARACTERS), extra=fields.rest())
