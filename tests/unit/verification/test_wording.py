"""What a reader is told first: short, whole, in words, and in every language of the catalogue."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from provenance.answers import Wording
from provenance.credentials import CredentialReport, CredentialState
from provenance.media.calibration import miss_rates
from provenance.media.comparison import Box, Comparison
from provenance.sentences import CATALOGUES, SENTENCES
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.verification import Verdict, judge
from provenance.verification.axes import Proof, SourceCode, Standing
from provenance.verification.evidence import Evidence, Match, MatchBasis, Resembling, Searched, Source
from provenance.verification.ranking import shown_at
from provenance.verification.verdict import HeadlineCode
from provenance.verification.wording import alarms_of_100, missed_of_100, place, share
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX
from tests.logs.records import digest
from tests.unit.verification.pictures import MOUNTAINS, photo
from tests.unit.verification.simulator import open_registry
from tests.unit.verification.test_verdict import (
    DIFFERS,
    OLDER,
    OUTSIDE,
    UPRIGHT,
    all_evidence,
    compared,
)

MOST_WORDS = 25
DETAILS = re.compile(r"record \d|after alignment|\b512\b|sketch|sha-|pdq|digest name|countermark-", re.IGNORECASE)
"""What belongs in the findings."""
LONG = "Path below the Picos de Europa, seen from the pass in the first snow of the year"


@pytest.fixture(scope="module")
def exact() -> Verdict:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    return registry.verify(photo(MOUNTAINS))


def with_match(verdict: Verdict, **changed: Any) -> Evidence:
    match = replace(verdict.matches[0], logged_at=datetime(2026, 11, 28, 9, 0, tzinfo=UTC), **changed)
    return replace(verdict.evidence, matches=(match,))


def titled(match: Match, title: str | None) -> Match:
    return replace(match, record=replace(match.record, title=title))


def english(evidence: Evidence) -> Wording:
    return judge(evidence).wordings[0]


def german(evidence: Evidence) -> Wording:
    return judge(evidence).wordings[1]


def count_words(text: str) -> int:
    """How many it has beside what it quotes."""
    quoted = r"“[^”]*”|„[^“]*“"
    return len(re.sub(rf" \((?:{quoted})\)|{quoted}", "", text).split())


def test_a_copy_with_an_edit_is_told_in_the_order_of_what_a_reader_asks(exact: Verdict) -> None:
    region = replace(DIFFERS, query=Box(0.4, 0.8, 0.6, 0.95), area=0.03)
    evidence = with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared(region))
    evidence = replace(evidence, matches=(titled(evidence.matches[0], "Path below the Picos"),))
    assert english(evidence).lead == (
        "This leads back to a picture that “The Daily” registered on 28 November 2026 (“Path below the Picos”). "
        "One area differs: box 1, lower centre, 3 % of the picture."
    )
    assert german(evidence).lead == (
        "Dies führt zu einem Bild, das „The Daily“ am 28. November 2026 registriert hat („Path below the Picos“). "
        "Eine Stelle weicht ab: Kasten 1, unten Mitte, 3 % des Bildes."
    )
    assert english(evidence).vouched == "This registry's operator alone vouches for the name “The Daily”."
    text = judge(evidence).headline_text
    assert text.index(english(evidence).lead) < text.index("This registry's operator alone")


def test_no_lead_has_more_than_25_words_in_any_language_nor_what_belongs_in_the_findings(exact: Verdict) -> None:
    for evidence in all_evidence(exact):
        for wording in judge(evidence).wordings:
            assert 0 < count_words(wording.lead) <= MOST_WORDS, wording.lead
            for said in (wording.title, wording.warning or "", wording.lead, *wording.remarks, wording.ai):
                assert not DETAILS.search(said), said
            assert wording.lead.endswith("."), wording.lead


CHANGED = replace(
    compared(colour_changed=True),
    transform=replace(UPRIGHT, mirrored=True, rotation_degrees=90.0, crop=Box(0.1, 0.1, 0.8, 0.8)),
)
MOVED = replace(DIFFERS, kind="moved")
COMPARISONS: list[Comparison] = [
    CHANGED,
    compared(DIFFERS),
    compared(MOVED),
    compared(replace(DIFFERS, area=0.00004)),
    compared(*[DIFFERS] * 12, *[OUTSIDE] * 3),
    compared(*[MOVED] * 12),
    compared(*[MOVED] * 12, DIFFERS),
    compared(*[replace(DIFFERS, query=Box(0, 0, 1, 1), area=0.9)] * 12),
    compared(OUTSIDE, OUTSIDE),
]


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("title", [None, LONG])
def test_the_lead_of_a_comparison_stays_short_however_much_there_is_to_say(
    exact: Verdict, comparison: Comparison, title: str | None
) -> None:
    for inverted, appearance, standing in product([False, True], AppearanceMatch, Standing):
        evidence = with_match(
            exact,
            basis=MatchBasis.COMPARISON,
            comparison=comparison,
            inverted=inverted,
            appearance=appearance,
            standing=standing,
        )
        evidence = replace(evidence, matches=(titled(evidence.matches[0], title),))
        for wording in judge(evidence).wordings:
            assert count_words(wording.lead) <= MOST_WORDS, wording.lead
            assert (wording.warning is None) is (standing is Standing.CURRENT)


@pytest.mark.parametrize("appearance", AppearanceMatch)
def test_the_lead_of_the_same_pixels_stays_short(exact: Verdict, appearance: AppearanceMatch) -> None:
    for wording in judge(with_match(exact, basis=MatchBasis.PIXELS, appearance=appearance)).wordings:
        assert count_words(wording.lead) <= MOST_WORDS, wording.lead


def test_a_picture_is_told_to_be_changed_as_a_whole_before_nothing_else_differs(exact: Verdict) -> None:
    grey = with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared(colour_changed=True))
    assert english(grey).lead.endswith("This is recoloured; nothing else was found to differ.")
    assert german(grey).lead.endswith("Das geprüfte ist umgefärbt; sonst wurde keine Abweichung gefunden.")


def test_below_a_credential_that_does_not_hold_stands_from_what_nothing_differs(exact: Verdict) -> None:
    assert exact.evidence.examination is not None
    evidence = with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared())
    read = replace(exact.evidence.examination, credential=CredentialReport(CredentialState.INVALID))
    told, gesagt = judge(replace(evidence, examination=read)).wordings
    assert told.remarks == ("Nothing was found to differ from the registered picture.",)
    assert gesagt.remarks == ("Es wurde keine Abweichung vom registrierten Bild gefunden.",)


@pytest.mark.parametrize("title", [None, LONG])
@pytest.mark.parametrize("regions", [None, [], [("differs", 0.0004)], [("differs", 0.9), ("moved", 0.1)] * 40])
def test_the_lead_of_an_older_registration_stays_short(
    exact: Verdict, title: str | None, regions: list[tuple[str, float]] | None
) -> None:
    right = {"left": 0.8, "top": 0.8, "right": 1.0, "bottom": 1.0}
    found = [{"kind": kind, "area": area, "query": right} for kind, area in regions or ()]
    comparison: Any = None if regions is None else {**(OLDER.comparison or {}), "regions": found}
    hidden = replace(OLDER, title=title, comparison=comparison)
    verdict = judge(replace(exact.evidence, resembling=Resembling((hidden,), 3, 0), hidden=hidden))
    for wording in verdict.wordings:
        assert count_words(wording.lead) <= MOST_WORDS, wording.lead
        assert len(wording.remarks) >= 2, "what it matches, and how many more there are"
        told = wording.vouched or ""
        assert -1 < told.find("The Weekly") < told.find("The Daily"), "of each name that is told"
    assert "3 older registrations" in verdict.headline_text
    assert hidden.detail in verdict.headline_text


def test_a_title_is_cut_to_60_characters_and_cannot_close_its_quotation_marks(exact: Verdict) -> None:
    evidence = replace(exact.evidence, matches=(titled(exact.matches[0], LONG),))
    (shown,) = re.findall(r"\(“([^”]*)”\)", english(evidence).lead)
    assert len(shown) <= 60
    assert shown.endswith("…")
    assert LONG.startswith(shown[:-1])
    evidence = replace(exact.evidence, matches=(titled(exact.matches[0], "Sky”. Nothing differs. “"),))
    assert "“Sky'. Nothing differs. '”" in english(evidence).lead
    assert "„Sky'. Nothing differs. '“" in german(evidence).lead


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.CURRENT])
def test_what_became_of_the_record_stands_before_its_title(exact: Verdict, standing: Standing) -> None:
    evidence = with_match(exact, standing=standing, standing_detail="It was taken back.")
    for wording in judge(evidence).wordings:
        assert wording.warning
        assert wording.text.index(wording.warning) < wording.text.index(wording.lead)


def test_a_picture_inside_a_larger_one_has_a_headline_of_its_own_and_says_how_much_is_not_part_of_it(
    exact: Verdict,
) -> None:
    around = replace(OUTSIDE, area=0.63)
    evidence = with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared(around))
    inside = english(evidence)
    assert inside.text.startswith("A registered picture is inside this one. ")
    assert "Nothing was found to differ within it; the other 63 % is not part of it." in inside.lead
    painted = with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared(DIFFERS, around))
    assert english(painted).title != inside.title
    assert "One area differs: box 1" in english(painted).lead
    assert any("63 %" in remark for remark in english(painted).remarks)


def beside(match: Match, left: float, right: float, title: str | None) -> Match:
    """The match, shown in a vertical strip of the picture."""
    width = right - left
    transform = replace(UPRIGHT, homography=(1 / width, 0, -left / width, 0, 1, 0, 0, 0, 1))
    around = replace(OUTSIDE, area=1 - width)
    placed = replace(
        match,
        basis=MatchBasis.COMPARISON,
        comparison=compared(around, transform=transform),
        record_id=digest(f"{left}"),
    )
    return titled(placed, title)


def test_several_pictures_in_one_are_counted_and_each_is_named(exact: Verdict) -> None:
    one = beside(exact.matches[0], 0.0, 0.5, "Dogs")
    other = beside(exact.matches[0], 0.5, 1.0, "Coffee")
    again = beside(exact.matches[0], 0.02, 0.49, "Dogs, second edition")
    wording = english(replace(exact.evidence, matches=(one, again, other)))
    assert wording.title == "2 registered pictures are in this one"
    assert "“Dogs”" in wording.lead
    assert "“Coffee”" in wording.lead
    assert "edition" not in wording.lead
    assert "Nothing was found to differ within them." in wording.lead


def edited(match: Match) -> Match:
    assert match.comparison is not None
    return replace(match, comparison=replace(match.comparison, regions=(*match.comparison.regions, DIFFERS)))


def test_of_several_pictures_in_one_that_leads_and_is_named_inside_which_something_differs(exact: Verdict) -> None:
    one = beside(exact.matches[0], 0.0, 0.5, "Dogs")
    other = edited(beside(exact.matches[0], 0.5, 1.0, "Coffee"))
    verdict = judge(replace(exact.evidence, matches=(one, other)))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert verdict.matches == (other, one), "so that its boxes are drawn"
    told, gesagt = verdict.wordings
    assert told.title == "2 registered pictures are in this one"
    assert told.lead.endswith("Something differs within “Coffee”: see the boxes.")
    assert gesagt.lead.endswith("In „Coffee“ weicht etwas ab: siehe die Kästen.")
    untitled = judge(replace(exact.evidence, matches=(one, titled(other, None)))).wordings[0]
    assert untitled.lead.endswith("Something differs within the first: see the boxes.")
    both = judge(replace(exact.evidence, matches=(edited(one), other))).wordings[0]
    assert both.lead.endswith("2 of them differ: see the boxes.")


def test_two_records_of_one_place_are_no_two_pictures_and_the_closest_leads(exact: Verdict) -> None:
    whole = beside(exact.matches[0], 0.0, 0.5, "Dogs")
    again = edited(beside(exact.matches[0], 0.01, 0.5, "Dogs, retouched"))
    verdict = judge(replace(exact.evidence, matches=(again, whole)))
    assert verdict.matches == (whole, again)
    assert verdict.headline is HeadlineCode.MATCH_INSIDE_LARGER


def test_who_vouches_is_told_of_each_publisher_that_a_lead_names(exact: Verdict) -> None:
    one = beside(exact.matches[0], 0.0, 0.5, "Dogs")
    other = beside(exact.matches[0], 0.5, 1.0, "Coffee")
    weekly = replace(other, publisher=replace(other.publisher, name="The Weekly"))
    told, gesagt = judge(replace(exact.evidence, matches=(one, weekly))).wordings
    assert told.vouched == (
        "This registry's operator alone vouches for the name “The Daily”. The same goes for the name “The Weekly”."
    )
    assert gesagt.vouched == (
        "Allein der Betreiber dieses Registers bürgt für den Namen „The Daily“. "
        "Für den Namen „The Weekly“ gilt dasselbe."
    )
    assert english(replace(exact.evidence, matches=(one, other))).vouched == (
        "This registry's operator alone vouches for the name “The Daily”."
    ), "and of one publisher once"


@pytest.mark.parametrize("differ", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4, 9])
@pytest.mark.parametrize("title", [None, LONG])
def test_many_pictures_in_one_still_have_a_short_lead(
    exact: Verdict, count: int, title: str | None, differ: bool
) -> None:
    strips = [beside(exact.matches[0], at / count, (at + 1) / count, title) for at in range(count)]
    strips = [edited(each) if differ else each for each in strips]
    for wording in judge(replace(exact.evidence, matches=tuple(strips))).wordings:
        assert str(count) in wording.title
        assert count_words(wording.lead) <= MOST_WORDS, wording.lead


def test_where_only_a_digest_was_sent_one_sentence_says_what_that_can_find(exact: Verdict) -> None:
    evidence = replace(exact.evidence, matches=(), examination=None, searched=Searched(5, ("sha-256",)))
    assert english(evidence).lead == ("Only the digest was sent: an identical file would have been found, a copy not.")
    assert "was not sent" in english(evidence).ai


@pytest.mark.parametrize("why", ["no search", "cut short", "not decoded"])
def test_what_was_not_checked_says_nothing_about_the_picture(exact: Verdict, why: str) -> None:
    assert exact.evidence.examination is not None
    prints: Any = None if why == "not decoded" else object()
    evidence = replace(
        exact.evidence,
        matches=(),
        examination=replace(exact.evidence.examination, fingerprints=prints),
        searched=None if why == "no search" else Searched(5, ("sha-256",)),
        cut_short=why == "cut short",
        resembling=None,
    )
    assert judge(evidence).headline is HeadlineCode.NOT_CHECKED
    assert english(evidence).lead.endswith("That says nothing about the picture.")
    assert german(evidence).lead.endswith("Das sagt nichts über das Bild.")


@pytest.mark.parametrize(
    ("state", "types", "said"),
    [
        (CredentialState.ABSENT, (), "AI: the file declares nothing; no detection was run."),
        (CredentialState.TRUSTED, ("trainedAlgorithmicMedia",), "signed, that AI generated it; no detection was run."),
        (CredentialState.TRUSTED, ("digitalCapture",), "signed, that a camera captured it; no detection was run."),
        (CredentialState.INVALID, ("digitalCapture",), "what the credential declares is disregarded"),
    ],
)
def test_every_reader_is_told_what_the_file_declares_about_ai(
    exact: Verdict, state: CredentialState, types: tuple[str, ...], said: str
) -> None:
    assert exact.evidence.examination is not None
    read = CredentialReport(state, digital_source_types=tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in types))
    evidence = replace(exact.evidence, examination=replace(exact.evidence.examination, credential=read))
    assert said in english(evidence).ai
    assert "no detection was run." in english(evidence).ai


def test_what_the_publisher_declares_about_ai_is_told_beside_it(exact: Verdict) -> None:
    stated = replace(
        exact.matches[0].record, digital_source_type=f"{DIGITAL_SOURCE_TYPE_PREFIX}trainedAlgorithmicMedia"
    )
    evidence = with_match(exact, record=stated)
    assert english(evidence).ai.endswith("The publisher declares that AI generated the registered picture.")
    broken = with_match(exact, record=stated, proof=Proof.BROKEN)
    assert "publisher declares" not in english(broken).ai


def test_a_source_that_no_longer_stands_is_remarked(exact: Verdict) -> None:
    source = Source(digest("source"), 1, SourceCode.ORIGIN_WITHDRAWN, "It was made from record 1, which was withdrawn.")
    assert SENTENCES.remarks["ORIGIN_WITHDRAWN"] in english(with_match(exact, sources=(source,))).remarks
    assert set(SourceCode) <= SENTENCES.remarks.keys()


def test_measured_rates_are_told_of_100_by_the_bound_of_the_interval_and_never_as_none() -> None:
    rates = [rate for reference in ("sketch", "stored picture", "full detail") for rate in miss_rates(reference)]
    assert any(rate.tpr == 1 for rate in rates)
    for rate in rates:
        assert missed_of_100(rate) >= max(1, 100 * (1 - rate.tpr) - 0.5)
        assert alarms_of_100(rate) > 100 * rate.fpr_interval[1]
    largest = next(rate for rate in miss_rates("stored picture") if rate.area == (0.03, 0.1))
    assert (missed_of_100(largest), alarms_of_100(largest)) == (9, 3)


def test_what_was_measured_is_told_for_what_was_found(exact: Verdict) -> None:
    region = replace(DIFFERS, area=0.05)
    compare = replace(compared(region), reference="stored picture")
    said = english(with_match(exact, basis=MatchBasis.COMPARISON, comparison=compare)).measured
    assert said == (
        "In our tests about 9 of 100 edits of this kind and size were missed, and fewer than 3 of 100 untouched copies "
        "got a box."
    )
    nothing = english(with_match(exact, basis=MatchBasis.COMPARISON, comparison=compared())).measured
    assert nothing is not None
    assert re.search(r"about \d+ of 100 edits over 1 % to 3 % of the picture", nothing)
    assert english(exact.evidence).measured is None


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0.03, "3"), (0.634, "63"), (0.0049, "0.5"), (0.00996, "1"), (0.999, "99"), (1.0, "100"), (0.0, "0.001")],
)
def test_a_share_is_told_in_whole_per_cent_or_one_digit(fraction: float, said: str) -> None:
    assert share(fraction) == said


@pytest.mark.parametrize(
    ("box", "where"),
    [
        (Box(0.0, 0.0, 0.2, 0.1), "upper left"),
        (Box(0.4, 0.1, 0.6, 0.2), "upper centre"),
        (Box(0.4, 0.4, 0.6, 0.6), "centre"),
        (Box(0.7, 0.3, 1.0, 0.6), "middle right"),
        (Box(0.3, 0.9, 0.6, 1.0), "lower centre"),
        (Box(0.0, 0.1, 0.9, 1.0), "across"),
        (Box(0.0, 0.9, 1.0, 1.0), "lower centre"),
    ],
)
def test_a_region_lies_where_its_middle_is(box: Box, where: str) -> None:
    assert place(box) == where
    assert all(where in words.places for words in CATALOGUES.values())


def test_where_a_registered_picture_lies_in_a_larger_one_follows_from_the_alignment() -> None:
    strip = replace(UPRIGHT, homography=(2, 0, -1, 0, 1, 0, 0, 0, 1))
    assert shown_at(strip) == Box(0.5, 0.0, 1.0, 1.0)
    assert shown_at(replace(UPRIGHT, homography=(0, 0, 0, 0, 0, 0, 0, 0, 0))) is None
