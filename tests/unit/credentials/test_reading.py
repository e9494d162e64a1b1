"""None"""

import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import c2pa
import pytest

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialReport,
    CredentialState,
    IssuedCertificate,
    TrustList,
    TrustSettings,
    explain_problem,
    issue_claim_certificate,
    make_development_authority,
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.certificates import ACCEPTED_USAGES
from provenance.credentials.manifest_store import ManifestStore
from provenance.credentials.report import Validity
from provenance.errors import CredentialSigningFailed
from provenance.limits import MAX_MANIFEST_BYTES
from tests.unit.credentials.expiry import soon_expired
from tests.unit.credentials.reader import read_credentials

Draw = Callable[[str], bytes]
Replace = Callable[[bytes, bytes, Callable[[bytes], bytes]], bytes]
Reissue = Callable[..., IssuedCertificate]
ChangeOnePixel = Callable[[bytes], bytes]
MakeSigner = Callable[[IssuedCertificate], ClaimSigner]
NOBODY = TrustSettings()
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def signed(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> bytes:
    """A signed PNG."""
    return sign_embedded(draw("image/png"), "image/png", claim, signer).data or b""


def _sign(data: bytes, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings = NOBODY) -> bytes:
    return sign_embedded(data, "image/png", claim, signer, trust=trust).data or b""


def test_a_picture_without_credentials_is_absent(draw: Draw, trust: TrustSettings) -> None:
    assert read_credentials(draw("image/jpeg"), "image/jpeg", trust) == CredentialReport(CredentialState.ABSENT)


def test_a_signer_on_no_list_is_valid_and_untrusted(signed: bytes) -> None:
    report = read_credentials(signed, "image/png", NOBODY)
    assert report.state is CredentialState.VALID_UNTRUSTED
    assert report.problems == ("signingCredential.untrusted",)
    assert report.trust_list is None
    assert report.digital_source_types


def test_one_changed_pixel_makes_the_credentials_invalid(
    signed: bytes, trust: TrustSettings, change_one_pixel: Callable[[bytes], bytes]
) -> None:
    report = read_credentials(change_one_pixel(signed), "image/png", trust)
    assert report.state is CredentialState.INVALID
    assert report.problems == ("assertion.dataHash.mismatch",)


def test_nothing_that_an_invalid_manifest_states_is_repeated(
    signed: bytes, trust: TrustSettings, change_one_pixel: Callable[[bytes], bytes]
) -> None:
    report = read_credentials(change_one_pixel(signed), "image/png", trust)
    assert (report.title, report.generator, report.registry_url) == (None, None, None)
    assert (report.digital_source_types, report.actions, report.soft_bindings) == ((), (), ())


def test_a_changed_statement_makes_the_credentials_invalid(
    signed: bytes, trust: TrustSettings, replace_chunk: Replace
) -> None:
    lie = replace_chunk(signed, b"caBX", lambda manifest: manifest.replace(b"digitalCapture", b"digitalCaptura"))
    report = read_credentials(lie, "image/png", trust)
    assert report.state is CredentialState.INVALID
    assert "assertion.hashedURI.mismatch" in report.problems


def test_a_changed_manifest_id_makes_the_credentials_invalid(
    signed: bytes, trust: TrustSettings, replace_chunk: Replace
) -> None:
    name = (read_credentials(signed, "image/png", trust).manifest_id or "").encode()
    other = name[:-4] + (b"0000" if not name.endswith(b"0000") else b"1111")
    renamed = replace_chunk(signed, b"caBX", lambda manifest: manifest.replace(name, other))
    assert read_credentials(renamed, "image/png", trust).state is CredentialState.INVALID


@pytest.mark.parametrize("kept", [b"garbage", bytes(1000), None])
def test_a_malformed_manifest_is_unreadable_and_not_absent(
    kept: bytes | None, signed: bytes, trust: TrustSettings, replace_chunk: Replace
) -> None:
    broken = replace_chunk(signed, b"caBX", lambda manifest: manifest[:500] if kept is None else kept)
    report = read_credentials(broken, "image/png", trust)
    assert report.state is CredentialState.UNREADABLE
    assert report.problems == ("org.countermark.unreadable",)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(100), bytes(5000)]
)
def test_bytes_that_are_no_picture_are_unreadable(data: bytes, trust: TrustSettings) -> None:
    assert read_credentials(data, "image/png", trust).state is CredentialState.UNREADABLE


