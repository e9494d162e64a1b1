"""What a service answers about a picture: the verification report, and the problems that stand in its way."""

from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from countermark.models.registrations import Answer, Asset, Resembles, Standing


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
    """Where two pictures depart: it `differs`, its parts are `moved`, or it lies `outside` the registered one.

    Attributes:
        area: fraction (0 to 1) of the picture in question.
        strength: 0 to 1.
        seen_with: the looks that saw it, by what was compared with, as `Comparison.reference`; the coarsest first.
    """

    kind: str
    query: Box
    reference: Box | None
    area: float
    strength: float
    seen_with: tuple[str, ...] = ()


class Transform(Answer):
    """How the picture was laid over the registered one; `crop` is the part of the latter that it shows."""

    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box
    homography: tuple[float, ...]


class ErrorRate(Answer):
    """A measured error rate for differences of one kind and size (`area`, fractions of it); intervals are of 95 %.

    `tpr` of `n` edits were found; in `fpr` of `fpr_n` copies without an edit a difference was reported.
    """

    fpr: float
    tpr: float
    n: int
    interval: tuple[float, float]
    test_set: str
    area: tuple[float, float]
    fpr_n: int
    fpr_interval: tuple[float, float]
    kind: str
    reference: str


class Comparison(Answer):
    """How it compares with the registered picture.

    `reference` is the finest that was compared with: "sketch", or where the picture is kept "stored picture" or "full
    detail".
    """

    transform: Transform | None
    regions: tuple[Region, ...]
    colour_changed: bool
    similarity: float
    inliers: int
    method: str
    reference: str
    inverted: bool = False
    """The picture was compared with its colours inverted."""
    agreement: float | None = None
    """Fraction of what has texture that agrees; reports from before it was told have none."""
    smallest_area: float | None = None
    """Fraction of the picture that the smallest region covers which could be reported, where that is told."""


class Step(Answer):
    """One step of checking a receipt: `holds`, `fails` or `not checked`."""

    number: int
    name: str
    outcome: str
    detail: str


class ChainLink(Answer):
    """From a registration to one that it was made from; `state`: `proven`, or why it is not."""

    child: str
    parent: str
    relation: str
    state: str
    index: int | None
    detail: str


class MatchProof(Answer):
    """What the service says of the proof; `receipt` and `verify_receipt` check it without believing it."""

    value: str
    index: int
    tree_size: int | None
    checkpoint: str | None
    steps: tuple[Step, ...]
    chain: tuple[ChainLink, ...] = ()
    """What the picture was made from, up to the origins; reports from before there were chains have none."""


class Source(Answer):
    """A registration that the matched one was made from, directly or through others, and what became of it."""

    id: str
    index: int
    code: str
    detail: str


class Match(Answer):
    """One registration that the picture leads back to. `basis`: bytes, pixels, comparison or fingerprint.

    `value`: of the registration axis, as this match alone supports it; reports from before it was told have none.
    `sources`: what it was made from, where that was withdrawn, is disputed, or was signed with a revoked key.
    """

    asset: Asset
    basis: str
    signed_copy: bool
    standing: Standing
    proof: MatchProof
    comparison: Comparison | None
    difference_url: str | None
    value: str | None = None
    sources: tuple[Source, ...] = ()


class Ingredient(Answer):
    title: str | None
    state: str
    problems: tuple[str, ...]
    relationship: str | None = None
    signer: str | None = None
    remote_url: str | None = None


class Certificate(Answer):
    """What stands on a signer's certificate. Anybody can make one with any name on it: see `trust_list`."""

    common_name: str | None
    organisation: str | None
    valid_from: datetime
    valid_until: datetime


class TimeStamp(Answer):
    """A time stamp beside the signature. It is believed where `trust_list` names a list that vouches for it."""

    time: datetime | None
    authority: str | None
    trust_list: str | None


class ReadCredential(Answer):
    """The C2PA credential that the file carries.

    Attributes:
        trust_list: that the signer is on, in force or not.
        validity: IN_FORCE, IN_FORCE_WHEN_STAMPED or NOT_IN_FORCE.
        signed_at: as a time stamp says that a list vouches for.
        later_source_types: what later actions brought into the picture.
        ai_models: what its AI disclosures name; an empty text where one names nothing.
        unlisted: actions, source types and ingredients that were judged and are not listed here.
        redactions: statements that signers took out of older credentials.
        remote_url: where a credential kept elsewhere is said to be; nothing was fetched.

    What has a default, reports from before it was read do not have.
    """

    state: str
    manifest_id: str | None
    signer: str | None
    signed_at: datetime | None
    trust_list: str | None
    digital_source_types: tuple[str, ...]
    ingredients: tuple[Ingredient, ...]
    problems: tuple[str, ...]
    certificate: Certificate | None = None
    validity: str | None = None
    time_stamps: tuple[TimeStamp, ...] = ()
    title: str | None = None
    generator: str | None = None
    later_source_types: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()
    unlisted: int = 0
    redactions: tuple[str, ...] = ()
    remote_url: str | None = None


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
    resembles: Resembles | None = None
    """Older registrations of other publishers that the closest match resembles; reports of before have none."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: read its axes")


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
