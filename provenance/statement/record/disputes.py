"""Records on other publishers' registrations: disputes, their answers, and recorded verification reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from provenance.limits import MAX_VERDICT_AXES, MAX_VERDICT_METHODS, MAX_VERDICT_RECORDS
from provenance.statement.canonical_json import Json
from provenance.statement.codec import (
    IDENTIFIER,
    IDENTIFIER_ITEM,
    SHA256_ITEM,
    Identifier,
    PublisherId,
    Sha256,
    Text,
    array,
    mapping,
)
from provenance.statement.record.facts import Stated


@dataclass(frozen=True)
class AssetDisputed(Stated):
    """Another publisher contradicts a registration; the registration stays in the log, and so does this.

    Attributes:
        publisher: id of the publisher that disputes, never the one that registered.
        record: id of the registration that is disputed, 32 bytes.
        reason: why, for people.
        counterclaim: id of the publisher's own registration of the content, where it has one, 32 bytes.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.disputed"

    publisher: PublisherId
    record: Sha256
    reason: Text
    counterclaim: Sha256 | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


RETRACTED: Final = "retracted"
"""The outcome that closes a dispute, by the publisher that raised it."""

DisputeOutcome = Literal["accepted", "rejected", "retracted"]


@dataclass(frozen=True)
class DisputeAnswered(Stated):
    """What came of a dispute, as one of its two sides states it.

    Attributes:
        publisher: id of the publisher that answers.
        dispute: id of the `asset.disputed` record, 32 bytes.
        outcome: `accepted` or `rejected` by the publisher that registered; `retracted` by the one that disputed.
            Only a retraction ends a dispute: nobody is judge of a claim against itself.
        reason: why, for people.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "dispute.answered"

    publisher: PublisherId
    dispute: Sha256
    outcome: DisputeOutcome
    reason: Text
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


def is_open(dispute: bytes, publisher: str, answers: Iterable[DisputeAnswered]) -> bool:
    """Whether a dispute still stands: only the publisher that raised it closes it, by retracting it.

    Args:
        dispute: id of the `asset.disputed` record, 32 bytes.
        publisher: id of the publisher that raised it.
        answers: the known answers, to this dispute and to others, but those signed with a key that may have been
            compromised by then.
    """
    return not any(
        (answer.dispute, answer.publisher, answer.outcome) == (dispute, publisher, RETRACTED) for answer in answers
    )


@dataclass(frozen=True)
class VerdictRecorded(Stated):
    """A verification report that somebody wants on record: what was found about a file, and by which methods.

    Attributes:
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

    publisher: PublisherId
    report_sha256: Sha256
    media_sha256: Sha256
    headline: Identifier
    axes: Annotated[Mapping[str, str], mapping(MAX_VERDICT_AXES, IDENTIFIER)] = field(hash=False)
    methods: Annotated[tuple[str, ...], array(IDENTIFIER_ITEM, MAX_VERDICT_METHODS)] = ()
    records: Annotated[tuple[bytes, ...], array(SHA256_ITEM, MAX_VERDICT_RECORDS)] = ()
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)
