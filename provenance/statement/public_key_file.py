"""A public key in a file: SubjectPublicKeyInfo in PEM (RFC 7468 §13), as `openssl pkey -pubout` writes it."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from provenance.errors import UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES
from provenance.statement.keys import Algorithm, PublicKey


def parse_public_key(pem: bytes) -> PublicKey:
    """The key of a PEM file.

    Raises:
        UnusableKey: not PEM, longer than a key file, or not an Ed25519 or P-256 public key.
    """
    if len(pem) > MAX_KEY_FILE_BYTES:
        raise UnusableKey(f"a key file has at most {MAX_KEY_FILE_BYTES} bytes, not {len(pem)}")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey("not a public key in PEM") from error
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, key.public_bytes_raw())
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return PublicKey(Algorithm.ES256, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    raise UnusableKey("an Ed25519 or P-256 public key expected")
