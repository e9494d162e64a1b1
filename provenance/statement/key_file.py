"""Private keys at rest: PKCS#8 EncryptedPrivateKeyInfo in PEM (RFC 5958, RFC 7468).

Encrypted under PBES2 (RFC 8018) with scrypt (RFC 7914 §7) and AES-256-CBC. The `cryptography` package reads that but
writes PBKDF2 with 2,048 rounds, which lets passphrases be guessed thousands of times faster; so it is written here.
`openssl pkey -in FILE` reads it.
"""

import base64
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from provenance.errors import UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES, SCRYPT_BLOCK_SIZE, SCRYPT_COST, SCRYPT_PARALLELISM

_SEQUENCE, _OCTET_STRING, _INTEGER, _OID = 0x30, 0x04, 0x02, 0x06
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES_256_CBC = bytes.fromhex("60864801650304012a")
_BLOCK_BYTES = 16


def encrypt(private_key: PrivateKeyTypes, passphrase: bytes) -> bytes:
    """A private key as PEM, under a fresh salt and initialisation vector from the operating system.

    Raises:
        UnusableKey: the passphrase is empty.
    """
    _require(passphrase)
    salt, vector = os.urandom(_BLOCK_BYTES), os.urandom(_BLOCK_BYTES)
    kdf = Scrypt(salt=salt, length=32, n=SCRYPT_COST, r=SCRYPT_BLOCK_SIZE, p=SCRYPT_PARALLELISM)
    padder = PKCS7(8 * _BLOCK_BYTES).padder()
    plain = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    encryptor = Cipher(AES256(kdf.derive(passphrase)), CBC(vector)).encryptor()
    encrypted = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

    costs = b"".join(_integer(n) for n in (SCRYPT_COST, SCRYPT_BLOCK_SIZE, SCRYPT_PARALLELISM))
    derivation = _der(_SEQUENCE, _der(_OID, _SCRYPT), _der(_SEQUENCE, _der(_OCTET_STRING, salt), costs))
    cipher = _der(_SEQUENCE, _der(_OID, _AES_256_CBC), _der(_OCTET_STRING, vector))
    scheme = _der(_SEQUENCE, _der(_OID, _PBES2), _der(_SEQUENCE, derivation, cipher))
    return _pem(_der(_SEQUENCE, scheme, _der(_OCTET_STRING, encrypted)))


def decrypt(pem: bytes, passphrase: bytes) -> PrivateKeyTypes:
    """The private key of a PEM file, encrypted here or by another program.

    Raises:
        UnusableKey: empty or wrong passphrase, not encrypted, damaged, or longer than a key file.
    """
    _require(passphrase)
    if len(pem) > MAX_KEY_FILE_BYTES:
        raise UnusableKey(f"a key file has at most {MAX_KEY_FILE_BYTES} bytes, not {len(pem)}")
    try:
        return load_pem_private_key(pem, passphrase)
    except TypeError as error:
        raise UnusableKey("the key file is not encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey("the passphrase is wrong, or the key file is damaged") from error


def _require(passphrase: bytes) -> None:
    if not passphrase:
        raise UnusableKey("the passphrase is empty")


def _der(tag: int, *parts: bytes) -> bytes:
    """One DER element (X.690 §8.1, §10.1)."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    label = b"ENCRYPTED PRIVATE KEY-----"
    return b"\n".join([b"-----BEGIN " + label, *lines, b"-----END " + label, b""])
