"""The keystore: keys are made once, stay private on disk, and are found again."""

import io
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from provenance.credentials import certificates
from provenance.credentials.certificates import (
    check_claim_certificate,
    issue_claim_certificate,
    make_development_authority,
)
from provenance.credentials.claim import ClaimDescription
from provenance.credentials.signing import sign_embedded
from provenance.errors import CertificateUnusable, MalformedRecord, NotFound, StoreUnavailable, UnusableKey
from provenance.statement import key_file
from provenance.statement.keys import Algorithm, LocalSigner, PublicKey
from registry.keys.keystore import RENEWAL, Keystore

PASSPHRASE = b"correct horse"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)  # c2pa looks at the real one

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keystore(tmp_path: Path, clock: Clock) -> Keystore:
    return Keystore.open(tmp_path, PASSPHRASE, clock)


def files_of(folder: Path) -> list[Path]:
    return [path for path in (folder / "keys").rglob("*") if path.is_file()]


def leaf_of(chain_pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain_pem.encode())[0]


def test_keys_made_on_the_first_start_are_found_on_the_next(tmp_path: Path, clock: Clock) -> None:
    first = Keystore.open(tmp_path, PASSPHRASE, clock)
    second = Keystore.open(tmp_path, PASSPHRASE, clock)
    assert first.log.public_key == second.log.public_key
    assert first.operator.public_key == second.operator.public_key
    assert first.claim_signer().chain_pem == second.claim_signer().chain_pem
    assert first.log.public_key != first.operator.public_key


def test_signatures_verify_under_the_public_key(keystore: Keystore) -> None:
    for signer in (
        keystore.log,
        keystore.operator,
        keystore.create_publisher_key("daily-courier", Algorithm.ED25519),
        keystore.create_publisher_key("daily-courier", Algorithm.ES256),
    ):
        signer.public_key.verify(signer.sign(b"message"), b"message")
    assert keystore.log.public_key.algorithm is Algorithm.ED25519


