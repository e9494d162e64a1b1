"""A time-stamping authority whose certificates and tokens are the same each time they are made (RFC 6979, RFC 3161)."""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.transparency.timestamp import der

SEQUENCE, SET, INTEGER, OCTETS, TIME = 0x30, 0x31, 0x02, 0x04, 0x18
SHA_256 = bytes.fromhex("300d06096086480165030402010500")
ECDSA_SHA_256 = bytes.fromhex("300a06082a8648ce3d040302")
POLICY = bytes.fromhex("06032a0304")
SIGNED_DATA, TST_INFO = bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("060b2a864886f70d0109100104")
CONTENT_TYPE, MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010903"), bytes.fromhex("06092a864886f70d010904")
VALID = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


class Stamper:
    """A root and a certificate for time-stamping below it; `name` is what their keys are made from."""

    def __init__(self, name: str) -> None:
        root_key, self._key = (_key(f"{name}: {role}") for role in ("root", "stamper"))
        subject = x509.Name.from_rfc4514_string(f"CN={name}")
        stamper = x509.Name.from_rfc4514_string(f"CN={name} stamper")
        self.root = _sign(_certificate(subject, root_key, subject, 1, x509.BasicConstraints(True, 0)), root_key)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        self._certificate = _sign(_certificate(stamper, self._key, subject, 2, usage, root_key), root_key)

    @property
    def pem(self) -> str:
        return self.root.public_bytes(Encoding.PEM).decode()

    def stamp(self, message: bytes, time: datetime) -> bytes:
        """The token over a message: CMS SignedData in DER."""
        imprint = der(SEQUENCE, SHA_256, der(OCTETS, hashlib.sha256(message).digest()))
        at = der(TIME, f"{time.astimezone(UTC):%Y%m%d%H%M%SZ}".encode())
        stated = der(SEQUENCE, _integer(1), POLICY, imprint, _integer(7), at, _integer(7))
        digest = der(OCTETS, hashlib.sha256(stated).digest())
        attributes = sorted(
            der(SEQUENCE, kind, der(SET, value)) for kind, value in ((CONTENT_TYPE, TST_INFO), (MESSAGE_DIGEST, digest))
        )
        signature = self._key.sign(der(SET, *attributes), ECDSA(SHA256(), deterministic_signing=True))
        issuer = der(SEQUENCE, self._certificate.issuer.public_bytes(), _integer(self._certificate.serial_number))
        signer = (_integer(1), issuer, SHA_256, der(0xA0, *attributes), ECDSA_SHA_256, der(OCTETS, signature))
        content = der(SEQUENCE, TST_INFO, der(0xA0, der(OCTETS, stated)))
        certificates = der(0xA0, self._certificate.public_bytes(Encoding.DER))
        parts = (_integer(3), der(SET, SHA_256), content, certificates, der(SET, der(SEQUENCE, *signer)))
        return der(SEQUENCE, SIGNED_DATA, der(0xA0, der(SEQUENCE, *parts)))


def _key(name: str) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31]), SECP256R1())


def _certificate(
    subject: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer: x509.Name,
    serial: int,
    extension: x509.ExtensionType,
    issuer_key: EllipticCurvePrivateKey | None = None,
) -> x509.CertificateBuilder:
    public, signer = key.public_key(), (issuer_key or key).public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(VALID[0])
        .not_valid_after(VALID[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
        .add_extension(extension, critical=True)
    )


def _sign(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, SHA256(), ecdsa_deterministic=True)


def _integer(value: int) -> bytes:
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))
