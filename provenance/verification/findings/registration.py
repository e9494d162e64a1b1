"""The registration axis: which records the picture leads back to, and how closely it fits them."""

from dataclasses import replace
from typing import assert_never

from provenance.media.calibration import (
    ReferenceKind,
    false_matches,
    miss_rates,
    other_frames,
    template_matches,
)
from provenance.media.comparison import Comparison, Region
from provenance.media.fingerprints import PDQ
from provenance.quotation import quote
from provenance.sentences import SENTENCES, Sentences
from provenance.statement.appearance_digest import COLOURS, SHOWN_METHOD, AppearanceMatch
from provenance.verification import evidence as ev
from provenance.verification.axes import Axis, Basis, Finding, Proof, Registration
from provenance.verification.ranking import rank

BYTES_METHOD = "sha-256"
PIXELS_METHOD = "countermark-pixels-1"

_NOBODY = "Nobody without breaking SHA-256."
_ANYBODY_IN_THE_REST = "Anybody, in what is not covered: the pixels stay, and what is shown of them changes."
_NOT_AUTHORSHIP = "Who made the picture, whether what it shows happened, or who published it first."


def value_of(match: ev.Match) -> Registration:
    """The registration value that one match supports."""
    match match.basis:
        case ev.MatchBasis.BYTES:
            return Registration.EXACT_MATCH
        case ev.MatchBasis.PIXELS:
            return value_of_pixels(match.appearance)
        case ev.MatchBasis.COMPARISON:
            return value_of_comparison(match.comparison, match.appearance)
        case ev.MatchBasis.FINGERPRINT:
            return Registration.POSSIBLE_MATCH
        case _:
            assert_never(match.basis)


def value_of_pixels(appearance: AppearanceMatch) -> Registration:
    """The registration value that the very same pixels support."""
    differs = appearance is AppearanceMatch.DIFFERS
    return Registration.MATCH_WITH_DIFFERENCES if differs else Registration.MATCH_NO_DIFFERENCE_FOUND


def value_of_comparison(comparison: Comparison | None, appearance: AppearanceMatch) -> Registration:
    """The registration value that a comparison supports, one that holds; `appearance`: whether in the record's
    colours."""
    kinds = set() if comparison is None else {region.kind for region in comparison.regions}
    if comparison is not None and comparison.layout_only:
        return Registration.SHARES_LAYOUT
    if kinds - {"outside"} or appearance is AppearanceMatch.DIFFERS:
        return Registration.MATCH_WITH_DIFFERENCES
    return Registration.MATCH_INSIDE_LARGER if kinds else Registration.MATCH_NO_DIFFERENCE_FOUND


def is_whole(match: ev.Match) -> bool:
    """Every pixel is that of a record whose proof holds."""
    same = match.basis is ev.MatchBasis.BYTES or (
        match.basis is ev.MatchBasis.PIXELS and match.appearance is not AppearanceMatch.DIFFERS
    )
    return same and match.proof is not Proof.BROKEN


def assess(evidence: ev.Evidence) -> tuple[Registration, str, tuple[Finding, ...]]:
    """Value of the axis, its one-sentence summary, and a finding for each match."""
    if evidence.matches:
        ordered = rank(evidence.matches)
        findings = tuple(_finding(match, evidence.subject) for match in ordered)
        return value_of(ordered[0]), findings[0].summary, findings
    why = why_not_checked(evidence, SENTENCES)
    if why is not None or evidence.searched is None:
        return Registration.NOT_CHECKED, why or SENTENCES.phrases["search_failed"], ()
    finding = _nothing_found(evidence.searched)
    return Registration.NO_MATCH_FOUND, finding.summary, (finding,)


def why_not_checked(evidence: ev.Evidence, words: Sentences) -> str | None:
    """Why finding nothing does not mean that there is no match; None where it does."""
    if evidence.unproven:
        return words.lead["not_shown"]
    if evidence.searched is None:
        return words.phrases["search_failed"]
    if evidence.examination is not None and evidence.examination.fingerprints is None:
        return words.lead["not_decoded"]
    return words.lead["cut_short"] if evidence.cut_short else None


