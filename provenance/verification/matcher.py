"""Matching: registrations that resemble a picture, by its fingerprint and its local features, and compared with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeGuard

from provenance.errors import CountermarkError, ExaminationUnavailable
from provenance.media.comparison import Box, Comparison
from provenance.media.fingerprints import Fingerprints
from provenance.media.local_features import LOCAL_FEATURES, LocalFeatures
from provenance.media.media import Pixels
from provenance.message import Message
from provenance.verification.evidence import MatchBasis
from provenance.verification.lookups import (
    MAX_COMPARED_CANDIDATES,
    MAX_LEAD_DISTANCE,
    MIN_PDQ_QUALITY,
    PASSING,
    Hit,
    Lookups,
    is_match,
)
from provenance.verification.ranking import SAME_COVERAGE, coverage
from provenance.verification.registrations import Candidate, Reference

MAX_COMPARED_OF_A_PART = 2
"""Candidates that are compared with a part of the picture: it shows one picture, and of fewer features than a whole."""

MIN_LOCAL_FEATURES = 8
"""Features of a picture, or such that agree with a registration's, below which no comparison could hold
(`geometry.MIN_INLIERS`)."""

LIKELY_FEATURES = 13
"""Features that agree, from which on a registration is likely to be shown. Of the fitting photographs
(`bench/photographs.toml`), altered so that no fingerprint leads to them, 270 of 275 that are shown have as many, and 9
of 1,002 others."""

MAX_STRANGERS = 2
"""Candidates that are compared with a picture, or with parts of it, and not shown by it, after which no other is that
neither a fingerprint nor local features make likely: each costs about 35 ms, and an unregistered photograph has two to
six of them."""

MAX_LOOKED_AGAIN = 2
"""Further matches that are compared with their stored pictures, where they cover as much as the leading one: those that
are compared in the same detail can be put in order by what differs. One more for each that shares a layout alone, as a
sketch may not show."""

MAX_UNEXPLAINED = 0.015
"""Fraction of the picture that differs from a match or lies outside it, up to which no further one is searched for: an
inset of a fifth of its sides covers 4 %, or half of that where it is tall and the picture wide."""


class Matcher(Protocol):
    """Describes and compares a picture, in the process that the caller chooses. Each may raise `CountermarkError`."""

    def describe(self, query: Pixels, /) -> LocalFeatures:
        """The local features of a canonical picture."""

    def describe_parts(self, query: Pixels, unexplained: Sequence[Sequence[Box]], /) -> Sequence[LocalFeatures]:
        """The local features of each part that may be a picture of its own and that no match explains."""

    def compare(
        self, query: Pixels, references: Sequence[Reference], part: int | None = None, /
    ) -> Sequence[Comparison | CountermarkError]:
        """Compare a canonical picture with each reference: what that gave, or why it could not be done.

        `part`: number of the described part in which the reference is looked for; None for the whole picture.
        """


class SimilaritySearch:
    """Steps 6 and 7 for one picture; what is found, and what could not be looked at, goes to its lookups."""

    def __init__(self, lookups: Lookups, matcher: Matcher, canonical: Pixels, *, thorough: bool = False) -> None:
        """`thorough`: search by local features even where a match explains the whole picture."""
        self._lookups = lookups
        self._matcher = matcher
        self._canonical = canonical
        self._thorough = thorough
        self._looked_again = False
        self._unlikely: list[tuple[Candidate, int | None]] = []
        self._strangers = 0  # compared, and not shown

    def run(self, prints: Fingerprints) -> None:
        """Search by the picture, with its colours inverted, and where that leaves something unexplained, by parts.

        What is likely to be shown is compared first.
        """
        self._lookups.recoloured_by = prints.recoloured_by
        # 6.
        candidates = self._lookups.propose(prints.pdq_dihedral, prints.pdq_quality)
        # 7.
        self.compare(self._lookups.nearest([each for each in candidates if _is_near(each)]))
        far = self._lookups.nearest([each for each in candidates if not _is_near(each)])
        self._unlikely += [(each, None) for each in far]
        self.search_inverted(prints.pdq_dihedral, prints.pdq_quality)
        self.search_by_local_features()
        self.search_parts()
        self.compare_unlikely()
        self.compare_stored_pictures()

    def search_inverted(self, pdq_orientations: Sequence[bytes], quality: int) -> None:
        """Steps 6 and 7 with the colours inverted, where a part of the picture is not explained yet.

        Each bit of a fingerprint says on which side of their median a frequency lies: inverted, it lies on the other.
        """
        if self._explained() or quality < MIN_PDQ_QUALITY:
            return
        inverted = [bytes(255 - byte for byte in each) for each in pdq_orientations]
        candidates = self._lookups.registrations.by_fingerprint(inverted, quality)
        self.compare(self._lookups.nearest([each for each in candidates if _is_near(each)]), inverted=True)

    def search_by_local_features(self) -> None:
        """Steps 6 and 7 by local features, where a part of the picture is not explained yet."""
        if self._explained() and not self._thorough:
            return
        try:
            features = self._matcher.describe(self._canonical)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._miss(Message("parts of pictures"), failure)
            return
        if features.count < MIN_LOCAL_FEATURES:
            self._lookups.skip(
                Message("parts of pictures"), Message("the picture has too little texture to be searched for by parts")
            )
            return
        self._lookups.methods.append(LOCAL_FEATURES)
        self._compare_likely(features, MAX_COMPARED_CANDIDATES)

    def search_parts(self) -> None:
        """Steps 6 and 7 for parts of the picture that are not explained yet, in more detail."""
        if self._explained():
            return
        found = [hit.comparison for hit in self._hits() if hit.comparison is not None and is_match(hit)]
        unexplained = [tuple(region.query for region in each.regions) for each in found]
        try:
            parts = self._matcher.describe_parts(self._canonical, unexplained)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._miss(Message("a closer look at parts of the picture"), failure)
            return
        for part, features in enumerate(parts):
            if features.count >= MIN_LOCAL_FEATURES:
                self._compare_likely(features, MAX_COMPARED_OF_A_PART, part)

    def compare_unlikely(self) -> None:
        """Step 7, for candidates that the picture hardly shows: those that share features while nothing explains it,
        and then those that a fingerprint leads to from far, which may be the picture before it was edited."""
        ordered = sorted(self._unlikely, key=lambda each: -each[0].agreeing)
        for candidate, part in ordered:
            if self._strangers >= MAX_STRANGERS:
                return
            if candidate.distance is not None or not self._explained():
                self.compare(self._lookups.unknown([candidate]), part)

    def compare(self, candidates: Sequence[Candidate], part: int | None = None, *, inverted: bool = False) -> None:
        """Step 7. A candidate that cannot be compared, or whose geometry does not hold, is a lead at most.

        The first that is confirmed is looked at again, against the stored picture.
        """
        references = [(candidate, self._reference(candidate)) for candidate in candidates]
        found = [(candidate, reference) for candidate, reference in references if reference is not None]
        if not found:
            return
        query = 255 - self._canonical if inverted else self._canonical
        likely = _is_near(found[0][0]) or _is_likely(found[0][0])
        if likely and not self._looked_again:  # the first is the likeliest, and is compared with both in one go
            found[0] = found[0][0], self._with_original(*found[0])
        outcomes = self._outcomes(query, [reference for _, reference in found], part)
        for (candidate, reference), first in zip(found, outcomes, strict=True):
            if reference.original is not None and isinstance(first, CountermarkError):
                compared = self._compare_sketch_alone(candidate, reference, first, query, part)
            elif reference.original is None and _is_verified(first) and not self._looked_again:
                compared = self._compare_stored_picture(candidate, reference, first, query, part)
            else:
                compared = reference, first
            self._take(candidate, *compared, part, inverted=inverted)

    def compare_stored_pictures(self) -> None:
        """Step 7, for the matches that cover as much as the leading one: against the stored pictures of these too."""
        matches = [hit for hit in self._hits() if hit.comparison is not None and is_match(hit) and not hit.inverted]
        if not matches or any(hit.basis is MatchBasis.PIXELS for hit in self._hits()):
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
                again = self._compare_stored_picture(candidate, reference, hit.comparison, self._canonical, hit.part)
                self._lookups.hits[hit.record_id] = _compared_hit(candidate, *again, hit.part)

    def _compare_likely(self, features: LocalFeatures, most: int, part: int | None = None) -> None:
        """Steps 6 and 7 by these features, for what is likely to be shown; the rest is kept for later."""
        candidates = self._lookups.propose_by_local_features(features)
        self.compare(self._lookups.nearest([each for each in candidates if _is_likely(each)], most), part)
        few = [each for each in candidates if not _is_likely(each) and each.agreeing >= MIN_LOCAL_FEATURES]
        self._unlikely += [(each, part) for each in few]

    def note_missing_detail(self) -> None:
        """Note it where a comparison at full detail was requested and could not be made."""
        compared = [hit.comparison for hit in self._hits() if hit.comparison is not None]
        if compared and all(each.reference != "full detail" for each in compared):
            self._lookups.skip(
                Message("full detail"),
                Message("no picture is kept of what matches first, or none with more pixels than were compared"),
            )

    @property
    def _layouts(self) -> int:
        return sum(hit.comparison is not None and hit.comparison.layout_only for hit in self._hits())

    def _hits(self) -> Sequence[Hit]:
        return tuple(self._lookups.hits.values())

    def _explained(self) -> bool:
        """Whether some match accounts for nearly all of the picture."""
        return any(
            hit.comparison is None or sum(region.area for region in hit.comparison.regions) < MAX_UNEXPLAINED
            for hit in self._hits()
            if is_match(hit)
        )

    def _take(
        self,
        candidate: Candidate,
        reference: Reference,
        outcome: Comparison | CountermarkError,
        part: int | None,
        *,
        inverted: bool,
    ) -> None:
        if not isinstance(outcome, CountermarkError) and outcome.verified:
            self._looked_again = True
            self._lookups.add(replace(_compared_hit(candidate, reference, outcome, part), inverted=inverted))
            return
        self._strangers += 1
        if isinstance(outcome, CountermarkError):
            self._not_compared(candidate, outcome)
        else:
            self._lookups.keep_leads((candidate,))

    def _compare_stored_picture(
        self, candidate: Candidate, reference: Reference, first: Comparison, query: Pixels, part: int | None
    ) -> tuple[Reference, Comparison]:
        """The comparison with the stored picture; the first comparison where no stored picture can be read."""
        whole = self._with_original(candidate, reference)
        if whole.original is None:
            return reference, first
        (second,) = self._outcomes(query, [whole], part)
        if isinstance(second, CountermarkError):
            self._lookups.skip(_stored_picture(candidate), str(second))
            return reference, first
        return whole, second

    def _compare_sketch_alone(
        self,
        candidate: Candidate,
        reference: Reference,
        failure: CountermarkError,
        query: Pixels,
        part: int | None,
    ) -> tuple[Reference, Comparison | CountermarkError]:
        """The comparison with the sketch alone, where the one with the stored picture as well has failed."""
        sketched = replace(reference, original=None)
        (outcome,) = self._outcomes(query, [sketched], part)
        if not isinstance(outcome, CountermarkError):
            self._lookups.skip(_stored_picture(candidate), str(failure))
        return sketched, outcome

    def _with_original(self, candidate: Candidate, reference: Reference) -> Reference:
        try:
            return replace(reference, original=self._lookups.registrations.original(candidate.record_id))
        except PASSING:
            raise
        except CountermarkError as failure:
            self._lookups.skip(_stored_picture(candidate), str(failure))
            return reference

    def _reference(self, candidate: Candidate) -> Reference | None:
        try:
            return self._lookups.registrations.reference(candidate.record_id)
        except PASSING:
            raise
        except CountermarkError as failure:
            self._not_compared(candidate, failure)
            return None

    def _outcomes(
        self, query: Pixels, references: Sequence[Reference], part: int | None
    ) -> Sequence[Comparison | CountermarkError]:
        """What each comparison gave; where they failed together, for a lack of time or of a worker, that for each."""
        try:
            return self._matcher.compare(query, references, part)
        except PASSING:
            raise
        except CountermarkError as failure:
            return [failure] * len(references)

    def _not_compared(self, candidate: Candidate, failure: CountermarkError) -> None:
        self._miss(
            Message("the comparison with record {record_id}…", record_id=candidate.record_id.hex()[:16]), failure
        )
        self._lookups.keep_leads((candidate,))

    def _miss(self, what: str, failure: CountermarkError) -> None:
        """Note that something could not be looked at that may have found more; a thorough search is made again then."""
        if self._thorough and isinstance(failure, ExaminationUnavailable):
            raise failure
        self._lookups.skip(what, str(failure))
        self._lookups.cut_short = True


def _compared_hit(candidate: Candidate, reference: Reference, outcome: Comparison, part: int | None) -> Hit:
    sketch, original = hashlib.sha256(reference.sketch).digest(), None
    if outcome.reference != "sketch":
        original = reference.original
    return Hit(candidate.record_id, MatchBasis.COMPARISON, sketch, outcome, candidate.distance, original, part)


def _is_near(candidate: Candidate) -> bool:
    return candidate.distance is not None and candidate.distance <= MAX_LEAD_DISTANCE


def _is_likely(candidate: Candidate) -> bool:
    return candidate.agreeing >= LIKELY_FEATURES


def _is_verified(outcome: Comparison | CountermarkError) -> TypeGuard[Comparison]:
    return not isinstance(outcome, CountermarkError) and outcome.verified


def _stored_picture(candidate: Candidate) -> str:
    return Message("the stored picture of record {record_id}…", record_id=candidate.record_id.hex()[:16])
