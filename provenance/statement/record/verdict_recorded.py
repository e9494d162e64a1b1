"""`verdict.recorded`: a verification report that somebody wanted on record, with the versions of its methods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from provenance.limits import MAX_VERDICT_AXES, MAX_VERDICT_METHODS, MAX_VERDICT_RECORDS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields


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