def _nothing_found(searched: ev.Searched) -> Finding:
    count = f"{searched.registrations:,} registration{'' if searched.registrations == 1 else 's'}"
    methods = ", ".join(searched.fingerprints)
    if PDQ in searched.fingerprints:
        return Finding(
            Axis.REGISTRATION,
            Registration.NO_MATCH_FOUND,
            f"No match was found among {count} ({methods}).",
            Basis.MEASURED,
            "Anybody: a large enough change keeps a picture from being found.",
            "That it was never registered here: strong crops, collages, very plain pictures, insets of less than a "
            "fifth of the sides and crops with inverted colours may not be found. "
            "Nor anything about how it was made.",
            PDQ,
        )
    exactly = "bytes or these pixels" if PIXELS_METHOD in searched.fingerprints else "bytes"
    return Finding(
        Axis.REGISTRATION,
        Registration.NO_MATCH_FOUND,
        f"Among {count}, none has exactly these {exactly} ({methods}); similar pictures were not searched for.",
        Basis.CRYPTOGRAPHIC,
        "Anybody: any change, however small, keeps a picture from being found this way.",
        "That no copy of it is registered here, or anything about how it was made.",
        methods,
    )


def _finding(match: ev.Match, subject: ev.Subject) -> Finding:
    """A finding that says no more than the record's proof allows."""
    if match.proof is Proof.BROKEN:
        named = f"record {match.index}, which names {quote(match.publisher.name)} and whose proof does not hold"
        return replace(
            _finding_of(match, named, subject),
            could_be_forged_by="Whoever can write to the registry's store: the proof of the record does not hold.",
            does_not_show=f"That {quote(match.publisher.name)} registered anything. {_NOT_AUTHORSHIP}",
        )
    return _finding_of(match, f"record {match.index}, registered by {quote(match.publisher.name)}", subject)


def _finding_of(match: ev.Match, named: str, subject: ev.Subject) -> Finding:
    value = value_of(match)
    match value:
        case Registration.EXACT_MATCH:
            copy = "the credentialed copy in " if match.signed_copy else ""
            return Finding(
                Axis.REGISTRATION,
                value,
                f"These bytes are those of {copy}{named}.",
                Basis.CRYPTOGRAPHIC,
                _NOBODY,
                _NOT_AUTHORSHIP,
                BYTES_METHOD,
            )
        case _ if match.basis is ev.MatchBasis.PIXELS:
            return _finding_of_pixels(match, value, named, subject)
        case (
            Registration.MATCH_NO_DIFFERENCE_FOUND
            | Registration.MATCH_INSIDE_LARGER
            | Registration.MATCH_WITH_DIFFERENCES
        ):
            return _finding_of_comparison(match, value, named)
        case Registration.POSSIBLE_MATCH:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"A fingerprint points to {named}, and no comparison confirms it: a lead, not a match.",
                Basis.HEURISTIC,
                "Anybody who knows the fingerprint: collisions can be made for almost any pair of pictures.",
                "That the two pictures have anything in common.",
                PDQ,
            )
        case Registration.SHARES_LAYOUT:
            return Finding(
                Axis.REGISTRATION,
                value,
                f"It shares a layout with {named}: what agrees is a frame or a template, and what it holds "
                f"{_describe_content(_reference(match))}, compared with {_compared_with(match)}.",
                Basis.HEURISTIC,
                "Anybody who uses the same template.",
                f"{_NOT_AUTHORSHIP} That its content was ever registered, or that it was made from that record; nor "
                "that it was not: a picture of which most was replaced shares no more.",
                _method(match),
            )
        case Registration.NO_MATCH_FOUND | Registration.NOT_CHECKED:
            raise ValueError("a match always has a value of its own")
        case _:
            assert_never(value)


def _finding_of_comparison(match: ev.Match, value: Registration, named: str) -> Finding:
    aligned, compared = f"after alignment{_alignment(match)}", f"compared with {_compared_with(match)}"
    unseen = _unseen(match)
    forged = "Somebody who keeps a change smaller than the comparison can show (see the miss rates)."
    if value is Registration.MATCH_NO_DIFFERENCE_FOUND:
        summary = f"Matches {named}, {aligned}; no difference above the threshold, {compared}."
    elif value is Registration.MATCH_INSIDE_LARGER:
        summary = (
            f"It shows {named}, inside a larger picture (a frame, a caption, a page), {aligned}; "
            f"{_regions(match.comparison)}, and no difference above the threshold was found within it, {compared}."
        )
        unseen = f"What surrounds it was compared with nothing, and may say anything about it. {unseen}"
    else:
        summary = f"Matches {named}, {aligned}; {_differing(match)}, {compared}{_seen_with(match.comparison)}."
        unseen = "Why it differs (a caption or a fair crop differs too), or that nothing else was changed."
        forged = "Somebody who adds or removes differences; the regions show where this file departs from the record."
    not_shown = f"{_NOT_AUTHORSHIP} {unseen} {_mistaken(match)}"
    rates = miss_rates(_reference(match))
    return Finding(Axis.REGISTRATION, value, summary, Basis.MEASURED, forged, not_shown, _method(match), rates)


