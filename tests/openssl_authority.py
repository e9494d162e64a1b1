"""A time-stamping authority that `openssl ts` plays: another implementation than ours."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.transparency.timestamp import TimestampAuthority, TimestampRequest, read_response

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl, which plays the authority, is not installed")

CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ordering = yes
tsa_name = yes
ess_cert_id_alg = sha256
"""


class Authority:
    """A root, and a certificate for time-stamping below it."""

    def __init__(
        self,
        folder: Path,
        *,
        valid: tuple[timedelta, timedelta] = (timedelta(days=-1), timedelta(days=1)),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
        critical: bool = True,
        with_chain: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        subject = x509.Name.from_rfc4514_string(f"CN=Test authority {folder.name}")
        wide = (timedelta(days=-3650), timedelta(days=10))
        root = _certificate(subject, root_key, subject, root_key, wide).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        leaf = _certificate(x509.Name.from_rfc4514_string("CN=stamper"), key, subject, root_key, valid).add_extension(
            x509.ExtendedKeyUsage([usage]), critical
        )
        self.root = root.sign(root_key, SHA256()).public_bytes(Encoding.PEM)
        gone = generate_private_key(SECP256R1())
        former = _certificate(x509.Name.from_rfc4514_string("CN=former"), gone, subject, root_key, wide)
        former_pem = former.sign(root_key, SHA256()).public_bytes(Encoding.PEM)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files = {
            "leaf.pem": leaf.sign(root_key, SHA256()).public_bytes(Encoding.PEM),
            "leaf.key": pem,
            "serial": b"2A\n",
            "ts.cnf": CONFIGURATION.encode() + (b"certs = chain.pem\n" if with_chain else b""),
            "chain.pem": self.root + former_pem,
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)

    @property
    def anchor(self) -> TimestampAuthority:
        return TimestampAuthority.from_pem(self.folder.name, self.root)

    def respond(self, request: bytes) -> bytes:
        assert OPENSSL is not None
        (self.folder / "request.tsq").write_bytes(request)
        command = "ts -reply -config ts.cnf -queryfile request.tsq -signer leaf.pem -inkey leaf.key -out response.tsr"
        subprocess.run([OPENSSL, *command.split()], cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "response.tsr").read_bytes()

    def stamp(self, message: bytes, nonce: int = 7) -> bytes:
        request = TimestampRequest.of(message, nonce)
        return read_response(self.respond(request.serialise()), request)


def _certificate(
    subject: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    valid: tuple[timedelta, timedelta],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
