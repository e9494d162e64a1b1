"""`asset.revealed`: a sealed registration is made public. Its time is that of its own entry, not of this one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


@dataclass(frozen=True)
class AssetRevealed:
    """The end of a seal.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: the publisher's id.
        record: id of the sealed registration, 32 bytes.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.revealed"

    salt: bytes
    claimed_at: datetime
    publisher: str
    record: bytes
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {"publisher": self.publisher, "record": self.record.hex()}

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "AssetRevealed":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            record=fields.digest("record"),
            extra=fields.rest(),
        )
