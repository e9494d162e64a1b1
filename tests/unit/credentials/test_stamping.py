"""A claim's time stamp is put into its copy in every format, and reads as one that c2pa itself asked for."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from provenance.credentials import ClaimDescription, ClaimSigner, IssuedCertificate, TrustList, TrustSettings
from provenance.credentials.certificates import issue_timestamp_certificate
from provenance.credentials.signing import SIGNABLE_TYPES, sign_embedded, sign_sidecar
from provenance.errors import CredentialSigningFailed, SignerUnavailable
from tests.openssl_authority import Authority, needs_openssl
from tests.unit.credentials.reader import read_credentials

pytestmark = needs_openssl
Draw = Callable[[str], bytes]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory, authority: IssuedCertificate) -> Authority:
    """openssl, with a certificate for time-stamping that the development authority has issued."""
    clock = Authority(tmp_path_factory.mktemp("clock"))
    issued = issue_timestamp_certificate(authority, datetime.now(UTC))
    (clock.folder / "leaf.pem").write_text(issued.chain_pem.removesuffix(authority.chain_pem))
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (clock.folder / "leaf.key").write_bytes(key)
    return clock


@pytest.fixture
def lists(trust: TrustSettings, authority: IssuedCertificate) -> TrustSettings:
    return TrustSettings((*trust.lists, TrustList("Stamps", "1", authority.chain_pem, "tsa")))


@pytest.mark.parametrize("media_type", SIGNABLE_TYPES)
def test_a_stamped_copy_is_valid_to_all_and_tells_when_it_was_signed(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, clock: Authority, lists: TrustSettings
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    signed = sign_embedded(draw(media_type), media_type, claim, replace(signer, stamp=clock.stamp))
    report = read_credentials(signed.data or b"", media_type, lists)
    assert report.signed_at is not None
    assert before <= report.signed_at <= datetime.now(UTC)
    with c2pa.Reader(media_type, io.BytesIO(signed.data or b"")) as reader:
        assert reader.get_validation_state() == "Valid"


def test_a_manifest_beside_its_file_is_stamped_too(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, clock: Authority, lists: TrustSettings
) -> None:
    data = draw("image/png")
    signed = sign_sidecar(data, "image/png", claim, replace(signer, stamp=clock.stamp))
    assert read_credentials(data, "image/png", lists, sidecar=signed.manifest).signed_at is not None


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/gif", "image/png"])
def test_a_large_manifest_is_stamped_across_its_pieces(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, clock: Authority, lists: TrustSettings
) -> None:
    """A JPEG holds 64 KB in one segment: the manifests of 10 generations need several."""
    data = draw(media_type)
    opened = replace(claim, created=False)
    for _ in range(10):
        data = sign_embedded(data, media_type, opened, signer).data or b""
    signed = sign_embedded(data, media_type, opened, replace(signer, stamp=clock.stamp))
    assert len(signed.manifest) > 100_000
    assert read_credentials(signed.data or b"", media_type, lists).signed_at is not None
    picture = Image.open(io.BytesIO(signed.data or b"")).convert("RGB")
    assert np.array_equal(np.asarray(picture), np.asarray(Image.open(io.BytesIO(draw(media_type))).convert("RGB")))


def test_an_authority_that_readers_do_not_take_spoils_no_copy(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, tmp_path: Path
) -> None:
    without_key_usage = Authority(tmp_path / "odd")
    with pytest.raises(CredentialSigningFailed, match="C2PA readers do not accept the time stamp"):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, stamp=without_key_usage.stamp))


@pytest.mark.parametrize("token", [b"no token", bytes(20_000)])
def test_what_is_no_token_or_has_no_room_is_refused(
    token: bytes, draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, stamp=lambda _: token))


def test_without_a_stamp_nothing_is_signed(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> None:
    def away(_: bytes) -> bytes:
        raise SignerUnavailable("no time stamp")

    with pytest.raises(SignerUnavailable, match="no time stamp"):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, stamp=away))
