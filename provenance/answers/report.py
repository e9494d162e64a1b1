"""The verification report: five axes, matches, findings, and what was not checked. There is no score."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, NoReturn

from provenance.answers.assets import Asset, Resemblance, Resembles, Standing
from provenance.answers.fields import Answer, Digest, Doc, Later, NeverNull, RecordId, Values


@dataclass(frozen=True, kw_only=True)
class Input(Answer):
    """The verified file as the service received it. `size` is in bytes."""

    sha256: Digest
    size: int | None
    media_type: str | None
    width: int | None
    height: int | None
    frames: int | None


@dataclass(frozen=True, kw_only=True)
class Wording(Answer):
    """What a reader is told first, in one language. Numbers of records, digests and methods are in the findings."""

    language: Annotated[str, Values("en", "de")]
    title: str
    warning: Annotated[str | None, Doc("What became of the record; it belongs before the lead.")]
    lead: Annotated[str, Doc("What the picture leads to; what differs, where and how much.")]
    remarks: tuple[str, ...]
    vouched: Annotated[str | None, Doc("Who vouches for the publisher's name; it belongs right below the lead.")]
    ai: Annotated[str, Doc("What the file declares about AI.")]
    measured: Annotated[str | None, Doc("How many such edits were missed in tests, and false alarms.")]
    sentences: Annotated[
        dict[str, str],
        Doc("What else the report says, as of its findings, in this language, by the English text; empty in English."),
        Later(),
    ] = field(default_factory=dict)

    def said(self, text: str) -> str:
        """A sentence of the report in this language; as it stands where there is none."""
        return self.sentences.get(text, text)

    @property
    def text(self) -> str:
        """All but what was measured, as one text."""
        told = (f"{self.title}.", self.warning, self.lead, *self.remarks, self.vouched, self.ai)
        return " ".join(sentence for sentence in told if sentence)


@dataclass(frozen=True, kw_only=True)
class Headline(Answer):
    """What a verdict opens with."""

    code: str
    text: Annotated[str, Doc("In the language that Accept-Language prefers; in English with the findings beside it.")]
    wordings: Annotated[
        tuple[Wording, ...], Doc("The parts of the text, in each language, English first."), Later()
    ] = ()

    def wording(self, language: str) -> Wording | None:
        """The parts in a language, or in the first where there is none; None in a report older than they are."""
        return next((each for each in self.wordings if each.language == language), next(iter(self.wordings), None))


@dataclass(frozen=True, kw_only=True)
class AxisValue(Answer):
    value: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Axes(Answer):
    """The five axes of a verdict."""

    registration: AxisValue
    credential: AxisValue
    declared_origin: AxisValue
    proof: AxisValue
    assessment: AxisValue

    def __getitem__(self, name: str) -> AxisValue:
        """An axis by its name. Raises KeyError."""
        if name not in {axis.name for axis in fields(self)}:
            raise KeyError(name)
        value: AxisValue = getattr(self, name)
        return value

    def items(self) -> Iterator[tuple[str, AxisValue]]:
        """Name and value of each axis, in the order of the report."""
        return ((axis.name, getattr(self, axis.name)) for axis in fields(self))


@dataclass(frozen=True, kw_only=True)
class Box(Answer):
    """Fractions 0..1 of the picture it lies in."""

    left: float
    top: float
    right: float
    bottom: float


Reference = Annotated[
    str,
    Values("sketch", "stored picture", "full detail"),
    Doc(
        "What was compared with: the record's sketch; the registered picture itself, at 512 pixels; "
        "or that at up to its own resolution."
    ),
]


Homography = tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Region(Answer):
    """A region in which two pictures differ. `area` is a fraction (0 to 1) of the verified picture, `strength` 0 to
    1."""

    kind: Annotated[
        str,
        Values("differs", "moved", "outside"),
        Doc("It differs; its parts are moved or warped; or it lies outside the registered picture."),
    ]
    query: Box
    reference: Box | None
    area: float
    strength: float
    seen_with: Annotated[
        tuple[Reference, ...],
        Doc("Which looks at the pair saw it, by what was compared with, the coarsest first."),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Transform(Answer):
    """The transform that aligns the picture with the registered one; `crop` is the part of the latter that it shows."""

    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box
    homography: Annotated[
        Homography,
        Doc("Row by row: fractions of the picture to those of the record's."),
    ]


@dataclass(frozen=True, kw_only=True)
class ErrorRate(Answer):
    """A measured error rate of the comparison, for differences of one kind and size. Intervals are of 95 %."""

    fpr: Annotated[float, Doc("Fraction of copies without an edit in which a difference is reported.")]
    tpr: Annotated[float, Doc("Fraction of edits of this size that are found.")]
    n: Annotated[int, Doc("Number of such edits.")]
    interval: tuple[float, float]
    test_set: str
    area: Annotated[tuple[float, float], Doc("Smallest and largest size, as fractions of the picture.")]
    fpr_n: Annotated[int, Doc("Number of copies without an edit.")]
    fpr_interval: tuple[float, float]
    kind: Annotated[str, Values("differs", "moved"), Doc("The kind of region that it is about.")]
    reference: Reference


@dataclass(frozen=True, kw_only=True)
class Comparison(Answer):
    """How a picture compares with a registered one."""

    transform: Transform | None
    regions: tuple[Region, ...]
    colour_changed: bool
    similarity: float
    agreement: Annotated[
        float | None,
        Doc("Fraction of what has texture that agrees: of a mere layout mostly a minority."),
        NeverNull(),
    ] = None
    inverted: Annotated[bool, Doc("The picture was compared with its colours inverted.")] = False
    inliers: int
    method: str
    reference: Annotated[Reference, Doc("The finest that was compared with; coarser ones were, too.")]
    smallest_area: Annotated[
        float | None,
        Doc("Fraction of the picture that the smallest region covers which could be reported."),
        NeverNull(),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Step(Answer):
    """One step of checking a receipt (docs/verification.md)."""

    number: int
    name: str
    outcome: Annotated[str, Values("holds", "fails", "not checked")]
    detail: str


@dataclass(frozen=True, kw_only=True)
class ChainLink(Answer):
    """From a registration to one that it was made from. What is not proven is told why."""

    child: RecordId
    parent: RecordId
    relation: str
    state: Annotated[str, Values("proven", "withheld", "missing", "broken", "unproven")]
    index: int | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class MatchProof(Answer):
    """The state of the proof as the service reports it; the receipt is checked without trust in the service."""

    value: str
    index: int
    tree_size: int | None
    checkpoint: str | None
    steps: tuple[Step, ...]
    chain: Annotated[tuple[ChainLink, ...], Doc("What it was made from, up to the origins.")] = ()


@dataclass(frozen=True, kw_only=True)
class Source(Answer):
    """A registration that the matched one was made from, directly or through others, and what became of it."""

    id: RecordId
    index: int
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Match(Answer):
    """One registration that the picture leads back to."""

    asset: Asset
    value: Annotated[
        str | None, Doc("The value of the registration axis that this match alone supports."), NeverNull()
    ] = None
    basis: Annotated[str, Values("bytes", "pixels", "comparison", "fingerprint")]
    signed_copy: Annotated[bool, Doc("The file is the credentialed copy that was made here.")]
    standing: Standing
    sources: Annotated[tuple[Source, ...], Doc("What it was made from, where that does not simply stand.")] = ()
    proof: MatchProof
    comparison: Comparison | None
    difference_url: str | None


@dataclass(frozen=True, kw_only=True)
class Ingredient(Answer):
    """A file that went into this one. Names and addresses are a stranger's."""

    title: str | None
    relationship: str | None = None
    state: str
    signer: str | None = None
    remote_url: str | None = None
    problems: tuple[str, ...]
    manifest_id: Annotated[str | None, Doc("Of its own manifest."), Later()] = None
    within: Annotated[
        str | None, Doc("The `manifest_id` of what it went into: the file's own, or another ingredient's."), Later()
    ] = None