def test_the_media_type_is_a_hint_and_nothing_more(signed: bytes, trust: TrustSettings) -> None:
    for media_type in ("image/jpeg", "nonsense", "", "image/png\0", "\ud800"):
        report = read_credentials(signed, media_type, trust)
        assert report.state in (CredentialState.TRUSTED, CredentialState.UNREADABLE)
    assert read_credentials(signed, "image/jpeg", trust).state is CredentialState.TRUSTED


@pytest.mark.parametrize(
    ("sidecar", "problem"),
    [
        (b"", "org.countermark.emptySidecar"),
        (b"junk", "org.countermark.unreadable"),
        (bytes(MAX_MANIFEST_BYTES + 1), "org.countermark.tooLarge"),
    ],
)
def test_a_sidecar_that_is_no_manifest_is_unreadable(
    sidecar: bytes, problem: str, draw: Draw, trust: TrustSettings
) -> None:
    report = read_credentials(draw("image/png"), "image/png", trust, sidecar=sidecar)
    assert report == CredentialReport(CredentialState.UNREADABLE, problems=(problem,))


def test_no_damage_to_a_manifest_raises_or_changes_what_it_states(
    signed: bytes, trust: TrustSettings, replace_chunk: Replace
) -> None:
    whole = read_credentials(signed, "image/png", trust)
    chance = random.Random(20260301)

    def damage(manifest: bytes) -> bytes:
        changed = bytearray(manifest)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(2400)] = chance.randrange(256)
        return bytes(changed)

    for _ in range(400):
        report = read_credentials(replace_chunk(signed, b"caBX", damage), "image/png", trust)
        if report.state.validated:
            assert replace(report, padding_nonzero=False) == whole


# Causes -----------------------------------------------------------------------------------------


def test_a_sidecar_of_another_picture_is_said_to_be_that(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings, change_one_pixel: ChangeOnePixel
) -> None:
    picture = draw("image/png")
    sidecar = sign_sidecar(picture, "image/png", claim, signer).manifest
    assert read_credentials(picture, "image/png", trust, sidecar=sidecar).state is CredentialState.TRUSTED
    other = read_credentials(change_one_pixel(picture), "image/png", trust, sidecar=sidecar)
    assert (other.state, other.problems) == (CredentialState.INVALID, ("org.countermark.sidecarOfAnotherFile",))
    assert "made for another file" in explain_problem(other.problems[0])


def _mismatched(*explanations: str) -> CredentialReport:
    failure = [{"code": "assertion.dataHash.mismatch", "explanation": each} for each in explanations]
    success = [{"code": "claimSignature.validated"}]
    return ManifestStore(
        {
            "active_manifest": "urn:c2pa:1",
            "manifests": {"urn:c2pa:1": {}},
            "validation_results": {"activeManifest": {"success": success, "failure": failure}},
            "validation_state": "Invalid",
        }
    ).report(NOBODY, None, None, now=NOW)


def test_a_credential_that_stands_elsewhere_than_it_says_is_told_from_a_file_that_was_changed() -> None:
    elsewhere = "data hash exclusion does not match the manifest location in the asset"
    changed = "asset hash error, name: jumbf manifest, error: hash verification( Hashes do not match )"
    only = _mismatched(elsewhere)
    assert (only.state, only.problems) == (CredentialState.INVALID, ("org.countermark.exclusionElsewhere",))
    assert "is as it was signed" in explain_problem(only.problems[0])
    for both in (_mismatched(elsewhere, changed), _mismatched(changed)):
        assert both.problems == ("assertion.dataHash.mismatch",)


@pytest.mark.parametrize("before", ["caBX", "IDAT"])
def test_a_caption_in_a_signed_file_is_not_said_to_be_a_change_of_its_content(
    before: str, signed: bytes, trust: TrustSettings
) -> None:
    at = signed.index(before.encode()) - 4
    chunk = b"tEXtDescription\0A caption"
    written = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    report = read_credentials(signed[:at] + written + signed[at:], "image/png", trust)
    assert report.state is CredentialState.INVALID
    said = " ".join(map(explain_problem, report.problems))
    assert "a caption that was written into it is enough" in said
    assert "content was changed" not in said


def test_what_a_signer_took_out_of_an_older_credential_is_told(
    signed: bytes, signer: ClaimSigner, trust: TrustSettings
) -> None:
    parent = read_credentials(signed, "image/png", trust).manifest_id
    taken = f"self#jumbf=/c2pa/{parent}/c2pa.assertions/org.countermark.registry"
    action = {"action": "c2pa.redacted", "reason": "c2pa.PII.present", "parameters": {"redacted": taken}}
    definition = {
        "claim_generator_info": [{"name": "x", "version": "1"}],
        "redactions": [taken],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem) as native,
        c2pa.Builder(definition, context(Settings.of(trust))) as builder,
    ):
        builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
        builder.sign(native, "image/png", io.BytesIO(signed), copy)
    report = read_credentials(copy.getvalue(), "image/png", trust)
    assert (report.state, report.redactions) == (CredentialState.TRUSTED, (taken,))


