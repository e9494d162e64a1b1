"""`asset.disputed`: another publisher contradicts a registration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


@dataclass(frozen=True)
class AssetDisputed:
    """A counter-claim; the registration stays in the log, and so does this.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: id of the publisher that disputes, never the one that registered.
        record: id of the registration that is disputed, 32 bytes.
        reason: why, for people.
        counterclaim: id of the publisher's own registration of the content, where it has one, 32 bytes.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.disputed"

    salt: bytes
    claimed_at: datetime
    publisher: str
    record: bytes
    reason: str
    counterclaim: bytes | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON; what is absent is left out."""
        value: dict[str, Json] = {"publisher": self.publisher, "record": self.record.hex(), "reason": self.reason}
        if self.counterclaim is not None:
            value["counterclaim"] = self.counterclaim.hex()
        return value

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "AssetDisputed":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            record=fields.digest("record"),
            reason=fields.text("reason", MAX_TEXT_CHARACTERS),
            counterclaim=fields.optional(fields.digest, "counterclaim"),
            extra=fields.rest(),
        )