def test_files_are_private_and_encrypted(tmp_path: Path, keystore: Keystore) -> None:
    keystore.create_publisher_key("daily-courier")
    files = files_of(tmp_path)
    assert len(files) == 5
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600, path
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"), path
        assert path.read_bytes().count(b"PRIVATE KEY") == 2, path
    for folder in (tmp_path / "keys", tmp_path / "keys/publishers", tmp_path / "keys/publishers/daily-courier"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("keystore")
def test_a_wrong_passphrase_is_said_in_clear_words(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(UnusableKey, match=r"log\.pem: the passphrase is wrong"):
        Keystore.open(tmp_path, b"battery staple", clock)


def test_an_empty_passphrase_makes_no_keys(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(UnusableKey, match="empty"):
        Keystore.open(tmp_path, b"", clock)
    assert not (tmp_path / "keys").exists()


@pytest.mark.usefixtures("keystore")
@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [("keys/log.pem", 0o640, "chmod 600"), ("keys/log.pem", 0o604, "chmod 600"), ("keys", 0o750, "chmod 700")],
)
def test_what_is_open_to_other_users_is_refused(
    tmp_path: Path, clock: Clock, name: str, mode: int, remedy: str
) -> None:
    (tmp_path / name).chmod(mode)
    with pytest.raises(UnusableKey, match=rf"open to other users \(mode {mode:04o}\): run {remedy}"):
        Keystore.open(tmp_path, PASSPHRASE, clock)


@pytest.mark.usefixtures("keystore")
def test_a_key_that_is_a_link_is_refused(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "keys/log.pem").rename(tmp_path / "elsewhere.pem")
    (tmp_path / "keys/log.pem").symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(UnusableKey, match="cannot be read"):
        Keystore.open(tmp_path, PASSPHRASE, clock)


@pytest.mark.usefixtures("keystore")
@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n" * 2000])
def test_a_damaged_key_is_unusable(tmp_path: Path, clock: Clock, content: bytes) -> None:
    (tmp_path / "keys/log.pem").write_bytes(content)
    with pytest.raises(UnusableKey, match=r"log\.pem"):
        Keystore.open(tmp_path, PASSPHRASE, clock)


@pytest.mark.usefixtures("keystore")
@pytest.mark.parametrize("name", ["operator", "claim", "authority"])
def test_a_lost_key_is_not_silently_made_anew(tmp_path: Path, clock: Clock, name: str) -> None:
    (tmp_path / f"keys/{name}.pem").unlink()
    with pytest.raises(UnusableKey, match=rf"{name}\.pem is missing"):
        Keystore.open(tmp_path, PASSPHRASE, clock)


def test_a_lost_log_key_is_not_made_anew_beside_publishers(tmp_path: Path, keystore: Keystore, clock: Clock) -> None:
    keystore.create_publisher_key("daily-courier")
    (tmp_path / "keys/log.pem").unlink()
    with pytest.raises(UnusableKey, match="restore it from a backup"):
        Keystore.open(tmp_path, PASSPHRASE, clock)


def test_a_first_start_that_was_interrupted_is_completed(tmp_path: Path, keystore: Keystore, clock: Clock) -> None:
    operator, log = keystore.operator.public_key, keystore.log.public_key
    (tmp_path / "keys/log.pem").unlink()  # it is made last
    (tmp_path / "keys/.log.pem.0123456789abcdef").write_bytes(b"half a k")
    again = Keystore.open(tmp_path, PASSPHRASE, clock)
    assert again.operator.public_key == operator
    assert again.log.public_key != log


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        Keystore.open(tmp_path / "missing", PASSPHRASE, clock)


# Publishers -------------------------------------------------------------------------------------


def test_a_publisher_has_several_keys_each_found_by_its_thumbprint(
    tmp_path: Path, keystore: Keystore, clock: Clock
) -> None:
    old = keystore.create_publisher_key("daily-courier", Algorithm.ED25519).public_key
    new = keystore.create_publisher_key("daily-courier", Algorithm.ES256).public_key
    again = Keystore.open(tmp_path, PASSPHRASE, clock)
    assert again.publisher_key("daily-courier", old.thumbprint).public_key == old
    assert again.publisher_key("daily-courier", new.thumbprint).public_key == new


def test_a_key_that_is_held_elsewhere_is_not_found(keystore: Keystore) -> None:
    thumbprint = keystore.create_publisher_key("daily-courier").public_key.thumbprint
    with pytest.raises(NotFound):
        keystore.publisher_key("daily-courier", bytes(32))
    with pytest.raises(NotFound):
        keystore.publisher_key("evening-post", thumbprint)


def test_a_file_under_the_name_of_another_key_is_unusable(tmp_path: Path, keystore: Keystore, clock: Clock) -> None:
    first = keystore.create_publisher_key("daily-courier").public_key.thumbprint
    second = keystore.create_publisher_key("daily-courier").public_key.thumbprint
    folder = tmp_path / "keys/publishers/daily-courier"
    (folder / f"{first.hex()}.pem").replace(folder / f"{second.hex()}.pem")
    with pytest.raises(UnusableKey, match="another key"):
        Keystore.open(tmp_path, PASSPHRASE, clock).publisher_key("daily-courier", second)


@pytest.mark.parametrize("publisher", ["", "..", "../log", "a/b", "/etc", "A", "a\0b", "a.b", "-a", "é", "a" * 65])
def test_a_publisher_id_cannot_name_a_path(tmp_path: Path, keystore: Keystore, publisher: str) -> None:
    before = files_of(tmp_path)
    with pytest.raises(MalformedRecord):
        keystore.create_publisher_key(publisher)
    with pytest.raises(MalformedRecord):
        keystore.publisher_key(publisher, bytes(32))
    assert files_of(tmp_path) == before


@pytest.mark.timing
def test_threads_share_one_key(tmp_path: Path, clock: Clock) -> None:
    Keystore.open(tmp_path, PASSPHRASE, clock)
    keystore = Keystore.open(tmp_path, PASSPHRASE, clock)
    found: list[LocalSigner] = []
    threads = [threading.Thread(target=lambda: found.append(keystore.operator)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(signer) for signer in found}) == 1


# Claims -----------------------------------------------------------------------------------------


def test_the_claim_certificate_is_within_the_profile_and_signs(keystore: Keystore, clock: Clock) -> None:
    signer = keystore.claim_signer()
    check_claim_certificate(signer.chain_pem, clock.now)
    assert signer.algorithm == "es256"
    assert signer.chain_pem.endswith(keystore.development_authority)
    key = leaf_of(signer.chain_pem).public_key()
    assert isinstance(key, EllipticCurvePublicKey)
    raw = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    PublicKey(Algorithm.ES256, raw).verify(signer.sign(b"claim"), b"claim")


def test_a_claim_certificate_of_ours_is_renewed_before_it_expires(
    keystore: Keystore, clock: Clock, tmp_path: Path
) -> None:
    first = leaf_of(keystore.claim_signer().chain_pem)
    clock.now = first.not_valid_after_utc - RENEWAL - timedelta(days=1)
    assert leaf_of(keystore.claim_signer().chain_pem) == first
    clock.now += timedelta(days=2)
    renewed = leaf_of(keystore.claim_signer().chain_pem)
    assert renewed.not_valid_after_utc > first.not_valid_after_utc + timedelta(days=300)
    assert leaf_of(Keystore.open(tmp_path, PASSPHRASE, clock).claim_signer().chain_pem) == renewed


def test_a_claim_certificate_that_others_readers_refuse_is_replaced_by_one_they_take(
    tmp_path: Path, keystore: Keystore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:  # certificates were for document signing, not for e-mail protection
        earlier.setattr(certificates.ExtendedKeyUsageOID, "EMAIL_PROTECTION", certificates.DOCUMENT_SIGNING)
        keystore._issue_claim(keystore._read_certified(tmp_path / "keys/authority.pem"))
    assert not certificates.is_widely_read(keystore._read_certified(tmp_path / "keys/claim.pem").chain_pem)
    chain = Keystore.open(tmp_path, PASSPHRASE, clock).claim_signer().chain_pem
    assert certificates.is_widely_read(chain)
    assert Keystore.open(tmp_path, PASSPHRASE, clock).claim_signer().chain_pem == chain


def test_a_claim_certificate_from_elsewhere_is_not_replaced(tmp_path: Path, keystore: Keystore, clock: Clock) -> None:
    foreign = issue_claim_certificate(
        make_development_authority(clock.now, "Elsewhere"), "The Daily Courier", clock.now
    )
    path = tmp_path / "keys/claim.pem"
    path.write_bytes(key_file.encrypt(foreign.key, PASSPHRASE) + foreign.chain_pem.encode())
    keystore = Keystore.open(tmp_path, PASSPHRASE, clock)
    assert keystore.claim_signer().chain_pem == foreign.chain_pem
    clock.now += timedelta(days=400)
    with pytest.raises(CertificateUnusable, match="expired"):
        keystore.claim_signer()


def test_a_certificate_of_another_key_is_unusable(tmp_path: Path, keystore: Keystore, clock: Clock) -> None:
    foreign = issue_claim_certificate(make_development_authority(clock.now), "The Daily Courier", clock.now)
    other = issue_claim_certificate(make_development_authority(clock.now), "The Daily Courier", clock.now)
    (tmp_path / "keys/claim.pem").write_bytes(key_file.encrypt(foreign.key, PASSPHRASE) + other.chain_pem.encode())
    with pytest.raises(UnusableKey, match="the certificate is for another key"):
        keystore.claim_signer()


def test_a_picture_can_be_signed_with_the_claim_key(keystore: Keystore) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 120, 40)).save(picture, "JPEG")
    claim = ClaimDescription(
        "A square", "https://registry.example", "Countermark/1", digital_source_type="digitalCapture"
    )
    signed = sign_embedded(picture.getvalue(), "image/jpeg", claim, keystore.claim_signer())
    assert signed.data is not None
    assert b"Countermark development authority" in signed.data
