"""`asset.withdrawn`: the publisher takes a registration back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


@dataclass(frozen=True)
class AssetWithdrawn:
    """A withdrawal; the registration stays in the log.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: the publisher's id.
        record: id of the registration that is withdrawn, 32 bytes.
        reason: why, for people.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.withdrawn"

    salt: bytes
    claimed_at: datetime
    publisher: str
    record: bytes
    reason: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {"publisher": self.publisher, "record": self.record.hex(), "reason": self.reason}

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "AssetWithdrawn":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            record=fields.digest("record"),
            reason=fields.text("reason", MAX_TEXT_CHARACTERS),
            extra=fields.rest(),
        )
