"""Public keys and signers: Ed25519 (RFC 8032) and ES256, ECDSA on P-256 with SHA-256 (RFC 9053 §2.1).

A key is named by its COSE key thumbprint (RFC 9679), written in JSON as a JWK (RFC 7517; RFC 8037 for Ed25519), and
read from a file as SubjectPublicKeyInfo in PEM (RFC 7468 §13), as `openssl pkey -pubout` writes it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from provenance.errors import SignatureInvalid, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES
from provenance.statement import ed25519, key_file
from provenance.statement.cbor import encode_cbor
from provenance.statement.encodings import decode_base64url, encode_base64url

SIGNATURE_BYTES = 64
"""Bytes of a signature of either algorithm: R and S, or r and s, side by side."""

_COORDINATE_BYTES = 32
_ES256 = ECDSA(SHA256())


class Algorithm(Enum):
    """The signature algorithms of keys, statements and key records."""

    ED25519 = "Ed25519"
    ES256 = "ES256"

    @property
    def cose(self) -> int:
        """The identifier in COSE headers: EdDSA is -8, ES256 is -7 (RFC 9053 §2)."""
        match self:
            case Algorithm.ED25519:
                return -8
            case Algorithm.ES256:
                return -7


@dataclass(frozen=True)
class PublicKey:
    """A public key that has passed the checks of its algorithm.

    Attributes:
        algorithm: what its signatures are made with.
        raw: Ed25519, the 32 bytes of the point; ES256, the 65 bytes of the uncompressed point (04 ‖ x ‖ y).

    Raises:
        UnusableKey: on construction: another length, a point outside the curve, not in its one encoding, or of
            small order.
    """

    algorithm: Algorithm
    raw: bytes

    def __post_init__(self) -> None:
        try:
            match self.algorithm:
                case Algorithm.ED25519:
                    ed25519.check_point(self.raw)
                case Algorithm.ES256:
                    _ = self._p256
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UnusableKey(f"{self.algorithm.value}: {error}") from error

    @cached_property
    def thumbprint(self) -> bytes:
        """32 bytes: SHA-256 of the COSE key with its required parameters alone (RFC 9679 §4)."""
        return hashlib.sha256(encode_cbor(self._cose_key())).digest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Accepts a signature over the message.

        Ed25519 is strict: R and the key are canonical points of large order, S is below the group order. ES256 takes
        r ‖ s in 64 bytes; s is not required to be the lower of its two values, so whoever has a signature can write
        a second one for the same message, and nothing may be identified by its signature.

        Raises:
            SignatureInvalid: any other bytes.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureInvalid(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
        first, second = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
        try:
            match self.algorithm:
                case Algorithm.ED25519:
                    ed25519.check_commitment(first)
                    ed25519.check_scalar(second)
                    Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
                case Algorithm.ES256:
                    der = encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))
                    self._p256.verify(der, message, _ES256)
        except InvalidSignature as error:
            raise SignatureInvalid(f"the {self.algorithm.value} signature does not verify") from error
        except ValueError as error:
            raise SignatureInvalid(str(error)) from error

    def to_jwk(self) -> dict[str, str]:
        """The key as JWK with its required members alone."""
        match self.algorithm:
            case Algorithm.ED25519:
                return {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(self.raw)}
            case Algorithm.ES256:
                x, y = self._coordinates()
                return {"kty": "EC", "crv": "P-256", "x": encode_base64url(x), "y": encode_base64url(y)}

    def to_cose_key(self) -> dict[int, int | bytes]:
        """The key as COSE_Key (RFC 9052 §7), with its thumbprint as kid and its algorithm."""
        return self._cose_key() | {2: self.thumbprint, 3: self.algorithm.cose}

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> "PublicKey":
        """The key of a JWK that has exactly the members `to_jwk` writes.

        Raises:
            UnusableKey: other members or values, or a key that fails the checks of its algorithm.
        """
        match dict(jwk):
            case {"kty": "OKP", "crv": "Ed25519", "x": str(x), **others} if not others:
                return cls(Algorithm.ED25519, _coordinate("x", x))
            case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y), **others} if not others:
                return cls(Algorithm.ES256, b"\x04" + _coordinate("x", x) + _coordinate("y", y))
        raise UnusableKey("a JWK with kty OKP, crv Ed25519, x, or with kty EC, crv P-256, x, y expected")

    def _cose_key(self) -> dict[int, int | bytes]:
        """kty, crv, x and for P-256 y, by their labels (RFC 9053 §7)."""
        match self.algorithm:
            case Algorithm.ED25519:
                return {1: 1, -1: 6, -2: self.raw}
            case Algorithm.ES256:
                x, y = self._coordinates()
                return {1: 2, -1: 1, -2: x, -3: y}

    def _coordinates(self) -> tuple[bytes, bytes]:
        return self.raw[1 : 1 + _COORDINATE_BYTES], self.raw[1 + _COORDINATE_BYTES :]

    @cached_property
    def _p256(self) -> EllipticCurvePublicKey:
        if len(self.raw) != 1 + 2 * _COORDINATE_BYTES or self.raw[0] != 4:
            raise ValueError("an uncompressed P-256 point of 65 bytes expected")
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), self.raw)


def public_key_of(public: Ed25519PublicKey | EllipticCurvePublicKey) -> PublicKey:
    """The key that the library has read. Raises UnusableKey for an elliptic curve other than P-256."""
    if isinstance(public, Ed25519PublicKey):
        return PublicKey(Algorithm.ED25519, public.public_bytes_raw())
    if isinstance(public.curve, SECP256R1):
        return PublicKey(Algorithm.ES256, public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    raise UnusableKey(f"a key on P-256 expected, not on {public.curve.name}")


class Signer(Protocol):
    """Whoever holds a private key: this process, a PKCS#11 token, a key service."""

    @property
    def public_key(self) -> PublicKey:
        """The key that its signatures verify under."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes that `public_key.verify` accepts for the message."""
        ...


