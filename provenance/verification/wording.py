"""The wording of a verdict: what a reader is told first, in each language of the catalogue.

The lead names what the picture leads to, who registered it and when, then what differs, where and how much. It has at
most 25 words beside titles, names and the warning before it (docs/explanation/words.md). Numbers of records, digests,
methods and versions stand in the findings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from provenance.answers import Wording
from provenance.credentials.report import CredentialState
from provenance.media.calibration import ErrorRate, miss_rates
from provenance.media.comparison import Box, Comparison, Region
from provenance.media.fingerprints import PDQ
from provenance.quotation import MAX_QUOTED, quote
from provenance.sentences import CATALOGUES, Sentences
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.statement.canonical_json import Json
from provenance.verification.axes import DeclaredOrigin, Proof, Registration, Standing
from provenance.verification.evidence import Evidence, Match, MatchBasis, Resemblance
from provenance.verification.findings import registration
from provenance.verification.ranking import apart
from provenance.vocabulary import MACHINE, find_stated_source_type

MAX_TITLE = 60
"""Characters of a title in a lead."""

MOST_OF_A_SIDE = 0.75
"""Fraction of width and height beyond which a region lies in no one place."""

NAMED = 3
"""Pictures in one that a lead names, where all have titles; else one fewer."""

_LEADS = (Registration.POSSIBLE_MATCH, Registration.SHARES_LAYOUT)


@dataclass(frozen=True, eq=False)
class Facts:
    """What a wording is made of: the code of the headline, the values of the axes, and the evidence."""

    headline: str
    matched: Registration
    credential: str
    declared: DeclaredOrigin
    matches: tuple[Match, ...]
    evidence: Evidence


def word(facts: Facts) -> tuple[Wording, ...]:
    """The wording in each language, English first."""
    return tuple(_Writer(facts, language, CATALOGUES[language]).wording() for language in CATALOGUES)


class _Writer:
    """One verdict in one language."""

    def __init__(self, facts: Facts, language: str, words: Sentences) -> None:
        self.facts, self.language, self.words = facts, language, words
        self.match = facts.matches[0] if facts.matches else None
        self.several = apart(facts.matches) if facts.headline in _OF_PICTURES else []

    def wording(self) -> Wording:
        match, words = self.match, self.words
        title = words.headlines[self.facts.headline]
        if len(self.several) > 1:
            title = words.lead["several_title"].format(count=len(self.several))
        warned = match is not None and match.standing is not Standing.CURRENT
        return Wording(
            language=self.language,
            title=title,
            warning=words.warnings[match.standing] if match is not None and warned else None,
            lead=" ".join(self._lead()),
            remarks=tuple(self._remarks()),
            vouched=" ".join(self._vouched()) or None,
            ai=" ".join(self._ai()),
            measured=self._measured(),
        )

    def _lead(self) -> Iterator[str]:
        lead = self.words.lead
        match self.facts.headline:
            case "CREDENTIAL_INVALID":
                yield lead["credential"]
                yield from self._leads_to()
            case "ORIGIN_CONFLICTING":
                unlisted = self.facts.credential == CredentialState.VALID_UNTRUSTED
                yield lead["conflicting_unlisted" if unlisted else "conflicting"]
                if not unlisted:
                    yield from self._leads_to()
            case "PROOF_BROKEN":
                yield from self._leads_to() if self.match is not None else [lead["not_shown"]]
                yield lead["not_relied_on"]
            case "OLDER_REGISTRATION_DIFFERS":
                yield from self._older(cast(Resemblance, self.facts.evidence.hidden))
            case "SIGNED_LISTED":
                yield self._signed("listed")
            case "SIGNED_UNLISTED":
                yield self._signed("unlisted")
            case "UNSIGNED_MARK":
                yield lead["unsigned"]
            case "NOT_CHECKED" | "NOTHING_FOUND":
                yield from self._nothing()
            case _:
                yield from self._matched()

    def _vouched(self) -> Iterator[str]:
        """Who vouches for each publisher's name that the lead and what follows it have, in their order."""
        hidden = self.facts.evidence.hidden
        told: dict[str, str] = {}
        if hidden is not None and self.facts.headline == "OLDER_REGISTRATION_DIFFERS":
            told[hidden.publisher_name] = hidden.established
        for match in self._named if self._in_one else self.facts.matches[:1]:
            if match.proof is not Proof.BROKEN:
                told.setdefault(match.publisher.name, match.publisher.identity.established)
        before = None
        for name, established in told.items():
            also = self.words.vouched["also"].format(publisher=self._quote(name))
            yield also if established == before else vouch(self.words, name, established)
            before = established

    def _remarks(self) -> Iterator[str]:
        remarks, match, facts = self.words.remarks, self.match, self.facts
        if facts.headline in ("CREDENTIAL_INVALID", "ORIGIN_CONFLICTING", "OLDER_REGISTRATION_DIFFERS"):
            unlisted = facts.headline == "ORIGIN_CONFLICTING" and facts.credential == CredentialState.VALID_UNTRUSTED
            led = facts.headline == "OLDER_REGISTRATION_DIFFERS" or unlisted
            if match is None or facts.matched in _LEADS or led:
                yield from self._matched() if match is not None else self._nothing()
            elif match.proof is not Proof.BROKEN:
                yield from self._difference(match, nothing="nothing_differs_from")
        elif facts.headline in ("SIGNED_LISTED", "SIGNED_UNLISTED", "UNSIGNED_MARK"):
            yield from self._matched() if match is not None else self._nothing()
        known = facts.evidence.resembling
        if facts.headline == "OLDER_REGISTRATION_DIFFERS" and known is not None and known.older > 1:
            yield remarks["older_more"].format(count=known.older)
        if match is None:
            return
        if facts.credential == CredentialState.INVALID and facts.headline != "CREDENTIAL_INVALID":
            yield remarks["credential"]
        yield from dict.fromkeys(remarks[source.code] for source in match.sources)
        if facts.matched is Registration.MATCH_WITH_DIFFERENCES and (around := _outside(match)) and not self._in_one:
            yield remarks["around"].format(share=self._share(around))
        frames = facts.evidence.subject.frames or 1
        if frames > 1 and match.basis in (MatchBasis.PIXELS, MatchBasis.COMPARISON):
            yield remarks["first_frame"].format(count=frames)

    @property
    def _in_one(self) -> bool:
        return len(self.several) > 1

    @property
    def _named(self) -> list[Match]:
        """Those of several pictures in one that the lead names."""
        return self.several[: NAMED if all(each.record.title for each in self.several[:NAMED]) else NAMED - 1]

    def _leads_to(self) -> Iterator[str]:
        """What the picture leads to, where something else leads: a match, in one sentence."""
        if self.match is not None and self.match.proof is Proof.BROKEN:
            yield self._registered("unproven", self.match)
        elif self.match is not None and self.facts.matched not in _LEADS:
            yield self._registered("match", self.match)

    def _matched(self) -> Iterator[str]:
        match, lead = cast(Match, self.match), self.words.lead
        if match.proof is Proof.BROKEN:
            yield self._registered("unproven", match)
            return
        if self._in_one:
            yield from self._pictures()
            return
        match self.facts.matched:
            case Registration.EXACT_MATCH:
                yield self._registered("signed_copy" if match.signed_copy else "bytes", match)
            case Registration.POSSIBLE_MATCH:
                yield self._registered("possible", match)
            case Registration.SHARES_LAYOUT:
                yield self._registered("layout", match)
            case Registration.MATCH_INSIDE_LARGER if self.facts.headline == "MATCH_INSIDE_LARGER":
                yield self._registered("inside", match)
                yield lead["inside_rest"].format(share=self._share(_outside(match)))
            case _:
                yield self._registered("match", match)
                yield from self._difference(match)

    def _difference(self, match: Match, nothing: str = "nothing_differs") -> Iterator[str]:
        """What differs, where and how much; or how the picture was changed as a whole."""
        lead = self.words.lead
        regions = () if match.comparison is None else match.comparison.regions
        if self.facts.matched is Registration.EXACT_MATCH:
            return
        if any(each.kind != "outside" for each in regions):
            yield areas(self.words, regions)
        elif match.basis is MatchBasis.PIXELS:
            if match.appearance is AppearanceMatch.DIFFERS:
                yield lead["shown_otherwise"]
            else:
                yield lead["same_pixels" if match.appearance is AppearanceMatch.SAME else "same_pixels_shown"]
        elif match.appearance is AppearanceMatch.DIFFERS:
            yield lead["other_colours"]
        elif _outside(match):
            yield lead["inside_rest"].format(share=self._share(_outside(match)))
        else:
            changes = ", ".join(self.words.changes[each] for each in registration.changes(match))
            yield lead["nothing_else"].format(changes=changes) if changes else lead[nothing]

    def _older(self, hidden: Resemblance) -> Iterator[str]:
        lead = self.words.lead
        named = {"publisher": self._quote(hidden.publisher_name), "date": self._date(hidden.logged_at)}
        yield lead["older"].format(**named, title=self._title(hidden.title))
        if hidden.comparison is None:
            yield lead["shown_otherwise"]
            return
        regions = cast(Sequence[Mapping[str, Json]], hidden.comparison["regions"])
        inside = [region for region in regions if region["kind"] != "outside"]
        if not inside:
            yield lead["other_colours"]
            return
        largest = max(inside, key=lambda region: cast(float, region["area"]))
        yield lead["older_one" if len(inside) == 1 else "older_many"].format(
            count=len(inside),
            place=self._place(Box(**cast(Mapping[str, float], largest["query"]))),
            share=self._share(sum(cast(float, region["area"]) for region in inside)),
        )

    def _pictures(self) -> Iterator[str]:
        lead = self.words.lead
        told = [
            lead["several"].format(
                publisher=self._name(each),
                title=self._quote(each.record.title, MAX_TITLE) if each.record.title else lead["several_untitled"],
                date=self._date(each.logged_at),
            )
            for each in self._named
        ]
        further = len(self.several) - len(self._named)
        told += [lead["several_more"].format(count=further)] if further else []
        yield f"{'; '.join(told)}."
        differ = sum(registration.value_of(each) is Registration.MATCH_WITH_DIFFERENCES for each in self.several)
        title = self.several[0].record.title
        if differ == 1:
            key = "several_one_differs" if title else "several_first_differs"
        else:
            key = "several_differ" if differ else "several_same"
        yield lead[key].format(title=self._quote(title or "", MAX_TITLE), count=differ)

    def _signed(self, key: str) -> str:
        examination = self.facts.evidence.examination
        read = None if examination is None else examination.credential
        listed = f" {self._quote(read.trust_list)}" if read is not None and read.trust_list else ""
        if read is None or not read.signer:
            return self.words.lead[f"{key}_unnamed"].format(list=listed)
        return self.words.lead[key].format(list=listed, signer=self._quote(read.signer))

    def _nothing(self) -> Iterator[str]:
        evidence, lead = self.facts.evidence, self.words.lead
        said = registration.why_not_checked(evidence, self.words)
        if said is not None:
            yield said
            yield lead["says_nothing"]
            return
        searched = evidence.searched
        by_fingerprint = searched is not None and PDQ in searched.fingerprints
        if evidence.examination is None:
            yield lead["digests_only" if by_fingerprint else "digest_only"]
        elif searched is None or not by_fingerprint:
            yield lead["plain"]
        else:
            one = searched.registrations == 1
            yield lead["nothing_of_one" if one else "nothing"].format(count=self._number(searched.registrations))

    def _ai(self) -> Iterator[str]:
        evidence, match, ai = self.facts.evidence, self.match, self.words.ai
        if evidence.examination is None:
            yield ai["not_sent"]
        elif self.facts.declared is DeclaredOrigin.NONE_FOUND and evidence.examination.credential.state in (
            CredentialState.INVALID,
            CredentialState.WELL_FORMED_ONLY,
        ):
            yield ai["disregarded"]
        else:
            by_unlisted = f"unlisted_{self.facts.declared}"
            unlisted = self.facts.credential == CredentialState.VALID_UNTRUSTED and by_unlisted in ai
            yield ai[by_unlisted if unlisted else self.facts.declared]
        if match is None or match.proof is Proof.BROKEN or self.facts.matched is Registration.POSSIBLE_MATCH:
            return
        stated = match.record.digital_source_type
        term = None if stated is None else find_stated_source_type(stated)
        if term is not None and term.meaning in MACHINE:
            yield ai[f"publisher_{term.meaning}"]

    def _measured(self) -> str | None:
        match = self.match
        if match is None or match.comparison is None or self.facts.matched in _LEADS:
            return None
        return measured(self.words, match.comparison)

    def _registered(self, key: str, match: Match) -> str:
        return self.words.lead[key].format(
            publisher=self._name(match), date=self._date(match.logged_at), title=self._title(match.record.title)
        )

    def _name(self, match: Match) -> str:
        return self._quote(match.publisher.name)

    def _title(self, title: str | None) -> str:
        return f" ({self._quote(title, MAX_TITLE)})" if title else ""

    def _quote(self, text: str, most: int = MAX_QUOTED) -> str:
        return quoted(self.words, text, most)

    def _date(self, when: datetime) -> str:
        return self.words.date(when)

    def _share(self, fraction: float) -> str:
        return percent(self.words, fraction)

    def _number(self, count: int) -> str:
        return self.words.number(count)

    def _place(self, box: Box) -> str:
        return self.words.places[place(box)]


