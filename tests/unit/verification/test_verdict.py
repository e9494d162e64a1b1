"""The verdict as a whole: every combination has one, by precedence, in words that are documented."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from provenance.credentials import CredentialReport, CredentialState, IngredientReport
from provenance.media.comparison import Box, Comparison, Region, Transform
from provenance.media.fingerprints import fingerprint
from provenance.media.marks import DeclaredMetadata, Mark
from provenance.media.media import Media
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.statement.record import MediaFacts
from provenance.verification import Verdict, judge
from provenance.verification import procedure as verify
from provenance.verification.axes import Assessment, Axis, Basis, DeclaredOrigin, Proof, Registration, Standing
from provenance.verification.evidence import (
    Evidence,
    Examination,
    Match,
    MatchBasis,
    Resemblance,
    Resembling,
    Searched,
    Unproven,
)
from provenance.verification.findings import resemblance
from provenance.verification.registrations import KnownRecord
from provenance.verification.verdict import HeadlineCode
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX
from tests.logs.records import digest
from tests.unit.verification.pictures import DOGS, MOUNTAINS, ROCKET, photo
from tests.unit.verification.simulator import Eyes, Simulator, open_registry

DOCS = Path(__file__).parents[3] / "docs"
WHOLE, PART = Box(0, 0, 1, 1), Box(0.1, 0.1, 0.4, 0.5)
UPRIGHT = Transform(False, 0.0, 1.0, WHOLE, (1, 0, 0, 0, 1, 0, 0, 0, 1))
DIFFERS, OUTSIDE = Region("differs", PART, PART, 0.12, 0.9), Region("outside", PART, None, 0.12, 1.0)


def compared(*regions: Region, transform: Transform = UPRIGHT, colour_changed: bool = False) -> Comparison:
    return Comparison(True, 40, transform, regions, colour_changed, 0.95, None, "countermark-comparison-1")


@pytest.fixture(scope="module")
def exact() -> Verdict:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    return registry.verify(photo(MOUNTAINS))


FITS: dict[str, tuple[MatchBasis, Comparison | None]] = {
    Registration.EXACT_MATCH: (MatchBasis.BYTES, None),
    "the same pixels": (MatchBasis.PIXELS, None),
    Registration.MATCH_NO_DIFFERENCE_FOUND: (MatchBasis.COMPARISON, compared()),
    Registration.MATCH_WITH_DIFFERENCES: (MatchBasis.COMPARISON, compared(DIFFERS, OUTSIDE)),
    Registration.MATCH_INSIDE_LARGER: (MatchBasis.COMPARISON, compared(OUTSIDE)),
    Registration.POSSIBLE_MATCH: (MatchBasis.FINGERPRINT, None),
    Registration.SHARES_LAYOUT: (MatchBasis.COMPARISON, replace(compared(DIFFERS), layout_only=True)),
}


def matches(match: Match) -> Iterator[tuple[Match, ...]]:
    """None, and one of every fit, proof and standing."""
    yield ()
    proofs = [proof for proof in Proof if proof is not Proof.NO_RECORD]
    for (basis, comparison), proof, standing in itertools.product(FITS.values(), proofs, Standing):
        receipt = None if proof is Proof.SEQUENCED else match.receipt
        yield (replace(match, basis=basis, comparison=comparison, proof=proof, standing=standing, receipt=receipt),)


def examinations(examination: Examination) -> Iterator[Examination | None]:
    """None, and one of every state of the credential with every kind of statement."""
    yield None
    signed = [(), ("digitalCapture",), ("trainedAlgorithmicMedia",), ("compositeSynthetic",), ("humanEdits",)]
    marks = [(), (Mark("x", "y", "XMP", "ai_generated"),), (Mark("x", "y", "XMP", "capture"),)]
    for state, types, declared, notes in itertools.product(CredentialState, signed, marks, [(), ("EXIF left out",)]):
        credential = CredentialReport(
            state,
            digital_source_types=tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in types),
            ingredients=(IngredientReport("sky.jpg", CredentialState.INVALID),),
        )
        yield replace(
            examination, credential=credential, declared=DeclaredMetadata(declared, notes=notes), fingerprints=None
        )


def all_evidence(exact: Verdict) -> Iterator[Evidence]:
    base = exact.evidence
    assert base.examination is not None
    for found, examination in itertools.product(matches(exact.matches[0]), list(examinations(base.examination))):
        yield replace(base, matches=found, examination=examination)
    for examination, searched, unproven in itertools.product(
        (*examinations(base.examination), base.examination),
        (None, Searched(2, ("sha-256",)), Searched(1, ("sha-256", "countermark-pixels-1", "org.countermark.pdq.v1"))),
        ((), (Unproven(digest("lost"), "the stored record is damaged"),)),
    ):
        yield replace(base, matches=(), examination=examination, searched=searched, unproven=unproven)


CALLS_FOR: dict[tuple[Axis, str], HeadlineCode] = {
    (Axis.CREDENTIAL, CredentialState.INVALID): HeadlineCode.CREDENTIAL_INVALID,
    (Axis.DECLARED_ORIGIN, DeclaredOrigin.CONFLICTING): HeadlineCode.ORIGIN_CONFLICTING,
    (Axis.PROOF, Proof.BROKEN): HeadlineCode.PROOF_BROKEN,
    (Axis.REGISTRATION, Registration.EXACT_MATCH): HeadlineCode.EXACT_MATCH,
    (Axis.REGISTRATION, Registration.MATCH_WITH_DIFFERENCES): HeadlineCode.MATCH_WITH_DIFFERENCES,
    (Axis.REGISTRATION, Registration.MATCH_INSIDE_LARGER): HeadlineCode.MATCH_INSIDE_LARGER,
    (Axis.CREDENTIAL, CredentialState.TRUSTED): HeadlineCode.SIGNED_LISTED,
    (Axis.CREDENTIAL, CredentialState.VALID_UNTRUSTED): HeadlineCode.SIGNED_UNLISTED,
    (Axis.REGISTRATION, Registration.MATCH_NO_DIFFERENCE_FOUND): HeadlineCode.MATCH_NO_DIFFERENCE_FOUND,
    (Axis.REGISTRATION, Registration.POSSIBLE_MATCH): HeadlineCode.POSSIBLE_MATCH,
    (Axis.REGISTRATION, Registration.SHARES_LAYOUT): HeadlineCode.SHARES_LAYOUT,
    (Axis.DECLARED_ORIGIN, DeclaredOrigin.UNSIGNED_AI_MARK): HeadlineCode.UNSIGNED_MARK,
    (Axis.REGISTRATION, Registration.NOT_CHECKED): HeadlineCode.NOT_CHECKED,
}
PRECEDENCE = (
    *("CREDENTIAL_INVALID", "ORIGIN_CONFLICTING", "PROOF_BROKEN", "OLDER_REGISTRATION_DIFFERS", "EXACT_MATCH"),
    *("MATCH_WITH_DIFFERENCES", "MATCH_INSIDE_LARGER", "MATCH_NO_DIFFERENCE_FOUND", "SIGNED_LISTED", "POSSIBLE_MATCH"),
    *("SHARES_LAYOUT", "SIGNED_UNLISTED", "UNSIGNED_MARK", "NOT_CHECKED", "NOTHING_FOUND"),
)


def test_every_combination_has_a_verdict_by_precedence_that_says_what_it_rests_on(exact: Verdict) -> None:
    seen: dict[Axis, set[str]] = {axis: set() for axis in Axis}
    headlines = set()
    for evidence in all_evidence(exact):
        verdict = judge(evidence)
        called = [
            CALLS_FOR[axis, value.value] for axis, value in verdict.axes.items() if (axis, value.value) in CALLS_FOR
        ]
        closest = evidence.matches[0] if evidence.matches else None
        if closest and closest.basis in (MatchBasis.BYTES, MatchBasis.PIXELS) and closest.proof is not Proof.BROKEN:
            called = [code for code in called if code is not HeadlineCode.CREDENTIAL_INVALID]
        expected = min((*called, HeadlineCode.NOTHING_FOUND), key=lambda code: PRECEDENCE.index(code))
        assert verdict.headline is expected
        for axis, value in verdict.axes.items():
            seen[axis].add(value.value)
            assert value.summary.endswith((".", "”"))
        for finding in verdict.findings:
            for said in (finding.summary, finding.could_be_forged_by, finding.does_not_show, finding.method):
                assert said.strip()
                assert "%" not in said  # a bare percentage misleads
            assert bool(finding.error_rates) is (
                finding.basis is Basis.MEASURED and finding.code != Registration.NO_MATCH_FOUND
            )
        assert verdict.not_checked
        headlines.add(verdict.headline)
    assert headlines | {HeadlineCode.OLDER_REGISTRATION_DIFFERS} == set(HeadlineCode)
    assert seen[Axis.REGISTRATION] == set(Registration)
    assert seen[Axis.CREDENTIAL] == {*CredentialState, "NOT_CHECKED"}
    assert seen[Axis.DECLARED_ORIGIN] == set(DeclaredOrigin)
    assert seen[Axis.PROOF] == set(Proof)


OLDER = Resemblance(
    digest("older"),
    3,
    datetime(2026, 3, 1, tzinfo=UTC),
    "Mountains",
    "weekly",
    "The Weekly",
    "operator-attested",
    older=True,
    value=Registration.MATCH_WITH_DIFFERENCES,
    differs_inside=True,
    detail="1 region differs, compared with the sketch of the older one",
    stated=False,
    taken_back=None,
    copies=1,
    comparison={
        "method": "countermark-comparison-1",
        "reference": "sketch",
        "regions": [
            {"kind": "differs", "area": 0.12, "query": {"left": 0.05, "top": 0.4, "right": 0.25, "bottom": 0.6}},
            {"kind": "outside", "area": 0.3, "query": {"left": 0.7, "top": 0.7, "right": 1.0, "bottom": 1.0}},
        ],
    },
)


def test_an_older_registration_that_differs_comes_before_every_match(exact: Verdict) -> None:
    code = HeadlineCode.OLDER_REGISTRATION_DIFFERS
    for evidence in all_evidence(exact):
        before = judge(evidence).headline
        if resemblance.closest(evidence) is None:
            continue
        verdict = judge(replace(evidence, resembling=Resembling((OLDER,), 1, 0), hidden=OLDER))
        assert verdict.headline is min(before, code, key=lambda each: PRECEDENCE.index(each))
        assert verdict.older is (OLDER if verdict.headline is code else None)
        if verdict.headline is code:
            said = verdict.wordings[0]
            assert f"{said.title}. {said.lead} ".startswith(
                "An older registration differs from it. “The Weekly” registered an older picture on 1 March 2026 "
                "(“Mountains”), and this differs. One area: middle left, 12 % of the picture. "
            )
        told = [finding for finding in verdict.findings if finding.code == "OLDER_REGISTRATION"]
        assert all(finding.error_rates for finding in told)


def test_a_title_or_a_name_cannot_close_the_quotation_marks_of_an_older_registration(exact: Verdict) -> None:
    hidden = replace(OLDER, title="Sky” withdrawn by “Daily", publisher_name="Weekly”, and all of it holds. “")
    verdict = judge(replace(exact.evidence, resembling=Resembling((hidden,), 1, 0), hidden=hidden))
    told = [finding.summary for finding in verdict.findings if finding.code == "OLDER_REGISTRATION"]
    for text in (verdict.headline_text, *told):
        assert "“Weekly', and all of it holds. '”" in text
    assert "“Sky' withdrawn by 'Daily”" in verdict.headline_text


class _Registered:
    """A registry of which only the view and the records are asked."""

    def __init__(self, registry: Simulator, *items: Resemblance) -> None:
        self.registry, self.items = registry, items

    def resembling(self, _record_id: bytes) -> Resembling:
        return Resembling(self.items, len(self.items), 0)

    def known(self, record_id: bytes) -> KnownRecord:
        return self.registry.known(record_id)


def test_a_headline_takes_the_oldest_that_is_not_named_below_anyway() -> None:
    registry = open_registry("weekly", "daily")
    older = registry.register("weekly", photo(DOGS))
    registry.register("daily", photo(MOUNTAINS))
    evidence = registry.verify(photo(MOUNTAINS)).evidence
    item = replace(OLDER, record_id=older)
    for named_below in (
        replace(item, stated=True),
        replace(item, taken_back=Standing.WITHDRAWN),
        replace(item, taken_back=Standing.SUPERSEDED),
        replace(item, differs_inside=False),
    ):
        asked: Any = _Registered(registry, named_below)
        found = resemblance.with_older(evidence, asked)
        assert found.hidden is None
        assert judge(found).headline is HeadlineCode.EXACT_MATCH
        asked = _Registered(registry, named_below, item)
        assert resemblance.with_older(evidence, asked).hidden is item
    registry.lose(older)
    asked = _Registered(registry, item)
    assert resemblance.with_older(evidence, asked).hidden is None  # no headline rests on an unproven record


def test_equal_pixels_of_a_record_without_the_second_digest_are_not_said_to_be_shown_the_same() -> None:
    registry = open_registry("weekly")
    older = registry.register("weekly", photo(ROCKET), shown=None)
    media = Media.from_bytes(photo(ROCKET))
    prints = fingerprint(media)
    copy = MediaFacts(
        digest("a copy"), 1, media.media_type, media.width, media.height, prints.pixels_sha256, b"\1" * 32
    )
    (found,), _ = resemblance.search(copy, prints, media.canonical, registry, Eyes(photo(ROCKET)))
    assert (found.record_id, found.value, found.differs_inside) == (
        older,
        Registration.MATCH_NO_DIFFERENCE_FOUND,
        False,
    )
    assert found.detail == "every decoded pixel is the same; whether it is shown the same is not known"


def test_what_was_cut_or_waits_is_said(exact: Verdict) -> None:
    many = replace(exact.evidence, resembling=Resembling((OLDER,) * 64, 70, 0))
    assert ("further older registrations that the record resembles", "70 are there, and 64 are named") in [
        (each.what, each.why) for each in judge(many).not_checked
    ]
    waits = replace(exact.evidence, resembling=Resembling(pending="it is not made yet"))
    assert "it is not made yet" in [each.why for each in judge(waits).not_checked]


def test_no_text_relies_on_a_record_whose_proof_does_not_hold(exact: Verdict) -> None:
    for evidence in all_evidence(exact):
        if any(match.proof is Proof.BROKEN for match in evidence.matches):
            verdict = judge(evidence)
            assert "registered" not in verdict.wordings[0].lead.replace("registry", "")
            assert "registered by" not in verdict.headline_text + verdict.axes[Axis.REGISTRATION].summary
            assert "whose proof does not hold" in verdict.headline_text


def test_every_text_of_a_finding_is_a_whole_sentence_however_the_pixels_are_shown(exact: Verdict) -> None:
    for found, shown in itertools.product(matches(exact.matches[0]), AppearanceMatch):
        evidence = replace(exact.evidence, matches=tuple(replace(match, appearance=shown) for match in found))
        for finding in judge(evidence).findings:
            for text in (finding.summary, finding.could_be_forged_by, finding.does_not_show):
                assert text[-1] in ".”", text


def test_what_became_of_the_record_stands_in_every_headline_about_a_match(exact: Verdict) -> None:
    for evidence in all_evidence(exact):
        if evidence.matches and evidence.matches[0].standing is not Standing.CURRENT:
            told = replace(evidence.matches[0], standing_detail="It was taken back.")
            assert "It was taken back." in judge(replace(evidence, matches=(told,))).headline_text


def test_a_match_does_not_hide_what_the_file_says_about_machines(exact: Verdict) -> None:
    assert exact.evidence.examination is not None
    marked = replace(exact.evidence.examination, declared=DeclaredMetadata((Mark("x", "y", "XMP", "ai_generated"),)))
    verdict = judge(replace(exact.evidence, examination=marked))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert "made by a trained AI model; nobody signed it" in verdict.headline_text


def test_a_verdict_is_neither_true_nor_false(exact: Verdict) -> None:
    with pytest.raises(TypeError, match="read its axes"):
        bool(exact)


def test_a_verdict_cannot_be_edited(exact: Verdict) -> None:
    with pytest.raises(TypeError):
        exact.axes[Axis.PROOF] = exact.axes[Axis.REGISTRATION]  # type: ignore[index]  # that is what is tested


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        (compared(), "after alignment; no difference"),
        (compared(DIFFERS), "1 region differs, compared with its stored sketch."),
        (compared(DIFFERS, DIFFERS), "2 regions differ, compared with its stored sketch."),
        (compared(OUTSIDE), "inside a larger picture (a frame, a caption, a page), after alignment; 1 region lies"),
        (replace(compared(DIFFERS), layout_only=True), "It shares a layout with record 2,"),
        (
            replace(compared(DIFFERS), layout_only=True),
            "what it holds does not, or is too small for a sketch to show, compared with its stored sketch.",
        ),
        (
            replace(compared(DIFFERS), layout_only=True, reference="stored picture"),
            "what it holds does not, compared with its stored sketch and the stored picture itself",
        ),
        (
            compared(DIFFERS, OUTSIDE, OUTSIDE),
            "1 region differs and 2 regions lie outside the registered picture, compared",
        ),
        (compared(colour_changed=True), "(its colours or brightness are changed as a whole); no difference"),
        (compared(transform=replace(UPRIGHT, mirrored=True)), "(it is mirrored)"),
        (compared(transform=replace(UPRIGHT, rotation_degrees=-90.0)), "(it is turned)"),
        (compared(transform=replace(UPRIGHT, crop=PART)), "(it shows a part of the registered picture)"),
        (compared(DIFFERS, transform=replace(UPRIGHT, mirrored=True, crop=PART)), "(it is mirrored, it shows a part"),
    ],
)
def test_what_alignment_undid_and_what_differs_is_told_in_words(
    exact: Verdict, comparison: Comparison, said: str
) -> None:
    match = replace(exact.matches[0], basis=MatchBasis.COMPARISON, comparison=comparison)
    assert said in judge(replace(exact.evidence, matches=(match,))).axes[Axis.REGISTRATION].summary


# Documents ---------------------------------------------------------------------------------------


def sections(text: str) -> dict[str, str]:
    """Heading to body, of the second level."""
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(section: str) -> list[str]:
    """The values in the first column of the section's table."""
    return re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)


