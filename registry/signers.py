"""Keystore: the private keys of a service, as encrypted files in its data folder.

    keys/                                    0700
      log.pem                                Ed25519: checkpoints
      operator.pem                           Ed25519: the genesis, and which keys are a publisher's
      publishers/<id>/<thumbprint>.pem       Ed25519 or ES256: statements
      claim.pem                              ES256, and its certificate chain: C2PA claims
      authority.pem                          ES256, and its certificate: the development authority behind it

Each file is PKCS#8 in PEM (`provenance.statement.key_file`), encrypted under one passphrase, mode 0600; the last two
have their certificates behind the key, so that a key and its certificate are replaced at once or not at all. The
authority's key is kept, because claim certificates last a year at most and are renewed from it.
"""

import logging
import os
import secrets
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.credentials.certificates import (
    ClaimAlgorithm,
    IssuedCertificate,
    check_claim_certificate,
    issue_claim_certificate,
    issue_timestamp_certificate,
    make_development_authority,
    parse_certificates,
)
from provenance.credentials.signing import ClaimSigner
from provenance.errors import CertificateUnusable, NotFound, StoreUnavailable, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES
from provenance.statement import key_file
from provenance.statement.fields import Fields
from provenance.statement.keys import Algorithm, LocalSigner

RENEWAL = timedelta(days=30)
"""How long before its end a claim certificate of the development authority is replaced: a month to notice failures."""

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = logging.getLogger(__name__)


