"""A development authority, signers, pictures, and the recipe for changing a signed PNG."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pillow_heif
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    IssuedCertificate,
    SoftBinding,
    TrustList,
    TrustSettings,
    issue_claim_certificate,
    make_development_authority,
)

pillow_heif.register_heif_opener()

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
}

Draw = Callable[[str], bytes]
MakeSigner = Callable[[IssuedCertificate], ClaimSigner]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """A picture of 64 × 48 pixels in a media type."""

    def drawn(media_type: str) -> bytes:
        picture = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
        data = io.BytesIO()
        picture.save(data, FORMATS[media_type])
        return data.getvalue()

    return drawn


@pytest.fixture(scope="session")
def authority() -> IssuedCertificate:
    return make_development_authority(datetime.now(UTC))


@pytest.fixture(scope="session")
def make_signer() -> MakeSigner:
    def made(issued: IssuedCertificate) -> ClaimSigner:
        key = issued.key
        if isinstance(key, Ed25519PrivateKey):
            return ClaimSigner(key.sign, "ed25519", issued.chain_pem)
        return ClaimSigner(lambda message: key.sign(message, ECDSA(hashes.SHA256())), "es256", issued.chain_pem)

    return made


@pytest.fixture(scope="session")
def reissue() -> Callable[..., IssuedCertificate]:
    """Issues a leaf like the ones that `issue_claim_certificate` makes, with other key usages or another end."""

    def reissued(
        authority: IssuedCertificate, *, usages: tuple[str, ...] = (), expires: datetime | None = None
    ) -> IssuedCertificate:
        issued = issue_claim_certificate(authority, "Herald picture desk", datetime.now(UTC))
        usual = x509.load_pem_x509_certificates(issued.chain_pem.encode())[0]
        builder = (
            x509.CertificateBuilder()
            .subject_name(usual.subject)
            .issuer_name(usual.issuer)
            .public_key(usual.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(usual.not_valid_before_utc)
            .not_valid_after(expires or usual.not_valid_after_utc)
        )
        for extension in usual.extensions:
            value: x509.ExtensionType = extension.value
            if usages and isinstance(value, x509.ExtendedKeyUsage):
                value = x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage) for usage in usages])
            builder = builder.add_extension(value, extension.critical)
        leaf = builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        return IssuedCertificate(leaf + authority.chain_pem, issued.key)

    return reissued


@pytest.fixture(scope="session")
def signer(authority: IssuedCertificate, make_signer: MakeSigner) -> ClaimSigner:
    return make_signer(issue_claim_certificate(authority, "Herald picture desk", datetime.now(UTC)))


@pytest.fixture(scope="session")
def trust(authority: IssuedCertificate) -> TrustSettings:
    return TrustSettings((TrustList("Development list", "7", authority.chain_pem),))


@pytest.fixture(scope="session")
def claim() -> ClaimDescription:
    return ClaimDescription(
        title="Harbour at dawn",
        registry_url="https://registry.example/",
        generator="Countermark/0.1.0",
        digital_source_type="digitalCapture",
        created=True,
        soft_binding=SoftBinding("org.countermark.pdq.v1", bytes(range(32))),
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


@pytest.fixture(scope="session")
def replace_chunk() -> Callable[[bytes, bytes, Callable[[bytes], bytes]], bytes]:
    """A PNG with the content of one kind of chunk replaced, every other chunk and its place kept."""

    def replaced(png: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
        out = png[:8]
        for found, content in _chunks(png):
            new = change(content) if found == kind else content
            out += struct.pack(">I", len(new)) + found + new + struct.pack(">I", zlib.crc32(found + new))
        return out

    return replaced


@pytest.fixture(scope="session")
def change_one_pixel(
    replace_chunk: Callable[[bytes, bytes, Callable[[bytes], bytes]], bytes],
) -> Callable[[bytes], bytes]:
    """The same PNG with one pixel changed and its credentials (the caBX chunk) left as they are.

    The recipe: inflate the one IDAT chunk, change a sample of the first row (byte 0 of a row is its filter),
    deflate again, and put the chunk back with a new CRC.
    """

    def change(idat: bytes) -> bytes:
        rows = bytearray(zlib.decompress(idat))
        rows[5] ^= 0x80
        return zlib.compress(bytes(rows))

    return lambda png: replace_chunk(png, b"IDAT", change)


@pytest.fixture(scope="module")
def opened(claim: ClaimDescription) -> ClaimDescription:
    """A claim that takes whatever was there before as its parent."""
    return replace(claim, digital_source_type=None, title="Second", created=False)
