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
Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="32 bytes, base64url.")]
Signature = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$", description="64 bytes, base64url.")]
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
    visibility: Annotated[
        Literal["public", "sealed"],
        Field(description="Sealed: only the publisher can read or find it until it is revealed."),
    ] = "public"


class AssetRequest(Request):
    """Registers media that was uploaded before."""

    media: Digest
    metadata: AssetMetadata = AssetMetadata()


class WithdrawalRequest(Request):
    record: RecordId
    reason: Paragraph


class DisputeRequest(Request):
    """Contradicts another publisher's registration."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    record: RecordId
    reason: Paragraph
    counterclaim: Annotated[RecordId | None, Field(description="The publisher's own registration of it.")] = None


class AnswerRequest(Request):
    """Answers a dispute."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    outcome: Annotated[
        Literal["accepted", "rejected", "retracted"],
        Field(description="Retracted by the publisher that disputes; the others by the one that registered."),
    ]
    reason: Paragraph


class ErasureRequest(Request):
    """Erases a registration's content. The reason stays readable: it must not repeat what is erased."""

    reason: Paragraph


class PublisherRequest(Request):
    id: Slug
    name: Line
    key_algorithm: Literal["Ed25519", "ES256"] = "ES256"


class Ed25519JwkRequest(Request):
    """An Ed25519 key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Coordinate


class P256JwkRequest(Request):
    """A P-256 key (RFC 7518 §6.2)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate


Jwk = Ed25519JwkRequest | P256JwkRequest


class HandoverRequest(Request):
    """The key that is replaced, and its signature over the handover message of docs/reference/records.md."""

    key: Jwk
    signature: Signature


class OwnKeyRequest(Request):
    """A key that its publisher keeps, with the proofs that it holds it."""

    key: Jwk
    possession: Annotated[
        Signature, Field(description="By the key, over the possession message of docs/reference/records.md.")
    ]
    handover: Annotated[
        HandoverRequest | None, Field(description="Of a rotation, where the service does not hold the key in force.")
    ] = None


class KeyRequest(Request):
    """A key for a publisher: made and kept by the service, or the publisher's own."""

    action: Annotated[
        Literal["enrol", "rotate"], Field(description="`rotate` also ends the keys before it; what they signed stands.")
    ]
    key_algorithm: Annotated[Literal["Ed25519", "ES256"], Field(description="Of the key that the service makes.")] = (
        "ES256"
    )
    own: OwnKeyRequest | None = None
    reason: Annotated[Paragraph | None, Field(description="Why a rotation; for everybody to read.")] = None


class RevocationRequest(Request):
    """Ends a key. What it signed stays in the log, and verdicts say that its key was revoked before or after."""

    reason: Paragraph
    invalid_since: Annotated[
        Time | None, Field(description="Since when the key may have been in other hands; fractions are dropped.")
    ] = None


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
    """A key that a publisher has or had. It is valid for entries with enrolled_index < index < ended_index."""

    thumbprint: Annotated[str, Field(description="RFC 9679 thumbprint of the key, hex.")]
    algorithm: str
    state: Literal["in force", "replaced", "revoked"]
    enrolled_index: int
    ended_index: int | None
    end_reason: str | None
    revoked_index: int | None
    revoked_at: datetime | None
    revocation_reason: str | None
    invalid_since: Annotated[
        datetime | None, Field(description="Since when it may have been in other hands, as was stated.")
    ]


class PublisherKeys(Answer):
    items: list[PublisherKey]


class LogKey(Answer):
    """A key that the log's checkpoints are signed with."""

    key: Annotated[str, Field(description="Verifier key (C2SP signed-note), of Ed25519 or ML-DSA-44.")]
    algorithm: Literal["Ed25519", "ML-DSA-44"]
    first_size: Annotated[int, Field(description="Entries of the smallest tree that it signs.")]
    last_size: Annotated[int | None, Field(description="Of the largest, where it is retired.")]
    record: Annotated[RecordId, Field(description="The record that brought it into force.")]


class LogKeys(Answer):
    items: list[LogKey]


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
    graph: str
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
    visibility: Literal["public", "sealed"]
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


class DisputeAnswer(Answer):
    record_id: str
    index: int
    logged_at: datetime
    publisher: str
    outcome: str
    reason: str


class Dispute(Answer):
    """A dispute is open until whoever raised it retracts it."""

    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: RecordId
    publisher: Publisher
    reason: str
    counterclaim: str | None
    open: bool
    answers: list[DisputeAnswer]


class Disputes(Answer):
    items: list[Dispute]


class RecordedVerdict(Answer):
    """A verification report that was put on record."""

    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    publisher: Publisher
    report_sha256: Digest
    media_sha256: Digest
    headline: str
    axes: dict[str, str]
    methods: list[str]
    records: list[RecordId]


class ErasedRecord(Answer):
    record: RecordId
    type: str
    erased_by: str
    index: int
    state: str
    logged_at: datetime


class Erasure(Answer):
    """What was erased, and by which records of the log that is stated."""

    id: RecordId
    reason: str
    records: list[ErasedRecord]


class GraphNode(Answer):
    """A record; null is what may not be told of it."""

    id: RecordId
    state: Literal["public", "sealed", "erased", "unknown"]
    index: int | None
    title: str | None
    publisher: str | None
    publisher_name: str | None
    logged_at: datetime | None
    standing: str | None


class GraphEdge(Answer):
    """`child` was made from `parent`, as its publisher states it."""

    child: RecordId
    parent: RecordId
    relation: str


class Graph(Answer):
    id: RecordId
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool


class Health(Answer):
    status: Literal["ok"]
