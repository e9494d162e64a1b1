"""A time-stamping authority for development: this server stamps its own checkpoints, which proves nothing to others.

RFC 3161 section 2.4.2 in CMS (RFC 5652), with the certificate identifier of RFC 5816; for trying out receipts.
The development authority issues its certificates.
"""

import hashlib
import secrets
import warnings
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from provenance.credentials.certificates import IssuedCertificate, parse_certificates
from provenance.errors import UnusableKey
from provenance.transparency.timestamp import TimestampRequest, der
from registry.attestation.outbound import OutboundClient

_SEQUENCE, _SET, _OCTETS, _INTEGER, _TIME = 0x30, 0x31, 0x04, 0x02, 0x18
_POLICY = bytes.fromhex("06032a0304")  # 1.2.3.4, a placeholder
_SHA_256 = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA_256 = bytes.fromhex("300a06082a8648ce3d040302")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_SIGNING_CERTIFICATE = bytes.fromhex("060b2a864886f70d010910022f")
_GRANTED = bytes.fromhex("3003020100")


class DevelopmentTimestampWarning(UserWarning):
    """Checkpoints are stamped by the server that signs them."""


class DevelopmentAuthority:
    """Stamps every request, with the clock's time."""

    def __init__(self, stamper: IssuedCertificate, clock: Callable[[], datetime]) -> None:
        """Warns: DevelopmentTimestampWarning. Raises UnusableKey for a key that is not on P-256."""
        if not isinstance(stamper.key, EllipticCurvePrivateKey):
            raise UnusableKey("development time stamps are signed on P-256")
        self._key = stamper.key
        self._certificate = parse_certificates(stamper.chain_pem)[0]
        self._clock = clock
        message = "time stamps are made by this server itself, for development: they bound no time for anybody else"
        warnings.warn(message, DevelopmentTimestampWarning, stacklevel=2)

    async def respond(self, request: TimestampRequest, _outbound: OutboundClient) -> bytes:
        """TimeStampResp in DER, always granted."""
        return der(_SEQUENCE, _GRANTED, self._token(request))

    def _token(self, request: TimestampRequest) -> bytes:
        stated = self._statement(request)
        certificate = self._certificate.public_bytes(Encoding.DER)
        attributes = sorted(
            (
                _attribute(_CONTENT_TYPE, _TST_INFO),
                _attribute(_MESSAGE_DIGEST, der(_OCTETS, hashlib.sha256(stated).digest())),
                _attribute(_SIGNING_CERTIFICATE, _certificate_identifier(certificate)),
            )
        )
        signature = self._key.sign(der(_SET, *attributes), ECDSA(SHA256()))
        issuer = der(_SEQUENCE, self._certificate.issuer.public_bytes(), _integer(self._certificate.serial_number))
        signer = (_integer(1), issuer, _SHA_256, der(0xA0, *attributes), _ECDSA_SHA_256, der(_OCTETS, signature))
        content = der(_SEQUENCE, _TST_INFO, der(0xA0, der(_OCTETS, stated)))
        certificates, signers = der(0xA0, certificate), der(_SET, der(_SEQUENCE, *signer))
        data = der(_SEQUENCE, _integer(3), der(_SET, _SHA_256), content, certificates, signers)
        return der(_SEQUENCE, _SIGNED_DATA, der(0xA0, data))

    def _statement(self, request: TimestampRequest) -> bytes:
        """TSTInfo."""
        imprint = der(_SEQUENCE, _SHA_256, der(_OCTETS, request.digest))
        time = der(_TIME, f"{self._clock().astimezone(UTC):%Y%m%d%H%M%SZ}".encode())
        serial = _integer(secrets.randbits(63))
        return der(_SEQUENCE, _integer(1), _POLICY, imprint, serial, time, _integer(request.nonce))


def _integer(value: int) -> bytes:
    return der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der(_SEQUENCE, kind, der(_SET, value))


def _certificate_identifier(certificate: bytes) -> bytes:
    """SigningCertificateV2: which certificate signed, by its SHA-256."""
    identifier = der(_SEQUENCE, der(_OCTETS, hashlib.sha256(certificate).digest()))
    return der(_SEQUENCE, der(_SEQUENCE, identifier))
