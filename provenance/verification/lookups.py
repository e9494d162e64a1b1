"""Lookups: which registrations a picture leads to, what each one's record says, and what was not looked at.

Nothing that the registry claims is accepted unverified. A hit becomes a match when the record itself states these
bytes, these pixels, or the sketch that was compared; otherwise it is `Unproven`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from provenance.errors import CountermarkError, Overloaded, StoreUnavailable
from provenance.media.appearance import Appearance, Part, digest_appearance
from provenance.media.comparison import Comparison
from provenance.media.fingerprints import PDQ
from provenance.media.local_features import LocalFeatures
from provenance.message import Message
from provenance.statement.appearance_digest import (
    COLOURS,
    AppearanceDigest,
    AppearanceMatch,
    clearest,
    compare_appearance,
)
from provenance.verification.axes import Proof, Registration
from provenance.verification.evidence import (
    Evidence,
    Examination,
    Match,
    MatchBasis,
    Searched,
    Subject,
    Unchecked,
    Unproven,
)
from provenance.verification.findings import standing
from provenance.verification.findings.registration import (
    BYTES_METHOD,
    PIXELS_METHOD,
    value_of_comparison,
    value_of_pixels,
)
from provenance.verification.registrations import Candidate, KnownRecord, Registrations, in_turns

MIN_PDQ_QUALITY = 50
"""PDQ quality (0-100) below which a picture is too plain to search by (the algorithm's authors)."""

MAX_LEAD_DISTANCE = 31
"""Bits of 256 up to which a fingerprint alone is a lead (PDQ's recommended threshold). What a registry proposes
beyond it is worth a comparison and, unless that confirms it, nothing else."""

MAX_COMPARED_CANDIDATES = 8
"""Likely candidates of either search that are compared with one picture: more are rare, and each costs about 60 ms."""

MAX_MATCHES = 16
"""Matches that one verdict lists; the same picture registered more often is cut, and the report says so."""

SIMILAR = Message("similar pictures")

PASSING = (StoreUnavailable, Overloaded)
"""Failures that another try may not meet: they fail the request, rather than stand in a report that is kept."""


_STATED = {
    MatchBasis.BYTES: Message("the record itself states another file"),
    MatchBasis.PIXELS: Message("the record itself states other pixels"),
    MatchBasis.COMPARISON: Message("the record itself states another sketch or file than was compared"),
}


_NO_APPEARANCE = AppearanceDigest(None)


@dataclass(frozen=True, eq=False)
class Hit:
    """A record that a lookup led to. `reference` is the digest that the record has to state for it to be a match, and
    `original` that of the stored picture, where one was compared."""

    record_id: bytes
    basis: MatchBasis
    reference: bytes | None = None
    comparison: Comparison | None = None
    distance: int | None = None
    original: bytes | None = None
    part: int | None = None
    appearance: AppearanceDigest = _NO_APPEARANCE
    inverted: bool = False


class Lookups:
    """What has been found so far about one picture, in the registrations of one registry.

    Attributes:
        registrations: the registry.
        hits: by record id.
        methods: by which something was looked up, in their order.
        recoloured_by: what shows other colours in the picture, and the comparisons did not apply.
        cut_short: something could not be looked at that may have found more.
    """

    def __init__(self, registrations: Registrations) -> None:
        self.registrations = registrations
        self.hits: dict[bytes, Hit] = {}
        self.methods: list[str] = []
        self.recoloured_by: tuple[Part, ...] = ()
        self.cut_short = False
        self._known: dict[bytes, KnownRecord | Unproven] = {}
        self._unchecked: list[Unchecked] = []
        self._pixels: set[bytes] = set()  # that were looked up, so that no fingerprint has to lead to them

    def skip(self, what: str, why: str) -> None:
        """Note that something is not looked at."""
        self._unchecked.append(Unchecked(what, why))

    def look_up_bytes(self, sha256: bytes) -> bool:
        """Step 4. Whether these bytes are registered."""
        self.methods.append(BYTES_METHOD)
        for record_id in self.registrations.by_bytes(sha256):
            self.add(Hit(record_id, MatchBasis.BYTES, sha256))
        return bool(self.hits)

    def look_up_pixels(self, pixels_sha256: bytes, appearance: AppearanceDigest) -> None:
        """Step 5, for a file that was decoded."""
        self.methods.append(PIXELS_METHOD)
        self._pixels.add(pixels_sha256)
        for record_id in self.registrations.by_pixels(pixels_sha256):
            self.add(Hit(record_id, MatchBasis.PIXELS, pixels_sha256, appearance=appearance))

    def leave_out_pixels(self, pixels_sha256: bytes) -> None:
        """Have no fingerprint lead to a picture with these pixels: it is found by its digest."""
        self._pixels.add(pixels_sha256)

    def found(self) -> Iterator[tuple[bytes, Registration, Comparison | None, AppearanceMatch]]:
        """(record id, value of the registration axis, comparison, whether equal pixels are shown the same) of all that
        was found, leads too. Of the records only those are read whose pixels are the same."""
        for hit in self.hits.values():
            match hit.basis:
                case MatchBasis.BYTES:
                    yield hit.record_id, Registration.EXACT_MATCH, None, AppearanceMatch.SAME
                case MatchBasis.PIXELS:
                    known = self.read(hit)
                    appearance = (
                        _match_appearance(known, hit, ()) if isinstance(known, KnownRecord) else AppearanceMatch.UNKNOWN
                    )
                    yield hit.record_id, value_of_pixels(appearance), None, appearance
                case MatchBasis.COMPARISON:
                    appearance = self._match_colours(hit)
                    yield hit.record_id, value_of_comparison(hit.comparison, appearance), hit.comparison, appearance
                case MatchBasis.FINGERPRINT:
                    yield hit.record_id, Registration.POSSIBLE_MATCH, None, AppearanceMatch.UNKNOWN
                case _:
                    assert_never(hit.basis)

    def _match_colours(self, hit: Hit) -> AppearanceMatch:
        """Of what was compared: whether its colours are shown as the record's are."""
        known = self.read(hit) if self.recoloured_by else None
        return (
            _match_appearance(known, hit, self.recoloured_by)
            if isinstance(known, KnownRecord)
            else AppearanceMatch.SAME
        )

    def left_out(self) -> tuple[Unchecked, ...]:
        """What was not looked at so far, and why."""
        return tuple(self._unchecked)

    def look_up_stated_pixels(self) -> None:
        """Step 5, for registered bytes: the records found so far state what their pixels are."""
        stated = {
            pixels: appearance
            for hit in list(self.hits.values())
            if isinstance(known := self.read(hit), KnownRecord)
            for digest, pixels, appearance in _files(known)
            if digest == hit.reference
        }
        self.methods.append(PIXELS_METHOD)
        for pixels_sha256 in sorted(stated):
            for record_id in self.registrations.by_pixels(pixels_sha256):
                self.add(Hit(record_id, MatchBasis.PIXELS, pixels_sha256, appearance=stated[pixels_sha256]))

    def propose(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        """Step 6. Candidates, the nearest first."""
        if quality < MIN_PDQ_QUALITY:
            self.skip(SIMILAR, Message("the picture is too plain to be searched for by its fingerprint"))
            return ()
        self.methods.append(PDQ)
        return self.registrations.by_fingerprint(pdq_orientations, quality)

    def propose_by_local_features(self, features: LocalFeatures) -> Sequence[Candidate]:
        """Step 6. The candidates that share local features; what the search did not look at is noted."""
        proposed = self.registrations.by_local_features(features)
        if proposed.left_out is not None:
            note = Unchecked(Message("further candidates by local features"), proposed.left_out)
            self._unchecked += [note] if note not in self._unchecked else []
        return proposed.candidates

    def keep_leads(self, candidates: Sequence[Candidate]) -> None:
        """Take those candidates as leads whose fingerprints are near enough, without a comparison."""
        for candidate in candidates:
            if candidate.distance is not None and candidate.distance <= MAX_LEAD_DISTANCE:
                self.add(Hit(candidate.record_id, MatchBasis.FINGERPRINT, distance=candidate.distance))

    def evidence(self, subject: Subject, examination: Examination | None) -> Evidence:
        """All of it, what matches first. Leads are left out where something better was found."""
        hits = sorted(self.hits.values(), key=lambda hit: not is_match(hit))
        if hits and is_match(hits[0]):
            hits = [hit for hit in hits if hit.basis is not MatchBasis.FINGERPRINT]
        if len(hits) > MAX_MATCHES:
            publishers = self.registrations.publishers([hit.record_id for hit in hits])
            hits = [hits[place] for place in in_turns([publishers.get(hit.record_id, "") for hit in hits])]
            why = Message(
                "{hits} match, and {max_matches} are listed, of each publisher one first",
                hits=self._count(hits),
                max_matches=MAX_MATCHES,
            )
            self.skip(Message("further matching records"), why)
        read = [(hit, self.read(hit)) for hit in hits[:MAX_MATCHES]]
        found = [(hit, known) for hit, known in read if isinstance(known, KnownRecord)]
        for _, known in found:
            if known.sources_left_out:
                self.skip(
                    Message("all that record {index} was made from", index=known.index),
                    Message("only the nearest were looked at"),
                )
        unproven = tuple(known for _, known in read if isinstance(known, Unproven))
        claims = self._claims(found, cut=len(hits) > MAX_MATCHES)
        return Evidence(
            subject=subject,
            examination=examination,
            matches=tuple(_match(subject, hit, known, claims, self.recoloured_by) for hit, known in found),
            searched=Searched(self.registrations.count(), tuple(self.methods)),
            not_checked=tuple(self._unchecked),
            unproven=unproven,
            cut_short=self.cut_short,
        )

    def _count(self, hits: Sequence[Hit]) -> int:
        """How many records match in all: the lookups by digest give no more than is listed, and one."""
        exact = {basis: {hit.reference for hit in hits if hit.basis is basis and hit.reference} for basis in _EXACT}
        same = self.registrations.count_same(exact[MatchBasis.BYTES], exact[MatchBasis.PIXELS])
        return same + sum(hit.basis not in _EXACT for hit in hits)

    def _claims(self, found: Sequence[tuple[Hit, KnownRecord]], *, cut: bool) -> Mapping[bytes, str]:
        """Who claims what the picture shows: of what the verdict lists, and where that was cut, of all there are."""
        same = [(hit, known) for hit, known in found if _is_same_content(hit)]
        claims = standing.claims_of([known for _, known in same])
        if not cut:
            return claims
        exact = {basis: {hit.reference for hit, _ in same if hit.basis is basis and hit.reference} for basis in _EXACT}
        compared = [known.record_id for hit, known in same if hit.basis not in _EXACT]
        asked = [known.record_id for _, known in same]
        over_all = self.registrations.claims(exact[MatchBasis.BYTES], exact[MatchBasis.PIXELS], asked, compared)
        return {**{each: claims[each] for each in compared if each in claims}, **over_all}

    def unknown(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Those that are not found yet: what has the very same pixels was found before."""
        return [
            candidate
            for candidate in candidates
            if not self._confirmed(candidate.record_id) and candidate.pixels_sha256 not in self._pixels
        ]

    def nearest(self, candidates: Sequence[Candidate], most: int = MAX_COMPARED_CANDIDATES) -> Sequence[Candidate]:
        """Those to compare of what is not found yet, of each publisher the nearest first."""
        new = self.unknown(candidates)
        if len(new) > most:
            why = Message(
                "only the nearest {most} of {new} are looked at, of each publisher one first", most=most, new=len(new)
            )
            note = Unchecked(Message("further candidates"), why)
            self._unchecked += [note] if note not in self._unchecked else []
        return [new[place] for place in sorted(in_turns([candidate.publisher for candidate in new])[:most])]

    def _confirmed(self, record_id: bytes) -> bool:
        hit = self.hits.get(record_id)
        return hit is not None and hit.basis is not MatchBasis.FINGERPRINT

    def add(self, hit: Hit) -> None:
        """Take a hit, unless a stronger one led to the same record."""
        # Lookups are made from the strongest to the weakest: the first that leads to a record counts, but for a lead.
        if not self._confirmed(hit.record_id):
            self.hits[hit.record_id] = hit

    def read(self, hit: Hit) -> KnownRecord | Unproven:
        """Step 8: the record of a hit, which states what the hit rests on."""
        if hit.record_id not in self._known:
            self._known[hit.record_id] = self._check(hit)
        return self._known[hit.record_id]

    def _check(self, hit: Hit) -> KnownRecord | Unproven:
        try:
            known = self.registrations.known(hit.record_id)
        except PASSING:
            raise
        except CountermarkError as failure:
            return Unproven(hit.record_id, str(failure))
        if known.receipt is not None and known.receipt.record_id != hit.record_id:
            return Unproven(hit.record_id, Message("its receipt is of another record"))
        if not _states(known, hit):
            return Unproven(hit.record_id, Message("{basis}, against the registry's index", basis=_STATED[hit.basis]))
        return known


_EXACT = (MatchBasis.BYTES, MatchBasis.PIXELS)


def _files(known: KnownRecord) -> list[tuple[bytes, bytes, AppearanceDigest]]:
    """Digests (bytes, pixels, what is shown) of the file as it was handed in, and of its credentialed copies."""
    media, credential = known.record.media, known.record.credential
    copies = credential.copies if credential is not None else ()
    return [(media.sha256, media.pixels_sha256, media.appearance), *copies]


def _match_appearance(known: KnownRecord, hit: Hit, recoloured_by: tuple[Part, ...]) -> AppearanceMatch:
    """Whether the pixels of a hit are shown as the record's are: known where both state it.

    Of a comparison: whether what shows other colours in the picture is the record's as well.
    """
    if hit.basis is MatchBasis.PIXELS:
        found = {
            compare_appearance(hit.appearance, appearance)
            for _, pixels, appearance in _files(known)
            if pixels == hit.reference
        }
    elif hit.basis is MatchBasis.COMPARISON and recoloured_by:
        by_colours = any(name == COLOURS for name, _ in recoloured_by)
        found = {
            compare_appearance(
                AppearanceDigest(digest_appearance(pixels, Appearance(recoloured_by)), may_have_colours=by_colours),
                appearance,
            )
            for _, pixels, appearance in _files(known)
        }
    else:
        found = {AppearanceMatch.SAME}
    return clearest(found)


def _states(known: KnownRecord, hit: Hit) -> bool:
    match hit.basis:
        case MatchBasis.BYTES:
            return any(digest == hit.reference for digest, *_ in _files(known))
        case MatchBasis.PIXELS:
            return any(pixels == hit.reference for _, pixels, _ in _files(known))
        case MatchBasis.COMPARISON:
            kept = hit.original is None or any(digest == hit.original for digest, *_ in _files(known))
            return known.record.sketch.sha256 == hit.reference and kept
        case MatchBasis.FINGERPRINT:
            return True
        case _:
            assert_never(hit.basis)


def is_match(hit: Hit) -> bool:
    """Whether the picture shows the record's: a lead may, and a layout in common says nothing about that."""
    shares_layout = hit.comparison is not None and hit.comparison.layout_only
    return hit.basis is not MatchBasis.FINGERPRINT and not shares_layout


def _is_same_content(hit: Hit) -> bool:
    """Whether the picture shows what was registered and nothing else: a montage is no rival claim to its parts."""
    match hit.basis:
        case MatchBasis.BYTES | MatchBasis.PIXELS:
            return True
        case MatchBasis.COMPARISON:
            return is_match(hit) and hit.comparison is not None and not hit.comparison.regions
        case MatchBasis.FINGERPRINT:
            return False
        case _:
            assert_never(hit.basis)


def _match(
    subject: Subject, hit: Hit, known: KnownRecord, claims: Mapping[bytes, str], recoloured_by: tuple[Part, ...]
) -> Match:
    # 9.
    value, detail = standing.of(known, claims)
    return Match(
        record_id=known.record_id,
        index=known.index,
        logged_at=known.logged_at,
        record=known.record,
        publisher=known.publisher,
        basis=hit.basis,
        signed_copy=hit.basis is MatchBasis.BYTES and subject.sha256 != known.record.media.sha256,
        comparison=hit.comparison,
        distance=hit.distance,
        appearance=_match_appearance(known, hit, recoloured_by),
        inverted=hit.inverted,
        receipt=known.receipt,
        proof=_proof(known),
        standing=value,
        standing_detail=detail,
        sources=known.sources,
    )


def _proof(known: KnownRecord) -> Proof:
    if known.receipt is None:
        return Proof.SEQUENCED
    if not known.receipt.holds:
        return Proof.BROKEN
    return Proof.PUBLISHED_AND_COSIGNED if known.cosigned else Proof.PUBLISHED
