"""What a verdict says about the credential of a file: real ones, signed by a development authority, and every state."""

import io
import re
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from PIL import Image

from demo.alterations import with_one_pixel_changed
from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialReport,
    CredentialState,
    IngredientReport,
    TrustList,
    TrustSettings,
    issue_claim_certificate,
    make_development_authority,
    sign_embedded,
)
from provenance.credentials.claim_time_stamp import TimeStamp
from provenance.media.marks import DeclaredMetadata
from provenance.verification import Verdict, judge
from provenance.verification.axes import Axis
from provenance.verification.evidence import Evidence, Examination, Searched, Subject
from provenance.verification.verdict import HeadlineCode
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX
from tests.logs.records import digest
from tests.unit.verification.pictures import COFFEE, photo
from tests.unit.verification.simulator import open_registry

AUTHORITY = make_development_authority(datetime.now(UTC))
LISTED = TrustSettings((TrustList("Development list", "7", AUTHORITY.chain_pem),))


@pytest.fixture(scope="module")
def signed() -> bytes:
    """The coffee with a credential that says it was captured."""
    issued = issue_claim_certificate(AUTHORITY, "Herald picture desk", datetime.now(UTC))
    key = issued.key
    assert isinstance(key, EllipticCurvePrivateKey)
    signer = ClaimSigner(lambda message: key.sign(message, ECDSA(hashes.SHA256())), "es256", issued.chain_pem)
    small = Image.open(io.BytesIO(photo(COFFEE))).convert("RGB").resize((300, 200))
    file = io.BytesIO()
    small.save(file, "PNG")
    claim = ClaimDescription(
        title="Coffee",
        registry_url="https://registry.example/",
        generator="Countermark/0.1.0",
        digital_source_type="digitalCapture",
    )
    data = sign_embedded(file.getvalue(), "image/png", claim, signer).data
    assert data is not None
    return data


def test_a_trusted_signature_names_its_list(signed: bytes) -> None:
    registry = open_registry("daily")
    registry.trust = LISTED
    verdict = registry.verify(signed)
    assert verdict.axes[Axis.CREDENTIAL].value == CredentialState.TRUSTED
    assert "Development list" in verdict.axes[Axis.CREDENTIAL].summary
    assert verdict.headline is HeadlineCode.SIGNED_LISTED
    assert "captured by a camera" in verdict.headline_text
    assert "No match was found among 0 registrations" in verdict.headline_text


def test_a_signature_on_no_list_is_said_to_be_anybodys(signed: bytes) -> None:
    verdict = open_registry("daily").verify(signed)
    assert verdict.axes[Axis.CREDENTIAL].value == CredentialState.VALID_UNTRUSTED
    said = next(finding for finding in verdict.findings if finding.axis is Axis.CREDENTIAL)
    assert said.could_be_forged_by == "Anybody: a certificate can be made with any name on it."


def with_caption(png: bytes) -> bytes:
    """The picture with a caption written into it, as a metadata editor does: a chunk before the first of its pixels."""
    at = png.index(b"IDAT") - 4
    text = b"Description\0A caption"
    chunk = b"tEXt" + text
    return png[:at] + struct.pack(">I", len(text)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at:]


def of_somebody(*types: str) -> Verdict:
    """On a file that somebody on no list has signed as “BBC News”, stating these source types."""
    stated = tuple(DIGITAL_SOURCE_TYPE_PREFIX + name for name in types)
    return of_report(CredentialReport(CredentialState.VALID_UNTRUSTED, signer="BBC News", digital_source_types=stated))


def test_no_headline_rests_on_a_signer_on_no_list_without_saying_so_first() -> None:
    capture, made = "digitalCapture", "trainedAlgorithmicMedia"
    for types in ((), (capture,), (made,), (capture, made)):
        verdict = of_somebody(*types)
        said = verdict.wordings[0]
        lead = f"{said.title}, {said.lead.split('.')[0]}"
        assert "on no trust list" in lead, verdict.headline_text
        assert "BBC" not in lead
        for finding in verdict.findings:
            if finding.axis is Axis.DECLARED_ORIGIN:
                assert "on no trust list" in finding.summary
                assert finding.could_be_forged_by == "Anybody: a certificate can be made with any name on it."


