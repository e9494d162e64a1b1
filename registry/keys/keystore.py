"""Keystore: the private keys of a service, as encrypted files in its data folder, or held by external signers.

    keys/                                    0700
      log.pem                                Ed25519: checkpoints
      log-ml-dsa.pem                         ML-DSA-44: a second signature on checkpoints
      log.next.pem, log-ml-dsa.next.pem      those that take over, from the start of a rotation to its end
      operator.pem                           Ed25519: the genesis, and which keys are a publisher's
      publishers/<id>/<thumbprint>.pem       Ed25519 or ES256: statements
      claim.pem                              ES256, and its certificate chain: C2PA claims
      authority.pem                          ES256, and its certificate: the development authority behind it

Each file is PKCS#8 in PEM (`provenance.statement.key_file`), encrypted under one passphrase, mode 0600; the last two
have their certificates behind the key, so that a key and its certificate are replaced at once or not at all. The
authority's key is kept, because claim certificates last a year at most and are renewed from it.

The log's, the operator's and the claim key may instead be held by a token or a key service
(`registry.keys.signer_uri`). Such a key has no file, and this process never sees it.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provenance.credentials.certificates import (
    ClaimAlgorithm,
    IssuedCertificate,
    check_claim_certificate,
    is_widely_read,
    issue_claim_certificate,
    issue_timestamp_certificate,
    make_development_authority,
    parse_certificates,
)
from provenance.credentials.signing import ClaimSigner
from provenance.errors import CertificateUnusable, NotFound, UnusableKey
from provenance.statement.codec import PUBLISHER_ID
from provenance.statement.keys import Algorithm, LocalSigner, Signer, public_key_of
from provenance.transparency.log_keys import Sign
from provenance.transparency.ml_dsa import MlDsaSigner
from provenance.transparency.note import ED25519, ML_DSA_44, VerifierKey
from registry.keys.key_files import read_certified, read_key_file, replace_key_file, write_certified, write_key_file
from registry.keys.signer_uri import ExternalSigner

RENEWAL = timedelta(days=30)
"""How long before its end a claim certificate of the development authority is replaced: a month to notice failures."""

S = TypeVar("S", LocalSigner, MlDsaSigner)

Role = Literal["log", "operator", "claim"]
"""The keys that an external signer may hold."""

_FILES_ALONE: Mapping[Role, Signer] = MappingProxyType({})

logger = logging.getLogger(__name__)


class Keystore:
    """The keys of one data folder. Thread-safe; a key is decrypted at its first use and cached."""

    def __init__(
        self,
        folder: Path,
        passphrase: bytes,
        clock: Callable[[], datetime],
        name: str,
        external_signers: Mapping[Role, Signer],
        claim_chain: str | None,
    ) -> None:
        self._folder = folder
        self._claim_chain = claim_chain
        self._external = external_signers
        self._passphrase = passphrase
        self._clock = clock
        self._name = name
        self._lock = threading.RLock()
        # Under _lock:
        self._signers: dict[Path, LocalSigner] = {}
        self._ml_dsa: dict[Path, MlDsaSigner] = {}
        self._versions: dict[
            Path, tuple[int, int]
        ] = {}  # of the files that were read: other processes may replace them
        self._claim: IssuedCertificate | None = None
        self._successor: Signer | None = None  # of the log's key, where an external signer holds it

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: bytes,
        clock: Callable[[], datetime],
        *,
        name: str = "Countermark",
        ml_dsa: bool = False,
        external_signers: Mapping[Role, Signer] = _FILES_ALONE,
        claim_chain: str | None = None,
    ) -> "Keystore":
        """The keys in `folder`/keys; on the first start, those of the service are made.

        Args:
            folder: the data folder, which exists.
            passphrase: of every file; not empty.
            clock: now, with a time zone: decides when certificates begin and are renewed.
            name: who signs claims, in new certificates; at most 64 characters.
            ml_dsa: whether a new log gets an ML-DSA-44 key beside its Ed25519 key.
            external_signers: the signers of keys that are not files in the folder.
            claim_chain: PEM of the certificates of the claim key, where an external signer holds it.

        Raises:
            UnusableKey: wrong passphrase; a file is damaged, missing, or open to other users.
            StoreUnavailable: the folder cannot be read or written.
        """
        keystore = cls(folder / "keys", passphrase, clock, name, external_signers, claim_chain)
        kinds = keystore._kinds()
        if not keystore._path(kinds[-1]).exists():
            keystore._start(ml_dsa)
        for kind in kinds:
            if not keystore._path(kind).exists():
                raise UnusableKey(f"{keystore._path(kind)} is missing: restore it from a backup")
        _ = keystore.log  # raises for a wrong passphrase
        return keystore

    @classmethod
    def open_witness(
        cls, folder: Path, passphrase: bytes, clock: Callable[[], datetime], *, is_new: bool, is_second_new: bool
    ) -> tuple[LocalSigner, MlDsaSigner]:
        """The keys of a witness, in `folder`/keys/witness.pem (Ed25519) and witness-ml-dsa.pem (ML-DSA-44).

        Args:
            is_new, is_second_new: whether the first and the second key have never cosigned; a missing one is then made.

        Raises as `open`.
        """
        keystore = cls(folder / "keys", passphrase, clock, "", _FILES_ALONE, None)
        path, second = keystore._path("witness"), keystore._path("witness-ml-dsa")
        if is_new and not path.exists():
            write_key_file(folder / "keys", path, LocalSigner.generate(Algorithm.ED25519).to_encrypted_pem(passphrase))
        if is_second_new and not second.exists():
            write_key_file(folder / "keys", second, MlDsaSigner.generate().to_encrypted_pem(passphrase))
        return keystore._signer(path), keystore._ml_dsa_signer(second)

    @property
    def log(self) -> Signer:
        """The log's key, Ed25519. Raises UnusableKey."""
        return self._external.get("log") or self._signer(self._path("log"))

    @property
    def operator(self) -> Signer:
        """The operator's key. Raises UnusableKey."""
        return self._external.get("operator") or self._signer(self._path("operator"))

    def close(self) -> None:
        """Close the external signers. The keys in files stay usable."""
        for signer in (*self._external.values(), self._successor):
            if isinstance(signer, ExternalSigner):
                signer.close()

    # The log's keys -----------------------------------------------------------------------------

    def log_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys that a new log of this name begins with. Raises UnusableKey."""
        ml_dsa = self._path("log-ml-dsa")
        return _verifier_keys(origin, self.log, self._ml_dsa_signer(ml_dsa) if ml_dsa.exists() else None)

    def log_signer(self, key: VerifierKey) -> Sign | None:
        """The signer of one of the log's keys, in use or prepared; None for a key that this keystore does not hold.

        Raises UnusableKey.
        """
        if key.key_type == ML_DSA_44:
            found = (self._ml_dsa_signer(path) for path in self._log_files("log-ml-dsa"))
            return next((signer.sign for signer in found if signer.public == key.public), None)
        held = (self._external.get("log"), self._successor, *map(self._signer, self._log_files("log")))
        return next((each.sign for each in held if each is not None and each.public_key.raw == key.public), None)

    def prepare_log_keys(
        self, origin: str, *, ml_dsa: bool, successor: Signer | None = None
    ) -> tuple[VerifierKey, ...]:
        """The next keys of the log, stored durably beside those in use until `promote_log_keys`.

        Keys prepared by an interrupted rotation are used again.

        Args:
            origin: the log's name.
            ml_dsa: whether to add an ML-DSA-44 key.
            successor: the Ed25519 key, where an external signer holds it.

        Raises UnusableKey, StoreUnavailable.
        """
        self._successor = successor
        path, ml_dsa_path = self._path("log.next"), self._path("log-ml-dsa.next")
        if successor is None and not path.exists():
            write_key_file(
                self._folder, path, LocalSigner.generate(Algorithm.ED25519).to_encrypted_pem(self._passphrase)
            )
        if ml_dsa and not ml_dsa_path.exists():
            write_key_file(self._folder, ml_dsa_path, MlDsaSigner.generate().to_encrypted_pem(self._passphrase))
        second = self._ml_dsa_signer(ml_dsa_path) if ml_dsa else None
        return _verifier_keys(origin, successor or self._signer(path), second)

    def promote_log_keys(self, current: Sequence[VerifierKey]) -> None:
        """Replace the files of the old keys with the prepared keys that the log now signs with.

        Raises UnusableKey, StoreUnavailable.
        """
        public = {key.public for key in current}
        with self._lock:
            for kind in ("log", "log-ml-dsa"):
                prepared = self._path(f"{kind}.next")
                if not prepared.exists():
                    continue
                ours = self._signer(prepared).public_key.raw if kind == "log" else self._ml_dsa_signer(prepared).public
                if ours not in public:
                    continue
                replace_key_file(prepared, self._path(kind))
                for cache in (self._signers, self._ml_dsa):
                    cache.pop(prepared, None)
                    cache.pop(self._path(kind), None)

    def _log_files(self, kind: str) -> list[Path]:
        return [path for path in (self._path(kind), self._path(f"{kind}.next")) if path.exists()]

    # Publishers and claims ----------------------------------------------------------------------

    def create_publisher_key(self, publisher: str, algorithm: Algorithm = Algorithm.ED25519) -> LocalSigner:
        """A new key for a publisher, beside those it has. It is durable, and valid once its enrolment is logged.

        Raises:
            MalformedRecord: `publisher` is not a publisher's id.
            UnusableKey, StoreUnavailable: as `open`.
        """
        signer = LocalSigner.generate(algorithm)
        path = self._publisher_path(publisher, signer.public_key.thumbprint)
        write_key_file(self._folder, path, signer.to_encrypted_pem(self._passphrase))
        with self._lock:
            self._signers[path] = signer
        return signer

    def holds_publisher_key(self, publisher: str, thumbprint: bytes) -> bool:
        """Whether a publisher's key is kept here. Raises MalformedRecord where `publisher` is not a publisher's id."""
        return self._publisher_path(publisher, thumbprint).exists()

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

        So is a certificate from before the e-mail protection usage was added: other readers reject it.

        Raises:
            CertificateUnusable: the certificate is expired or outside the profile, and of another authority.
            UnusableKey, StoreUnavailable: as `open`.
        """
        external = self._external.get("claim")
        if external is not None:
            return self._external_claim_signer(external, tsa_url)
        claim = self._current_claim()
        check_claim_certificate(claim.chain_pem, self._clock())
        algorithm: ClaimAlgorithm = "ed25519" if isinstance(claim.key, Ed25519PrivateKey) else "es256"
        return ClaimSigner(LocalSigner(claim.key).sign, algorithm, claim.chain_pem, tsa_url)

    def current_claim_chain(self) -> str:
        """PEM of the certificates that claims are signed with, also if they have ended; renewed as by `claim_signer`.

        Raises UnusableKey, StoreUnavailable.
        """
        if "claim" in self._external:
            return self._claim_chain or ""
        return self._current_claim().chain_pem

    def _current_claim(self) -> IssuedCertificate:
        with self._lock:
            if self._claim is None:
                self._claim = self._read_certified(self._path("claim"))
            if self._is_due(self._claim):
                self._claim = self._issue_claim(self._read_certified(self._path("authority")))
            return self._claim

    def _external_claim_signer(self, signer: Signer, tsa_url: str | None) -> ClaimSigner:
        chain = self._claim_chain
        if chain is None:
            raise CertificateUnusable("a claim key held by an external signer needs its certificates")
        check_claim_certificate(chain, self._clock())
        certified = parse_certificates(chain)[0].public_key()
        if not isinstance(certified, EllipticCurvePublicKey | Ed25519PublicKey) or (
            public_key_of(certified) != signer.public_key
        ):
            raise CertificateUnusable("the first certificate is not the certificate of the claim key")
        ed25519 = signer.public_key.algorithm is Algorithm.ED25519
        return ClaimSigner(signer.sign, "ed25519" if ed25519 else "es256", chain, tsa_url)

    @property
    def development_authority(self) -> str:
        """PEM of the certificate of the development authority, for trust lists of demonstrations and tests."""
        return self._read_certified(self._path("authority")).chain_pem

    def development_stamper(self) -> IssuedCertificate:
        """A new key that the development authority certifies for time-stamping; not stored. Raises UnusableKey."""
        return issue_timestamp_certificate(self._read_certified(self._path("authority")), self._clock())

    def _kinds(self) -> tuple[str, ...]:
        """The files of the service's own keys, in the order in which they are made."""
        files: tuple[Role, ...] = ("claim", "operator", "log")
        return ("authority", *(role for role in files if role not in self._external))

    def _start(self, ml_dsa: bool) -> None:
        """Make the keys of the service, the last of `_kinds` last: where its file exists, all others have been made."""
        publishers = self._folder / "publishers"
        *_, last = self._kinds()
        if publishers.exists():
            raise UnusableKey(
                f"{self._path(last)} is missing, although keys made after it exist: restore it from a backup"
            )
        if not self._passphrase:
            raise UnusableKey("the passphrase is empty")
        if not self._path("authority").exists():
            self._write_certified(self._path("authority"), make_development_authority(self._clock(), self._name))
        if ml_dsa and not self._path("log-ml-dsa").exists():
            write_key_file(
                self._folder, self._path("log-ml-dsa"), MlDsaSigner.generate().to_encrypted_pem(self._passphrase)
            )
        if "claim" not in self._external and not self._path("claim").exists():
            self._issue_claim(self._read_certified(self._path("authority")))
        for kind in self._kinds():
            if not self._path(kind).exists():
                signer = LocalSigner.generate(Algorithm.ED25519)
                write_key_file(self._folder, self._path(kind), signer.to_encrypted_pem(self._passphrase))
        logger.info("new keys were made in %s", self._folder)

    def _is_due(self, claim: IssuedCertificate) -> bool:
        leaf = parse_certificates(claim.chain_pem)[0]
        if leaf.not_valid_after_utc - self._clock() > RENEWAL and is_widely_read(claim.chain_pem):
            return False
        try:
            leaf.verify_directly_issued_by(parse_certificates(self.development_authority)[0])
        except (ValueError, TypeError, InvalidSignature):
            return False  # the operator renews a certificate of another authority
        return True

    def _issue_claim(self, authority: IssuedCertificate) -> IssuedCertificate:
        claim = issue_claim_certificate(authority, self._name, self._clock())
        self._write_certified(self._path("claim"), claim)
        return claim

    # Files --------------------------------------------------------------------------------------

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.pem"

    def _publisher_path(self, publisher: str, thumbprint: bytes) -> Path:
        checked = PUBLISHER_ID.read(publisher, "publisher")  # the record's rule: no path gets through
        return self._folder / "publishers" / checked / f"{thumbprint.hex()}.pem"

    def _signer(self, path: Path) -> LocalSigner:
        return self._decrypt(path, self._signers, LocalSigner.from_encrypted_pem)

    def _ml_dsa_signer(self, path: Path) -> MlDsaSigner:
        return self._decrypt(path, self._ml_dsa, MlDsaSigner.from_encrypted_pem)

    def _decrypt(self, path: Path, kept: dict[Path, S], read: Callable[[bytes, bytes], S]) -> S:
        with self._lock:
            version = _version(path)
            replaced = version is not None and self._versions.setdefault(path, version) != version
            if path not in kept or replaced:
                pem = read_key_file(path)
                try:
                    kept[path] = read(pem, self._passphrase)
                except UnusableKey as error:
                    raise UnusableKey(f"{path}: {error}") from error
                if version is not None:
                    self._versions[path] = version
            return kept[path]

    def _read_certified(self, path: Path) -> IssuedCertificate:
        return read_certified(path, self._passphrase)

    def _write_certified(self, path: Path, certified: IssuedCertificate) -> None:
        write_certified(self._folder, path, self._passphrase, certified)


def _version(path: Path) -> tuple[int, int] | None:
    """Inode and modification time, which differ once a file is replaced; None if the file cannot be read now."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _verifier_keys(origin: str, signer: Signer, ml_dsa: MlDsaSigner | None) -> tuple[VerifierKey, ...]:
    if signer.public_key.algorithm is not Algorithm.ED25519:
        raise UnusableKey("the key of a log is an Ed25519 key")
    key = VerifierKey(origin, ED25519, signer.public_key.raw)
    return (key,) if ml_dsa is None else (key, VerifierKey(origin, ML_DSA_44, ml_dsa.public))
