"""What an `asset.registered` record says about files: the media, its sketch, its credential, its parents.

What a publisher says about a picture in words, and how and when it came about.

The identity of a record: the SHA-256 of its canonical bytes, as bytes and as URN.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any, get_type_hints

from provenance.limits import MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.fields import Fields
from provenance.statement.shown import ShownDigest


@dataclass(frozen=True)
class MediaFacts:
    """A file and the picture in it.

    Attributes:
        sha256: of the bytes, 32 bytes.
        size: of the file, in bytes.
        media_type: as sniffed.
        width, height: in pixels, as displayed.
        pixels_sha256: of the decoded pixels, 32 bytes.
        shown_sha256: of these with what decides how they are shown (`media.appearance`), 32 bytes; None in records from
            before it, and where a file has what it does not cover.
        shown_method: what that covers (`statement.shown`); None in records from before colour values were.
        extra: unknown fields, kept.
    """

    sha256: bytes
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: bytes
    shown_sha256: bytes | None = None
    shown_method: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Json]:
        """The object in a record."""
        value: dict[str, Json] = {
            **self.extra,
            "sha256": self.sha256.hex(),
            "size": self.size,
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "pixels_sha256": self.pixels_sha256.hex(),
        }
        if self.shown_sha256 is not None:
            value["shown_sha256"] = self.shown_sha256.hex()
        if self.shown_method is not None:
            value["shown_method"] = self.shown_method
        return value

    @property
    def shown(self) -> ShownDigest:
        """The second pixel digest with what it covers."""
        return ShownDigest.stated(self.shown_sha256, self.shown_method, self.media_type)

    @classmethod
    def read(cls, fields: Fields) -> "MediaFacts":
        """Reads the object of a record; raises MalformedRecord."""
        return cls(
            sha256=fields.digest("sha256"),
            size=fields.integer("size"),
            media_type=fields.media_type("media_type"),
            width=fields.integer("width"),
            height=fields.integer("height"),
            pixels_sha256=fields.digest("pixels_sha256"),
            shown_sha256=fields.optional(fields.digest, "shown_sha256"),
            shown_method=fields.optional(fields.identifier, "shown_method"),
            extra=fields.rest(),
        )


@dataclass(frozen=True)
class SketchFacts:
    """The small picture that copies are compared with; its digest here binds every difference map to the log.

    Attributes:
        sha256: of the sketch's bytes, 32 bytes.
        version: how it was drawn (`media.sketch.SKETCH_VERSION`).
        extra: unknown fields, kept.
    """

    sha256: bytes
    version: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Json]:
        """The object in a record."""
        return {**self.extra, "sha256": self.sha256.hex(), "version": self.version}

    @classmethod
    def read(cls, fields: Fields) -> "SketchFacts":
        """Reads the object of a record; raises MalformedRecord."""
        return cls(fields.digest("sha256"), fields.identifier("version"), fields.rest())


@dataclass(frozen=True)
class CredentialFacts:
    """The C2PA credential that was made for the asset before its record.

    Attributes:
        manifest_id: URN of the manifest.
        claim_sha256: of the claim's bytes, 32 bytes.
        embedded: the manifest is inside the signed copy; otherwise it is a sidecar.
        signed: the signed copy, where there is one.
        private_sha256: of the publisher's own signed copy of the same pixels, 32 bytes, where `signed` is the file
            without the metadata that it holds.
        extra: unknown fields, kept.
    """

    manifest_id: str
    claim_sha256: bytes
    embedded: bool
    signed: MediaFacts | None = None
    private_sha256: bytes | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Json]:
        """The object in a record."""
        value: dict[str, Json] = {
            **self.extra,
            "manifest_id": self.manifest_id,
            "claim_sha256": self.claim_sha256.hex(),
            "embedded": self.embedded,
        }
        if self.signed is not None:
            value["signed"] = self.signed.to_json()
        if self.private_sha256 is not None:
            value["private_sha256"] = self.private_sha256.hex()
        return value

    @property
    def copies(self) -> tuple[tuple[bytes, bytes, ShownDigest], ...]:
        """Digests (bytes, pixels, what is shown) of each signed copy."""
        if self.signed is None:
            return ()
        pixels, shown = self.signed.pixels_sha256, self.signed.shown
        files = (self.signed.sha256, self.private_sha256)
        return tuple((sha256, pixels, shown) for sha256 in files if sha256 is not None)

    @classmethod
    def read(cls, fields: Fields) -> "CredentialFacts":
        """Reads the object of a record; raises MalformedRecord."""
        signed = fields.optional(fields.members, "signed")
        return cls(
            manifest_id=fields.identifier("manifest_id"),
            claim_sha256=fields.digest("claim_sha256"),
            embedded=fields.boolean("embedded"),
            signed=None if signed is None else MediaFacts.read(signed),
            private_sha256=fields.optional(fields.digest, "private_sha256"),
            extra=fields.rest(),
        )


SUPERSEDES = "supersedes"
"""The relation by which a publisher puts a registration in the place of an earlier one of its own: a correction."""


@dataclass(frozen=True)
class Parent:
    """A registered asset that this one was made from.

    Attributes:
        record: the parent's record id, 32 bytes.
        relation: how; by preference a C2PA ingredient relationship (`parentOf`, `componentOf`, `inputTo`), or
            `SUPERSEDES`.
        extra: unknown fields, kept.
    """

    record: bytes
    relation: str
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Json]:
        """The object in a record."""
        return {**self.extra, "record": self.record.hex(), "relation": self.relation}

    @classmethod
    def read(cls, fields: Fields) -> "Parent":
        """Reads the object of a record; raises MalformedRecord."""
        return cls(fields.digest("record"), fields.text("relation", MAX_LINE_CHARACTERS), fields.rest())


@dataclass(frozen=True)
class Characters:
    """Unicode code points that a text has at most."""

    at_most: int


@dataclass(frozen=True, kw_only=True)
class Description:
    """The same in a claim, in the record of a registration, and in answers.

    Attributes:
        title, caption, credit, licence: in the publisher's words.
        digital_source_type: a term or IRI of `provenance.vocabulary`; in a record always the IRI.
        captured_at: when the publisher says the picture was taken.
    """

    title: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    caption: Annotated[str | None, Characters(MAX_TEXT_CHARACTERS)] = None
    credit: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    licence: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    digital_source_type: str | None = None
    captured_at: datetime | None = None

    def described(self) -> dict[str, Any]:
        """These fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(Description)}


TEXTS = {
    name: mark.at_most
    for name, hint in get_type_hints(Description, include_extras=True).items()
    for mark in getattr(hint, "__metadata__", ())
}
"""The texts of a description by name, with the characters that each has at most."""


def record_id(canonical: bytes) -> bytes:
    """32 bytes: SHA-256 of a record's canonical bytes."""
    return hashlib.sha256(canonical).digest()


def record_urn(identity: bytes) -> str:
    """`urn:countermark:record:` and 64 lower-case hexadecimal digits."""
    return f"urn:countermark:record:{identity.hex()}"