def areas(words: Sentences, regions: Sequence[Region]) -> str:
    """The regions in which something differs within a registered picture, in one sentence. There is at least one."""
    inside = [(at, each) for at, each in enumerate(regions, 1) if each.kind != "outside"]
    verb = "moved" if {each.kind for _, each in inside} == {"moved"} else "differs"
    key = f"one_{verb}" if len(inside) == 1 else f"many_{verb.removesuffix('s')}"
    box, largest = max(inside, key=lambda numbered: numbered[1].area)
    return words.lead[key].format(
        count=len(inside),
        box=box,
        place=words.places[place(largest.query)],
        share=percent(words, sum(each.area for _, each in inside)),
    )


def measured(words: Sentences, comparison: Comparison) -> str | None:
    """How often such an edit is missed, or one where none was found; None where its size was not measured."""
    rates = miss_rates(comparison.reference)
    inside = [region for region in comparison.regions if region.kind != "outside"]
    if inside:
        rate = rate_of(rates, inside[0].kind, inside[0].area)
        if rate is None:
            return None
        return words.measured["region"].format(missed=missed_of_100(rate), alarms=alarms_of_100(rate))
    edits = [rate for rate in rates if rate.kind == "differs"]
    small, large = edits[0], next(rate for rate in edits if rate.area[0] >= _LARGER)
    shares = [percent(words, edge) for rate in (large, small) for edge in rate.area]
    named = dict(zip(("from", "to", "small_from", "small_to"), shares, strict=True))
    return words.measured["none"].format(missed=missed_of_100(large), small=missed_of_100(small), **named)


