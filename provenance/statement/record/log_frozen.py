"""`log.frozen`: the last entry of a log, by which its operator says that no other follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


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