def test_a_signer_on_no_list_has_a_headline_that_says_so_whatever_is_stated() -> None:
    assert of_somebody().headline is HeadlineCode.SIGNED_UNLISTED
    assert of_somebody("digitalCapture").headline is HeadlineCode.SIGNED_UNLISTED


@pytest.mark.parametrize("types", [(), (DIGITAL_SOURCE_TYPE_PREFIX + "digitalCapture",)])
def test_a_signature_on_a_list_is_a_headline_with_and_without_a_source_type(types: tuple[str, ...]) -> None:
    report = CredentialReport(CredentialState.TRUSTED, signer="Herald", trust_list="Desk 7", digital_source_types=types)
    verdict = of_report(report)
    assert verdict.headline is HeadlineCode.SIGNED_LISTED
    assert "Somebody on the trust list “Desk 7” signed this, by the name of “Herald”." in verdict.wordings[0].lead


ATTACK = "Herald” on no list. It is on the C2PA trust list “C2PA 1"


def test_a_name_cannot_close_our_quotation_marks_and_go_on_in_our_voice() -> None:
    for state in CredentialState:
        part = IngredientReport(ATTACK, state, signer=ATTACK)
        report = CredentialReport(state, signer=ATTACK, trust_list="Desk 7", ingredients=(part,))
        verdict = of_report(report)
        for said in (verdict.headline_text, *(finding.summary for finding in verdict.findings)):
            outside = re.sub("“[^”]*”", "", said)
            assert "C2PA trust list" not in outside
            assert outside.count("“") == outside.count("”") == 0


def test_a_credential_that_does_not_hold_comes_before_the_match(signed: bytes) -> None:
    registry = open_registry("daily")
    registry.trust = LISTED
    registry.register("daily", photo(COFFEE), signed=signed)
    assert registry.verify(signed).headline is HeadlineCode.EXACT_MATCH
    broken = with_one_pixel_changed(signed)
    verdict = registry.verify(broken)
    assert verdict.headline is HeadlineCode.CREDENTIAL_INVALID
    assert verdict.wordings[0].lead.startswith("The content credential does not hold: disregard what it says.")
    assert verdict.details[0].startswith("The content credential does not hold: The file is not as it was signed")
    assert "Disregard what it says" in verdict.headline_text
    assert verdict.axes[Axis.DECLARED_ORIGIN].summary.startswith("What the content credential states")


def test_of_registered_bytes_the_match_leads_and_that_their_credential_never_fitted_follows(signed: bytes) -> None:
    registry = open_registry("daily")
    broken = with_one_pixel_changed(signed)
    registry.register("daily", broken)
    verdict = registry.verify(broken)
    assert verdict.axes[Axis.CREDENTIAL].value == CredentialState.INVALID
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert "did not fit this file when it was registered" in verdict.headline_text
    assert "caption" not in verdict.headline_text
    assert "Disregard what the credential says" in verdict.headline_text


def test_a_caption_written_into_the_signed_copy_is_no_change_of_the_picture(signed: bytes) -> None:
    registry = open_registry("daily")
    registry.trust = LISTED
    registry.register("daily", photo(COFFEE), signed=signed)
    captioned = with_caption(signed)
    verdict = registry.verify(captioned)
    assert verdict.axes[Axis.CREDENTIAL].value == CredentialState.INVALID
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert "caption" in verdict.headline_text
    assert "Every pixel is the record's" in verdict.headline_text
    assert "content was changed" not in verdict.headline_text
    assert "picture was changed" not in verdict.headline_text


def test_a_caption_in_a_copy_that_somebody_else_signed_is_named_as_enough_to_break_it(signed: bytes) -> None:
    registry = open_registry("daily")
    plain = io.BytesIO()
    Image.open(io.BytesIO(signed)).save(plain, "PNG")
    registry.register("daily", plain.getvalue())
    verdict = registry.verify(with_caption(signed))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert "writing a caption or other metadata into a signed file is enough" in verdict.headline_text