@dataclass(frozen=True, kw_only=True)
class Certificate(Answer):
    """What stands on a signer's certificate. Anybody can make one with any name on it: see `trust_list`."""

    common_name: str | None
    organisation: str | None
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, kw_only=True)
class TimeStamp(Answer):
    """A time stamp beside the signature. It is trusted if its authority is on a list for time stamps.

    `trust_list` names that list.
    """

    time: datetime | None
    authority: str | None
    trust_list: str | None


@dataclass(frozen=True, kw_only=True)
class ReadCredential(Answer):
    """What was read of the C2PA credential. The list, the validity and the time of a signer are three facts."""

    state: str
    manifest_id: str | None
    signer: Annotated[str | None, Doc("The names on the certificate, as one text.")]
    certificate: Certificate | None = None
    trust_list: Annotated[str | None, Doc("The list that the signer is on, in force or not.")]
    validity: Annotated[
        Annotated[str, Values("IN_FORCE", "IN_FORCE_WHEN_STAMPED", "NOT_IN_FORCE")] | None,
        Doc("Whether the certificate is in force, or was at a time that is vouched for."),
    ] = None
    signed_at: Annotated[datetime | None, Doc("As a time stamp says that a list vouches for.")]
    time_stamps: tuple[TimeStamp, ...] = ()
    title: str | None = None
    generator: str | None = None
    digital_source_types: Annotated[tuple[str, ...], Doc("How the picture came about, as its signer states.")]
    later_source_types: Annotated[tuple[str, ...], Doc("What later actions brought into it.")] = ()
    ai_models: Annotated[tuple[str, ...], Doc("What its AI disclosures name; empty texts name nothing.")] = ()
    ingredients: tuple[Ingredient, ...]
    unlisted: Annotated[int, Doc("Actions, source types and ingredients judged and not listed.")] = 0
    redactions: Annotated[tuple[str, ...], Doc("Statements that signers took out of older credentials.")] = ()
    remote_url: Annotated[str | None, Doc("Where one kept elsewhere is said to be: not fetched.")] = None
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mark(Answer):
    """An unsigned statement in the file on how it was made."""

    kind: str
    value: str
    location: str
    meaning: Annotated[str, Values("ai_generated", "ai_edited", "capture", "other")]


