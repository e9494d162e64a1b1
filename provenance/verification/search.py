"""A search: which registrations a picture leads to, what each one's record says, and what was not looked at.

It never takes the registry's lookups at their word. A hit becomes a match when the record itself states these bytes,
these pixels, or the sketch that was compared; otherwise it is `Unproven`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard, assert_never

from provenance.errors import CountermarkError, ExaminationUnavailable, Overloaded, StoreUnavailable
from provenance.media.appearance import Appearance, Part, digest_shown
from provenance.media.comparison import Comparison
from provenance.media.fingerprints import PDQ, Fingerprints
from provenance.media.local_features import LOCAL_FEATURES
from provenance.media.media import Pixels
from provenance.statement.shown import COLOURS, Shown, ShownDigest, clearest, compare_shown
from provenance.verification.axes import Proof, Registration
from provenance.verification.closeness import SAME_COVERAGE, coverage
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
from provenance.verification.matcher import Viewer
from provenance.verification.registrations import Candidate, KnownRecord, Reference, Registrations, in_turns

MIN_PDQ_QUALITY = 50
"""PDQ quality (0-100) below which a picture is too plain to search by (the algorithm's authors)."""

MAX_LEAD_DISTANCE = 31
"""Bits of 256 up to which a fingerprint alone is a lead (PDQ's recommended threshold). What a registry proposes
beyond it is worth a comparison and, unless that confirms it, nothing else."""

MAX_COMPARED_CANDIDATES = 8
"""Candidates of either search that are compared with one picture: more are rare, and each costs about 20 ms."""

MAX_COMPARED_OF_A_PART = 2
"""Candidates that are compared with a part of the picture: it shows one picture, and of fewer features than a whole."""

MIN_LOCAL_FEATURES = 8
"""Features of a picture below which no comparison could hold (`geometry.MIN_INLIERS`)."""

MAX_LOOKED_AGAIN = 2
"""Further matches that are compared with their stored pictures, where they cover as much as the leading one: those that
are compared in the same detail can be put in order by what differs. One more for each that shares a layout alone, as a
sketch may not show."""

MAX_UNEXPLAINED = 0.015
"""Fraction of the picture that differs from a match or lies outside it, up to which no further one is searched for: an
inset of a fifth of its sides covers 4 %, or half of that where it is tall and the picture wide."""

MAX_MATCHES = 16
"""Matches that one verdict lists; the same picture registered more often is cut, and the report says so."""

SIMILAR = "similar pictures"

PASSING = (StoreUnavailable, Overloaded)
"""Failures that another try may not meet: they fail the request, rather than stand in a report that is kept."""


_STATED = {
    MatchBasis.BYTES: "the record itself states another file",
    MatchBasis.PIXELS: "the record itself states other pixels",
    MatchBasis.COMPARISON: "the record itself states another sketch or file than was compared",
}


_NOT_SHOWN = ShownDigest(None)


@dataclass(frozen=True, eq=False)
class _Hit:
    """A record that a lookup led to. `reference` is the digest that the record has to state for it to be a match, and
    `original` that of the stored picture, where one was compared."""

    record_id: bytes
    basis: MatchBasis
    reference: bytes | None = None
    comparison: Comparison | None = None
    distance: int | None = None
    original: bytes | None = None
    part: int | None = None
    shown: ShownDigest = _NOT_SHOWN
    inverted: bool = False


class Search:
    """What has been found so far about one picture, in the registrations of one registry."""

    def __init__(self, registrations: Registrations, *, thorough: bool = False) -> None:
        """`thorough`: what shares local features with the picture is searched for, whatever explains it already."""
        self._registrations = registrations
        self._thorough = thorough
        self._hits: dict[bytes, _Hit] = {}
        self._known: dict[bytes, KnownRecord | Unproven] = {}
        self._methods: list[str] = []
        self._unchecked: list[Unchecked] = []
        self._cut_short = False
        self._looked_again = False
        self._recoloured_by: tuple[Part, ...] = ()  # what shows other colours, and the comparisons did not apply
        self._pixels: set[bytes] = set()  # that were looked up, so that no fingerprint has to lead to them

    def skip(self, what: str, why: str) -> None:
        """Note that something is not looked at."""
        self._unchecked.append(Unchecked(what, why))

    def _miss(self, what: str, failure: CountermarkError) -> None:
        """Note that something could not be looked at that may have found more; a thorough search is made again then."""
        if self._thorough and isinstance(failure, ExaminationUnavailable):
            raise failure
        self.skip(what, str(failure))
        self._cut_short = True

    def look_up_bytes(self, sha256: bytes) -> bool:
        """Step 4. Whether these bytes are registered."""
        self._methods.append(BYTES_METHOD)
        for record_id in self._registrations.by_bytes(sha256):
            self._add(_Hit(record_id, MatchBasis.BYTES, sha256))
        return bool(self._hits)

    def look_up_pixels(self, pixels_sha256: bytes, shown: ShownDigest) -> None:
        """Step 5, for a file that was decoded."""
        self._methods.append(PIXELS_METHOD)
        self._pixels.add(pixels_sha256)
        for record_id in self._registrations.by_pixels(pixels_sha256):
            self._add(_Hit(record_id, MatchBasis.PIXELS, pixels_sha256, shown=shown))

    def leave_out_pixels(self, pixels_sha256: bytes) -> None:
        """Have no fingerprint lead to a picture with these pixels: it is found by its digest."""
        self._pixels.add(pixels_sha256)

    def look_for_similar(self, prints: Fingerprints, canonical: Pixels, viewer: Viewer) -> None:
        """Steps 6 and 7: of the picture, with its colours inverted, and where that leaves something unexplained, by
        parts."""
        self._recoloured_by = prints.recoloured_by
        # 6.
        candidates = self.propose(prints.pdq_dihedral, prints.pdq_quality)
        # 7.
        self.compare(candidates, canonical, viewer)
        self.look_inverted(prints.pdq_dihedral, prints.pdq_quality, canonical, viewer)
        self.compare(self.propose_by_parts(canonical, viewer), canonical, viewer)
        self.look_closer(canonical, viewer)
        self.look_again(canonical, viewer)

    def found(self) -> Iterator[tuple[bytes, Registration, Comparison | None, Shown]]:
        """(record id, value of the registration axis, comparison, whether equal pixels are shown the same) of all that
        was found, leads too. Of the records only those are read whose pixels are the same."""
        for hit in self._hits.values():
            match hit.basis:
                case MatchBasis.BYTES:
                    yield hit.record_id, Registration.EXACT_MATCH, None, Shown.SAME
                case MatchBasis.PIXELS:
                    known = self._read(hit)
                    shown = _shown(known, hit, ()) if isinstance(known, KnownRecord) else Shown.UNKNOWN
                    yield hit.record_id, value_of_pixels(shown), None, shown
                case MatchBasis.COMPARISON:
                    shown = self._colours(hit)
                    yield hit.record_id, value_of_comparison(hit.comparison, shown), hit.comparison, shown
                case MatchBasis.FINGERPRINT:
                    yield hit.record_id, Registration.POSSIBLE_MATCH, None, Shown.UNKNOWN
                case _:
                    assert_never(hit.basis)

    def _colours(self, hit: _Hit) -> Shown:
        """Of what was compared: whether its colours are shown as the record's are."""
        known = self._read(hit) if self._recoloured_by else None
        return _shown(known, hit, self._recoloured_by) if isinstance(known, KnownRecord) else Shown.SAME

    def left_out(self) -> tuple[Unchecked, ...]:
        """What was not looked at so far, and why."""
        return tuple(self._unchecked)

    def look_up_stated_pixels(self) -> None:
        """Step 5, for registered bytes: the records found so far state what their pixels are."""
        stated = {
            pixels: shown
            for hit in list(self._hits.values())
            if isinstance(known := self._read(hit), KnownRecord)
            for digest, pixels, shown in _files(known)
            if digest == hit.reference
        }
        self._methods.append(PIXELS_METHOD)
        for pixels_sha256 in sorted(stated):
            for record_id in self._registrations.by_pixels(pixels_sha256):
                self._add(_Hit(record_id, MatchBasis.PIXELS, pixels_sha256, shown=stated[pixels_sha256]))

    def propose(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        """Step 6. The nearest candidates that are not found yet."""
        if quality < MIN_PDQ_QUALITY:
            self.skip(SIMILAR, "the picture is too plain to be searched for by its fingerprint")
            return ()
        self._methods.append(PDQ)
        return self._nearest(self._registrations.by_fingerprint(pdq_orientations, quality))

    def look_inverted(self, pdq_orientations: Sequence[bytes], quality: int, canonical: Pixels, viewer: Viewer) -> None:
        """Steps 6 and 7 with the colours inverted, where something is not explained yet.

        Each bit of a fingerprint says on which side of their median a frequency lies: inverted, it lies on the other.
        """
        if self._explained() or quality < MIN_PDQ_QUALITY:
            return
        inverted = [bytes(255 - byte for byte in each) for each in pdq_orientations]
        candidates = self._registrations.by_fingerprint(inverted, quality)
        near = [each for each in candidates if each.distance is not None and each.distance <= MAX_LEAD_DISTANCE]
        self.compare(self._nearest(near), 255 - canonical, viewer, inverted=True)

    def propose_by_parts(self, canonical: Pixels, viewer: Viewer) -> Sequence[Candidate]:
        """Step 6, once more. What shares local features with a picture of which something is not explained yet."""
        if self._explained() and not self._thorough:
            return ()
        try:
            features = viewer.describe(canonical)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._miss("parts of pictures", failure)
            return ()
        if features.count < MIN_LOCAL_FEATURES:
            self.skip("parts of pictures", "the picture has too little texture to be searched for by parts")
            return ()
        self._methods.append(LOCAL_FEATURES)
        return self._nearest(self._registrations.by_local_features(features))

    def look_closer(self, canonical: Pixels, viewer: Viewer) -> None:
        """Steps 6 and 7 for parts of a picture of which something is not explained yet, in more detail."""
        if self._explained():
            return
        found = [hit.comparison for hit in self._hits.values() if hit.comparison is not None and _is_match(hit)]
        left_open = [tuple(region.query for region in each.regions) for each in found]
        try:
            parts = viewer.describe_parts(canonical, left_open)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._miss("a closer look at parts of the picture", failure)
            return
        for part, features in enumerate(parts):
            if features.count >= MIN_LOCAL_FEATURES:
                candidates = self._nearest(self._registrations.by_local_features(features), MAX_COMPARED_OF_A_PART)
                self.compare(candidates, canonical, viewer, part)

    def compare(
        self,
        candidates: Sequence[Candidate],
        canonical: Pixels,
        viewer: Viewer,
        part: int | None = None,
        *,
        inverted: bool = False,
    ) -> None:
        """Step 7. A candidate that cannot be compared, or whose geometry does not hold, is a lead at most.

        The first that is confirmed is looked at again, against the stored picture.
        """
        references = [(candidate, self._reference(candidate)) for candidate in candidates]
        found = [(candidate, reference) for candidate, reference in references if reference is not None]
        if not found:
            return
        if not self._looked_again:  # the nearest is the likeliest, and is compared with both in one go
            found[0] = found[0][0], self._with_original(*found[0])
        outcomes = _outcomes(viewer, canonical, [reference for _, reference in found], part)
        for (candidate, reference), first in zip(found, outcomes, strict=True):
            if reference.original is not None and isinstance(first, CountermarkError):
                compared = self._look_without(candidate, reference, first, canonical, viewer, part)
            elif reference.original is None and _is_verified(first) and not self._looked_again:
                compared = self._look_again(candidate, reference, first, canonical, viewer, part)
            else:
                compared = reference, first
            self._take(candidate, *compared, part, inverted=inverted)

    def look_again(self, canonical: Pixels, viewer: Viewer) -> None:
        """Step 7, for the matches that cover as much as the leading one: against the stored pictures of these too."""
        matches = [
            hit for hit in self._hits.values() if hit.comparison is not None and _is_match(hit) and not hit.inverted
        ]
        if not matches or any(hit.basis is MatchBasis.PIXELS for hit in self._hits.values()):
            return
        covered = {hit.record_id: coverage(hit.comparison) for hit in matches if hit.comparison is not None}
        leading = [hit for hit in matches if covered[hit.record_id] >= max(covered.values()) - SAME_COVERAGE]
        if len(leading) == 1 and self._layouts == 0:
            return
        coarse = sorted((hit for hit in leading if hit.original is None), key=lambda hit: -covered[hit.record_id])
        for looked, hit in enumerate(coarse):
            if looked >= MAX_LOOKED_AGAIN + self._layouts:
                return
            candidate = Candidate(hit.record_id, hit.distance)
            reference = self._reference(candidate)
            if reference is not None and hit.comparison is not None:
                again = self._look_again(candidate, reference, hit.comparison, canonical, viewer, hit.part)
                self._hits[hit.record_id] = _compared_hit(candidate, *again, hit.part)

    @property
    def _layouts(self) -> int:
        return sum(hit.comparison is not None and hit.comparison.layout_only for hit in self._hits.values())

    def _take(
        self,
        candidate: Candidate,
        reference: Reference,
        outcome: Comparison | CountermarkError,
        part: int | None,
        *,
        inverted: bool,
    ) -> None:
        if isinstance(outcome, CountermarkError):
            self._not_compared(candidate, outcome)
        elif outcome.verified:
            self._looked_again = True
            self._add(replace(_compared_hit(candidate, reference, outcome, part), inverted=inverted))
        else:
            self.keep_leads((candidate,))

    def _look_again(
        self,
        candidate: Candidate,
        reference: Reference,
        first: Comparison,
        canonical: Pixels,
        viewer: Viewer,
        part: int | None,
    ) -> tuple[Reference, Comparison]:
        """A second look, at the stored picture; the first one where there is none that can be looked at."""
        whole = self._with_original(candidate, reference)
        if whole.original is None:
            return reference, first
        (second,) = _outcomes(viewer, canonical, [whole], part)
        if isinstance(second, CountermarkError):
            self.skip(_stored_picture(candidate), str(second))
            return reference, first
        return whole, second

    def _look_without(
        self,
        candidate: Candidate,
        reference: Reference,
        failure: CountermarkError,
        canonical: Pixels,
        viewer: Viewer,
        part: int | None,
    ) -> tuple[Reference, Comparison | CountermarkError]:
        """The comparison with the sketch alone, where the one with the stored picture as well has failed."""
        sketched = replace(reference, original=None)
        (outcome,) = _outcomes(viewer, canonical, [sketched], part)
        if not isinstance(outcome, CountermarkError):
            self.skip(_stored_picture(candidate), str(failure))
        return sketched, outcome

    def _with_original(self, candidate: Candidate, reference: Reference) -> Reference:
        try:
            return replace(reference, original=self._registrations.original(candidate.record_id))
        except PASSING:
            raise
        except CountermarkError as failure:
            self.skip(_stored_picture(candidate), str(failure))
            return reference

    def note_detail(self) -> None:
        """Say so where a look at full detail over the whole was asked for and none was taken."""
        compared = [hit.comparison for hit in self._hits.values() if hit.comparison is not None]
        if compared and all(each.reference != "full detail" for each in compared):
            self.skip(
                "full detail", "no picture is kept of what matches first, or none with more pixels than were compared"
            )

    def keep_leads(self, candidates: Sequence[Candidate]) -> None:
        """Take those candidates as leads whose fingerprints are near enough, without a comparison."""
        for candidate in candidates:
            if candidate.distance is not None and candidate.distance <= MAX_LEAD_DISTANCE:
                self._add(_Hit(candidate.record_id, MatchBasis.FINGERPRINT, distance=candidate.distance))

    def evidence(self, subject: Subject, examination: Examination | None) -> Evidence:
        """All of it, what matches first. Leads are left out where something better was found."""
        hits = sorted(self._hits.values(), key=lambda hit: not _is_match(hit))
        if hits and _is_match(hits[0]):
            hits = [hit for hit in hits if hit.basis is not MatchBasis.FINGERPRINT]
        if len(hits) > MAX_MATCHES:
            publishers = self._registrations.publishers([hit.record_id for hit in hits])
            hits = [hits[place] for place in in_turns([publishers.get(hit.record_id, "") for hit in hits])]
            why = f"{self._count(hits)} match, and {MAX_MATCHES} are listed, of each publisher one first"
            self.skip("further matching records", why)
        read = [(hit, self._read(hit)) for hit in hits[:MAX_MATCHES]]
        found = [(hit, known) for hit, known in read if isinstance(known, KnownRecord)]
        for _, known in found:
            if known.sources_left_out:
                self.skip(f"all that record {known.index} was made from", "only the nearest were looked at")
        unproven = tuple(known for _, known in read if isinstance(known, Unproven))
        claims = self._claims(found, cut=len(hits) > MAX_MATCHES)
        return Evidence(
            subject=subject,
            examination=examination,
            matches=tuple(_match(subject, hit, known, claims, self._recoloured_by) for hit, known in found),
            searched=Searched(self._registrations.count(), tuple(self._methods)),
            not_checked=tuple(self._unchecked),
            unproven=unproven,
            cut_short=self._cut_short,
        )

    def _count(self, hits: Sequence[_Hit]) -> int:
        """How many records match in all: the lookups by digest give no more than is listed, and one."""
        exact = {basis: {hit.reference for hit in hits if hit.basis is basis and hit.reference} for basis in _EXACT}
        same = self._registrations.count_same(exact[MatchBasis.BYTES], exact[MatchBasis.PIXELS])
        return same + sum(hit.basis not in _EXACT for hit in hits)

    def _claims(self, found: Sequence[tuple[_Hit, KnownRecord]], *, cut: bool) -> Mapping[bytes, str]:
        """Who claims what the picture shows: of what the verdict lists, and where that was cut, of all there are."""
        same = [(hit, known) for hit, known in found if _is_same_content(hit)]
        claims = standing.claims_of([known for _, known in same])
        if not cut:
            return claims
        exact = {basis: {hit.reference for hit, _ in same if hit.basis is basis and hit.reference} for basis in _EXACT}
        compared = [known.record_id for hit, known in same if hit.basis not in _EXACT]
        asked = [known.record_id for _, known in same]
        over_all = self._registrations.claims(exact[MatchBasis.BYTES], exact[MatchBasis.PIXELS], asked, compared)
        return {**{each: claims[each] for each in compared if each in claims}, **over_all}

    def _nearest(self, candidates: Sequence[Candidate], most: int = MAX_COMPARED_CANDIDATES) -> Sequence[Candidate]:
        """Those to compare, of each publisher the nearest first; what has the very same pixels was found before."""
        new = [
            candidate
            for candidate in candidates
            if not self._confirmed(candidate.record_id) and candidate.pixels_sha256 not in self._pixels
        ]
        if len(new) > most:
            why = f"only the nearest {most} of {len(new)} are looked at, of each publisher one first"
            note = Unchecked("further candidates", why)
            self._unchecked += [note] if note not in self._unchecked else []
        return [new[place] for place in sorted(in_turns([candidate.publisher for candidate in new])[:most])]

    def _confirmed(self, record_id: bytes) -> bool:
        hit = self._hits.get(record_id)
        return hit is not None and hit.basis is not MatchBasis.FINGERPRINT

    def _explained(self) -> bool:
        """Whether some match accounts for nearly all of the picture."""
        return any(
            hit.comparison is None or sum(region.area for region in hit.comparison.regions) < MAX_UNEXPLAINED
            for hit in self._hits.values()
            if _is_match(hit)
        )

    def _reference(self, candidate: Candidate) -> Reference | None:
        try:
            return self._registrations.reference(candidate.record_id)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._not_compared(candidate, failure)
            return None

    def _not_compared(self, candidate: Candidate, failure: CountermarkError) -> None:
        self._miss(f"the comparison with record {candidate.record_id.hex()[:16]}…", failure)
        self.keep_leads((candidate,))

    def _add(self, hit: _Hit) -> None:
        # Lookups are made from the strongest to the weakest: the first that leads to a record counts, but for a lead.
        if not self._confirmed(hit.record_id):
            self._hits[hit.record_id] = hit

    def _read(self, hit: _Hit) -> KnownRecord | Unproven:
        """Step 8: the record of a hit, which states what the hit rests on."""
        if hit.record_id not in self._known:
            self._known[hit.record_id] = self._check(hit)
        return self._known[hit.record_id]

    def _check(self, hit: _Hit) -> KnownRecord | Unproven:
        try:
            known = self._registrations.known(hit.record_id)
        except PASSING:
            raise
        except CountermarkError as failure:
            return Unproven(hit.record_id, str(failure))
        if known.receipt is not None and known.receipt.record_id != hit.record_id:
            return Unproven(hit.record_id, "its receipt is of another record")
        if not _states(known, hit):
            return Unproven(hit.record_id, f"{_STATED[hit.basis]}, against the registry's index")
        return known


_EXACT = (MatchBasis.BYTES, MatchBasis.PIXELS)


def _outcomes(
    viewer: Viewer, canonical: Pixels, references: Sequence[Reference], part: int | None
) -> Sequence[Comparison | CountermarkError]:
    """What each comparison gave; where they failed together, for a lack of time or of a worker, that for each."""
    try:
        return viewer.compare(canonical, references, part)
    except PASSING:
        raise
    except CountermarkError as failure:
        return [failure] * len(references)


def _compared_hit(candidate: Candidate, reference: Reference, outcome: Comparison, part: int | None) -> _Hit:
    sketch, original = hashlib.sha256(reference.sketch).digest(), None
    if outcome.reference != "sketch":
        original = reference.original
    return _Hit(candidate.record_id, MatchBasis.COMPARISON, sketch, outcome, candidate.distance, original, part)


def _is_verified(outcome: Comparison | CountermarkError) -> TypeGuard[Comparison]:
    return not isinstance(outcome, CountermarkError) and outcome.verified


def _stored_picture(candidate: Candidate) -> str:
    return f"the stored picture of record {candidate.record_id.hex()[:16]}…"


def _files(known: KnownRecord) -> list[tuple[bytes, bytes, ShownDigest]]:
    """Digests (bytes, pixels, what is shown) of the file as it was handed in, and of its credentialed copies."""
    media, credential = known.record.media, known.record.credential
    copies = credential.copies if credential is not None else ()
    return [(media.sha256, media.pixels_sha256, media.shown), *copies]


def _shown(known: KnownRecord, hit: _Hit, recoloured_by: tuple[Part, ...]) -> Shown:
    """Whether the pixels of a hit are shown as the record's are: known where both state it.

    Of a comparison: whether what shows other colours in the picture is the record's as well.
    """
    if hit.basis is MatchBasis.PIXELS:
        found = {compare_shown(hit.shown, shown) for _, pixels, shown in _files(known) if pixels == hit.reference}
    elif hit.basis is MatchBasis.COMPARISON and recoloured_by:
        by_colours = any(name == COLOURS for name, _ in recoloured_by)
        found = {
            compare_shown(
                ShownDigest(digest_shown(pixels, Appearance(recoloured_by)), may_have_colours=by_colours), shown
            )
            for _, pixels, shown in _files(known)
        }
    else:
        found = {Shown.SAME}
    return clearest(found)


def _states(known: KnownRecord, hit: _Hit) -> bool:
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


def _is_match(hit: _Hit) -> bool:
    """Whether the picture shows the record's: a lead may, and a layout in common says nothing about that."""
    shares_layout = hit.comparison is not None and hit.comparison.layout_only
    return hit.basis is not MatchBasis.FINGERPRINT and not shares_layout


def _is_same_content(hit: _Hit) -> bool:
    """Whether the picture shows what was registered and nothing else: a montage is no rival claim to its parts."""
    match hit.basis:
        case MatchBasis.BYTES | MatchBasis.PIXELS:
            return True
        case MatchBasis.COMPARISON:
            return _is_match(hit) and hit.comparison is not None and not hit.comparison.regions
        case MatchBasis.FINGERPRINT:
            return False
        case _:
            assert_never(hit.basis)


def _match(
    subject: Subject, hit: _Hit, known: KnownRecord, claims: Mapping[bytes, str], recoloured_by: tuple[Part, ...]
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
        shown=_shown(known, hit, recoloured_by),
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
