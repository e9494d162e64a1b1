"""The JSON of the API: one pydantic model for each request and answer.

Requests forbid unknown fields. Answers have no defaults, so that OpenAPI marks every field as required: a field that
has nothing to say is null, never missing. Digests are lowercase hex; times are RFC 3339 in UTC.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from provenance import limits

# Values -----------------------------------------------------------------------------------------

NO_CONTROLS = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
"""As records have it: no control character but newline and tab."""
RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lowercase hex.")]
RecordId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a record's canonical bytes, hex.")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lowercase letters, digits, hyphens.")]


def _is_rfc3339(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(RFC3339, value, flags=re.ASCII):
        return value
    raise ValueError("must be an RFC 3339 time, as in 2026-05-04T09:30:00Z")


def _in_whole_seconds(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("must be a time that UTC can express") from None


Time = Annotated[
    datetime,
    BeforeValidator(_is_rfc3339),
    AfterValidator(_in_whole_seconds),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339}),
]
Line = Annotated[str, Field(min_length=1, max_length=limits.MAX_LINE_CHARACTERS, pattern=NO_CONTROLS)]
Paragraph = Annotated[str, Field(min_length=1, max_length=limits.MAX_TEXT_CHARACTERS, pattern=NO_CONTROLS)]


class Request(BaseModel):
    """What a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What the service says; made from the registry's views or from stored JSON."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


# Requests ---------------------------------------------------------------------------------------


class ParentRequest(Request):
    record: RecordId
    relation: Line


class AssetMetadata(Request):
    """The publisher's claims on a picture."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    title: Line | None = None
    caption: Paragraph | None = None
    credit: Line | None = None
    licence: Line | None = None
    digital_source_type: Annotated[
        Line | None, Field(description="Term or IRI of the IPTC digital source type vocabulary.")
    ] = None
    captured_at: Annotated[Time | None, Field(description="Fractions of a second are dropped.")] = None
    credential: Annotated[
        Literal["embedded", "sidecar", "none"], Field(description="What C2PA credential to make.")
    ] = "embedded"
    parents: Annotated[tuple[ParentRequest, ...], Field(max_length=limits.MAX_PARENTS)] = ()
    rendition_of: RecordId | None = None


class AssetRequest(Request):
    """Registers media that was uploaded before."""

    media: Digest
    metadata: AssetMetadata = AssetMetadata()


class WithdrawalRequest(Request):
    record: RecordId
    reason: Paragraph


class PublisherRequest(Request):
    id: Slug
    name: Line
    key_algorithm: Literal["Ed25519", "ES256"] = "ES256"


class PdqRequest(Request):
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="PDQ hash, 256 bits, hex.")]
    quality: Annotated[int, Field(ge=0, le=100, strict=True)]


class DigestsRequest(Request):
    """Verifies digests alone: nothing is uploaded."""

    sha256: Digest
    pdq: PdqRequest | None = None


# Answers ----------------------------------------------------------------------------------------


class FieldProblem(Answer):
    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: Annotated[str, Field(pattern=r"^urn:countermark:problem:[a-z-]+$")]
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: Annotated[list[FieldProblem], Field(description="Faulty parts of the request, where there are any.")] = []


class UploadedMedia(Answer):
    sha256: Digest
    size: int
    media_type: str


class Identity(Answer):
    """By whom and how it was established that a key is the publisher's."""

    established: str
    detail: str


class Publisher(Answer):
    id: str
    name: str
    identity: Identity
    key: Annotated[str, Field(description="RFC 9679 thumbprint of the key, hex.")]


class Publishers(Answer):
    items: list[Publisher]


class PublisherKey(Answer):
    thumbprint: str
    algorithm: str
    enrolled_index: int
    ended_index: int | None
    end_reason: str | None


class PublisherKeys(Answer):
    items: list[PublisherKey]


class Standing(Answer):
    value: str
    detail: str


class Media(Answer):
    sha256: Digest
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: Digest


class Credential(Answer):
    manifest_id: str
    claim_sha256: Digest
    embedded: bool
    signed: Media | None


class Parent(Answer):
    record: RecordId
    relation: str


class AssetLinks(Answer):
    """Paths on this service."""

    self: str
    page: str
    record: str
    receipt: str
    history: str
    thumbnail: str
    credentialed: str | None
    manifest: str | None


class Asset(Answer):
    """A registered picture."""

    id: RecordId
    record_id: str
    type: str
    index: int
    state: str
    logged_at: datetime
    claimed_at: datetime
    publisher: Publisher
    standing: Standing
    title: str | None
    caption: str | None
    credit: str | None
    licence: str | None
    digital_source_type: str | None
    captured_at: datetime | None
    media: Media
    credential: Credential | None
    parents: list[Parent]
    rendition_of: str | None
    links: AssetLinks


class RegisteredAsset(Asset):
    """The answer to a registration: the asset, and the receipt that proves it without this service."""

    receipt: dict[str, JsonValue]


class Assets(Answer):
    items: list[Asset]
    next_cursor: str | None


class Event(Answer):
    index: int
    type: str
    record_id: str
    logged_at: datetime
    summary: str


class History(Answer):
    items: list[Event]


class Withdrawal(Answer):
    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: RecordId
    reason: str


class LoggedStatement(Answer):
    record_id: str
    index: int
    logged_at: datetime
    created: bool
    proof: str | None


class LoggedStatements(Answer):
    items: list[LoggedStatement]
    checkpoint: str


class Health(Answer):
    status: Literal["ok"]