@dataclass(frozen=True, kw_only=True)
class Finding(Answer):
    """One statement of a verdict, with what it rests on and what it does not show."""

    axis: str
    code: str
    summary: str
    basis: Annotated[str, Values("cryptographic", "deterministic-unsigned", "measured", "heuristic")]
    could_be_forged_by: str
    does_not_show: str
    method: str
    error_rates: tuple[ErrorRate, ...]


@dataclass(frozen=True, kw_only=True)
class Unchecked(Answer):
    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Searched(Answer):
    registrations: int
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReportLinks(Answer):
    self: str


@dataclass(frozen=True, kw_only=True)
class Report(Answer):
    """What was found about a file, on five axes. There is no score.

    A report has no truth value either: read its axes.
    """

    id: str
    created_at: datetime
    kept_until: Annotated[
        datetime | None,
        Doc(
            "Until when the report and its differences are at their addresses; on record, a report stays. "
            "Null: it is not kept, or was made before reports had an end."
        ),
        Later(),
    ] = None
    input: Input
    headline: Headline
    axes: Axes
    matches: tuple[Match, ...]
    resembles: Annotated[
        Resembles | None, Doc("Older registrations of other publishers that the closest match resembles.")
    ] = None
    older_registration: Annotated[
        RecordId | None,
        Doc("Which of those under `resembles` the headline is about; null where it is about none of them."),
        Later(),
    ] = None
    credential: ReadCredential | None
    marks: tuple[Mark, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[Unchecked, ...]
    searched: Searched | None
    links: ReportLinks

    @property
    def older(self) -> Resemblance | None:
        """The older registration that the headline is about, where it is about one."""
        items = self.resembles.items if self.resembles is not None else ()
        return next((each for each in items if each.id == self.older_registration), None)

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: read its axes")


@dataclass(frozen=True, kw_only=True)
class FileComparison(Answer):
    """How a file compares with another one, both of somebody's own.

    Neither is looked up, so nobody vouches for either; nothing is kept.
    """

    created_at: datetime
    file: Input
    reference: Input
    headline: Headline
    basis: Annotated[str, Values("bytes", "pixels", "comparison")]
    comparison: Annotated[
        Comparison | None, Doc("Null for equal bytes or pixels, and where no part was found that both show.")
    ]
    difference: Annotated[
        str | None,
        Doc("An overlay for the file, most opaque where it differs most: a PNG, as a data: URL (RFC 2397)."),
    ]
    error_rates: tuple[ErrorRate, ...]
