"""What a service answers, as typed values. Unknown fields of newer services are ignored, missing ones are an error.

The names are those of the service's own schemas. Digests are lowercase hex; times are in UTC.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from pydantic import BaseModel, ConfigDict, JsonValue


class Answer(BaseModel):
    """Any of them: immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# Registrations ----------------------------------------------------------------------------------


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


class Publishers(Answer):
    items: tuple[Publisher, ...]


class PublisherKey(Answer):
    """A key, and the log indices that it was in force between."""

    thumbprint: str
    algorithm: str
    enrolled_index: int
    ended_index: int | None
    end_reason: str | None


class PublisherKeys(Answer):
    items: tuple[PublisherKey, ...]


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
    thumbnail: str
    credentialed: str | None
    manifest: str | None


class Asset(Answer):
    """A registered picture, as anybody may see it. `state`: `sequenced`, then `published`."""

    id: str
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
    parents: tuple[Parent, ...]
    rendition_of: str | None
    links: AssetLinks


class RegisteredAsset(Asset):
    """The answer to a registration.

    Attributes:
        receipt: the JSON of the `.countermark` file; `Client.receipt` gives its bytes.
        created: False when the very same registration was there already. The status of the answer says so, not its
            body.
    """

    receipt: dict[str, JsonValue]
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


class UploadedMedia(Answer):
    sha256: str
    size: int
    media_type: str


# Verification reports ---------------------------------------------------------------------------


class Input(Answer):
    """The file in question, as the service received it; None where it could not tell."""

    sha256: str
    size: int | None
    media_type: str | None
    width: int | None
    height: int | None
    frames: int | None


class Headline(Answer):
    code: str
    text: str


class AxisValue(Answer):
    value: str
    summary: str


class Axes(Answer):
    """The five axes of a verdict."""

    registration: AxisValue
    credential: AxisValue
    declared_origin: AxisValue
    proof: AxisValue
    assessment: AxisValue

    def items(self) -> Iterator[tuple[str, AxisValue]]:
        """Name and value of each axis, in the order of the report."""
        yield from self


class Box(Answer):
    """A rectangle, as fractions (0 to 1) of the picture it is in."""

    left: float
    top: float
    right: float
    bottom: float


class Region(Answer):
    """Where two pictures depart: it `differs`, or lies `outside` the registered picture.

    Attributes:
        area: fraction (0 to 1) of the picture in question.
        strength: 0 to 1.
    """

    kind: str
    query: Box
    reference: Box | None
    area: float
    strength: float


class Transform(Answer):
    """How the picture was laid over the registered one; `crop` is the part of the latter that it shows."""

    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box
    homography: tuple[float, ...]


class ErrorRate(Answer):
    """A measured error rate for differences of one size (`area`, fractions of the picture); intervals are of 95 %.

    `tpr` of `n` edits were found; in `fpr` of `fpr_n` unaltered copies a difference was reported.
    """

    fpr: float
    tpr: float
    n: int
    interval: tuple[float, float]
    test_set: str
    area: tuple[float, float]
    fpr_n: int
    fpr_interval: tuple[float, float]


class Comparison(Answer):
    transform: Transform | None
    regions: tuple[Region, ...]
    colour_changed: bool
    similarity: float
    inliers: int
    method: str


class Step(Answer):
    """One step of checking a receipt: `holds`, `fails` or `not checked`."""

    number: int
    name: str
    outcome: str
    detail: str


class MatchProof(Answer):
    """What the service says of the proof; `receipt` and `verify_receipt` check it without believing it."""

    value: str
    index: int
    tree_size: int | None
    checkpoint: str | None
    steps: tuple[Step, ...]


class Match(Answer):
    """One registration that the picture leads back to. `basis`: bytes, pixels, comparison or fingerprint."""

    asset: Asset
    basis: str
    signed_copy: bool
    standing: Standing
    proof: MatchProof
    comparison: Comparison | None
    difference_url: str | None


class Ingredient(Answer):
    title: str | None
    state: str
    problems: tuple[str, ...]


class ReadCredential(Answer):
    """The C2PA credential that the file carries."""

    state: str
    manifest_id: str | None
    signer: str | None
    signed_at: datetime | None
    trust_list: str | None
    digital_source_types: tuple[str, ...]
    ingredients: tuple[Ingredient, ...]
    problems: tuple[str, ...]


class Mark(Answer):
    """Something the file declares about its making, unsigned."""

    kind: str
    value: str
    location: str
    meaning: str


class Finding(Answer):
    """One statement of a verdict, with what it rests on and what it does not show."""

    axis: str
    code: str
    summary: str
    basis: str
    could_be_forged_by: str
    does_not_show: str
    method: str
    error_rates: tuple[ErrorRate, ...]


class Unchecked(Answer):
    what: str
    why: str


class Searched(Answer):
    registrations: int
    fingerprints: tuple[str, ...]


class ReportLinks(Answer):
    self: str


class Report(Answer):
    """A verification report. It has no truth value: read its axes."""

    id: str
    created_at: datetime
    input: Input
    headline: Headline
    axes: Axes
    matches: tuple[Match, ...]
    credential: ReadCredential | None
    marks: tuple[Mark, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[Unchecked, ...]
    searched: Searched | None
    links: ReportLinks

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: read its axes")


# Other ------------------------------------------------------------------------------------------


class Health(Answer):
    status: str


class FieldProblem(Answer):
    pointer: str
    detail: str


class Problem(Answer):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: tuple[FieldProblem, ...] = ()
