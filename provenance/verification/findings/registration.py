"""The registration axis: which records the picture leads back to, and how closely it fits them."""

import re
from dataclasses import replace
from functools import reduce
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
from provenance.message import Message
from provenance.quotation import quote
from provenance.sentences import SENTENCES, Sentences
from provenance.statement.appearance_digest import COLOURS, SHOWN_METHOD, AppearanceMatch
from provenance.verification import evidence as ev
from provenance.verification.axes import Axis, Basis, Finding, Proof, Registration
from provenance.verification.ranking import rank

BYTES_METHOD = "sha-256"
PIXELS_METHOD = "countermark-pixels-1"

_NOBODY = Message("Nobody without breaking SHA-256.")
_ANYBODY_IN_THE_REST = Message("Anybody, in what is not covered: the pixels stay, and what is shown of them changes.")
_NOT_AUTHORSHIP = Message("Who made the picture, whether what it shows happened, or who published it first.")


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
        return Registration.NOT_CHECKED, Message(why or SENTENCES.phrases["search_failed"]), ()
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
    count = (
        Message("1 registration")
        if searched.registrations == 1
        else Message("{count:,} registrations", count=searched.registrations)
    )
    methods = ", ".join(searched.fingerprints)
    if PDQ in searched.fingerprints:
        return Finding(
            Axis.REGISTRATION,
            Registration.NO_MATCH_FOUND,
            Message("No match was found among {count} ({methods}).", count=count, methods=methods),
            Basis.MEASURED,
            Message("Anybody: a large enough change keeps a picture from being found."),
            Message(
                "That it was never registered here: strong crops, collages, very plain pictures, "
                "insets of less than a fifth of the sides and crops with inverted colours may not be "
                "found. Nor anything about how it was made."
            ),
            PDQ,
        )
    exactly = Message("bytes or these pixels") if PIXELS_METHOD in searched.fingerprints else Message("bytes")
    return Finding(
        Axis.REGISTRATION,
        Registration.NO_MATCH_FOUND,
        Message(
            "Among {count}, none has exactly these {exactly} ({methods}); similar pictures were not searched for.",
            count=count,
            exactly=exactly,
            methods=methods,
        ),
        Basis.CRYPTOGRAPHIC,
        Message("Anybody: any change, however small, keeps a picture from being found this way."),
        Message("That no copy of it is registered here, or anything about how it was made."),
        methods,
    )


def _finding(match: ev.Match, subject: ev.Subject) -> Finding:
    """A finding that says no more than the record's proof allows."""
    if match.proof is Proof.BROKEN:
        named = Message(
            "record {index}, which names {name} and whose proof does not hold",
            index=match.index,
            name=quote(match.publisher.name),
        )
        return replace(
            _finding_of(match, named, subject),
            could_be_forged_by=Message(
                "Whoever can write to the registry's store: the proof of the record does not hold."
            ),
            does_not_show=Message(
                "That {name} registered anything. {not_authorship}",
                name=quote(match.publisher.name),
                not_authorship=_NOT_AUTHORSHIP,
            ),
        )
    return _finding_of(
        match,
        Message("record {index}, registered by {name}", index=match.index, name=quote(match.publisher.name)),
        subject,
    )


