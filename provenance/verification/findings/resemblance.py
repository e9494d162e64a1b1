"""Resemblance: an older registration of somebody else that the matched one resembles, so that no match hides it.

Each registration is compared with those before it, by the same search as a verification; the registry keeps what
that gave, and a verification reads it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from provenance.errors import CountermarkError
from provenance.media.calibration import ReferenceKind, miss_rates
from provenance.media.comparison import COMPARISON_VERSION, Comparison
from provenance.media.fingerprints import Fingerprints
from provenance.media.media import Pixels
from provenance.message import Message
from provenance.quotation import quote
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.statement.canonical_json import Json
from provenance.statement.record import MediaFacts
from provenance.verification.axes import Axis, Basis, Finding, Registration
from provenance.verification.evidence import Evidence, Match, Resemblance, Unchecked, Unproven
from provenance.verification.findings import registration
from provenance.verification.lookups import PASSING, Lookups
from provenance.verification.matcher import Matcher, SimilaritySearch
from provenance.verification.ranking import rank
from provenance.verification.registrations import Registrations

METHOD = f"countermark-resembles-1+{COMPARISON_VERSION}"

OLDER_REGISTRATION = "OLDER_REGISTRATION"
"""Code of the finding on each of them."""


@dataclass(frozen=True, eq=False)
class Found:
    """A registration that a registered picture resembles: the value of the axis, and what comparing the two gave.

    `appearance`: where every decoded pixel is the same, whether what decides how they are shown is the same, too.
    """

    record_id: bytes
    value: Registration
    comparison: Comparison | None
    appearance: AppearanceMatch

    @property
    def differs_inside(self) -> bool:
        """Whether something within what both show differs: not a mere crop, frame or shared layout."""
        return self.value is Registration.MATCH_WITH_DIFFERENCES

    @property
    def detail(self) -> str:
        """What comparing the two gave, in words."""
        return registration.in_words(self.value, self.comparison, self.appearance)


def search(
    media: MediaFacts,
    prints: Fingerprints,
    canonical: Pixels,
    registrations: Registrations,
    matcher: Matcher,
) -> tuple[tuple[Found, ...], tuple[Unchecked, ...]]:
    """Search for what a registered picture resembles, as steps 4 to 7 of a verification do; and what was left out.

    A copy that explains all of the picture does not end the search: another registration may stand behind it.

    Args:
        media: of the registered file, as its record states it.
        prints, canonical: of what is stored of it.

    Raises:
        CountermarkError: a lookup failed, or the registry is busy or unavailable.
    """
    lookups = Lookups(registrations)
    lookups.leave_out_pixels(media.pixels_sha256)
    SimilaritySearch(lookups, matcher, canonical, thorough=True).run(prints)
    lookups.look_up_bytes(media.sha256)
    lookups.look_up_pixels(media.pixels_sha256, media.appearance)
    return tuple(Found(*each) for each in lookups.found()), lookups.left_out()


def with_older(evidence: Evidence, registrations: Registrations) -> Evidence:
    """The evidence with the older registrations of other publishers that the closest match resembles.

    Raises:
        CountermarkError: the registry is busy or unavailable.
    """
    match = closest(evidence)
    if match is None:
        return evidence
    listed = {each.record_id for each in evidence.matches if registration.value_of(each) in _SAME}
    known = registrations.resembling(match.record_id)
    items = tuple(each for each in known.items if each.record_id not in listed)
    named = replace(known, items=items, older=known.older - (len(known.items) - len(items)))
    for each in items:
        if belongs_in_a_headline(each):
            failure = _failure(registrations, each)
            if failure is None:
                return replace(evidence, resembling=named, hidden=each)
            evidence = replace(evidence, unproven=(*evidence.unproven, Unproven(each.record_id, failure)))
    return replace(evidence, resembling=named)


def closest(evidence: Evidence) -> Match | None:
    """The match that leads; None where there is a lead or a shared layout at most."""
    first = next(iter(rank(evidence.matches)), None)
    return None if first is None or registration.value_of(first) in _NO_MATCH else first


_SAME = (Registration.EXACT_MATCH, Registration.MATCH_NO_DIFFERENCE_FOUND)
_NO_MATCH = (Registration.POSSIBLE_MATCH, Registration.SHARES_LAYOUT)


def belongs_in_a_headline(each: Resemblance) -> bool:
    """Whether something inside differs, and it is neither stated as a source nor taken back: those are named below."""
    return each.older and each.differs_inside and not each.stated and each.taken_back is None


def sentence(evidence: Evidence) -> str:
    """Which of the two records came first, by their numbers, and what comparing them gave."""
    match, hidden = closest(evidence), evidence.hidden
    if match is None or hidden is None:
        raise ValueError("no older registration is hidden")
    return Message(
        "Record {index} was registered before record {index2} by {name}: {detail}.",
        index=hidden.index,
        index2=match.index,
        name=quote(match.publisher.name),
        detail=hidden.detail,
    )


def assess(evidence: Evidence) -> tuple[Finding, ...]:
    """A finding for each older registration of somebody else that the closest match resembles."""
    match = closest(evidence)
    if match is None or evidence.resembling is None:
        return ()
    return tuple(_finding(match, each) for each in evidence.resembling.items)


def not_checked(evidence: Evidence) -> Iterator[Unchecked]:
    """What is not known of older registrations."""
    if evidence.resembling is None:
        return
    if evidence.resembling.pending is not None:
        yield Unchecked(Message("older registrations that the record resembles"), evidence.resembling.pending)
    for each in evidence.resembling.left_out:
        yield Unchecked(Message("{what}, for older registrations that the record resembles", what=each.what), each.why)
    further = evidence.resembling.older - len(evidence.resembling.items)
    if further > 0:
        why = Message(
            "{older} are there, and {items} are named",
            older=evidence.resembling.older,
            items=len(evidence.resembling.items),
        )
        yield Unchecked(Message("further older registrations that the record resembles"), why)


def _finding(match: Match, each: Resemblance) -> Finding:
    notes = [
        Message("the newer record names it as what it was made from") if each.stated else "",
        Message("it is {taken_back}", taken_back=Message(each.taken_back)) if each.taken_back is not None else "",
        Message("{copies} registrations that are renditions of one another count as one", copies=each.copies)
        if each.copies > 1
        else "",
    ]
    noted = Message.joined("", (Message("; {note}", note=note) for note in notes if note))
    method = METHOD if each.comparison is None else str(each.comparison["method"])
    compared = each.comparison is not None and each.value is not Registration.SHARES_LAYOUT
    same = each.comparison is None and each.value not in _NO_MATCH
    return Finding(
        Axis.REGISTRATION,
        OLDER_REGISTRATION,
        Message(
            "Record {index} resembles an older one: record {index2}, registered by "
            "{publisher_name} on {logged_at:%Y-%m-%d}; {detail}{noted}.",
            index=match.index,
            index2=each.index,
            publisher_name=quote(each.publisher_name),
            logged_at=each.logged_at,
            detail=each.detail,
            noted=noted,
        ),
        Basis.MEASURED if compared else Basis.CRYPTOGRAPHIC if same else Basis.HEURISTIC,
        Message("Whoever registers a picture first, of whatever it is; and the registry, by leaving one out."),
        Message("Which of the two was made first, who made either, or why they differ."),
        method,
        miss_rates(_reference(each.comparison)) if compared and each.comparison is not None else (),
    )


def _reference(comparison: Mapping[str, Json]) -> ReferenceKind:
    return "sketch" if comparison["reference"] == "sketch" else "stored picture"


def _failure(registrations: Registrations, each: Resemblance) -> str | None:
    """Why its record cannot be proven; None where it can: no headline rests on what the registry has kept alone."""
    try:
        known = registrations.known(each.record_id)
    except PASSING:
        raise
    except CountermarkError as failure:
        return str(failure)
    return Message("its receipt does not hold") if known.receipt is not None and not known.receipt.holds else None
