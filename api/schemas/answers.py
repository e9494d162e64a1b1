"""What the service says.

Answers have no defaults, so that OpenAPI marks every field as required: a field that has nothing to say is null, never
missing.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.schemas.values import Digest, RecordId


class Answer(BaseModel):
    """What the service says; made from the registry's views or from stored JSON."""

    model_config = ConfigDict(from_attributes=True, frozen=True, defer_build=True)


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


class ApiKey(Answer):
    """An API key without its secret. `publisher`: the one that it writes for."""

    id: str
    prefix: Annotated[str, Field(description="The key begins with cmk_<prefix>_.")]
    name: str
    scopes: list[str]
    publisher: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewApiKey(ApiKey):
    key: Annotated[str, Field(description="The whole key, which is shown only now.")]


class ApiKeys(Answer):
    items: list[ApiKey]


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


class HeldMetadata(Answer):
    """One piece of metadata: what carries it in the file, as "EXIF" or "XMP", and its name there."""

    carrier: str
    name: str


class FileMetadata(Answer):
    """What the file holds beside its picture, by name and without values, and what anybody gets of it."""

    held: list[HeldMetadata]
    public_copy: Annotated[
        Literal["as_registered", "stripped", "withheld", "none"],
        Field(
            description="`stripped`: anybody gets a signed copy without what is held; `withheld`: the signed copy is "
            "the publisher's alone; `none`: no copy was made."
        ),
    ]
    reason: Annotated[str | None, Field(description="Why it could not be left out, where the copy is withheld.")]


class Resemblance(Answer):
    """Another registration that one resembles. What differs is told of the newer picture against the older record."""

    id: RecordId
    index: int
    logged_at: datetime
    title: str | None
    publisher: Annotated[str, Field(description="The publisher's id.")]
    publisher_name: str
    side: Annotated[Literal["older", "newer"], Field(description="Which of the two it is.")]
    value: Annotated[str, Field(description="The value of the registration axis.")]
    differs_inside: Annotated[bool, Field(description="Something within what both show differs.")]
    detail: str
    stated: Annotated[bool, Field(description="One says that it was made from the other, perhaps through others.")]
    taken_back: Annotated[Literal["withdrawn", "superseded"] | None, Field(description="What became of it, if so.")]
    copies: Annotated[int, Field(description="Its publisher's renditions of one another, which count as one.")]
    comparison: Annotated[
        dict[str, JsonValue] | None, Field(description="As in a verification report, where they were compared.")
    ]


class Resembles(Answer):
    """What a registration resembles, in the order of the log: at most 64 are named, and the numbers are of all."""

    state: Annotated[
        Literal["made", "pending", "sealed"],
        Field(description="Pending until the comparison is made; a sealed one is compared when it is revealed."),
    ]
    older: int
    newer: int
    items: list[Resemblance]
    left_out: Annotated[list[str], Field(description="What the search did not look at, and why.")]


class AssetInFull(Asset):
    """A registered picture, with the other registrations that it resembles."""

    resembles: Resembles


class RegisteredAsset(AssetInFull):
    """The answer to a registration: the asset, and the receipt that proves it without this service."""

    receipt: dict[str, JsonValue]
    metadata: FileMetadata


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
    key_compromised: Annotated[
        bool, Field(description="Its key may have been in other hands by then: a retraction then closes nothing.")
    ]


class Dispute(Answer):
    """A dispute is open until whoever raised it retracts it, with a key that was not in other hands by then."""

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
