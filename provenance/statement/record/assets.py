"""`asset.registered`: a publisher states that it released this file.

`asset.revealed`: a sealed registration is made public. Its time is that of its own entry, not of this one.

`asset.withdrawn`: the publisher takes a registration back.

`record.erased`: a record's content was erased. Its log entry stays, and so does every proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from provenance.limits import MAX_FINGERPRINTS, MAX_PARENTS, MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields, format_timestamp
from provenance.statement.record.facts import TEXTS, CredentialFacts, Description, MediaFacts, Parent, SketchFacts

Visibility = Literal["sealed"]
"""How a record is kept back; one that anybody may read says nothing about it."""


@dataclass(frozen=True)
class AssetRegistered(Description):
    """A registration, with what its publisher says about the picture.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: the publisher's id.
        media: the file as the publisher sent it.
        fingerprints: by algorithm name (`media.fingerprints.Fingerprints.to_json`).
        sketch: what copies are compared with.
        credential: the C2PA credential that was made for it.
        parents: what it was made from.
        rendition_of: record id of the asset that this is another size, crop or format of, 32 bytes.
        visibility: `sealed` where the registry keeps the record back until an `asset.revealed` record follows.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.registered"

    salt: bytes
    claimed_at: datetime
    publisher: str
    media: MediaFacts
    fingerprints: Mapping[str, Json] = field(hash=False)
    sketch: SketchFacts
    credential: CredentialFacts | None = None
    parents: tuple[Parent, ...] = ()
    rendition_of: bytes | None = None
    visibility: Visibility | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON; what is absent is left out."""
        fields: dict[str, Json] = {
            "publisher": self.publisher,
            "media": self.media.to_json(),
            "fingerprints": self.fingerprints,
            "sketch": self.sketch.to_json(),
            "credential": None if self.credential is None else self.credential.to_json(),
            **self.described(),
            "captured_at": None if self.captured_at is None else format_timestamp("captured_at", self.captured_at),
            "parents": [parent.to_json() for parent in self.parents] or None,
            "rendition_of": None if self.rendition_of is None else self.rendition_of.hex(),
            "visibility": self.visibility,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "AssetRegistered":
        """Reads the fields of this type; raises MalformedRecord."""
        credential = fields.optional(fields.members, "credential")
        parents = fields.optional(fields.items, "parents", MAX_PARENTS)
        visibility: Visibility | None = fields.optional(fields.choice, "visibility", get_args(Visibility))
        texts: dict[str, Any] = {name: fields.optional(fields.text, name, at_most) for name, at_most in TEXTS.items()}
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            media=MediaFacts.read(fields.members("media")),
            fingerprints=fields.mapping("fingerprints", MAX_FINGERPRINTS),
            sketch=SketchFacts.read(fields.members("sketch")),
            credential=None if credential is None else CredentialFacts.read(credential),
            **texts,
            digital_source_type=fields.optional(fields.digital_source_type, "digital_source_type"),
            captured_at=fields.optional(fields.timestamp, "captured_at"),
            parents=() if parents is None else tuple(Parent.read(parent) for parent in parents),
            rendition_of=fields.optional(fields.digest, "rendition_of"),
            visibility=visibility,
            extra=fields.rest(),
        )


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