def test_a_caption_alone_is_not_said_to_be_a_change_of_content_where_nothing_is_registered(signed: bytes) -> None:
    said = open_registry("daily").verify(with_caption(signed)).headline_text
    assert "The content was changed" not in said
    assert "a caption that was written into it is enough" in said


def test_a_credential_that_does_not_hold_asserts_no_match_whose_proof_does_not_hold_either(signed: bytes) -> None:
    registry = open_registry("daily")
    broken = with_one_pixel_changed(signed)
    registry.spoil_statement(registry.register("daily", broken))
    verdict = registry.verify(broken)
    assert verdict.headline is HeadlineCode.CREDENTIAL_INVALID
    assert "registered by" not in verdict.headline_text
    assert "whose proof does not hold" in verdict.headline_text


def of_report(report: CredentialReport) -> Verdict:
    subject = Subject(digest("file"), 1000, "image/jpeg", 640, 480, 1)
    examination = Examination(subject, report, DeclaredMetadata(), None, None)
    return judge(Evidence(subject, examination, (), Searched(1, ("sha-256",))))


SAID = {
    CredentialState.TRUSTED: "Signed by somebody on the trust list “Desk 7”, by the name of “Herald”.",
    CredentialState.VALID_UNTRUSTED: "Signed by somebody on no trust list used here; the signature fits the file.",
    CredentialState.WELL_FORMED_ONLY: "its certificate was not valid any more, or not yet, and no trusted time stamp",
    CredentialState.INVALID: "does not hold: The certificate was revoked. Disregard what it says.",
    CredentialState.ABSENT: "The file carries no content credential.",
    CredentialState.REMOTE_ONLY: "kept elsewhere, which was not fetched",
    CredentialState.UNREADABLE: "could not be read: The certificate was revoked.",
}


@pytest.mark.parametrize("state", CredentialState)
def test_every_state_has_its_sentence(state: CredentialState) -> None:
    report = CredentialReport(state, signer="Herald", trust_list="Desk 7", problems=("signingCredential.ocsp.revoked",))
    assert SAID[state] in of_report(report).axes[Axis.CREDENTIAL].summary


def test_an_expired_certificate_states_nothing_about_origin() -> None:
    verdict = of_report(CredentialReport(CredentialState.WELL_FORMED_ONLY, signer="Herald"))
    assert verdict.headline is not HeadlineCode.CREDENTIAL_INVALID
    assert verdict.axes[Axis.DECLARED_ORIGIN].value == "NONE_FOUND"
    assert "disregarded" in verdict.axes[Axis.DECLARED_ORIGIN].summary


def test_a_bad_ingredient_is_named_and_a_sound_one_is_not() -> None:
    report = CredentialReport(
        CredentialState.TRUSTED,
        ingredients=(
            IngredientReport(
                "sky.jpg",
                CredentialState.INVALID,
                ("assertion.dataHash.mismatch", "signingCredential.untrusted"),
            ),
            IngredientReport("boat.jpg", CredentialState.TRUSTED),
            IngredientReport("scan.tif", CredentialState.ABSENT),
        ),
    )
    said = [finding.summary for finding in of_report(report).findings if finding.axis is Axis.CREDENTIAL]
    assert len(said) == 2
    assert said[1] == (
        "The ingredient “sky.jpg” has a credential that does not hold: The file is not as it was signed: the "
        "picture was changed, or only what stands beside it in the file (a caption that was written into it is "
        "enough), or the credential was made for another file."
    )


def test_an_ingredient_whose_signer_is_merely_unknown_is_not_said_to_be_broken() -> None:
    ingredient = IngredientReport("sky.jpg", CredentialState.VALID_UNTRUSTED, ("signingCredential.untrusted",))
    verdict = of_report(CredentialReport(CredentialState.TRUSTED, ingredients=(ingredient,)))
    said = [finding.summary for finding in verdict.findings if finding.axis is Axis.CREDENTIAL]
    assert "on no trust list" in said[1]
    assert "does not hold" not in said[1]


