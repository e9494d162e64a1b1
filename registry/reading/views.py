"""What the registry answers with: plain values with the fields of the API's JSON, digests as lowercase hex."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class IdentityView:
    established: str
    detail: str


@dataclass(frozen=True)
class PublisherView:
    """A publisher; `key` is the hex thumbprint of the key in question (the newest one in a listing)."""

    id: str
    name: str
    identity: IdentityView
    key: str


@dataclass(frozen=True)
class PublisherKeyView:
    """A publisher's key. The indices bound the entries it was valid for: enrolled_index < index < ended_index.

    Attributes:
        state: "in force", "replaced" or "revoked".
        ended_index, end_reason: of the first record that ended it: a rotation, or its revocation.
        revoked_index, revoked_at, revocation_reason, invalid_since: of its revocation; the last is since when it may
            have been in other hands, as was stated.
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


@dataclass(frozen=True)
class LogKeyView:
    """A verifier key of the log, and the trees it signs: from `first_size` entries to `last_size`, or on (None).

    `record` is the id of the record that brought it into force.
    """

    key: str
    algorithm: str
    first_size: int
    last_size: int | None
    record: str


@dataclass(frozen=True)
class StandingView:
    value: str
    detail: str


@dataclass(frozen=True)
class MediaView:
    """A file: sizes in bytes and pixels."""

    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: str


@dataclass(frozen=True)
class CredentialView:
    manifest_id: str
    claim_sha256: str
    embedded: bool
    signed: MediaView | None


@dataclass(frozen=True)
class ParentView:
    record: str
    relation: str


@dataclass(frozen=True)
class LinksView:
    """Paths relative to the service's address."""

    self: str
    page: str
    record: str
    receipt: str
    history: str
    graph: str
    thumbnail: str
    credentialed: str | None
    manifest: str | None


@dataclass(frozen=True)
class AssetView:
    """A registered asset as whoever asked may see it. `visibility`: "public", or "sealed"."""

    id: str
    record_id: str
    type: str
    index: int
    state: str
    visibility: str
    logged_at: datetime
    claimed_at: datetime
    publisher: PublisherView
    standing: StandingView
    title: str | None
    caption: str | None
    credit: str | None
    licence: str | None
    digital_source_type: str | None
    captured_at: datetime | None
    media: MediaView
    credential: CredentialView | None
    parents: tuple[ParentView, ...]
    rendition_of: str | None
    links: LinksView


@dataclass(frozen=True)
class HeldView:
    carrier: str
    name: str


@dataclass(frozen=True)
class MetadataView:
    """What a registered file holds beside its picture, by name, and what anybody gets of it.

    Attributes:
        public_copy: "as_registered", "stripped", "withheld" (`reason` says why), or "none" where no copy was made.
    """

    held: tuple[HeldView, ...]
    public_copy: str
    reason: str | None


@dataclass(frozen=True)
class ResemblanceView:
    """Another registration that one resembles: see `provenance.verdict.evidence.Resemblance`.

    `side`: "older" or "newer". `taken_back`: "withdrawn" or "superseded". `publisher` is its slug.
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
    comparison: Mapping[str, object] | None


@dataclass(frozen=True)
class ResemblesView:
    """What a registration resembles. `state`: "made", "pending" while the comparison waits, or "sealed"."""

    state: str
    older: int
    newer: int
    items: tuple[ResemblanceView, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class EventView:
    """One thing that happened to an asset, as the log has it."""

    index: int
    type: str
    record_id: str
    logged_at: datetime
    summary: str


@dataclass(frozen=True)
class WithdrawalView:
    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: str
    reason: str


@dataclass(frozen=True)
class AnswerView:
    """What one side said to a dispute; `publisher` is its slug.

    `key_compromised`: the key that signed it may have been in other hands by then, so that it closes nothing.
    """

    record_id: str
    index: int
    logged_at: datetime
    publisher: str
    outcome: str
    reason: str
    key_compromised: bool


@dataclass(frozen=True)
class DisputeView:
    """A dispute of the registration `record`. `open`: whoever raised it has not retracted it."""

    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: str
    publisher: PublisherView
    reason: str
    counterclaim: str | None
    open: bool
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True)
class VerdictView:
    """A verification report that was put on record; `verification` is the report's id."""

    id: str
    record_id: str
    index: int
    state: str
    logged_at: datetime
    publisher: PublisherView
    report_sha256: str
    media_sha256: str
    headline: str
    axes: Mapping[str, str]
    methods: tuple[str, ...]
    records: tuple[str, ...]


@dataclass(frozen=True)
class ErasedRecordView:
    """A record whose content is gone: by which record that is stated, and where in the log that stands."""

    record: str
    type: str
    erased_by: str
    index: int
    state: str
    logged_at: datetime


@dataclass(frozen=True)
class ErasureView:
    """The erasure of the registration `id`, and of what was said about it."""

    id: str
    reason: str
    records: tuple[ErasedRecordView, ...]


@dataclass(frozen=True)
class NodeView:
    """A record of a graph. `state`: "public", "sealed", "erased" or "unknown"; None is what may not be told."""

    id: str
    state: str
    index: int | None
    title: str | None
    publisher: str | None
    publisher_name: str | None
    logged_at: datetime | None
    standing: str | None


@dataclass(frozen=True)
class EdgeView:
    """`child` was made from `parent`, as its publisher states it."""

    child: str
    parent: str
    relation: str


@dataclass(frozen=True)
class GraphView:
    """What a registration was made from and what was made from it. `truncated`: there is more than is shown."""

    id: str
    nodes: tuple[NodeView, ...]
    edges: tuple[EdgeView, ...]
    truncated: bool
