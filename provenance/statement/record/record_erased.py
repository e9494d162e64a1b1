"""`record.erased`: a record's content was erased. Its log entry stays, and so does every proof."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


@dataclass(frozen=True)
class RecordErased:
    """An erasure, stated by an operator of the log: whoever keeps the content is who can say that it is gone.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the operator says this was stated.
        record: id of the erased record, 32 bytes.
        reason: why, for people; it stays readable, so it must not repeat what was erased.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "record.erased"

    salt: bytes
    claimed_at: datetime
    record: bytes
    reason: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {"record": self.record.hex(), "reason": self.reason}

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "RecordErased":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            record=fields.digest("record"),
            reason=fields.text("reason", MAX_TEXT_CHARACTERS),
            extra=fields.rest(),
        )
