"""What a service answers about registrations: assets, publishers, history."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue


class Answer(BaseModel):
    """Any of them: immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(Answer):
    """By whom and how it was established that a key is the publisher's."""

    established: str
    detail: str


class Publisher(Answer):
    """Who vouches for media. `key` is the thumbprint (RFC 9679) of the key in question: the newest one in a listing."""

    id: str
    name: str
    identity: Identity
    key: str


class ApiKey(Answer):
    """An API key without its secret. `publisher`: the one that it writes for."""

    id: str
    prefix: str
    name: str
    scopes: tuple[str, ...]
    publisher: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewApiKey(ApiKey):
    """`key` is the whole key, which is shown only once."""

    key: str


class ApiKeys(Answer):
    items: tuple[ApiKey, ...]


class Publishers(Answer):
    items: tuple[Publisher, ...]


class PublisherKey(Answer):
    """A key that signed for a publisher, with the log indices it was valid between.

    Attributes:
        state: `in force`, `replaced` or `revoked`.
        ended_index, end_reason: of the first record that ended it: a rotation, or its revocation.
        invalid_since: since when a revoked key may have been in other hands, as was stated.
    """

    thumbprint: str
    algorithm: str
    state: str
    enrolled_index: int
    ended_index: int | None
    end_reason: str | None
    revoked_index: int | None
    revoked_at: datetime | None
    revocation_reason: str | None
    invalid_since: datetime | None


class PublisherKeys(Answer):
    items: tuple[PublisherKey, ...]


class LogKey(Answer):
    """A verifier key of the log, and the trees it signs: from `first_size` entries to `last_size`, or on.

    `record` is the id of the record that brought it into force; its receipt proves that.
    """

    key: str
    algorithm: str
    first_size: int
    last_size: int | None
    record: str


class LogKeys(Answer):
    items: tuple[LogKey, ...]


class Standing(Answer):
    """What has become of a record: current, withdrawn, …"""

    value: str
    detail: str


class Media(Answer):
    """A file: its size in bytes and pixels, digests of its bytes and of its decoded pixels."""

    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: str


class Credential(Answer):
    """The C2PA manifest that was made at registration; `signed` is the copy that carries it, if one was made."""

    manifest_id: str
    claim_sha256: str
    embedded: bool
    signed: Media | None


class Parent(Answer):
    """A registered picture that another was made from. `relation`: `parentOf`, `componentOf`, `inputTo`, …"""

    record: str
    relation: str


class AssetLinks(Answer):
    """Paths on the service."""

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
    """A registered picture, as its reader may see it.

    `state`: `sequenced`, then `published`. `visibility`: `public`, or `sealed`: only its publisher can read it.
    """

    id: str
    record_id: str
    type: str
    index: int
    state: str
    visibility: str
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
    parents: tuple[Parent, ...]
    rendition_of: str | None
    links: AssetLinks


class HeldMetadata(Answer):
    """One piece of metadata: what carries it in the file, as "EXIF" or "XMP", and its name there."""

    carrier: str
    name: str


class FileMetadata(Answer):
    """What a file holds beside its picture, by name, and what anybody gets of it.

    `public_copy`: `as_registered`, `stripped` (without what is held), `withheld` (`reason` says why), or `none` where
    no copy was made.
    """

    held: tuple[HeldMetadata, ...]
    public_copy: str
    reason: str | None


class Resemblance(Answer):
    """Another registration that one resembles; what differs is told of the newer picture against the older record.

    Attributes:
        publisher: its id.
        side: `older` or `newer`: which of the two it is.
        value: of the registration axis.
        differs_inside: something within what both show differs.
        stated: one says that it was made from the other, perhaps through others.
        taken_back: `withdrawn` or `superseded`, where it was.
        copies: its publisher's renditions of one another, which count as one.
        comparison: as in a report, where the two were compared.
    """

    id: str
    index: int
    logged_at: datetime
    title: str | None
    publisher: str
    publisher_name: str
    side: str
    value: str
    differs_inside: bool
    detail: str
    stated: bool
    taken_back: str | None
    copies: int
    comparison: dict[str, JsonValue] | None


class Resembles(Answer):
    """What a registration resembles, in log order: at most 64 are named, `older` and `newer` count all.

    `state`: `made`, `pending` until the comparison is made, or `sealed`. `left_out`: what was not looked at, and why.
    """

    state: str
    older: int
    newer: int
    items: tuple[Resemblance, ...]
    left_out: tuple[str, ...]


class AssetInFull(Asset):
    """A registered picture, with the other registrations that it resembles; older services do not tell them."""

    resembles: Resembles | None = None


class RegisteredAsset(AssetInFull):
    """The answer to a registration.

    Attributes:
        metadata: what the file holds beside its picture. Without `publish_metadata` it stays with the publisher.
        receipt: the JSON of the `.countermark` file; `Client.receipt` gives its bytes.
        created: False when the very same registration was there already. The status of the answer says so, not its
            body.
    """

    receipt: dict[str, JsonValue]
    metadata: FileMetadata
    created: bool = True


class Assets(Answer):
    """A page of them."""

    items: tuple[Asset, ...]
    next_cursor: str | None


class Event(Answer):
    """One thing that happened to an asset, as the log has it."""

    index: int
    type: str
    record_id: str
    logged_at: datetime
    summary: str


class History(Answer):
    items: tuple[Event, ...]


class Withdrawal(Answer):
    """The record that takes the registration `record` back."""

    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: str
    reason: str


class LoggedStatement(Answer):
    """Where a statement stands in the log; `proof` is a tlog-proof, where it was asked for."""

    record_id: str
    index: int
    logged_at: datetime
    created: bool
    proof: str | None


class LoggedStatements(Answer):
    """Statements in the order in which they were sent, under the checkpoint that covers them."""

    items: list[LoggedStatement]
    checkpoint: str


class UploadedMedia(Answer):
    sha256: str
    size: int
    media_type: str
