"""ML-DSA-44 keys and signatures: FIPS 204 in its pure form, with an empty context.

The C2SP formats sign checkpoints with it beside Ed25519, because it withstands a quantum computer.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from provenance.errors import SignatureInvalid, UnusableKey
from provenance.statement import key_file

PUBLIC_BYTES = 1312
"""Bytes of a public key (FIPS 204 table 2)."""

SIGNATURE_BYTES = 2420
"""Bytes of a signature (FIPS 204 table 2)."""


def read_public(public: bytes) -> MLDSA44PublicKey:
    """The key of 1,312 bytes; every string of that length is one.

    Raises:
        UnusableKey: another length, or the cryptographic library is too old for the algorithm.
    """
    try:
        return MLDSA44PublicKey.from_public_bytes(public)
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise UnusableKey(f"ML-DSA-44: a public key has {PUBLIC_BYTES} bytes, not {len(public)}") from cause


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Accepts a signature of 2,420 bytes over the message.

    Raises:
        SignatureInvalid: any other bytes.
        UnusableKey: see `read_public`.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"an ML-DSA-44 signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    try:
        read_public(public).verify(signature, message)
    except InvalidSignature as cause:
        raise SignatureInvalid("the ML-DSA-44 signature does not verify") from cause


class MlDsaSigner:
    """Holds an ML-DSA-44 private key in the memory of this process. Two signatures of one message differ."""

    def __init__(self, private_key: MLDSA44PrivateKey) -> None:
        self._private_key = private_key

    @classmethod
    def generate(cls) -> "MlDsaSigner":
        """A new key from the operating system's randomness."""
        return cls(MLDSA44PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "MlDsaSigner":
        """The key of a seed of 32 bytes. Raises UnusableKey for another length."""
        try:
            return cls(MLDSA44PrivateKey.from_seed_bytes(seed))
        except (ValueError, UnsupportedAlgorithm) as cause:
            raise UnusableKey(f"ML-DSA-44: a seed has 32 bytes, not {len(seed)}") from cause

    @property
    def public(self) -> bytes:
        """The public key: 1,312 bytes."""
        return self._private_key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """2,420 bytes that `verify` accepts for the message."""
        return self._private_key.sign(message)

    def to_encrypted_pem(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 in PEM (see `key_file`). Raises UnusableKey for an empty passphrase."""
        return key_file.encrypt(self._private_key, passphrase)

    @classmethod
    def from_encrypted_pem(cls, pem: bytes, passphrase: bytes) -> "MlDsaSigner":
        """The key of an encrypted PKCS#8 file.

        Raises:
            UnusableKey: wrong passphrase, not encrypted, damaged, or a key of another algorithm.
        """
        private_key = key_file.decrypt(pem, passphrase)
        if not isinstance(private_key, MLDSA44PrivateKey):
            raise UnusableKey("the key file holds no ML-DSA-44 key")
        return cls(private_key)
