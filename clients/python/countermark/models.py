"""What a service answers, as typed values. Unknown fields of newer services are ignored, missing ones are an error."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(Answer):
    """How it was established that a key is the publisher's."""

    established: str
    detail: str


class Publisher(Answer):
    id: str
    name: str
    identity: Identity
    key: str


class Standing(Answer):
    """What has become of a record: current, withdrawn, …"""

    value: str
    detail: str


class Media(Answer):
    """A file: sizes in bytes and pixels, digests as lowercase hex."""

    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: str


class Credential(Answer):
    manifest_id: str
    claim_sha256: str
    embedded: bool
    signed: Media | None


class Parent(Answer):
    record: str
    relation: str


class Asset(Answer):
    """A registered picture, as anybody may see it."""

    id: str
    record_id: str
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


class RegisteredAsset(Asset):
    """The answer to a registration. `created` is False when the very same one was there already."""

    receipt: dict[str, Any]
    created: bool


class AssetPage(Answer):
    items: tuple[Asset, ...]
    next_cursor: str | None


class Event(Answer):
    """One thing that happened to an asset."""

    index: int
    type: str
    record_id: str
    logged_at: datetime
    summary: str


class History(Answer):
    items: tuple[Event, ...]


class Withdrawal(Answer):
    id: str
    record_id: str
    index: int
    logged_at: datetime
    record: str
    reason: str


class UploadedMedia(Answer):
    sha256: str
    size: int
    media_type: str


class Input(Answer):
    """The file in question, as the service received it."""

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
        for name in type(self).model_fields:
            yield name, getattr(self, name)


class Box(Answer):
    """A rectangle, as fractions (0..1) of the picture it is in."""

    left: float
    top: float
    right: float
    bottom: float


class Region(Answer):
    """Where two pictures depart: it `differs`, or lies `outside` the registered picture."""

    kind: str
    query: Box
    reference: Box | None
    area: float
    strength: float


class Transform(Answer):
    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box


class Comparison(Answer):
    transform: Transform | None
    regions: tuple[Region, ...]
    colour_changed: bool
    similarity: float
    inliers: int
    method: str


class Step(Answer):
    number: int
    name: str
    outcome: str
    detail: str


class MatchProof(Answer):
    value: str
    index: int
    tree_size: int | None
    checkpoint: str | None
    steps: tuple[Step, ...]


class Match(Answer):
    """One registration that the picture leads back to, closest first."""

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
    state: str
    manifest_id: str | None
    signer: str | None
    signed_at: datetime | None
    trust_list: str | None
    digital_source_types: tuple[str, ...]
    ingredients: tuple[Ingredient, ...]
    problems: tuple[str, ...]


class Mark(Answer):
    kind: str
    value: str
    location: str
    meaning: str


class ErrorRate(Answer):
    model_config = ConfigDict(frozen=True, extra="allow")


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

    def __bool__(self) -> bool:
        raise TypeError("a report is neither true nor false: read its axes")
