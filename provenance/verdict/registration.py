"""The registration axis: which records the picture leads back to, and how closely it fits them."""

from typing import assert_never

from provenance.media.calibration import ErrorRate, miss_rates
from provenance.verdict import evidence as ev
from provenance.verdict.axes import Axis, Basis, Registration
from provenance.verdict.finding import Finding

BYTES_METHOD = "sha-256"
PIXELS_METHOD = "countermark-pixels-1"
FINGERPRINT_METHOD = "org.countermark.pdq.v1"

_NOT_AUTHORSHIP = "Who made the picture, whether what it shows happened, or who published it first."


def value_of(match: ev.Match) -> Registration:
    """The registration value that one match supports."""
    match match.basis:
        case ev.MatchBasis.BYTES:
            return Registration.EXACT_MATCH
        case ev.MatchBasis.PIXELS:
            return Registration.MATCH_NO_DIFFERENCE_FOUND
        case ev.MatchBasis.COMPARISON:
            if match.comparison is not None and match.comparison.regions:
                return Registration.MATCH_WITH_DIFFERENCES
            return Registration.MATCH_NO_DIFFERENCE_FOUND
        case ev.MatchBasis.FINGERPRINT:
            return Registration.POSSIBLE_MATCH
        case _:
            assert_never(match.basis)


_CLOSENESS = (
    Registration.EXACT_MATCH,
    Registration.MATCH_NO_DIFFERENCE_FOUND,
    Registration.MATCH_WITH_DIFFERENCES,
    Registration.POSSIBLE_MATCH,
)


def by_closeness(matches: tuple[ev.Match, ...]) -> tuple[ev.Match, ...]:
    """Closest first; equally close ones in log order, because first to register is not the author."""
    return tuple(sorted(matches, key=lambda match: (_CLOSENESS.index(value_of(match)), match.index)))


def assess(evidence: ev.Evidence) -> tuple[Registration, str, tuple[Finding, ...]]:
    """Value of the axis, its one-sentence summary, and a finding for each match."""
    if evidence.matches:
        findings = tuple(_finding(match) for match in by_closeness(evidence.matches))
        closest = by_closeness(evidence.matches)[0]
        return value_of(closest), findings[0].summary, findings
    if evidence.searched is None:
        return Registration.NOT_CHECKED, "The registry could not be searched.", ()
    if evidence.examination is not None and evidence.examination.fingerprints is None:
        return Registration.NOT_CHECKED, "The picture could not be read, so only its bytes were looked up.", ()
    count = evidence.searched.registrations
    finding = Finding(
        axis=Axis.REGISTRATION,
        code=Registration.NO_MATCH_FOUND,
        summary=(
            f"No match was found among {count:,} registration{'' if count == 1 else 's'} "
            f"({', '.join(evidence.searched.fingerprints)})."
        ),
        basis=Basis.MEASURED if len(evidence.searched.fingerprints) > 1 else Basis.CRYPTOGRAPHIC,
        could_be_forged_by="Anybody: a large enough change keeps a picture from being found.",
        does_not_show="That the picture was never registered here, or anything about how it was made.",
        method=FINGERPRINT_METHOD,
    )
    return Registration.NO_MATCH_FOUND, finding.summary, (finding,)


def _finding(match: ev.Match) -> Finding:
    value = value_of(match)
    named = f"record {match.index}, registered by {match.publisher.name}"
    match value:
        case Registration.EXACT_MATCH:
            copy = "the credentialed copy in " if match.signed_copy else ""
            return Finding(
                Axis.REGISTRATION,
                value,
                f"These bytes are {copy}{named}.",
                Basis.CRYPTOGRAPHIC,
                "Nobody without breaking SHA-256.",
                _NOT_AUTHORSHIP,
                BYTES_METHOD,
            )
        case Registration.MATCH_NO_DIFFERENCE_FOUND if match.basis is ev.MatchBasis.PIXELS:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"Every decoded pixel is that of {named}; the file around them differs (its metadata, for example).",
                Basis.CRYPTOGRAPHIC,
                "Nobody without breaking SHA-256.",
                _NOT_AUTHORSHIP + " What the metadata of this file says is not covered.",
                PIXELS_METHOD,
            )
        case Registration.MATCH_NO_DIFFERENCE_FOUND:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"Matches {named}, after alignment; no difference above the threshold at sketch resolution.",
                Basis.MEASURED,
                "Somebody who keeps a change smaller than the sketch can show (see the miss rates).",
                _NOT_AUTHORSHIP + " Small changes and gentle warps can be missed.",
                _method(match),
                _rates(),
            )
        case Registration.MATCH_WITH_DIFFERENCES:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"Matches {named}; {_regions(match)}.",
                Basis.MEASURED,
                "Somebody who adds or removes differences; the regions show where this file departs from the record.",
                _NOT_AUTHORSHIP + " Why it differs (a caption or a fair crop differs too), or that nothing else was changed.",
                _method(match),
                _rates(),
            )
        case Registration.POSSIBLE_MATCH:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"A fingerprint points to {named}, and comparison could not confirm it: a lead, not a match.",
                Basis.HEURISTIC,
                "Anybody who knows the fingerprint: collisions can be made for almost any pair of pictures.",
                "That the two pictures have anything in common.",
                FINGERPRINT_METHOD,
            )
        case Registration.NO_MATCH_FOUND | Registration.NOT_CHECKED:
            raise ValueError("a match always has a value of its own")
        case _:
            assert_never(value)


def _regions(match: ev.Match) -> str:
    regions = match.comparison.regions if match.comparison else ()
    differing = sum(region.kind == "differs" for region in regions)
    outside = len(regions) - differing
    parts = []
    if differing:
        parts.append(f"{differing} region{'s differ' if differing > 1 else ' differs'}")
    if outside:
        parts.append(f"{outside} region{'s lie' if outside > 1 else ' lies'} outside the registered picture")
    return " and ".join(parts)


def _method(match: ev.Match) -> str:
    return match.comparison.method if match.comparison else FINGERPRINT_METHOD


def _rates() -> tuple[ErrorRate, ...]:
    return miss_rates()