@pytest.mark.parametrize("state", CredentialState)
def test_every_ingredient_that_is_not_in_order_is_named(state: CredentialState) -> None:
    report = CredentialReport(CredentialState.TRUSTED, ingredients=(IngredientReport("sky.jpg", state),))
    named = any("“sky.jpg”" in finding.summary for finding in of_report(report).findings)
    assert named is (state not in (CredentialState.TRUSTED, CredentialState.ABSENT))


def test_what_was_not_looked_at_in_a_credential_is_said() -> None:
    plain = CredentialReport(CredentialState.TRUSTED)
    for report, said in (
        (replace(plain, identity_unchecked=True), "CAWG"),
        (replace(plain, padding_nonzero=True), "padding"),
        (CredentialReport(CredentialState.REMOTE_ONLY), "a credential kept elsewhere"),
        (CredentialReport(CredentialState.UNREADABLE), "the file's content credential"),
    ):
        assert not any(said in item.what for item in of_report(plain).not_checked)
        assert any(said in item.what for item in of_report(report).not_checked)


def test_the_time_and_authority_of_a_time_stamp_are_told_and_whether_they_are_trusted() -> None:
    moment = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    for trust_list, said in (("Stamps 1", "on the list for time stamps “Stamps 1”"), (None, "it is not trusted")):
        stamp = TimeStamp(moment, "Clock” and more", trust_list)
        verdict = of_report(CredentialReport(CredentialState.TRUSTED, time_stamps=(stamp,)))
        (told,) = [finding.summary for finding in verdict.findings if finding.code == "TIME_STAMP"]
        assert said in told
        assert "by the name of “Clock' and more”, says that it was signed no later than 2026-05-04 09:30:00 UTC" in told


def test_what_was_taken_out_of_older_credentials_is_told() -> None:
    taken = tuple(f"self#jumbf=/c2pa/urn:1/c2pa.assertions/c2pa.metadata__{n}" for n in range(5))
    verdict = of_report(CredentialReport(CredentialState.TRUSTED, redactions=taken))
    (told,) = [finding.summary for finding in verdict.findings if finding.code == "REDACTION"]
    assert told.endswith("“c2pa.metadata__0”, “c2pa.metadata__1”, “c2pa.metadata__2” and 2 more.")


def test_the_address_of_a_credential_kept_elsewhere_is_told() -> None:
    url = "https://example.org/manifest.c2pa"
    part = IngredientReport("sky.jpg", CredentialState.REMOTE_ONLY, remote_url=url)
    verdict = of_report(CredentialReport(CredentialState.REMOTE_ONLY, remote_url=url, ingredients=(part,)))
    said = [finding.summary for finding in verdict.findings if finding.axis is Axis.CREDENTIAL]
    assert all(f"was not fetched: “{url}”." in each for each in said)
    assert len(said) == 2


def test_a_certificate_that_was_not_in_force_is_still_said_to_be_on_its_list() -> None:
    listed = CredentialReport(CredentialState.WELL_FORMED_ONLY, signer="Herald", trust_list="Desk 7")
    assert "The certificate is on the trust list “Desk 7”" in of_report(listed).axes[Axis.CREDENTIAL].summary
    nobody = CredentialReport(CredentialState.WELL_FORMED_ONLY, signer="Herald")
    assert "The certificate is on no trust list used here" in of_report(nobody).axes[Axis.CREDENTIAL].summary


def test_of_the_credential_that_was_made_for_the_record_it_is_said_that_only_the_rest_of_the_file_was_changed(
    signed: bytes,
) -> None:
    registry = open_registry("daily")
    registry.trust = LISTED
    registry.register("daily", photo(COFFEE), signed=signed)
    verdict = registry.verify(with_caption(signed))
    (match,), examination = verdict.matches, verdict.evidence.examination
    assert examination is not None
    assert match.record.credential is not None
    own = replace(match.record.credential, manifest_id=examination.credential.manifest_id or "")
    evidence = replace(verdict.evidence, matches=(replace(match, record=replace(match.record, credential=own)),))
    said = judge(evidence).headline_text
    assert "every pixel is still the record's, so only the rest of the file was changed" in said
    assert "writing a caption into it" in said