def _finding_of(match: ev.Match, named: str, subject: ev.Subject) -> Finding:
    value = value_of(match)
    match value:
        case Registration.EXACT_MATCH:
            copy = Message("the credentialed copy in ") if match.signed_copy else ""
            return Finding(
                Axis.REGISTRATION,
                value,
                Message("These bytes are those of {copy}{named}.", copy=copy, named=named),
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
                Message(
                    "A fingerprint points to {named}, and no comparison confirms it: a lead, not a match.", named=named
                ),
                Basis.HEURISTIC,
                Message("Anybody who knows the fingerprint: collisions can be made for almost any pair of pictures."),
                Message("That the two pictures have anything in common."),
                PDQ,
            )
        case Registration.SHARES_LAYOUT:
            return Finding(
                Axis.REGISTRATION,
                value,
                Message(
                    "It shares a layout with {named}: what agrees is a frame or a template, and what it "
                    "holds {match}, compared with {match2}.",
                    named=named,
                    match=_describe_content(_reference(match)),
                    match2=_compared_with(match),
                ),
                Basis.HEURISTIC,
                Message("Anybody who uses the same template."),
                Message(
                    "{not_authorship} That its content was ever registered, or that it was made from "
                    "that record; nor that it was not: a picture of which most was replaced shares no "
                    "more.",
                    not_authorship=_NOT_AUTHORSHIP,
                ),
                _method(match),
            )
        case Registration.NO_MATCH_FOUND | Registration.NOT_CHECKED:
            raise ValueError("a match always has a value of its own")
        case _:
            assert_never(value)


def _finding_of_comparison(match: ev.Match, value: Registration, named: str) -> Finding:
    aligned, compared = (
        Message("after alignment{match}", match=_alignment(match)),
        Message("compared with {match}", match=_compared_with(match)),
    )
    unseen = _unseen(match)
    forged = Message("Somebody who keeps a change smaller than the comparison can show (see the miss rates).")
    if value is Registration.MATCH_NO_DIFFERENCE_FOUND:
        summary = Message(
            "Matches {named}, {aligned}; no difference above the threshold, {compared}.",
            named=named,
            aligned=aligned,
            compared=compared,
        )
    elif value is Registration.MATCH_INSIDE_LARGER:
        summary = Message(
            "It shows {named}, inside a larger picture (a frame, a caption, a page), {aligned}; "
            "{comparison}, and no difference above the threshold was found within it, {compared}.",
            named=named,
            aligned=aligned,
            comparison=_regions(match.comparison),
            compared=compared,
        )
        unseen = Message(
            "What surrounds it was compared with nothing, and may say anything about it. {unseen}", unseen=unseen
        )
    else:
        summary = Message(
            "Matches {named}, {aligned}; {match}, {compared}{comparison}.",
            named=named,
            aligned=aligned,
            match=_differing(match),
            compared=compared,
            comparison=_seen_with(match.comparison),
        )
        unseen = Message("Why it differs (a caption or a fair crop differs too), or that nothing else was changed.")
        forged = Message(
            "Somebody who adds or removes differences; the regions show where this file departs from the record."
        )
    not_shown = Message.joined(" ", (_NOT_AUTHORSHIP, unseen, _mistaken(match)))
    rates = miss_rates(_reference(match))
    return Finding(Axis.REGISTRATION, value, summary, Basis.MEASURED, forged, not_shown, _method(match), rates)


def _finding_of_pixels(match: ev.Match, value: Registration, named: str, subject: ev.Subject) -> Finding:
    first = Message(" of the first frame") if (subject.frames or 1) > 1 else ""
    same = Message("Every decoded pixel{first} is that of {named}", first=first, named=named)
    not_shown = Message.joined(" ", (_NOT_AUTHORSHIP, Message("What the metadata of this file says is not covered.")))
    match match.appearance:
        case AppearanceMatch.SAME:
            summary, forged, method = (
                Message("{same}; the file around them differs (as by its metadata).", same=same),
                _NOBODY,
                SHOWN_METHOD,
            )
        case AppearanceMatch.DIFFERS:
            summary, forged, method = (
                Message(
                    "{same}, laid over white; but the file's transparency, colour profile or colour "
                    "values are not those of the record, so that it may be shown otherwise.",
                    same=same,
                ),
                Message("Anybody: the pixels stay, and what is shown of them changes."),
                SHOWN_METHOD,
            )
        case AppearanceMatch.UNKNOWN:
            parts = Message.joined(", ", map(Message, subject.appearance_parts))
            left = parts or Message("what the registered file may have of transparency, a colour profile or more")
            summary, forged, method = (
                Message(
                    "{same}, laid over white. Not covered by the digest that both have: {left}.", same=same, left=left
                ),
                _ANYBODY_IN_THE_REST,
                PIXELS_METHOD,
            )
            nor = Message(
                "Nor how the pixels are shown on a page that is not white, or by another colour "
                "profile or other colour values."
            )
            not_shown = Message.joined(" ", (not_shown, nor))
        case AppearanceMatch.COLOURS_UNKNOWN:
            summary, forged, method = (
                Message(
                    "{same}, and so are transparency and colour profile. Not covered by the record's "
                    "digest: {colours} of the registered file.",
                    same=same,
                    colours=Message(COLOURS),
                ),
                _ANYBODY_IN_THE_REST,
                _BEFORE_COLOURS,
            )
        case _:
            assert_never(match.appearance)
    return Finding(Axis.REGISTRATION, value, summary, Basis.CRYPTOGRAPHIC, forged, not_shown, method)


