"""The parts of records: the fields that all have, and what a registration states of its files and, in words, of the
picture.

A record's identity is the SHA-256 of its canonical bytes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar

from provenance.limits import MAX_PARENTS, SALT_BYTES
from provenance.statement.appearance_digest import AppearanceDigest
from provenance.statement.canonical_json import Json
from provenance.statement.codec import (
    Boolean,
    Codec,
    Count,
    Identifier,
    Line,
    Sha256,
    Text,
    Timestamp,
    array,
    base64url,
    matching,
    refusal,
)
from provenance.vocabulary import find_digital_source_type

_NAME = "[a-z0-9][a-z0-9!#$&^_.+-]*"
MediaType = Annotated[str, matching(f"{_NAME}/{_NAME}", "a media type in lower case")]
"""`type/subtype` in lower case, without parameters (RFC 6838 §4.2)."""


def _read_source_type(value: Json, path: str) -> str:
    if not isinstance(value, str):
        raise refusal(path, "a string expected")
    term = find_digital_source_type(value)
    if term is None or term.iri != value:
        raise refusal(path, "the full IRI of an IPTC digital source type expected")
    return value


@dataclass(frozen=True)
class Stated:
    """What every record says.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the publisher, or the operator, says this was stated.
    """

    TYPE: ClassVar[str]

    salt: Annotated[bytes, base64url(SALT_BYTES)]
    claimed_at: Timestamp

    def check(self) -> None:
        """Refuses, with MalformedRecord, fields that do not go together."""


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
        shown_method: what that covers (`statement.appearance_digest`); None in records from before colour values were.
        extra: unknown fields, kept.
    """

    sha256: Sha256
    size: Count
    media_type: MediaType
    width: Count
    height: Count
    pixels_sha256: Sha256
    shown_sha256: Sha256 | None = None
    shown_method: Identifier | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @property
    def appearance(self) -> AppearanceDigest:
        """The appearance digest with what it covers."""
        return AppearanceDigest.stated(self.shown_sha256, self.shown_method, self.media_type)


@dataclass(frozen=True)
class SketchFacts:
    """The small picture that copies are compared with; its digest here binds every difference map to the log.

    Attributes:
        sha256: of the sketch's bytes, 32 bytes.
        version: how it was drawn (`media.sketch.SKETCH_VERSION`).
        extra: unknown fields, kept.
    """

    sha256: Sha256
    version: Identifier
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


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

    manifest_id: Identifier
    claim_sha256: Sha256
    embedded: Boolean
    signed: MediaFacts | None = None
    private_sha256: Sha256 | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @property
    def copies(self) -> tuple[tuple[bytes, bytes, AppearanceDigest], ...]:
        """Digests (bytes, pixels, what is shown) of each signed copy."""
        if self.signed is None:
            return ()
        pixels, appearance = self.signed.pixels_sha256, self.signed.appearance
        files = (self.signed.sha256, self.private_sha256)
        return tuple((sha256, pixels, appearance) for sha256 in files if sha256 is not None)


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

    record: Sha256
    relation: Line
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


Parents = Annotated[tuple[Parent, ...], array(Parent, MAX_PARENTS)]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a picture shows, in words: the same in a claim, in the record of a registration, and in answers.

    Attributes:
        title, caption, byline, credit, rights, licence: in the publisher's words, or in the file's (`from_file` of the
            record). Rights are a notice, as of copyright; a licence is its name or URL.
        digital_source_type: term or IRI of the IPTC vocabulary, such as `digitalCapture`; in a record always the IRI.
    """

    title: Line | None = None
    caption: Text | None = None
    byline: Line | None = None
    credit: Line | None = None
    rights: Line | None = None
    licence: Line | None = None
    digital_source_type: Annotated[str | None, Codec(_read_source_type)] = None

    def described(self) -> dict[str, Any]:
        """These fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(Description)}


def record_id(canonical: bytes) -> bytes:
    """32 bytes: SHA-256 of a record's canonical bytes."""
    return hashlib.sha256(canonical).digest()


def record_urn(identity: bytes) -> str:
    """`urn:countermark:record:` and 64 lower-case hexadecimal digits."""
    return f"urn:countermark:record:{identity.hex()}"
