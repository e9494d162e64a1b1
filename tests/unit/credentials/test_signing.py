import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

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
    assert not signed.parent_kept


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
    signed = sign_embedded(draw("image/jpeg"), "image/jpeg", replace(claim, digital_source_type=None), signer)
    report = read_credentials(signed.data or b"", "image/jpeg", trust)
    assert signed.parent_kept
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
    described = replace(claim, digital_source_type=source_type, title=None)
    second = sign_embedded(first.data or b"", "image/jpeg", described, signer, trust=trust)
    report = read_credentials(second.data or b"", "image/jpeg", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.actions == ("c2pa.opened",)
    assert report.digital_source_types == ((CAPTURE,) if source_type else ())
    (parent,) = report.ingredients
    assert parent.manifest_id == first.manifest_id
    assert parent.state is CredentialState.TRUSTED
    assert parent.digital_source_types == ("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",)


def test_a_sidecar_for_a_file_with_embedded_credentials_is_refused_in_plain_words(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    first = sign_embedded(draw("image/png"), "image/png", claim, signer)
    with pytest.raises(CredentialSigningFailed, match="carries embedded credentials"):
        sign_sidecar(first.data or b"", "image/png", claim, signer)


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
    described = replace(claim, digital_source_type=None)
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
