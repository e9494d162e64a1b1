"""The JSON of a verification report: five axes, matches, findings, and what was not checked. There is no score."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.answers import Answer, Asset, Resembles, Standing
from api.schemas.values import Digest, RecordId


class Input(Answer):
    sha256: Digest
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
    registration: AxisValue
    credential: AxisValue
    declared_origin: AxisValue
    proof: AxisValue
    assessment: AxisValue


class Box(Answer):
    """Fractions 0..1 of the picture it lies in."""

    left: float
    top: float
    right: float
    bottom: float


Reference = Annotated[
    Literal["sketch", "stored picture", "full detail"],
    Field(
        description="What was compared with: the record's sketch; the registered picture itself, at 512 pixels; "
        "or that at up to its own resolution."
    ),
]


class Region(Answer):
    kind: Annotated[
        Literal["differs", "moved", "outside"],
        Field(description="It differs; its parts are moved or warped; or it lies outside the registered picture."),
    ]
    query: Box
    reference: Box | None
    area: float
    strength: float
    seen_with: Annotated[
        list[Reference],
        Field(description="Which looks at the pair saw it, by what was compared with, the coarsest first."),
    ]


class Transform(Answer):
    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box
    homography: Annotated[
        list[float],
        Field(min_length=9, max_length=9, description="Row by row: fractions of the picture to those of the record's."),
    ]


Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class ErrorRate(Answer):
    """A measured error rate of the comparison, for differences of one kind and size. Intervals are of 95 %."""

    fpr: Annotated[float, Field(description="Fraction of copies without an edit in which a difference is reported.")]
    tpr: Annotated[float, Field(description="Fraction of edits of this size that are found.")]
    n: Annotated[int, Field(description="Number of such edits.")]
    interval: Interval
    test_set: str
    area: Annotated[Interval, Field(description="Smallest and largest size, as fractions of the picture.")]
    fpr_n: Annotated[int, Field(description="Number of copies without an edit.")]
    fpr_interval: Interval
    kind: Annotated[Literal["differs", "moved"], Field(description="The kind of region that it is about.")]
    reference: Reference


class Comparison(Answer):
    transform: Transform | None
    regions: list[Region]
    colour_changed: bool
    similarity: float
    agreement: Annotated[
        float, Field(description="Fraction of what has texture that agrees: of a mere layout mostly a minority.")
    ]
    inverted: Annotated[bool, Field(description="The picture was compared with its colours inverted.")]
    inliers: int
    method: str
    reference: Annotated[Reference, Field(description="The finest that was compared with; coarser ones were, too.")]
    smallest_area: Annotated[
        float,
        Field(description="Fraction of the picture that the smallest region covers which could be reported."),
    ]


class Step(Answer):
    """One step of checking a receipt (docs/verification.md)."""

    number: int
    name: str
    outcome: Literal["holds", "fails", "not checked"]
    detail: str


class ChainLink(Answer):
    """From a registration to one that it was made from. What is not proven is told why."""

    child: RecordId
    parent: RecordId
    relation: str
    state: Literal["proven", "withheld", "missing", "broken", "unproven"]
    index: int | None
    detail: str


class MatchProof(Answer):
    value: str
    index: int
    tree_size: int | None
    checkpoint: str | None
    steps: list[Step]
    chain: Annotated[list[ChainLink], Field(description="What it was made from, up to the origins.")]


class Source(Answer):
    """A registration that the matched one was made from, directly or through others, and what became of it."""

    id: RecordId
    index: int
    code: str
    detail: str


class Match(Answer):
    asset: Asset
    value: Annotated[str, Field(description="The value of the registration axis that this match alone supports.")]
    basis: Literal["bytes", "pixels", "comparison", "fingerprint"]
    signed_copy: Annotated[bool, Field(description="The file is the credentialed copy that was made here.")]
    standing: Standing
    sources: Annotated[list[Source], Field(description="What it was made from, where that does not simply stand.")]
    proof: MatchProof
    comparison: Comparison | None
    difference_url: str | None


class Ingredient(Answer):
    """A file that went into this one. Names and addresses are a stranger's."""

    title: str | None
    relationship: str | None
    state: str
    signer: str | None
    remote_url: str | None
    problems: list[str]


class Certificate(Answer):
    """What stands on a signer's certificate. Anybody can make one with any name on it: see `trust_list`."""

    common_name: str | None
    organisation: str | None
    valid_from: datetime
    valid_until: datetime


class TimeStamp(Answer):
    """A time stamp beside the signature. It is believed where a list for time stamps vouches for it."""

    time: datetime | None
    authority: str | None
    trust_list: str | None


class ReadCredential(Answer):
    """What was read of the C2PA credential. The list, the validity and the time of a signer are three facts."""

    state: str
    manifest_id: str | None
    signer: Annotated[str | None, Field(description="The names on the certificate, as one text.")]
    certificate: Certificate | None
    trust_list: Annotated[str | None, Field(description="The list that the signer is on, in force or not.")]
    validity: Annotated[
        Literal["IN_FORCE", "IN_FORCE_WHEN_STAMPED", "NOT_IN_FORCE"] | None,
        Field(description="Whether the certificate is in force, or was at a time that is vouched for."),
    ]
    signed_at: Annotated[datetime | None, Field(description="As a time stamp says that a list vouches for.")]
    time_stamps: list[TimeStamp]
    title: str | None
    generator: str | None
    digital_source_types: Annotated[list[str], Field(description="How the picture came about, as its signer states.")]
    later_source_types: Annotated[list[str], Field(description="What later actions brought into it.")]
    ai_models: Annotated[list[str], Field(description="What its AI disclosures name; empty texts name nothing.")]
    ingredients: list[Ingredient]
    unlisted: Annotated[int, Field(description="Actions, source types and ingredients judged and not listed.")]
    redactions: Annotated[list[str], Field(description="Statements that signers took out of older credentials.")]
    remote_url: Annotated[str | None, Field(description="Where one kept elsewhere is said to be: not fetched.")]
    problems: list[str]


class Mark(Answer):
    kind: str
    value: str
    location: str
    meaning: Literal["ai_generated", "ai_edited", "capture", "other"]


class Finding(Answer):
    axis: str
    code: str
    summary: str
    basis: Literal["cryptographic", "deterministic-unsigned", "measured", "heuristic"]
    could_be_forged_by: str
    does_not_show: str
    method: str
    error_rates: list[ErrorRate]


class Unchecked(Answer):
    what: str
    why: str


class Searched(Answer):
    registrations: int
    fingerprints: list[str]


class ReportLinks(Answer):
    self: str


class Report(Answer):
    """What was found about a file, on five axes. There is no score."""

    id: str
    created_at: datetime
    input: Input
    headline: Headline
    axes: Axes
    matches: list[Match]
    resembles: Annotated[
        Resembles | None, Field(description="Older registrations of other publishers that the closest match resembles.")
    ]
    credential: ReadCredential | None
    marks: list[Mark]
    findings: list[Finding]
    not_checked: list[Unchecked]
    searched: Searched | None
    links: ReportLinks