class Keystore:
    """The keys of one data folder. Thread-safe; a key is decrypted when it is first asked for, and then kept."""

    def __init__(self, folder: Path, passphrase: bytes, clock: Callable[[], datetime], name: str) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._clock = clock
        self._name = name
        self._lock = threading.RLock()
        # Under _lock:
        self._signers: dict[Path, LocalSigner] = {}
        self._claim: IssuedCertificate | None = None

    @classmethod
    def open(
        cls, folder: Path, passphrase: bytes, clock: Callable[[], datetime], *, name: str = "Countermark"
    ) -> "Keystore":
        """The keys in `folder`/keys; on the first start, those of the service are made.

        Args:
            folder: the data folder, which exists.
            passphrase: of every file; not empty.
            clock: now, with a time zone: decides when certificates begin and are renewed.
            name: who signs claims, in new certificates; at most 64 characters.

        Raises:
            UnusableKey: wrong passphrase; a file is damaged, missing, or open to other users.
            StoreUnavailable: the folder cannot be read or written.
        """
        keystore = cls(folder / "keys", passphrase, clock, name)
        if not keystore._path("log").exists():
            keystore._start()
        for kind in ("operator", "authority", "claim"):
            if not keystore._path(kind).exists():
                raise UnusableKey(f"{keystore._path(kind)} is missing: restore it from a backup")
        _ = keystore.log  # a wrong passphrase is found out now
        return keystore

    @classmethod
    def open_witness(
        cls, folder: Path, passphrase: bytes, clock: Callable[[], datetime], *, is_new: bool
    ) -> LocalSigner:
        """The Ed25519 key of a witness, in `folder`/keys/witness.pem; made for a new one. Raises as `open`."""
        keystore = cls(folder / "keys", passphrase, clock, "")
        path = keystore._path("witness")
        if is_new and not path.exists():
            keystore._write(path, LocalSigner.generate(Algorithm.ED25519).to_encrypted_pem(passphrase))
        return keystore._signer(path)

    @property
    def log(self) -> LocalSigner:
        """The log's key, Ed25519. Raises UnusableKey."""
        return self._signer(self._path("log"))

    @property
    def operator(self) -> LocalSigner:
        """The operator's key, Ed25519. Raises UnusableKey."""
        return self._signer(self._path("operator"))

    def create_publisher_key(self, publisher: str, algorithm: Algorithm = Algorithm.ED25519) -> LocalSigner:
        """A new key for a publisher, besides those it has. It is durable, and counts from its enrolment in the log on.

        Raises:
            MalformedRecord: `publisher` is not a publisher's id.
            UnusableKey, StoreUnavailable: as `open`.
        """
        signer = LocalSigner.generate(algorithm)
        path = self._publisher_path(publisher, signer.public_key.thumbprint)
        self._write(path, signer.to_encrypted_pem(self._passphrase))
        with self._lock:
            self._signers[path] = signer
        return signer

    def publisher_key(self, publisher: str, thumbprint: bytes) -> LocalSigner:
        """The publisher's key of this thumbprint (`PublicKey.thumbprint`, 32 bytes).

        Raises:
            MalformedRecord: `publisher` is not a publisher's id.
            NotFound: the key is not kept here.
            UnusableKey: wrong passphrase, damaged, or not the key of that thumbprint.
        """
        path = self._publisher_path(publisher, thumbprint)
        if not path.exists():
            raise NotFound(f"this service does not hold that key of {publisher}")
        signer = self._signer(path)
        if signer.public_key.thumbprint != thumbprint:
            raise UnusableKey(f"{path} holds another key than its name says")
        return signer

    def claim_signer(self, tsa_url: str | None = None) -> ClaimSigner:
        """The signer of C2PA claims. A certificate of the development authority is renewed when it nears its end.

        Raises:
            CertificateUnusable: the certificate is expired or outside the profile, and not ours to renew.
            UnusableKey, StoreUnavailable: as `open`.
        """
        with self._lock:
            if self._claim is None:
                self._claim = self._read_certified(self._path("claim"))
            if self._is_due(self._claim):
                self._claim = self._issue_claim(self._read_certified(self._path("authority")))
            claim = self._claim
        check_claim_certificate(claim.chain_pem, self._clock())
        algorithm: ClaimAlgorithm = "ed25519" if isinstance(claim.key, Ed25519PrivateKey) else "es256"
        return ClaimSigner(LocalSigner(claim.key).sign, algorithm, claim.chain_pem, tsa_url)

    @property
    def development_authority(self) -> str:
        """PEM of the certificate of the development authority, for trust lists of demonstrations and tests."""
        return self._read_certified(self._path("authority")).chain_pem

    def development_stamper(self) -> IssuedCertificate:
        """A new key that the development authority certifies for time-stamping; kept nowhere. Raises UnusableKey."""
        return issue_timestamp_certificate(self._read_certified(self._path("authority")), self._clock())

    def _start(self) -> None:
        """Make the keys of the service. The log's is the last: where it is, all others have been."""
        publishers = self._folder / "publishers"
        if publishers.exists():
            raise UnusableKey(
                f"{self._path('log')} is missing, and keys made after it are there: restore it from a backup"
            )
        if not self._passphrase:
            raise UnusableKey("the passphrase is empty")
        if not self._path("authority").exists():
            self._write_certified(self._path("authority"), make_development_authority(self._clock(), self._name))
        if not self._path("claim").exists():
            self._issue_claim(self._read_certified(self._path("authority")))
        for kind in ("operator", "log"):
            if not self._path(kind).exists():
                signer = LocalSigner.generate(Algorithm.ED25519)
                self._write(self._path(kind), signer.to_encrypted_pem(self._passphrase))
        logger.info("new keys were made in %s", self._folder)

    def _is_due(self, claim: IssuedCertificate) -> bool:
        leaf = parse_certificates(claim.chain_pem)[0]
        if leaf.not_valid_after_utc - self._clock() > RENEWAL:
            return False
        try:
            leaf.verify_directly_issued_by(parse_certificates(self.development_authority)[0])
        except (ValueError, TypeError, InvalidSignature):
            return False  # a certificate from elsewhere is the operator's to renew
        return True

    def _issue_claim(self, authority: IssuedCertificate) -> IssuedCertificate:
        claim = issue_claim_certificate(authority, self._name, self._clock())
        self._write_certified(self._path("claim"), claim)
        return claim

    # Files --------------------------------------------------------------------------------------

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.pem"

    def _publisher_path(self, publisher: str, thumbprint: bytes) -> Path:
        checked = Fields({"publisher": publisher}).publisher_id("publisher")  # the record's rule: no path gets through
        return self._folder / "publishers" / checked / f"{thumbprint.hex()}.pem"

    def _signer(self, path: Path) -> LocalSigner:
        with self._lock:
            if path not in self._signers:
                pem = self._read(path)
                try:
                    self._signers[path] = LocalSigner.from_encrypted_pem(pem, self._passphrase)
                except UnusableKey as error:
                    raise UnusableKey(f"{path}: {error}") from error
            return self._signers[path]

    def _read_certified(self, path: Path) -> IssuedCertificate:
        key_pem, mark, chain = self._read(path).partition(_CERTIFICATE)
        try:
            key = key_file.decrypt(key_pem, self._passphrase)
            chain_pem = (mark + chain).decode("ascii")
            leaf = parse_certificates(chain_pem)[0]
        except (UnusableKey, CertificateUnusable, UnicodeDecodeError) as error:
            raise UnusableKey(f"{path}: {error}") from error
        if not isinstance(key, EllipticCurvePrivateKey | Ed25519PrivateKey) or key.public_key() != leaf.public_key():
            raise UnusableKey(f"{path}: the key is not the one of the certificate")
        return IssuedCertificate(chain_pem, key)

    def _write_certified(self, path: Path, certified: IssuedCertificate) -> None:
        self._write(path, key_file.encrypt(certified.key, self._passphrase) + certified.chain_pem.encode("ascii"))

    def _read(self, path: Path) -> bytes:
        try:
            _refuse_others(path.parent, path.parent.lstat().st_mode)
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise UnusableKey(f"{path} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            _refuse_others(path, os.fstat(descriptor).st_mode)
            return file.read(MAX_KEY_FILE_BYTES + 1)

    def _write(self, path: Path, content: bytes) -> None:
        """Durable and whole, or not at all."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            for folder in (self._folder, self._folder / "publishers", path.parent):
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


def _refuse_others(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        narrow = "700" if stat.S_ISDIR(mode) else "600"
        raise UnusableKey(f"{path} is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod {narrow} on it")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _refuse_others(folder, folder.lstat().st_mode)
    else:
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
