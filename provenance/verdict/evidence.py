"""Evidence: everything that was collected about one picture, before anything is concluded from it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.credentials.report import CredentialReport
from provenance.media.comparison import Comparison
from provenance.media.fingerprints import Fingerprints
from provenance.media.marks import DeclaredMetadata
from provenance.media.media import Pixels
from provenance.statement.identity import Identity
from provenance.statement.record import AssetRegistered
from provenance.transparency.receipt_report import ReceiptReport
from provenance.verdict.axes import Proof, SourceCode, Standing


@dataclass(frozen=True)
class Subject:
    """The file in question, as received. Sizes in bytes and pixels; None where it was not handed in."""

    sha256: bytes
    size: int | None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    beside: tuple[str, ...] = ()
    """What it has beside its pixels, by name (`media.appearance`)."""


@dataclass(frozen=True, eq=False)
class Examination:
    """What a file says by itself: no registry was asked.

    `fingerprints` and `canonical` are None where the caller did not ask for the pixels, because the bytes
    were known already.
    """

    subject: Subject
    credential: CredentialReport
    declared: DeclaredMetadata
    fingerprints: Fingerprints | None
    canonical: Pixels | None


class Shown(StrEnum):
    """Of a match by pixels: whether what decides how they are shown is the record's, too (`media.appearance`)."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class MatchBasis(StrEnum):
    """By what a match was made, from the strongest to the weakest."""

    BYTES = "bytes"
    PIXELS = "pixels"
    COMPARISON = "comparison"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True)
class Publisher:
    """Who signed a record, and how it was established that the key is theirs."""

    id: str
    name: str
    identity: Identity
    key: bytes
    """SHA-256 thumbprint (RFC 9679) of the key that signed."""


@dataclass(frozen=True)
class Source:
    """A registration that another was made from, directly or through others, and what became of it in a sentence."""

    record_id: bytes
    index: int
    code: SourceCode
    detail: str


@dataclass(frozen=True, eq=False)
class Match:
    """One registration that the picture leads back to, with what was checked about it."""

    record_id: bytes
    index: int
    logged_at: datetime
    record: AssetRegistered
    publisher: Publisher
    basis: MatchBasis
    signed_copy: bool
    """True when the picture is the credentialed copy rather than the file as it was handed in."""
    comparison: Comparison | None
    """Of a COMPARISON; None otherwise."""
    distance: int | None
    """Hamming distance (in bits of 256) of the PDQ fingerprints, when they proposed the match."""
    receipt: ReceiptReport | None
    """None while no published checkpoint covers the record."""
    proof: Proof
    standing: Standing
    standing_detail: str
    sources: tuple[Source, ...] = ()
    """What it was made from, where that does not simply stand."""
    shown: Shown = Shown.SAME
    """Of PIXELS."""
    inverted: bool = False
    """Of COMPARISON: the picture was compared with its colours inverted."""


@dataclass(frozen=True)
class Unproven:
    """A record that the picture leads to, and of which nothing can be said: the registry's copy of it does not hold."""

    record_id: bytes
    why: str


@dataclass(frozen=True)
class Unchecked:
    """Something that was not looked at, and why: never reported as absent."""

    what: str
    why: str


@dataclass(frozen=True)
class Searched:
    """How many registrations a search covered, and by which digests and fingerprints: those that were really used."""

    registrations: int
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known about one picture. `examination` is None when only digests were handed in."""

    subject: Subject
    examination: Examination | None
    matches: tuple[Match, ...]
    searched: Searched | None
    """None when the registry could not be searched: the registration axis is then NOT_CHECKED."""
    not_checked: tuple[Unchecked, ...] = ()
    unproven: tuple[Unproven, ...] = ()
    cut_short: bool = False
    """Whether a step of the search, or a comparison, failed: then nothing found is not the same as no match."""