# Trust lists ------------------------------------------------------------------------------------


def test_an_anchor_for_time_stamps_does_not_make_a_signer_trusted(signed: bytes, authority: IssuedCertificate) -> None:
    stamps = TrustSettings((TrustList("Stamps", "1", authority.chain_pem, "tsa"),))
    report = read_credentials(signed, "image/png", stamps)
    assert report.state is CredentialState.VALID_UNTRUSTED
    assert report.problems == ("signingCredential.untrusted",)
    assert report.trust_list is None


@pytest.mark.parametrize("order", [("tsa", "manifest"), ("manifest", "tsa")])
def test_an_authority_on_lists_of_both_kinds_is_trusted_for_signing(
    order: tuple[str, str], signed: bytes, authority: IssuedCertificate
) -> None:
    lists = tuple(TrustList(f"For {kind}", "1", authority.chain_pem, kind) for kind in order)  # type: ignore[arg-type]  # a tuple of literals widens
    report = read_credentials(signed, "image/png", TrustSettings(lists))
    assert report.state is CredentialState.TRUSTED
    assert report.trust_list == "For manifest 1"


def test_the_list_that_holds_the_signers_authority_is_the_one_named(
    signed: bytes, authority: IssuedCertificate
) -> None:
    other = make_development_authority(datetime.now(UTC), "Other")
    lists = TrustSettings((TrustList("Others", "3", other.chain_pem), TrustList("Ours", "9", authority.chain_pem)))
    assert read_credentials(signed, "image/png", lists).trust_list == "Ours 9"


@pytest.mark.parametrize("usage", [usage.dotted_string for usage in ACCEPTED_USAGES])
def test_each_accepted_key_usage_reads_as_trusted(
    usage: str,
    draw: Draw,
    claim: ClaimDescription,
    authority: IssuedCertificate,
    make_signer: MakeSigner,
    reissue: Reissue,
    trust: TrustSettings,
) -> None:
    """Without the list of key usages in c2pa's settings, all but e-mail protection would read as invalid."""
    issued = reissue(authority, usages=(usage,))
    report = read_credentials(_sign(draw("image/png"), claim, make_signer(issued)), "image/png", trust)
    assert report.state is CredentialState.TRUSTED


def test_a_list_of_signers_themselves_is_trusted_of_them_and_of_nobody_else(
    draw: Draw, claim: ClaimDescription, authority: IssuedCertificate, make_signer: MakeSigner, trust: TrustSettings
) -> None:
    """As IPTC's list of verified news publishers: end-entity certificates, no authority."""
    listed = issue_claim_certificate(authority, "Herald", datetime.now(UTC))
    namesake = issue_claim_certificate(authority, "Herald", datetime.now(UTC))
    leaf = listed.chain_pem[: listed.chain_pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    other = make_development_authority(datetime.now(UTC), "Other").chain_pem
    for pem in (leaf, leaf + other, "# publishers\n" + leaf):
        lists = TrustSettings((TrustList("Publishers", "2026-08", pem), TrustList("Nobody yet", "1", "# none\n")))
        report = read_credentials(_sign(draw("image/png"), claim, make_signer(listed)), "image/png", lists)
        assert (report.state, report.trust_list) == (CredentialState.TRUSTED, "Publishers 2026-08")
        signed = _sign(draw("image/png"), claim, make_signer(namesake))
        assert read_credentials(signed, "image/png", lists).state is CredentialState.VALID_UNTRUSTED
    both = TrustSettings((*trust.lists, TrustList("Publishers", "2026-08", leaf)))
    report = read_credentials(_sign(draw("image/png"), claim, make_signer(namesake)), "image/png", both)
    assert (report.state, report.trust_list) == (CredentialState.TRUSTED, "Development list 7")


def test_a_signer_on_a_list_itself_is_trusted_as_an_ingredients_too(
    draw: Draw,
    claim: ClaimDescription,
    opened: ClaimDescription,
    authority: IssuedCertificate,
    make_signer: MakeSigner,
    signer: ClaimSigner,
) -> None:
    listed = issue_claim_certificate(authority, "Herald", datetime.now(UTC))
    stamps = make_development_authority(datetime.now(UTC), "Stamps").chain_pem
    lists = TrustSettings(
        (TrustList("Publishers", "1", listed.chain_pem.split("\n-----BEGIN")[0]), TrustList("T", "1", stamps, "tsa"))
    )
    child = _sign(_sign(draw("image/png"), claim, make_signer(listed)), opened, signer, lists)
    report = read_credentials(child, "image/png", lists)
    assert report.state is CredentialState.VALID_UNTRUSTED
    assert [item.state for item in report.ingredients] == [CredentialState.TRUSTED]


# Time -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expired(
    draw: Draw,
    claim: ClaimDescription,
    opened: ClaimDescription,
    authority: IssuedCertificate,
    make_signer: MakeSigner,
    reissue: Reissue,
    signer: ClaimSigner,
    trust: TrustSettings,
) -> tuple[bytes, bytes]:
    """A picture whose certificate has expired since it was signed, and one made from it."""

    def sign(ends: datetime) -> tuple[bytes, bytes]:
        first = _sign(draw("image/png"), claim, make_signer(reissue(authority, expires=ends)))
        return first, _sign(first, opened, signer, trust)

    return soon_expired(sign)


