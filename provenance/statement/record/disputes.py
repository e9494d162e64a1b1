"""`asset.disputed`: another publisher contradicts a registration.

`dispute.answered`: what came of a dispute, as one of its two sides states it.

`verdict.recorded`: a verification report that somebody wanted on record, with the versions of its methods.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Literal, get_args

from provenance.limits import MAX_TEXT_CHARACTERS, MAX_VERDICT_AXES, MAX_VERDICT_METHODS, MAX_VERDICT_RECORDS
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


@dataclass(frozen=True)
class VerdictRecorded:
    """What was found about a file, and by which methods.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: id of the publisher that has it recorded.
        report_sha256: of the report's JSON as it was answered, 32 bytes.
        media_sha256: of the file that was verified, 32 bytes.
        headline: the code of the report's headline.
        axes: the value of each axis, by the axis's name.
        methods: name and version of each method that a finding rests on, in the report's order.
        records: ids of the registrations that it was found to match, 32 bytes each.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "verdict.recorded"

    salt: bytes
    claimed_at: datetime
    publisher: str
    report_sha256: bytes
    media_sha256: bytes
    headline: str
    axes: Mapping[str, str] = field(hash=False)
    methods: tuple[str, ...] = ()
    records: tuple[bytes, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON; what is absent is left out."""
        value: dict[str, Json] = {
            "publisher": self.publisher,
            "report_sha256": self.report_sha256.hex(),
            "media_sha256": self.media_sha256.hex(),
            "headline": self.headline,
            "axes": dict(self.axes),
        }
        if self.methods:
            value["methods"] = self.methods
        if self.records:
            value["records"] = [record.hex() for record in self.records]
        return value

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "VerdictRecorded":
        """Reads the fields of this type; raises MalformedRecord."""
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            report_sha256=fields.digest("report_sha256"),
            media_sha256=fields.digest("media_sha256"),
            headline=fields.identifier("headline"),
            axes=fields.identifiers_by_name("axes", MAX_VERDICT_AXES),
            methods=fields.optional(fields.identifiers, "methods", MAX_VERDICT_METHODS) or (),
            records=fields.optional(fields.digests, "records", MAX_VERDICT_RECORDS) or (),
            extra=fields.rest(),
        )