class LocalSigner:
    """A signer whose private key is in the memory of this process. Its signatures are deterministic (RFC 6979)."""

    def __init__(self, private_key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
        """Takes a private key.

        Raises:
            UnusableKey: an elliptic curve other than P-256.
        """
        self._public_key = public_key_of(private_key.public_key())
        self._private_key = private_key

    @classmethod
    def generate(cls, algorithm: Algorithm) -> "LocalSigner":
        """A new key from the operating system's randomness."""
        match algorithm:
            case Algorithm.ED25519:
                return cls(Ed25519PrivateKey.generate())
            case Algorithm.ES256:
                return cls(generate_private_key(SECP256R1()))

    @property
    def public_key(self) -> PublicKey:
        """The key that its signatures verify under."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """64 bytes: the same for the same message."""
        if isinstance(self._private_key, Ed25519PrivateKey):
            return self._private_key.sign(message)
        r, s = decode_dss_signature(self._private_key.sign(message, ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")

    def to_encrypted_pem(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 in PEM (see `key_file`).

        Raises:
            UnusableKey: the passphrase is empty.
        """
        return key_file.encrypt(self._private_key, passphrase)

    @classmethod
    def from_encrypted_pem(cls, pem: bytes, passphrase: bytes) -> "LocalSigner":
        """The key of an encrypted PKCS#8 file.

        Raises:
            UnusableKey: wrong passphrase, not encrypted, damaged, or a key of another algorithm.
        """
        private_key = key_file.decrypt(pem, passphrase)
        if not isinstance(private_key, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise UnusableKey("the key file holds neither an Ed25519 nor a P-256 key")
        return cls(private_key)


def _coordinate(name: str, text: str) -> bytes:
    try:
        value = decode_base64url(text)
    except ValueError as error:
        raise UnusableKey(f"JWK member {name}: {error}") from error
    if len(value) != _COORDINATE_BYTES:
        raise UnusableKey(f"JWK member {name}: {_COORDINATE_BYTES} bytes expected, not {len(value)}")
    return value


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