_BEFORE_COLOURS = "countermark-pixels-2"

_SAME_PIXELS = {
    AppearanceMatch.SAME: Message("every decoded pixel is the same, and is shown the same"),
    AppearanceMatch.DIFFERS: Message(
        "every decoded pixel is the same, but transparency, colour profile or colour values "
        "differ: it may be shown otherwise"
    ),
    AppearanceMatch.UNKNOWN: Message("every decoded pixel is the same; whether it is shown the same is not known"),
    AppearanceMatch.COLOURS_UNKNOWN: Message(
        "every decoded pixel is the same, and so are transparency and colour profile; "
        "whether colour values are is not known"
    ),
}


_SAME_FILE = Message("the very same file")
_LEAD = Message("a fingerprint points to it, and no comparison confirms that: a lead, not a match")
_LAYOUT = Message("the two share a layout, a frame or a template, and what it holds {held}")
_COMPARED = Message("{said}, compared with the {reference} of the older one")
_NO_DIFFERENCE = Message("no difference above the threshold was found")


def in_words(value: Registration, comparison: Comparison | None, appearance: AppearanceMatch) -> str:
    """What comparing a newer registration with an older one gave; `appearance` is asked where every pixel is the
    same."""
    match value:
        case Registration.EXACT_MATCH:
            return _SAME_FILE
        case Registration.POSSIBLE_MATCH:
            return _LEAD
        case Registration.SHARES_LAYOUT:
            held = _describe_content(comparison.reference if comparison is not None else "sketch")
            return Message(_LAYOUT, held=held)
        case _ if comparison is None:
            return _SAME_PIXELS[appearance]
        case _:
            differing = _regions(comparison) or _NO_DIFFERENCE
            recoloured = [_RECOLOURED] if appearance is AppearanceMatch.DIFFERS else []
            said = Message.joined("; ", [differing, *recoloured, *_undone(comparison)])
            return Message(
                "{said}, compared with the {reference} of the older one",
                said=said,
                reference=Message(comparison.reference),
            )


def recall(detail: str) -> str:
    """What `in_words` gave and was kept as a text: the message again, to be said in other languages."""
    if (layout := re.fullmatch(_LAYOUT.format(held="(.+)"), detail)) is not None:
        return Message(_LAYOUT, held=Message(layout[1]))
    if (compared := re.fullmatch(_COMPARED.format(said="(.+)", reference="(.+)"), detail)) is None:
        return Message(detail)
    said = Message.joined("; ", map(_recall_regions, compared[1].split("; ")))
    return Message(_COMPARED, said=said, reference=Message(compared[2]))


def _recall_regions(said: str) -> Message:
    if not re.match(r"\d+ region", said):
        return Message(said)
    parts = []
    for part in said.split(" and "):
        count, _, rest = part.partition(" ")
        parts.append(Message(part) if count == "1" else Message(f"{{count}} {rest}", count=int(count)))
    return reduce(_both, parts)


def _both(one: Message, other: Message) -> Message:
    return Message("{one} and {other}", one=one, other=other)


def _describe_content(reference: ReferenceKind) -> str:
    """What is said of the content, where a layout agrees: a sketch does not show small print."""
    return Message("does not, or is too small for a sketch to show") if reference == "sketch" else Message("does not")


