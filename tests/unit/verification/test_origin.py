"""What the file states about how it was made: who stands behind each statement, and which contradict each other."""

import pytest

from provenance.credentials import CredentialReport, CredentialState, IngredientReport
from provenance.media.marks import DeclaredMetadata, Mark
from provenance.verification import Verdict, judge
from provenance.verification.axes import Axis, Basis, DeclaredOrigin
from provenance.verification.evidence import Evidence, Examination, Searched, Subject
from provenance.verification.verdict import HeadlineCode
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX, Meaning
from tests.logs.records import digest
from tests.unit.verification.pictures import MOUNTAINS, photo, recompressed
from tests.unit.verification.simulator import open_registry

CAPTURE, GENERATED, EDITED = "digitalCapture", "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
GENERATOR = Mark("a1111.parameters", "Steps: 20, Sampler: Euler", "PNG tEXt", "ai_generated")


def stated(
    *signed: str,
    marks: tuple[Mark, ...] = (),
    state: CredentialState | None = None,
    ingredients: tuple[IngredientReport, ...] = (),
    notes: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on a file whose credential, if any, states these source types."""
    if state is None:
        state = CredentialState.VALID_UNTRUSTED if signed or ingredients else CredentialState.ABSENT
    types = tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in signed)
    subject = Subject(digest("file"), 1000, "image/png", 640, 480, 1)
    credential = CredentialReport(state, digital_source_types=types, ingredients=ingredients)
    examination = Examination(subject, credential, DeclaredMetadata(marks, notes=notes), None, None)
    return judge(Evidence(subject, examination, (), Searched(1, ("sha-256",))))


def value(verdict: Verdict) -> str:
    return str(verdict.axes[Axis.DECLARED_ORIGIN].value)


def summary(verdict: Verdict) -> str:
    return verdict.axes[Axis.DECLARED_ORIGIN].summary


@pytest.mark.parametrize(
    ("source_type", "origin"),
    [
        (GENERATED, DeclaredOrigin.SIGNED_AI_GENERATED),
        (EDITED, DeclaredOrigin.SIGNED_AI_EDITED),
        (CAPTURE, DeclaredOrigin.SIGNED_CAPTURE),
        ("digitalArt", DeclaredOrigin.NONE_FOUND),
    ],
)
def test_a_signed_statement_is_told_in_the_vocabularys_words(source_type: str, origin: DeclaredOrigin) -> None:
    verdict = stated(source_type)
    assert value(verdict) == origin
    assert summary(verdict).endswith(f"({source_type}).")
    told = next(finding for finding in verdict.findings if finding.axis is Axis.DECLARED_ORIGIN)
    assert told.basis is Basis.CRYPTOGRAPHIC
    assert told.does_not_show == "Whether the statement is true."


def test_an_unsigned_mark_is_said_to_be_anybodys() -> None:
    verdict = stated(marks=(GENERATOR,))
    assert value(verdict) == DeclaredOrigin.UNSIGNED_AI_MARK
    assert verdict.headline is HeadlineCode.UNSIGNED_MARK
    assert "PNG tEXt (a1111.parameters)" in verdict.headline_text
    assert "nobody signed it" in verdict.headline_text


def test_a_capture_signed_over_the_mark_of_a_generator_is_a_contradiction_and_both_are_told() -> None:
    verdict = stated(CAPTURE, marks=(GENERATOR,))
    assert value(verdict) == DeclaredOrigin.CONFLICTING
    assert verdict.headline is HeadlineCode.ORIGIN_CONFLICTING
    assert "digitalCapture" in verdict.headline_text
    assert "a1111.parameters" in verdict.headline_text


def test_captured_and_made_by_a_model_both_signed_contradict_each_other() -> None:
    assert value(stated(CAPTURE, GENERATED)) == DeclaredOrigin.CONFLICTING


@pytest.mark.parametrize("marks", [(), (GENERATOR,)])
def test_a_capture_that_was_edited_with_ai_both_signed_is_a_history(marks: tuple[Mark, ...]) -> None:
    assert value(stated(CAPTURE, EDITED, marks=marks)) == DeclaredOrigin.SIGNED_AI_EDITED


def test_an_unsigned_capture_mark_takes_nothing_from_a_signed_statement_about_ai() -> None:
    capture = Mark("iptc.digital_source_type", "digitalCapture", "XMP", "capture")
    assert value(stated(GENERATED, marks=(capture,))) == DeclaredOrigin.SIGNED_AI_GENERATED


def test_an_unsigned_capture_mark_is_told_and_is_no_finding_of_origin() -> None:
    capture = Mark("iptc.digital_source_type", "digitalCapture", "XMP", "capture")
    verdict = stated(marks=(capture,))
    assert value(verdict) == DeclaredOrigin.NONE_FOUND
    assert summary(verdict) == (
        "A mark in XMP (iptc.digital_source_type) states that the picture was captured; nobody signed it."
    )


def test_a_mark_without_meaning_is_left_to_the_list_of_marks() -> None:
    workflow = Mark("comfyui.workflow", "resize", "PNG tEXt", "other")
    assert summary(stated(marks=(workflow,))).startswith("Nothing in the file says")


@pytest.mark.parametrize(
    ("relationship", "origin"),
    [
        ("parentOf", DeclaredOrigin.SIGNED_AI_GENERATED),
        ("componentOf", DeclaredOrigin.SIGNED_AI_EDITED),
        ("inputTo", DeclaredOrigin.NONE_FOUND),
    ],
)
def test_an_ingredient_that_a_model_made_is_not_passed_over(relationship: str, origin: DeclaredOrigin) -> None:
    ingredient = IngredientReport(
        "sky.png",
        CredentialState.TRUSTED,
        relationship=relationship,
        digital_source_types=(DIGITAL_SOURCE_TYPE_PREFIX + GENERATED,),
    )
    verdict = stated(ingredients=(ingredient,))
    assert value(verdict) == origin
    assert ("“sky.png”" in summary(verdict)) is (relationship != "inputTo")


def test_a_captured_ingredient_does_not_make_the_picture_a_capture() -> None:
    ingredient = IngredientReport(
        "boat.jpg",
        CredentialState.TRUSTED,
        relationship="parentOf",
        digital_source_types=(DIGITAL_SOURCE_TYPE_PREFIX + CAPTURE,),
    )
    assert value(stated(ingredients=(ingredient,))) == DeclaredOrigin.NONE_FOUND


def test_a_capture_signed_over_a_parent_that_a_model_made_is_a_contradiction() -> None:
    parent = IngredientReport(
        "sky.png",
        CredentialState.TRUSTED,
        relationship="parentOf",
        digital_source_types=(DIGITAL_SOURCE_TYPE_PREFIX + GENERATED,),
    )
    assert value(stated(CAPTURE, ingredients=(parent,))) == DeclaredOrigin.CONFLICTING


@pytest.mark.parametrize("state", [state for state in CredentialState if not state.validated])
def test_only_a_validated_credential_is_quoted(state: CredentialState) -> None:
    assert not value(stated(GENERATED, state=state)).startswith("SIGNED")


@pytest.mark.parametrize("state", [CredentialState.UNREADABLE, CredentialState.REMOTE_ONLY])
def test_nothing_found_in_what_could_be_read_is_not_none_found(state: CredentialState) -> None:
    assert value(stated(state=state)) == DeclaredOrigin.NOT_CHECKED


def test_metadata_that_could_not_be_read_is_not_absent() -> None:
    verdict = stated(notes=("XMP left out: it cannot be read",))
    assert value(verdict) == DeclaredOrigin.NOT_CHECKED
    assert any(item.why == "XMP left out: it cannot be read" for item in verdict.not_checked)
    assert value(stated(marks=(GENERATOR,), notes=("EXIF left out",))) == DeclaredOrigin.UNSIGNED_AI_MARK


@pytest.mark.parametrize("meaning", ["ai_generated", "ai_edited"])
def test_both_meanings_of_a_mark_are_marks_of_ai(meaning: Meaning) -> None:
    assert value(stated(marks=(Mark("x", "y", "XMP", meaning),))) == DeclaredOrigin.UNSIGNED_AI_MARK


def test_what_the_publisher_states_of_the_registered_picture_is_told_beside_the_axis() -> None:
    registry = open_registry("daily")
    generated = registry.register("daily", photo(MOUNTAINS), source_type=DIGITAL_SOURCE_TYPE_PREFIX + GENERATED)
    verdict = registry.verify(photo(MOUNTAINS))
    assert value(verdict) == DeclaredOrigin.NONE_FOUND
    told = [finding for finding in verdict.findings if finding.axis is Axis.DECLARED_ORIGIN]
    assert [finding.summary for finding in told] == [
        "“The Daily” states in record 2 that the registered picture was made by a trained AI model "
        "(trainedAlgorithmicMedia)."
    ]
    registry.spoil_statement(generated)
    broken = registry.verify(photo(MOUNTAINS))
    assert not any(finding.axis is Axis.DECLARED_ORIGIN for finding in broken.findings)


def test_what_is_stated_of_a_record_that_is_only_a_lead_is_not_told() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS), source_type=DIGITAL_SOURCE_TYPE_PREFIX + GENERATED)
    del registry.sketches[mountains]
    verdict = registry.verify(recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.POSSIBLE_MATCH
    assert not any(finding.axis is Axis.DECLARED_ORIGIN for finding in verdict.findings)


# Histories, and terms beyond the usual ----------------------------------------------------------------------------


def credential(*made: str, later: tuple[str, ...] = (), **more: object) -> Verdict:
    """The verdict on a file whose signer is on a list; `made` is how it came about, `later` what came in afterwards."""
    subject = Subject(digest("file"), 1000, "image/png", 640, 480, 1)
    report = CredentialReport(
        CredentialState.TRUSTED,
        digital_source_types=tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in made),
        later_source_types=tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in later),
        **more,  # type: ignore[arg-type]  # fields by name
    )
    examination = Examination(subject, report, DeclaredMetadata(), None, None)
    return judge(Evidence(subject, examination, (), Searched(1, ("sha-256",))))


@pytest.mark.parametrize("later", [GENERATED, EDITED])
def test_a_capture_into_which_a_later_step_brought_something_made_by_a_model_is_a_history(later: str) -> None:
    verdict = credential(CAPTURE, later=(later,))
    assert value(verdict) == DeclaredOrigin.SIGNED_AI_EDITED
    assert "came into it in a later step" in verdict.headline_text
    assert later in verdict.headline_text


def test_a_capture_that_came_into_what_a_model_made_is_no_contradiction() -> None:
    assert value(credential(GENERATED, later=(CAPTURE,))) == DeclaredOrigin.SIGNED_AI_GENERATED


def test_an_ai_disclosure_is_told_with_the_model_that_it_names() -> None:
    verdict = credential(ai_models=("Painter” 3",))
    assert value(verdict) == DeclaredOrigin.SIGNED_AI_EDITED
    assert "states that an AI model had a part in it: “Painter' 3”." in verdict.headline_text
    assert value(credential(CAPTURE, ai_models=("",))) == DeclaredOrigin.SIGNED_AI_EDITED


def test_c2pas_own_term_for_what_a_model_made_is_known() -> None:
    subject = Subject(digest("file"), 1000, "image/png", 640, 480, 1)
    report = CredentialReport(
        CredentialState.TRUSTED, digital_source_types=("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData",)
    )
    examination = Examination(subject, report, DeclaredMetadata(), None, None)
    verdict = judge(Evidence(subject, examination, (), Searched(1, ("sha-256",))))
    assert value(verdict) == DeclaredOrigin.SIGNED_AI_GENERATED
    assert "made by a trained AI model" in verdict.headline_text


def test_a_source_type_that_is_not_known_here_is_told_and_is_not_nothing() -> None:
    verdict = credential("holographicDreaming")
    assert value(verdict) == DeclaredOrigin.NOT_CHECKED
    assert "holographicDreaming" in verdict.headline_text
    beside = credential(CAPTURE, later=("holographicDreaming",))
    assert value(beside) == DeclaredOrigin.SIGNED_CAPTURE
    assert "a source type that is not known here" in beside.headline_text


def test_an_unknown_source_type_in_the_metadata_is_told_too() -> None:
    mark = Mark("iptc.digital_source_type", "http://example.org/dreams", "XMP", "other")
    verdict = stated(marks=(mark,))
    assert value(verdict) == DeclaredOrigin.NOT_CHECKED
    assert "“http://example.org/dreams”" in summary(verdict)


def part(state: CredentialState = CredentialState.ABSENT, **more: object) -> IngredientReport:
    return IngredientReport("sky.png", state, **more)  # type: ignore[arg-type]  # fields by name


def test_what_a_signer_states_of_an_ingredient_without_a_credential_is_not_passed_over() -> None:
    made = DIGITAL_SOURCE_TYPE_PREFIX + GENERATED
    parent = part(relationship="parentOf", assigned_source_type=made, assigned_by=CredentialState.TRUSTED)
    verdict = credential(ingredients=(parent,))
    assert value(verdict) == DeclaredOrigin.SIGNED_AI_GENERATED
    assert "states that the picture was made by a trained AI model" in summary(verdict)
    assert value(credential(ingredients=(part(assigned_source_type=made),))) == DeclaredOrigin.NONE_FOUND


def test_the_parent_of_a_component_is_a_component() -> None:
    sky = part(
        CredentialState.TRUSTED,
        relationship="parentOf",
        role="componentOf",
        digital_source_types=(DIGITAL_SOURCE_TYPE_PREFIX + GENERATED,),
    )
    assert value(credential(CAPTURE, ingredients=(sky,))) == DeclaredOrigin.SIGNED_AI_EDITED


def test_an_ingredient_whose_signer_is_on_no_list_is_told_as_that() -> None:
    sky = part(CredentialState.VALID_UNTRUSTED, digital_source_types=(DIGITAL_SOURCE_TYPE_PREFIX + GENERATED,))
    verdict = credential(ingredients=(sky,))
    told = next(finding for finding in verdict.findings if finding.axis is Axis.DECLARED_ORIGIN)
    assert "its own content credential whose signer is on no trust list used here states" in told.summary
    assert told.could_be_forged_by == "Anybody: a certificate can be made with any name on it."


def test_what_a_report_has_no_room_for_is_said_to_have_been_judged() -> None:
    verdict = credential(unlisted=44)
    assert any(item.what.startswith("44 more of the credential's actions") for item in verdict.not_checked)