@pytest.mark.timing
def test_an_expired_certificate_without_a_time_stamp_is_well_formed_and_no_more(
    expired: tuple[bytes, bytes], trust: TrustSettings
) -> None:
    report = read_credentials(expired[0], "image/png", trust)
    assert report.state is CredentialState.WELL_FORMED_ONLY
    assert "signingCredential.expired" in report.problems
    assert report.digital_source_types == ()


@pytest.mark.timing
def test_a_changed_picture_with_an_expired_certificate_is_invalid(
    expired: tuple[bytes, bytes], trust: TrustSettings, change_one_pixel: Callable[[bytes], bytes]
) -> None:
    assert read_credentials(change_one_pixel(expired[0]), "image/png", trust).state is CredentialState.INVALID


@pytest.mark.timing
def test_an_expired_ingredient_does_not_lower_what_was_made_from_it(
    expired: tuple[bytes, bytes], trust: TrustSettings
) -> None:
    report = read_credentials(expired[1], "image/png", trust)
    assert report.state is CredentialState.TRUSTED
    assert [ingredient.state for ingredient in report.ingredients] == [CredentialState.WELL_FORMED_ONLY]
    assert report.ingredients[0].digital_source_types == ()


@pytest.mark.timing
def test_a_certificate_that_has_ended_is_still_on_its_list(expired: tuple[bytes, bytes], trust: TrustSettings) -> None:
    report = read_credentials(expired[0], "image/png", trust)
    assert (report.trust_list, report.validity) == ("Development list 7", Validity.NOT_IN_FORCE)
    assert report.problems == ("signingCredential.expired",)
    assert report.certificate is not None
    assert (report.certificate.common_name, report.certificate.valid_until < datetime.now(UTC)) == (
        "Herald picture desk",
        True,
    )


def test_signing_with_an_expired_certificate_is_refused(
    draw: Draw, claim: ClaimDescription, authority: IssuedCertificate, make_signer: MakeSigner, reissue: Reissue
) -> None:
    late = reissue(authority, expires=datetime.now(UTC) - timedelta(seconds=30))
    with pytest.raises(CredentialSigningFailed, match="not valid"):
        _sign(draw("image/png"), claim, make_signer(late))


# Ingredients ------------------------------------------------------------------------------------


def test_a_changed_ingredient_is_named_at_any_depth_under_a_trusted_picture(
    signed: bytes,
    opened: ClaimDescription,
    signer: ClaimSigner,
    trust: TrustSettings,
    change_one_pixel: Callable[[bytes], bytes],
) -> None:
    middle = _sign(change_one_pixel(signed), replace(opened, title="Changed before"), signer, trust)
    top = _sign(middle, replace(opened, title="Middle"), signer, trust)
    report = read_credentials(top, "image/png", trust)
    assert report.state is CredentialState.TRUSTED
    found = [(item.depth, item.title, item.state, item.problems) for item in report.ingredients]
    assert found == [
        (1, "Middle", CredentialState.TRUSTED, ()),
        (2, "Changed before", CredentialState.INVALID, ("assertion.dataHash.mismatch",)),
    ]
    assert report.ingredients[1].digital_source_types == ()


def test_an_ingredient_that_was_changed_inside_the_store_makes_the_whole_invalid(
    signed: bytes, opened: ClaimDescription, signer: ClaimSigner, trust: TrustSettings, replace_chunk: Replace
) -> None:
    child = _sign(signed, opened, signer, trust)
    changed = replace_chunk(child, b"caBX", lambda manifest: manifest.replace(b"digitalCapture", b"digitalCaptura"))
    report = read_credentials(changed, "image/png", trust)
    assert report.state is CredentialState.INVALID
    assert "ingredient.manifest.mismatch" in report.problems
    assert [item.state for item in report.ingredients] == [CredentialState.INVALID]


