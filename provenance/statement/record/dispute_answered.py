"""`dispute.answered`: what came of a dispute, as one of its two sides states it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Literal, get_args

from provenance.limits import MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields

RETRACTED: Final = "retracted"
"""The outcome that closes a dispute, by the publisher that raised it."""

DisputeOutcome = Literal["accepted", "rejected", "retracted"]


@dataclass(frozen=True)
class DisputeAnswered:
    """An answer to a dispute.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: id of the publisher that answers.
        dispute: id of the `asset.disputed` record, 32 bytes.
        outcome: `accepted` or `rejected` by the publisher that registered; `retracted` by the one that disputed.
            Only a retraction ends a dispute: nobody is judge of a claim against itself.
        reason: why, for people.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "dispute.answered"

    salt: bytes
    claimed_at: datetime
    publisher: str
    dispute: bytes
    outcome: DisputeOutcome
    reason: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        return {
            "publisher": self.publisher,
            "dispute": self.dispute.hex(),
            "outcome": self.outcome,
            "reason": self.reason,
        }

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "DisputeAnswered":
        """Reads the fields of this type; raises MalformedRecord."""
        outcome: DisputeOutcome = fields.choice("outcome", get_args(DisputeOutcome))
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            dispute=fields.digest("dispute"),
            outcome=outcome,
            reason=fields.text("reason", MAX_TEXT_CHARACTERS),
            extra=fields.rest(),
        )


def is_open(dispute: bytes, publisher: str, answers: Iterable[DisputeAnswered]) -> bool:
    """Whether a dispute still stands: only the publisher that raised it closes it, by retracting it.

    Args:
        dispute: id of the `asset.disputed` record, 32 bytes.
        publisher: id of the publisher that raised it.
        answers: those that are known and believed, to this dispute and to others. None that was made with a key which
            may have been in other hands by then is.
    """
    return not any(
        (answer.dispute, answer.publisher, answer.outcome) == (dispute, publisher, RETRACTED) for answer in answers
    )