def vouch(words: Sentences, name: str, established: str) -> str:
    """Who vouches for a publisher's name."""
    return words.vouched[established].format(publisher=quoted(words, name))


def quoted(words: Sentences, text: str, most: int = MAX_QUOTED) -> str:
    """`quote`, with the marks of a language."""
    return f"{words.quotation['open']}{quote(text, most)[1:-1]}{words.quotation['close']}"


_OF_PICTURES = ("MATCH_WITH_DIFFERENCES", "MATCH_INSIDE_LARGER", "MATCH_NO_DIFFERENCE_FOUND")
_LARGER = 0.01
"""Fraction of the picture from which on an edit is no small one."""


def share(fraction: float) -> str:
    """A share of a picture in per cent: whole from 1 % on, else one digit that is not 0; 100 only for all of it."""
    percent = 100 * fraction
    if percent >= 1:
        return str(100 if fraction >= 1 else min(99, round(percent)))
    return f"{max(percent, 0.001):.1g}" if percent < 0.95 else "1"


def percent(words: Sentences, fraction: float) -> str:
    """A share as a sentence has it: "3 %"."""
    return f"{share(fraction).replace('.', words.numbers['decimal'])} %"


def place(box: Box) -> str:
    """Where a region lies, by the thirds that its middle is in: a key of the catalogue's places."""
    if min(box.right - box.left, box.bottom - box.top) > MOST_OF_A_SIDE:
        return "across"
    row = ("upper", "middle", "lower")[_third((box.top + box.bottom) / 2)]
    column = ("left", "centre", "right")[_third((box.left + box.right) / 2)]
    return "centre" if (row, column) == ("middle", "centre") else f"{row} {column}"


def _third(middle: float) -> int:
    return min(2, max(0, int(3 * middle)))


def rate_of(rates: Sequence[ErrorRate], kind: str, area: float) -> ErrorRate | None:
    """The measured rate of edits of a kind and size; None where that size was not measured."""
    return next((each for each in rates if each.kind == kind and each.area[0] <= area <= each.area[1]), None)


def missed_of_100(rate: ErrorRate) -> int:
    """Edits of 100 that are missed, by the upper bound of the interval, and never none."""
    return max(1, round(100 * (1 - rate.interval[0])))


def alarms_of_100(rate: ErrorRate) -> int:
    """The number of 100 copies without an edit that is above the upper bound of those with a false alarm."""
    return int(100 * rate.fpr_interval[1]) + 1


def _outside(match: Match) -> float:
    return 0.0 if match.comparison is None else outside(match.comparison)


def outside(comparison: Comparison) -> float:
    """Fraction of a picture that lies outside the registered one."""
    return min(1.0, sum(region.area for region in comparison.regions if region.kind == "outside"))