def _alignment(match: ev.Match) -> str:
    """What aligning the two pictures had to undo, in brackets."""
    done = [_CHANGES[change] for change in changes(match)]
    return Message(" ({done})", done=Message.joined(", ", done)) if done else ""


_CHANGES = {
    "inverted": Message("its colours are inverted"),
    "mirrored": Message("it is mirrored"),
    "turned": Message("it is turned"),
    "cropped": Message("it shows a part of the registered picture"),
    "recoloured": Message("its colours or brightness are changed as a whole"),
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
        parts.append(
            Message("1 region differs") if differing == 1 else Message("{count} regions differ", count=differing)
        )
    if moved:
        parts.append(
            Message("1 region shows parts of it moved or warped")
            if moved == 1
            else Message("{count} regions show parts of it moved or warped", count=moved)
        )
    if outside:
        parts.append(
            Message("1 region lies outside the registered picture")
            if outside == 1
            else Message("{count} regions lie outside the registered picture", count=outside)
        )
    return reduce(_both, parts) if parts else ""


_RECOLOURED = Message("its colours are shown otherwise, by a colour profile or colour values that are not the record's")


def _differing(match: ev.Match) -> str:
    """What differs, in words: regions, or how the colours are shown."""
    recoloured = [_RECOLOURED] if match.appearance is AppearanceMatch.DIFFERS else []
    return Message.joined("; ", [*filter(None, [_regions(match.comparison)]), *recoloured])


def _unseen(match: ev.Match) -> str:
    """What a comparison without a difference may have missed."""
    profile = (
        Message(
            " Its colour profile or its colour values show other colours than its pixels say, "
            "and whether the record's do is not known."
        )
        if match.appearance is AppearanceMatch.UNKNOWN
        else ""
    )
    smallest = match.comparison.smallest if match.comparison is not None else 0.0
    bound = (
        Message(" Nothing is seen that covers less than {smallest:.2g} % of the picture.", smallest=100 * smallest)
        if smallest
        else ""
    )
    frames = other_frames(_reference(match))
    return Message(
        "That it is the same exposure: another frame of the same camera, a moment before or "
        "after, is told by what moved in it, if that is enough ({unseen} of {n} pairs of "
        "frames measured were taken for copies). Small changes, gentle warps and a faint "
        "pattern over all of it can be missed; what a crop left out is not "
        "seen.{bound}{profile}",
        unseen=frames.unseen,
        n=frames.n,
        bound=bound,
        profile=profile,
    )


def _seen_with(comparison: Comparison | None) -> str:
    """Which looks saw how many of the regions that differ, where there was more than one look."""
    regions: tuple[Region, ...] = comparison.regions if comparison else ()
    counts = {kind: sum(kind in region.seen_with for region in regions) for kind in SENTENCES.references}
    told = [
        Message("{count} with {look}", count=count, look=Message(SENTENCES.references[kind]["seen_with"]))
        for kind, count in counts.items()
        if count
    ]
    return Message(" (seen {told})", told=Message.joined(", ", told)) if len(told) > 1 or counts["full detail"] else ""


def _reference(match: ev.Match) -> ReferenceKind:
    return match.comparison.reference if match.comparison is not None else "sketch"


def _compared_with(match: ev.Match) -> str:
    return Message(SENTENCES.references[_reference(match)]["compared_with"])


def _mistaken(match: ev.Match) -> str:
    """How often a comparison takes another picture for the registered one, as measured."""
    photographs, templates = false_matches(), template_matches(_reference(match))
    return Message(
        "As measured, {accepted:,} of {n:,} pairs of different photographs were taken for "
        "one; of slides, charts, cards and the like with one template and other content, "
        "{accepted2:,} of {n2:,}.",
        accepted=photographs.accepted,
        n=photographs.n,
        accepted2=templates.accepted,
        n2=templates.n,
    )


def _method(match: ev.Match) -> str:
    return match.comparison.method if match.comparison else PDQ