def _finding_of_pixels(match: ev.Match, value: Registration, named: str, subject: ev.Subject) -> Finding:
    first = " of the first frame" if (subject.frames or 1) > 1 else ""
    same = f"Every decoded pixel{first} is that of {named}"
    not_shown = _NOT_AUTHORSHIP + " What the metadata of this file says is not covered."
    match match.appearance:
        case AppearanceMatch.SAME:
            summary, forged, method = (
                f"{same}; the file around them differs (as by its metadata).",
                _NOBODY,
                SHOWN_METHOD,
            )
        case AppearanceMatch.DIFFERS:
            summary, forged, method = (
                f"{same}, laid over white; but the file's transparency, colour profile or colour values are not those "
                "of the record, so that it may be shown otherwise.",
                "Anybody: the pixels stay, and what is shown of them changes.",
                SHOWN_METHOD,
            )
        case AppearanceMatch.UNKNOWN:
            left = (
                ", ".join(subject.appearance_parts)
                or "what the registered file may have of transparency, a colour profile or more"
            )
            summary, forged, method = (
                f"{same}, laid over white. Not covered by the digest that both have: {left}.",
                _ANYBODY_IN_THE_REST,
                PIXELS_METHOD,
            )
            not_shown += (
                " Nor how the pixels are shown on a page that is not white, or by another colour profile or other "
                "colour values."
            )
        case AppearanceMatch.COLOURS_UNKNOWN:
            summary, forged, method = (
                f"{same}, and so are transparency and colour profile. Not covered by the record's digest: {COLOURS} of "
                "the registered file.",
                _ANYBODY_IN_THE_REST,
                _BEFORE_COLOURS,
            )
        case _:
            assert_never(match.appearance)
    return Finding(Axis.REGISTRATION, value, summary, Basis.CRYPTOGRAPHIC, forged, not_shown, method)


_BEFORE_COLOURS = "countermark-pixels-2"

_SAME_PIXELS = {
    AppearanceMatch.SAME: "every decoded pixel is the same, and is shown the same",
    AppearanceMatch.DIFFERS: "every decoded pixel is the same, but transparency, colour profile or colour values "
    "differ: it may be shown otherwise",
    AppearanceMatch.UNKNOWN: "every decoded pixel is the same; whether it is shown the same is not known",
    AppearanceMatch.COLOURS_UNKNOWN: "every decoded pixel is the same, and so are transparency and colour profile; "
    "whether colour values are is not known",
}


def in_words(value: Registration, comparison: Comparison | None, appearance: AppearanceMatch) -> str:
    """What comparing a newer registration with an older one gave; `appearance` is asked where every pixel is the
    same."""
    match value:
        case Registration.EXACT_MATCH:
            return "the very same file"
        case Registration.POSSIBLE_MATCH:
            return "a fingerprint points to it, and no comparison confirms that: a lead, not a match"
        case Registration.SHARES_LAYOUT:
            held = _describe_content(comparison.reference if comparison is not None else "sketch")
            return f"the two share a layout, a frame or a template, and what it holds {held}"
        case _ if comparison is None:
            return _SAME_PIXELS[appearance]
        case _:
            differing = _regions(comparison) or "no difference above the threshold was found"
            recoloured = [_RECOLOURED] if appearance is AppearanceMatch.DIFFERS else []
            said = "; ".join([differing, *recoloured, *_undone(comparison)])
            return f"{said}, compared with the {comparison.reference} of the older one"


def _describe_content(reference: ReferenceKind) -> str:
    """What is said of the content, where a layout agrees: a sketch does not show small print."""
    return "does not, or is too small for a sketch to show" if reference == "sketch" else "does not"


def _alignment(match: ev.Match) -> str:
    """What aligning the two pictures had to undo, in brackets."""
    done = [_CHANGES[change] for change in changes(match)]
    return f" ({', '.join(done)})" if done else ""


