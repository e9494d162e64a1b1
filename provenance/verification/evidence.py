"""Evidence: everything that was collected about one picture, before anything is concluded from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provenance.credentials.report import CredentialReport
from provenance.media.comparison import Comparison
from provenance.media.fingerprints import Fingerprints
from provenance.media.marks import DeclaredMetadata
from provenance.media.media import Pixels
from provenance.receipts.report import ReceiptReport
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.statement.canonical_json import Json
from provenance.statement.record import AssetRegistered, Identity
from provenance.verification.axes import Proof, Registration, SourceCode, Standing


@dataclass(frozen=True)
class Subject:
    """The file in question, as received. Sizes in bytes and pixels; None where it was not handed in."""

    sha256: bytes
    size: int | None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    appearance_parts: tuple[str, ...] = ()
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
    appearance: AppearanceMatch = AppearanceMatch.SAME
    """Of PIXELS."""
    inverted: bool = False
    """Of COMPARISON: the picture was compared with its colours inverted."""


@dataclass(frozen=True)
class Resemblance:
    """Another registration that a record resembles, as the registry keeps it of the comparison made after registering.

    Attributes:
        record_id, index, logged_at, title: of the other registration.
        publisher, publisher_name: who made it.
        established: how it was established who that is, as in the publisher's `Identity`.
        older: it was logged before.
        value: of the registration axis, for the newer picture against the older record.
        differs_inside: something within what both show differs.
        detail: what comparing the two gave, in words.
        stated: one of the two says, directly or through others, that it was made from the other.
        taken_back: `WITHDRAWN` or `SUPERSEDED`, where it was.
        copies: registrations of its publisher that are renditions of one another, and count as one.
        comparison: as a report has it; None where only a digest or a fingerprint agrees.
    """

    record_id: bytes
    index: int
    logged_at: datetime
    title: str | None
    publisher: str
    publisher_name: str
    established: str
    older: bool
    value: Registration
    differs_inside: bool
    detail: str
    stated: bool
    taken_back: Standing | None
    copies: int
    comparison: Mapping[str, Json] | None


@dataclass(frozen=True)
class Resembling:
    """What a record resembles: at most `limits.MAX_RESEMBLING` are named, in log order; how many there are in all.

    `pending` says why it is not known yet, where it is not; `left_out` what the search did not look at.
    """

    items: tuple[Resemblance, ...] = ()
    older: int = 0
    newer: int = 0
    pending: str | None = None
    left_out: tuple["Unchecked", ...] = ()


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
    resembling: Resembling | None = None
    """Older registrations of other publishers that the closest match resembles; None without a match."""
    hidden: Resemblance | None = None
    """The oldest of them inside which something differs, and whose record holds, unless it is named below anyway."""