@pytest.mark.parametrize("recorded_under_lists", [True, False])
def test_the_trust_of_an_ingredient_is_this_readers_and_not_what_was_recorded(
    recorded_under_lists: bool, signed: bytes, opened: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    child = _sign(signed, opened, signer, trust if recorded_under_lists else NOBODY)
    states = {
        lists: [item.state for item in read_credentials(child, "image/png", lists).ingredients]
        for lists in (trust, NOBODY)
    }
    assert states == {trust: [CredentialState.TRUSTED], NOBODY: [CredentialState.VALID_UNTRUSTED]}


def test_an_anchor_for_time_stamps_does_not_make_an_ingredients_signer_trusted(
    draw: Draw,
    claim: ClaimDescription,
    opened: ClaimDescription,
    signer: ClaimSigner,
    make_signer: MakeSigner,
    trust: TrustSettings,
) -> None:
    other = make_development_authority(datetime.now(UTC), "Stamps")
    stranger = make_signer(issue_claim_certificate(other, "Stranger", datetime.now(UTC)))
    lists = TrustSettings((*trust.lists, TrustList("Stamps", "1", other.chain_pem, "tsa")))
    child = _sign(_sign(draw("image/png"), claim, stranger), opened, signer, lists)
    report = read_credentials(child, "image/png", lists)
    assert report.state is CredentialState.TRUSTED
    (parent,) = report.ingredients
    assert (parent.state, parent.problems) == (CredentialState.VALID_UNTRUSTED, ("signingCredential.untrusted",))


def test_ingredients_of_one_manifest_are_told_apart(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, make_signer: MakeSigner, trust: TrustSettings
) -> None:
    """The second ingredient's label ends in __1: what this reading found must reach the right one."""
    other = make_development_authority(datetime.now(UTC), "Other")
    stranger = make_signer(issue_claim_certificate(other, "Stranger", datetime.now(UTC)))
    everybody = TrustSettings((*trust.lists, TrustList("Others", "1", other.chain_pem)))
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem) as native,
        c2pa.Builder(claim.definition(opened=False), context(Settings.of(everybody))) as builder,
    ):
        for title, part_signer in (("a", signer), ("b", stranger), ("c", signer)):
            part = io.BytesIO(_sign(draw("image/png"), claim, part_signer))
            builder.add_ingredient({"title": title, "relationship": "componentOf"}, "image/png", part)
        builder.sign(native, "image/png", io.BytesIO(draw("image/png")), copy)
    report = read_credentials(copy.getvalue(), "image/png", trust)
    assert {item.title: item.state for item in report.ingredients} == {
        "a": CredentialState.TRUSTED,
        "b": CredentialState.VALID_UNTRUSTED,
        "c": CredentialState.TRUSTED,
    }


def test_a_trusted_ingredient_does_not_lend_its_list_to_a_signer_on_none(
    signed: bytes, opened: ClaimDescription, make_signer: MakeSigner, trust: TrustSettings
) -> None:
    """c2pa then reports the ingredient's list as `trustListUri`, and Trusted, by way of the anchor for time stamps."""
    other = make_development_authority(datetime.now(UTC), "Stamps")
    stranger = make_signer(issue_claim_certificate(other, "Stranger", datetime.now(UTC)))
    lists = TrustSettings((*trust.lists, TrustList("Stamps", "1", other.chain_pem, "tsa")))
    report = read_credentials(_sign(signed, opened, stranger), "image/png", lists)
    assert (report.state, report.trust_list) == (CredentialState.VALID_UNTRUSTED, None)
    assert [item.state for item in report.ingredients] == [CredentialState.TRUSTED]


def test_an_untrusted_ingredient_does_not_lower_a_trusted_picture(
    draw: Draw,
    claim: ClaimDescription,
    opened: ClaimDescription,
    signer: ClaimSigner,
    make_signer: MakeSigner,
    trust: TrustSettings,
) -> None:
    other = make_development_authority(datetime.now(UTC), "Other")
    stranger = make_signer(issue_claim_certificate(other, "Stranger", datetime.now(UTC)))
    report = read_credentials(_sign(_sign(draw("image/png"), claim, stranger), opened, signer), "image/png", trust)
    assert report.state is CredentialState.TRUSTED
    assert [item.state for item in report.ingredients] == [CredentialState.VALID_UNTRUSTED]