_CHANGES = {
    "inverted": "its colours are inverted",
    "mirrored": "it is mirrored",
    "turned": "it is turned",
    "cropped": "it shows a part of the registered picture",
    "recoloured": "its colours or brightness are changed as a whole",
}


def changes(match: ev.Match) -> list[str]:
    """What was done to the picture as a whole: keys of the catalogue's changes."""
    done = ["inverted"] if match.inverted else []
    return done + (_changed(match.comparison) if match.comparison is not None else [])


def _changed(comparison: Comparison) -> list[str]:
    done = []
    if comparison.transform is not None:
        crop = comparison.transform.crop
        if comparison.transform.mirrored:
            done.append("mirrored")
        if abs(comparison.transform.rotation_degrees) >= SENTENCES.thresholds["turned_degrees"]:
            done.append("turned")
        if (crop.right - crop.left) * (crop.bottom - crop.top) < SENTENCES.thresholds["cropped_share"]:
            done.append("cropped")
    if comparison.colour_changed:
        done.append("recoloured")
    return done


def _undone(comparison: Comparison) -> list[str]:
    return [_CHANGES[change] for change in _changed(comparison)]


def _regions(comparison: Comparison | None) -> str:
    regions = comparison.regions if comparison else ()
    differing = sum(region.kind == "differs" for region in regions)
    moved = sum(region.kind == "moved" for region in regions)
    outside = len(regions) - differing - moved
    parts = []
    if differing:
        parts.append(f"{differing} region{'s differ' if differing > 1 else ' differs'}")
    if moved:
        parts.append(f"{moved} region{'s show' if moved > 1 else ' shows'} parts of it moved or warped")
    if outside:
        parts.append(f"{outside} region{'s lie' if outside > 1 else ' lies'} outside the registered picture")
    return " and ".join(parts)


_RECOLOURED = "its colours are shown otherwise, by a colour profile or colour values that are not the record's"


def _differing(match: ev.Match) -> str:
    """What differs, in words: regions, or how the colours are shown."""
    recoloured = [_RECOLOURED] if match.appearance is AppearanceMatch.DIFFERS else []
    return "; ".join([*filter(None, [_regions(match.comparison)]), *recoloured])


def _unseen(match: ev.Match) -> str:
    """What a comparison without a difference may have missed."""
    profile = (
        " Its colour profile or its colour values show other colours than its pixels say, and whether the record's do "
        "is not known."
        if match.appearance is AppearanceMatch.UNKNOWN
        else ""
    )
    smallest = match.comparison.smallest if match.comparison is not None else 0.0
    bound = f" Nothing is seen that covers less than {100 * smallest:.2g} % of the picture." if smallest else ""
    frames = other_frames(_reference(match))
    return (
        "That it is the same exposure: another frame of the same camera, a moment before or after, is told by what "
        f"moved in it, if that is enough ({frames.unseen} of {frames.n} pairs of frames measured were taken for "
        "copies). Small changes, gentle warps and a faint pattern over all of it can be missed; what a crop left out "
        f"is not seen.{bound}{profile}"
    )


def _seen_with(comparison: Comparison | None) -> str:
    """Which looks saw how many of the regions that differ, where there was more than one look."""
    regions: tuple[Region, ...] = comparison.regions if comparison else ()
    counts = {kind: sum(kind in region.seen_with for region in regions) for kind in SENTENCES.references}
    told = [f"{count} with {SENTENCES.references[kind]['seen_with']}" for kind, count in counts.items() if count]
    return f" (seen {', '.join(told)})" if len(told) > 1 or counts["full detail"] else ""


def _reference(match: ev.Match) -> ReferenceKind:
    return match.comparison.reference if match.comparison is not None else "sketch"


def _compared_with(match: ev.Match) -> str:
    return SENTENCES.references[_reference(match)]["compared_with"]


def _mistaken(match: ev.Match) -> str:
    """How often a comparison takes another picture for the registered one, as measured."""
    photographs, templates = false_matches(), template_matches(_reference(match))
    return (
        f"As measured, {photographs.accepted:,} of {photographs.n:,} pairs of different photographs were taken for "
        f"one; of slides, charts, cards and the like with one template and other content, {templates.accepted:,} of "
        f"{templates.n:,}."
    )


def _method(match: ev.Match) -> str:
    return match.comparison.method if match.comparison else PDQ
