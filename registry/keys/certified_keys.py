"""Certified keys: a private key and its certificate chain in one file, replaced atomically."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.credentials.certificates import IssuedCertificate, parse_certificates
from provenance.errors import CertificateUnusable, UnusableKey
from provenance.statement import key_file
from registry.keys.key_files import read_key_file, write_key_file

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def read_certified(path: Path, passphrase: bytes) -> IssuedCertificate:
    """The key and its chain. Raises UnusableKey, also if the first certificate is for another key."""
    key_pem, mark, chain = read_key_file(path).partition(_CERTIFICATE)
    try:
        key = key_file.decrypt(key_pem, passphrase)
        chain_pem = (mark + chain).decode("ascii")
        leaf = parse_certificates(chain_pem)[0]
    except (UnusableKey, CertificateUnusable, UnicodeDecodeError) as error:
        raise UnusableKey(f"{path}: {error}") from error
    if not isinstance(key, EllipticCurvePrivateKey | Ed25519PrivateKey) or key.public_key() != leaf.public_key():
        raise UnusableKey(f"{path}: the certificate is for another key")
    return IssuedCertificate(chain_pem, key)


def write_certified(folder: Path, path: Path, passphrase: bytes, certified: IssuedCertificate) -> None:
    """Write a key and its chain to a file below the folder of keys."""
    write_key_file(folder, path, key_file.encrypt(certified.key, passphrase) + certified.chain_pem.encode("ascii"))
