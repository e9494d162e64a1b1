"""What a report repeats of what a stranger wrote into a manifest: bounded, plain, and to its end."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import c2pa
import pytest

from provenance.credentials import (
    ClaimSigner,
    CredentialReport,
    CredentialState,
    TrustSettings,
    explain_problem,
)
from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.manifest_store import ManifestStore
from provenance.credentials.report import PROBLEMS
from provenance.limits import MAX_CREDENTIAL_ITEMS, MAX_CREDENTIAL_TEXT
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX
from tests.unit.credentials.reader import read_credentials

Draw = Callable[[str], bytes]
NOBODY = TrustSettings()
NOW = datetime.now(UTC)


# What a stranger may write ----------------------------------------------------------------------


def _store(**changes: object) -> ManifestStore:
    """A store as c2pa describes it, for what no signer of ours would write."""
    manifest: dict[str, object] = {"signature_info": {"common_name": "A", "issuer": "B"}, **changes}
    success = [{"code": "claimSignature.validated"}, {"code": "signingCredential.trusted"}]
    return ManifestStore(
        {
            "active_manifest": "urn:c2pa:1",
            "manifests": {"urn:c2pa:1": manifest},
            "validation_results": {"activeManifest": {"success": success, "failure": []}},
            "validation_state": "Trusted",
        }
    )


def _report(**changes: object) -> CredentialReport:
    return _store(**changes).report(NOBODY, None, None, now=NOW)


def test_a_strangers_text_is_shortened_and_cannot_move_a_cursor() -> None:
    report = _report(title="\x1b[2J\u202eabc" + "x" * 5000)
    assert report.title is not None
    assert report.title.startswith("[2Jabcx")
    assert len(report.title) == MAX_CREDENTIAL_TEXT


def test_a_store_that_refers_to_itself_is_walked_once() -> None:
    loop = {"title": "loop", "label": "c2pa.ingredient.v3", "active_manifest": "urn:c2pa:1"}
    assert len(_report(ingredients=[loop]).ingredients) == 1


MADE = DIGITAL_SOURCE_TYPE_PREFIX + "trainedAlgorithmicMedia"
CAPTURED = DIGITAL_SOURCE_TYPE_PREFIX + "digitalCapture"


def _actions(*actions: dict[str, object], **more: object) -> dict[str, object]:
    return {"label": "c2pa.actions.v2", "data": {"actions": list(actions), **more}}


def test_what_a_report_lists_is_bounded_and_what_it_leaves_out_is_counted() -> None:
    report = _report(
        ingredients=[{"title": "many"}] * 5000,
        assertions=[_actions(*[{"action": "c2pa.edited"}] * 5000)],
    )
    assert len(report.ingredients) == MAX_CREDENTIAL_ITEMS
    assert len(report.actions) == MAX_CREDENTIAL_ITEMS
    assert report.unlisted == 2 * (5000 - MAX_CREDENTIAL_ITEMS)


def test_a_machine_named_by_the_last_of_many_actions_is_reported() -> None:
    crops: list[dict[str, object]] = [{"action": "c2pa.cropped"}] * 300
    first: dict[str, object] = {"action": "c2pa.created", "digitalSourceType": CAPTURED}
    last: dict[str, object] = {"action": "c2pa.edited", "digitalSourceType": MADE}
    report = _report(assertions=[_actions(first, *crops, last)])
    assert (report.digital_source_types, report.later_source_types) == ((CAPTURED,), (MADE,))
    assert report.unlisted == 302 - MAX_CREDENTIAL_ITEMS


def test_a_machine_named_behind_many_unknown_source_types_is_reported() -> None:
    odd = [{"action": "c2pa.edited", "digitalSourceType": f"http://example.org/{n}"} for n in range(1000)]
    report = _report(assertions=[_actions(*odd, {"action": "c2pa.edited", "digitalSourceType": MADE})])
    assert MADE in report.later_source_types
    assert len(report.later_source_types) == MAX_CREDENTIAL_ITEMS


def test_a_machine_named_in_a_template_or_a_related_action_is_reported() -> None:
    templates = [{"action": "c2pa.edited", "digitalSourceType": MADE}]
    report = _report(assertions=[_actions({"action": "c2pa.opened"}, templates=templates)])
    assert report.later_source_types == (MADE,)
    related = {"action": "c2pa.edited", "related": templates}
    report = _report(assertions=[_actions({"action": "c2pa.opened"}, related)])
    assert report.later_source_types == (MADE,)


def test_the_last_of_many_ingredients_that_a_model_made_is_reported() -> None:
    many: list[dict[str, object]] = [{"title": "many"}] * 999
    report = _report(ingredients=[*many, {"title": "sky", "digital_source_type": MADE}])
    assert [item.title for item in report.ingredients if item.assigned_source_type] == ["sky"]
    assert len(report.ingredients) == MAX_CREDENTIAL_ITEMS
    assert report.unlisted == 1000 - MAX_CREDENTIAL_ITEMS


def test_an_ai_disclosure_is_read_with_the_name_of_its_model() -> None:
    disclosed = {"label": "c2pa.ai-disclosure", "data": {"modelType": "c2pa.types.model", "modelName": "Painter 3"}}
    assert _report(assertions=[disclosed]).ai_models == ("Painter 3",)
    assert _report(assertions=[{"label": "c2pa.ai-disclosure__1"}]).ai_models == ("",)


def test_a_signed_picture_with_300_crops_before_the_machine_is_read_to_its_end(
    draw: Draw, signer: ClaimSigner, trust: TrustSettings
) -> None:
    crops = [{"action": "c2pa.cropped"}] * 300
    first = {"action": "c2pa.created", "digitalSourceType": CAPTURED}
    definition = {
        "claim_generator_info": [{"name": "x", "version": "1"}],
        "assertions": [_actions(first, *crops, {"action": "c2pa.edited", "digitalSourceType": MADE})],
    }
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem) as native,
        c2pa.Builder(definition, context(Settings.of(trust))) as builder,
    ):
        builder.sign(native, "image/png", io.BytesIO(draw("image/png")), copy)
    report = read_credentials(copy.getvalue(), "image/png", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.later_source_types == (MADE,)


def test_a_code_that_a_signer_invented_is_not_repeated() -> None:
    recorded = {"activeManifest": {"failure": [{"code": "<script>"}, {"code": "cawg.x509.anything"}]}}
    ingredient = {"active_manifest": "urn:c2pa:1", "validation_results": recorded}
    (found,) = _report(ingredients=[ingredient]).ingredients
    assert found.state is CredentialState.INVALID
    assert found.problems == ("cawg.x509.anything", "org.countermark.unknownProblem")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("AAEC", b"\0\1\2"),
        ("not base64!", b"not base64!"),
        ([0, 1, 2], b"\0\1\2"),
        ([256], None),
        ({}, None),
        ("", None),
    ],
)
def test_a_soft_binding_is_read_however_it_was_written(written: object, read: bytes | None) -> None:
    data = {"alg": "com.example.mark", "blocks": [{"scope": {}, "value": written}]}
    report = _report(assertions=[{"label": "c2pa.soft-binding", "data": data}])
    assert [binding.value for binding in report.soft_bindings] == ([read] if read else [])


def _odd_values() -> Iterator[object]:
    yield from (None, 1, "text", [], {}, [None, 1, [], {}], {"x": [1]})


@pytest.mark.parametrize("odd", list(_odd_values()), ids=json.dumps)
@pytest.mark.parametrize("field", ["title", "ingredients", "assertions", "signature_info", "claim_generator_info"])
def test_a_field_of_another_form_is_left_out(field: str, odd: object) -> None:
    assert _report(**{field: odd}).state is CredentialState.VALID_UNTRUSTED


@pytest.mark.parametrize("odd", list(_odd_values()), ids=json.dumps)
@pytest.mark.parametrize("field", ["label", "active_manifest", "validation_results", "validation_status"])
def test_an_ingredient_of_another_form_is_reported_all_the_same(field: str, odd: object) -> None:
    assert len(_report(ingredients=[{field: odd}]).ingredients) == 1


@pytest.mark.parametrize("odd", list(_odd_values()), ids=json.dumps)
def test_a_description_without_an_active_manifest_is_refused(odd: object) -> None:
    with pytest.raises(ValueError, match="no active manifest"):
        ManifestStore(odd)


def test_every_problem_has_one_plain_line() -> None:
    for code, line in PROBLEMS.items():
        assert explain_problem(code) == line
        assert line.endswith(".")
        assert "\n" not in line
    assert explain_problem("something.new") == "C2PA reports something.new."
