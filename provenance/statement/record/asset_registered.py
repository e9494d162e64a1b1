"""`asset.registered`: a publisher states that it released this file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, get_args

from provenance.limits import MAX_FINGERPRINTS, MAX_LINE_CHARACTERS, MAX_PARENTS, MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields, format_timestamp
from provenance.statement.record.facts import CredentialFacts, MediaFacts, Parent, SketchFacts

Visibility = Literal["sealed"]
"""How a record is kept back; one that anybody may read says nothing about it."""


@dataclass(frozen=True)
class AssetRegistered:
    """A registration.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher says this was stated.
        publisher: the publisher's id.
        media: the file as the publisher sent it.
        fingerprints: by algorithm name (`media.fingerprints.Fingerprints.to_json`).
        sketch: what copies are compared with.
        credential: the C2PA credential that was made for it.
        title, credit, caption, licence: in the publisher's words.
        digital_source_type: IRI of a term of `provenance.vocabulary`.
        captured_at: when the publisher says the picture was taken.
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
    title: str | None = None
    credit: str | None = None
    caption: str | None = None
    digital_source_type: str | None = None
    captured_at: datetime | None = None
    licence: str | None = None
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
            "title": self.title,
            "credit": self.credit,
            "caption": self.caption,
            "digital_source_type": self.digital_source_type,
            "captured_at": None if self.captured_at is None else format_timestamp("captured_at", self.captured_at),
            "licence": self.licence,
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
        return cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            media=MediaFacts.read(fields.members("media")),
            fingerprints=fields.mapping("fingerprints", MAX_FINGERPRINTS),
            sketch=SketchFacts.read(fields.members("sketch")),
            credential=None if credential is None else CredentialFacts.read(credential),
            title=fields.optional(fields.text, "title", MAX_LINE_CHARACTERS),
            credit=fields.optional(fields.text, "credit", MAX_LINE_CHARACTERS),
            caption=fields.optional(fields.text, "caption", MAX_TEXT_CHARACTERS),
            digital_source_type=fields.optional(fields.digital_source_type, "digital_source_type"),
            captured_at=fields.optional(fields.timestamp, "captured_at"),
            licence=fields.optional(fields.text, "licence", MAX_LINE_CHARACTERS),
            parents=() if parents is None else tuple(Parent.read(parent) for parent in parents),
            rendition_of=fields.optional(fields.digest, "rendition_of"),
            visibility=visibility,
            extra=fields.rest(),
        )
