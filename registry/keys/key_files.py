"""Key files: read only where other users have no access, written atomically and durably."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.credentials.certificates import IssuedCertificate, parse_certificates
from provenance.errors import CertificateUnusable, StoreUnavailable, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES
from provenance.statement import key_file

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_key_file(path: Path) -> bytes:
    """The bytes of a file. Raises UnusableKey if the file is missing, or if it or its folder is open to other users."""
    try:
        require_private(path.parent, path.parent.lstat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UnusableKey(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        require_private(path, os.fstat(descriptor).st_mode)
        return file.read(MAX_KEY_FILE_BYTES + 1)


def write_key_file(root: Path, path: Path, content: bytes) -> None:
    """Write a file atomically and durably, making the folders from `root` down. Raises StoreUnavailable."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        for folder in (root, root / "publishers", path.parent):
            if folder == path.parent or folder in path.parents:
                _make_folder(folder)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}") from error


def replace_key_file(new: Path, old: Path) -> None:
    """Put a file in the place of another one, durably. Raises StoreUnavailable."""
    try:
        new.replace(old)
        _sync_folder(old.parent)
    except OSError as error:
        raise StoreUnavailable(f"{old} cannot be replaced: {error.strerror}") from error


def require_private(path: Path, mode: int) -> None:
    """Raises UnusableKey for the mode of a file or folder that is open to other users."""
    if mode & _OTHERS:
        narrow = "700" if stat.S_ISDIR(mode) else "600"
        raise UnusableKey(f"{path} is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod {narrow} on it")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        require_private(folder, folder.lstat().st_mode)
    else:
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
