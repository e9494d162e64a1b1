import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import c2pa
import numpy as np
import pytest
from PIL import Image

from provenance.credentials import (
    Action,
    ClaimDescription,
    ClaimSigner,
    CredentialState,
    IssuedCertificate,
    TrustSettings,
    issue_claim_certificate,
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.claim import Ingredient
from provenance.errors import CredentialSigningFailed
from tests.unit.credentials.reader import read_credentials

TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif", "image/heic"]
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
Draw = Callable[[str], bytes]


@pytest.mark.parametrize("media_type", TYPES)
def test_a_signed_copy_reads_back_as_trusted_with_all_that_was_stated(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    described = replace(claim, actions=(Action("c2pa.cropped"), Action("com.herald.captioned", description="Where")))
    signed = sign_embedded(draw(media_type), media_type, described, signer)
    assert signed.data is not None
    report = read_credentials(signed.data, media_type, trust)
    assert report.state is CredentialState.TRUSTED
    assert report.trust_list == "Development list 7"
    assert report.signer == "Herald picture desk, Countermark development authority (not trusted by anyone)"
    assert report.manifest_id == signed.manifest_id
    assert report.claim_sha256 == signed.claim_sha256
    assert report.title == "Harbour at dawn"
    assert report.generator == "Countermark 0.1.0"
    assert report.digital_source_types == (CAPTURE,)
    assert report.actions == ("c2pa.created", "c2pa.cropped", "com.herald.captioned")
    assert report.soft_bindings == (claim.soft_binding,)
    assert report.registry_url == "https://registry.example/"
    assert report.ingredients == ()
    assert report.problems == ()
    assert report.padding_nonzero is False
    assert report.signed_at is None
    assert signed.sha256 == hashlib.sha256(signed.data).digest()


@pytest.mark.parametrize("media_type", TYPES)
def test_signing_leaves_the_pixels_as_they_are(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    data = draw(media_type)
    signed = sign_embedded(data, media_type, claim, signer).data
    assert signed is not None
    before, after = (np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (data, signed))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("media_type", TYPES)
def test_a_sidecar_verifies_against_the_untouched_file(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    data = draw(media_type)
    signed = sign_sidecar(data, media_type, claim, signer)
    assert signed.data is None
    assert signed.sha256 == hashlib.sha256(data).digest()
    assert read_credentials(data, media_type, trust).state is CredentialState.ABSENT
    report = read_credentials(data, media_type, trust, sidecar=signed.manifest)
    assert report.state is CredentialState.TRUSTED
    assert (report.manifest_id, report.claim_sha256) == (signed.manifest_id, signed.claim_sha256)


def test_a_sidecar_does_not_verify_against_another_file(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    signed = sign_sidecar(draw("image/png"), "image/png", claim, signer)
    report = read_credentials(draw("image/jpeg"), "image/jpeg", trust, sidecar=signed.manifest)
    assert report.state is CredentialState.INVALID


def test_ed25519_signs_as_well(
    draw: Draw,
    claim: ClaimDescription,
    authority: IssuedCertificate,
    make_signer: Callable[[IssuedCertificate], ClaimSigner],
    trust: TrustSettings,
) -> None:
    issued = issue_claim_certificate(authority, "Desk", datetime.now(UTC), algorithm="ed25519")
    signed = sign_embedded(draw("image/jpeg"), "image/jpeg", claim, make_signer(issued))
    assert read_credentials(signed.data or b"", "image/jpeg", trust).state is CredentialState.TRUSTED


def test_without_a_stated_source_type_the_file_itself_is_the_opened_parent(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    signed = sign_embedded(
        draw("image/jpeg"), "image/jpeg", replace(claim, digital_source_type=None, created=False), signer
    )
    report = read_credentials(signed.data or b"", "image/jpeg", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.actions == ("c2pa.opened",)
    assert report.digital_source_types == ()
    (parent,) = report.ingredients
    assert (parent.relationship, parent.state) == ("parentOf", CredentialState.ABSENT)


@pytest.mark.parametrize("source_type", [None, "digitalCapture"])
def test_earlier_credentials_are_kept_as_an_ingredient(
    source_type: str | None, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    machine = replace(claim, digital_source_type="trainedAlgorithmicMedia")
    first = sign_embedded(draw("image/jpeg"), "image/jpeg", machine, signer)
    described = replace(claim, digital_source_type=source_type, title=None, created=False)
    second = sign_embedded(first.data or b"", "image/jpeg", described, signer, trust=trust)
    report = read_credentials(second.data or b"", "image/jpeg", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.actions == ("c2pa.opened",)
    assert report.digital_source_types == ()
    (parent,) = report.ingredients
    assert parent.assigned_source_type is None  # it has a manifest that says how it came about
    assert parent.manifest_id == first.manifest_id
    assert parent.state is CredentialState.TRUSTED
    assert parent.digital_source_types == ("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",)


def test_a_sidecar_for_a_file_with_embedded_credentials_is_refused_in_plain_words(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    first = sign_embedded(draw("image/png"), "image/png", claim, signer)
    with pytest.raises(CredentialSigningFailed, match="carries embedded credentials"):
        sign_sidecar(first.data or b"", "image/png", replace(claim, created=False), signer)


def test_a_file_with_unreadable_credentials_is_not_signed_over(
    draw: Draw,
    claim: ClaimDescription,
    signer: ClaimSigner,
    replace_chunk: Callable[[bytes, bytes, Callable[[bytes], bytes]], bytes],
) -> None:
    signed = sign_embedded(draw("image/png"), "image/png", claim, signer).data or b""
    broken = replace_chunk(signed, b"caBX", lambda manifest: manifest[:500])
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(broken, "image/png", claim, signer)


def test_a_manifest_has_no_thumbnail(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> None:
    described = replace(claim, digital_source_type=None, created=False)
    assert b"thumbnail" not in sign_embedded(draw("image/jpeg"), "image/jpeg", described, signer).manifest


@pytest.mark.parametrize("media_type", ["image/bmp", "application/pdf", "", "nonsense"])
def test_an_unsupported_format_is_named(media_type: str, claim: ClaimDescription, signer: ClaimSigner) -> None:
    with pytest.raises(CredentialSigningFailed, match=f"cannot be signed into {media_type}"):
        sign_embedded(b"BM", media_type, claim, signer)


@pytest.mark.parametrize("damage", [lambda data: data[:60], lambda _: b"hello", lambda _: b""])
def test_a_damaged_file_is_not_signed(
    damage: Callable[[bytes], bytes], draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(damage(draw("image/png")), "image/png", claim, signer)


def test_the_exception_of_a_failing_key_is_the_cause(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> None:
    def fail(_: bytes) -> bytes:
        raise TimeoutError("the key store did not answer")

    with pytest.raises(CredentialSigningFailed, match="the signing key did not sign") as failed:
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, sign=fail))
    assert isinstance(failed.value.__cause__, TimeoutError)


def test_a_wrong_signature_is_noticed_before_anything_is_handed_out(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, sign=lambda _: b"\1" * 64))


def test_a_key_of_the_other_algorithm_is_refused(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, algorithm="ed25519"))


def test_the_key_signs_once_a_claim(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> None:
    calls: list[bytes] = []

    def count(message: bytes) -> bytes:
        calls.append(message)
        return signer.sign(message)

    sign_embedded(draw("image/png"), "image/png", claim, replace(signer, sign=count))
    assert len(calls) == 1


# What is said for ever ---------------------------------------------------------------------------


def _manifest(data: bytes, media_type: str) -> dict[str, Any]:
    with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
        store = json.loads(reader.json())
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return manifest


def _actions(manifest: dict[str, Any]) -> dict[str, Any]:
    (stated,) = [each["data"] for each in manifest["assertions"] if each["label"].startswith("c2pa.actions")]
    return dict(stated)


def test_only_what_the_newsroom_states_to_have_made_was_created(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    stated = replace(claim, created=False)
    opened = _manifest(sign_embedded(draw("image/png"), "image/png", stated, signer).data or b"", "image/png")
    first, *later = _actions(opened)["actions"]
    assert (first["action"], "digitalSourceType" in first, later) == ("c2pa.opened", False, [])
    (parent,) = opened["ingredients"]
    assert (parent["relationship"], parent["digital_source_type"]) == ("parentOf", CAPTURE)
    assert _actions(opened)["allActionsIncluded"] is True
    made = _manifest(sign_embedded(draw("image/png"), "image/png", claim, signer).data or b"", "image/png")
    (first,) = _actions(made)["actions"]
    assert (first["action"], first["digitalSourceType"]) == ("c2pa.created", CAPTURE)
    assert _actions(made)["allActionsIncluded"] is False  # nobody has said what was done to it since
    assert made["claim_generator_info"][0]["specVersion"] == "2.4.0"


def test_nobody_created_what_carries_credentials_or_has_a_parent(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    first = sign_embedded(draw("image/png"), "image/png", claim, signer).data or b""
    with pytest.raises(CredentialSigningFailed, match="opened, and not created"):
        sign_embedded(first, "image/png", claim, signer)
    parent = Ingredient("parentOf", "urn:countermark:record:00", "Harbour", "image/png")
    with pytest.raises(CredentialSigningFailed, match="has no parent"):
        replace(claim, ingredients=(parent,))


@pytest.mark.parametrize("listed", [True, False])
def test_a_stated_parent_is_an_ingredient_with_its_manifest_judged_under_our_lists(
    listed: bool, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    before = sign_embedded(draw("image/jpeg"), "image/jpeg", claim, signer)
    parent = Ingredient("parentOf", "urn:countermark:record:00", "Harbour", "image/jpeg", before.data)
    made_from = replace(claim, created=False, ingredients=(parent,))
    lists = trust if listed else TrustSettings()
    manifest = _manifest(
        sign_embedded(draw("image/png"), "image/png", made_from, signer, trust=lists).data or b"", "image/png"
    )
    first, unknown = _actions(manifest)["actions"]
    assert (first["action"], unknown["action"]) == ("c2pa.opened", "c2pa.unknown")
    assert "digitalSourceType" not in first
    assert unknown["digitalSourceType"] == CAPTURE
    assert _actions(manifest)["allActionsIncluded"] is False
    (kept,) = manifest["ingredients"]
    assert (kept["relationship"], kept["active_manifest"]) == ("parentOf", before.manifest_id)
    results = kept["validation_results"]["activeManifest"]
    codes = {entry["code"] for kind in ("success", "failure") for entry in results[kind]}
    assert ("signingCredential.trusted" in codes) is listed
    assert ("signingCredential.untrusted" in codes) is not listed


def test_components_are_placed_and_inputs_are_named(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    part = Ingredient("componentOf", "urn:countermark:record:01", None, "image/png")
    source = Ingredient("inputTo", "urn:countermark:record:02", "Notes", "image/png")
    parent = Ingredient("parentOf", "urn:countermark:record:03", "Harbour", "image/png")
    made_from = replace(claim, created=False, ingredients=(part, source, parent))
    copy = sign_embedded(draw("image/png"), "image/png", made_from, signer).data or b""
    manifest = _manifest(copy, "image/png")
    assert [action["action"] for action in _actions(manifest)["actions"]] == [
        "c2pa.opened",
        "c2pa.unknown",
        "c2pa.placed",
    ]
    found = {each["instance_id"]: each["relationship"] for each in manifest["ingredients"]}
    assert found == {
        "urn:countermark:record:01": "componentOf",
        "urn:countermark:record:02": "inputTo",
        "urn:countermark:record:03": "parentOf",
    }
    assert read_credentials(copy, "image/png", trust).state is CredentialState.TRUSTED


def test_a_file_with_credentials_stays_the_parent_of_its_copy(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    first = sign_embedded(draw("image/png"), "image/png", claim, signer)
    parent = Ingredient("parentOf", "urn:countermark:record:03", "Harbour", "image/png")
    made_from = replace(claim, created=False, ingredients=(parent,))
    manifest = _manifest(sign_embedded(first.data or b"", "image/png", made_from, signer).data or b"", "image/png")
    relationships = {each.get("active_manifest"): each["relationship"] for each in manifest["ingredients"]}
    assert relationships == {first.manifest_id: "parentOf", None: "inputTo"}
