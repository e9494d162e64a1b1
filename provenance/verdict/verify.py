"""The verification procedure. `docs/verification.md` carries the same numbers, and a test compares them.

 1  Take the file in: its first bytes decide the type, its header bounds the decoding.
 2  Read its C2PA credential, against named trust lists, with the network off.
 3  Read the marks it declares (XMP, IPTC, EXIF, PNG text). Nobody signed those.
 4  Look up the SHA-256 of the bytes. A hit is EXACT_MATCH, and steps 5 to 7 are not needed.
 5  Decode once; look up the SHA-256 of the decoded pixels.
 6  Ask the similarity index for candidates. A fingerprint hit is never a match by itself: targeted
    collisions can be computed for almost any pair of pictures (`docs/explanation/matching.md`).
 7  Compare with the sketch of each candidate: align it, verify the geometry, find what differs.
 8  For each match, check its receipt: log key, checkpoint, genesis, publisher key, statement, inclusion.
 9  Establish the standing of each record: withdrawn, key revoked, other publishers' claims.
10  Judge: five axes and a headline, by fixed precedence.

Steps 1 to 3 and the decoding of step 5 parse a stranger's bytes, so the caller runs them confined:
`examine` is the function to run there. The caller still owes: trust lists that are current, the log
key from a source it trusts, and a comparison of the checkpoint with what others have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provenance.credentials.reading import read_credentials
from provenance.credentials.trust import TrustSettings
from provenance.media.comparison import Comparison
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.marks import read_declared
from provenance.media.media import Media, Pixels
from provenance.statement.record import AssetRegistered
from provenance.transparency.receipt_verification import ReceiptReport
from provenance.verdict.axes import Proof, Standing
from provenance.verdict.evidence import (
    Evidence,
    Examination,
    Match,
    MatchBasis,
    Publisher,
    Searched,
    Subject,
    Unchecked,
)
from provenance.verdict.verdict import Verdict, judge

MAX_COMPARED_CANDIDATES = 8
"""Candidates that are compared with one picture: PDQ at 31 bits rarely proposes more, and each costs about 20 ms."""

MAX_MATCHES = 16
"""Matches that one verdict lists; the same picture registered more often is cut, and the report says so."""


@dataclass(frozen=True)
class Candidate:
    """A registration that a fingerprint proposes. `distance` is in bits of 256."""

    record_id: bytes
    distance: int


@dataclass(frozen=True, eq=False)
class KnownRecord:
    """What a registry holds about one registration, with its receipt already checked (step 8)."""

    record_id: bytes
    index: int
    logged_at: datetime
    record: AssetRegistered
    publisher: Publisher
    receipt: ReceiptReport
    cosigned: bool
    withdrawn_reason: str | None
    key_revoked_at_index: int | None


class Registrations(Protocol):
    """The registry as the procedure sees it. Each method may raise only `CountermarkError`."""

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose file, or its credentialed copy, has this SHA-256; in log order."""

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose decoded pixels have this digest; in log order."""

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        """Candidates, nearest first."""

    def sketch(self, record_id: bytes) -> bytes:
        """The stored sketch, its digest checked against the record."""

    def known(self, record_id: bytes) -> KnownRecord:
        """The record, its publisher and its checked receipt."""

    def searched(self) -> Searched:
        """How many registrations were searched, and by what."""


class Comparer(Protocol):
    """Compares a canonical picture with a stored sketch; the caller decides in which process."""

    def __call__(self, query: Pixels, sketch: bytes) -> Comparison: ...


def examine(
    data: bytes,
    trust: TrustSettings,
    *,
    sha256: bytes | None = None,
    sidecar: bytes | None = None,
    pixels: bool = True,
) -> Examination:
    """Steps 1 to 3, and the decoding and hashing of steps 5 and 6 when `pixels` is asked for.

    Raises:
        MediaError: the bytes are no picture that can be read.
    """
    # 1. The type is sniffed and the size bounded before anything is decoded.
    media = Media.from_bytes(data, sha256=sha256)
    # 2.
    credential = read_credentials(data, media.media_type, trust, sidecar=sidecar)
    # 3.
    declared = read_declared(media)
    # 5. Decoded once: pixel digest, fingerprints and the canonical picture come from the same array.
    prints = fingerprint(media) if pixels else None
    return Examination(
        subject=Subject(media.sha256, len(data), media.media_type, media.width, media.height, media.frames),
        credential=credential,
        declared=declared,
        fingerprints=prints,
        canonical=media.canonical if pixels else None,
    )


def verify_file(examination: Examination, registrations: Registrations, compare: Comparer) -> Verdict:
    """Steps 4 to 10 for a file whose bytes are at hand."""
    subject = examination.subject
    # 4.
    found = [(record_id, MatchBasis.BYTES, None, None) for record_id in registrations.by_bytes(subject.sha256)]
    found_ids = {record_id for record_id, *_ in found}
    unchecked: list[Unchecked] = []
    similar: list[_Found] = []
    prints = examination.fingerprints
    if prints is not None and examination.canonical is not None and not found:
        # 5.
        for record_id in registrations.by_pixels(prints.pixels_sha256):
            if record_id not in found_ids:
                found_ids.add(record_id)
                similar.append((record_id, MatchBasis.PIXELS, None, None))
        # 6. and 7.
        similar += _compare_candidates(prints, examination.canonical, registrations, compare, found_ids, unchecked)
    evidence = _evidence(subject, examination, [*found, *similar], registrations, unchecked)
    return judge(evidence)


def verify_digests(
    subject: Subject, pdq: bytes | None, pdq_quality: int | None, registrations: Registrations
) -> Verdict:
    """Steps 4 and 6 to 10 for digests alone: nothing was uploaded, so a fingerprint hit stays a lead."""
    found: list[_Found] = [
        (record_id, MatchBasis.BYTES, None, None) for record_id in registrations.by_bytes(subject.sha256)
    ]
    unchecked = [Unchecked("the file itself", "only digests were handed in")]
    if pdq is not None and not found:
        quality = 100 if pdq_quality is None else pdq_quality
        for candidate in registrations.by_fingerprint((pdq,), quality)[:MAX_COMPARED_CANDIDATES]:
            found.append((candidate.record_id, MatchBasis.FINGERPRINT, None, candidate.distance))
    return judge(_evidence(subject, None, found, registrations, unchecked))


_Found = tuple[bytes, MatchBasis, Comparison | None, int | None]


def _compare_candidates(
    prints: Fingerprints,
    canonical: Pixels,
    registrations: Registrations,
    compare: Comparer,
    found: set[bytes],
    unchecked: list[Unchecked],
) -> list[_Found]:
    candidates = [
        candidate
        for candidate in registrations.by_fingerprint(prints.pdq_dihedral, prints.pdq_quality)
        if candidate.record_id not in found
    ]
    if len(candidates) > MAX_COMPARED_CANDIDATES:
        left = len(candidates) - MAX_COMPARED_CANDIDATES
        unchecked.append(Unchecked(f"{left} more candidates", "only the nearest candidates are compared"))
    results: list[_Found] = []
    for candidate in candidates[:MAX_COMPARED_CANDIDATES]:
        comparison = compare(canonical, registrations.sketch(candidate.record_id))
        basis = MatchBasis.COMPARISON if comparison.verified else MatchBasis.FINGERPRINT
        results.append((candidate.record_id, basis, comparison if comparison.verified else None, candidate.distance))
    if any(basis is not MatchBasis.FINGERPRINT for _, basis, *_ in results):
        results = [row for row in results if row[1] is not MatchBasis.FINGERPRINT]
    return results


def _evidence(
    subject: Subject,
    examination: Examination | None,
    found: Sequence[_Found],
    registrations: Registrations,
    unchecked: list[Unchecked],
) -> Evidence:
    if len(found) > MAX_MATCHES:
        unchecked.append(Unchecked(f"{len(found) - MAX_MATCHES} more matching records", "a verdict lists the first"))
    known = [(registrations.known(record_id), row) for row in found[:MAX_MATCHES] for record_id in row[:1]]
    claimants = {record.publisher.id for record, row in known if row[1] is not MatchBasis.FINGERPRINT}
    matches = tuple(_match(subject, record, row, claimants) for record, row in known)
    return Evidence(subject, examination, matches, registrations.searched(), tuple(unchecked))


def _match(subject: Subject, known: KnownRecord, row: _Found, claimants: set[str]) -> Match:
    _, basis, comparison, distance = row
    # 8.
    if not known.receipt.holds:
        proof = Proof.BROKEN
    elif known.cosigned:
        proof = Proof.PUBLISHED_AND_COSIGNED
    else:
        proof = Proof.PUBLISHED
    # 9.
    standing, detail = _standing(known, claimants)
    return Match(
        record_id=known.record_id,
        index=known.index,
        logged_at=known.logged_at,
        record=known.record,
        publisher=known.publisher,
        basis=basis,
        signed_copy=basis is MatchBasis.BYTES and subject.sha256 != known.record.media.sha256,
        comparison=comparison,
        distance=distance,
        receipt=known.receipt,
        proof=proof,
        standing=standing,
        standing_detail=detail,
    )


def _standing(known: KnownRecord, claimants: set[str]) -> tuple[Standing, str]:
    if known.withdrawn_reason is not None:
        return Standing.WITHDRAWN, f"{known.publisher.name} has withdrawn this registration: {known.withdrawn_reason}"
    if known.key_revoked_at_index is not None:
        if known.key_revoked_at_index <= known.index:
            return Standing.KEY_REVOKED_BEFORE, "The publisher's key had been revoked before this record was logged."
        return Standing.KEY_REVOKED_AFTER, "The publisher's key was revoked after this record was logged."
    if len(claimants) > 1:
        return (
            Standing.CONFLICTING_CLAIMS,
            f"{len(claimants)} publishers registered this content; all are listed in log order.",
        )
    return Standing.CURRENT, "The registration stands."