def test_every_value_of_every_axis_is_documented_and_nothing_else() -> None:
    words = sections((DOCS / "explanation" / "words.md").read_text())
    assert rows(words["registration"]) == list(Registration)
    assert rows(words["credential"]) == [*CredentialState, "NOT_CHECKED"]
    assert rows(words["declared_origin"]) == list(DeclaredOrigin)
    assert rows(words["proof"]) == list(Proof)
    assert rows(words["assessment"]) == list(Assessment)
    assert sorted(rows(words["Standing of the record"])) == sorted(Standing)


def test_the_headlines_are_documented_in_their_order() -> None:
    words = sections((DOCS / "explanation" / "words.md").read_text())
    assert rows(words["Headline"]) == list(HeadlineCode) == list(PRECEDENCE)
    assert all(f"`{basis}`" in (DOCS / "explanation" / "words.md").read_text() for basis in Basis)


def numbered(text: str) -> list[tuple[int, str]]:
    """Numbers and bold titles of a list in Markdown."""
    found = re.findall(r"^(\d+)\. \*\*(.+?)\.?\*\*", text, flags=re.MULTILINE)
    return [(int(number), title) for number, title in found]


def test_the_procedure_and_its_document_have_the_same_steps() -> None:
    told = re.findall(r"^ ?(\d+)  (.+)$", verify.__doc__ or "", flags=re.MULTILINE)
    documented = numbered((DOCS / "verification.md").read_text().split("\n## ")[0])
    assert [number for number, _ in documented] == [int(number) for number, _ in told] == list(range(1, 11))
    for (_, title), (_, line) in zip(documented, told, strict=True):
        assert re.match(re.escape(title) + r"[.:,;]? ?", line), (title, line)


def test_each_step_is_marked_in_the_code_that_takes_it() -> None:
    code = Path(verify.__file__).read_text()
    for function, steps in (("examine", {1, 2, 3, 5}), ("verify_file", set(range(4, 11))), ("verify_digests", {4, 6})):
        body = code.split(f"def {function}(")[1].split("\ndef ")[0]
        marked = {int(number) for line in re.findall(r"# (\d.*)$", body, re.MULTILINE) for number in _numbers(line)}
        assert steps <= marked


def _numbers(comment: str) -> list[str]:
    return re.findall(r"\b(\d+)\.", comment)
