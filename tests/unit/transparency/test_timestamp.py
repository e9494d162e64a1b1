"""RFC 3161 tokens by a local test authority (`openssl ts`)."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from provenance.errors import MalformedTimestamp, UntrustedTimestamp, UnusableKey
from provenance.limits import MAX_ANCHOR_BYTES, MAX_TIMESTAMP_BYTES
from provenance.transparency.timestamp import (
    MAX_NONCE,
    TimestampRequest,
    TrustAnchor,
    read_response,
    verify_timestamp,
)

VECTORS = Path(__file__).parents[2] / "vectors"
TESSERA = (VECTORS / "tessera-log" / "checkpoint.15").read_bytes()
MESSAGE = TESSERA[: TESSERA.index(b"\n\n") + 1]
TOKEN = (VECTORS / "timestamp" / "token.der").read_bytes()
ANCHOR = TrustAnchor.from_pem("Countermark test authority", (VECTORS / "timestamp" / "anchor.pem").read_bytes())

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl, which plays the authority, is not installed")

CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ordering = yes
tsa_name = yes
ess_cert_id_alg = sha256
"""


class Authority:
    """A root, and a certificate for time-stamping below it."""

    def __init__(
        self,
        folder: Path,
        *,
        valid: tuple[timedelta, timedelta] = (timedelta(days=-1), timedelta(days=1)),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
        critical: bool = True,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        subject = x509.Name.from_rfc4514_string(f"CN=Test authority {folder.name}")
        wide = (timedelta(days=-3650), timedelta(days=10))
        root = _certificate(subject, root_key, subject, root_key, wide).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        leaf = _certificate(x509.Name.from_rfc4514_string("CN=stamper"), key, subject, root_key, valid).add_extension(
            x509.ExtendedKeyUsage([usage]), critical
        )
        self.root = root.sign(root_key, SHA256()).public_bytes(Encoding.PEM)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files = {
            "leaf.pem": leaf.sign(root_key, SHA256()).public_bytes(Encoding.PEM),
            "leaf.key": pem,
            "serial": b"2A\n",
            "ts.cnf": CONFIGURATION.encode(),
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)

    @property
    def anchor(self) -> TrustAnchor:
        return TrustAnchor.from_pem(self.folder.name, self.root)

    def respond(self, request: bytes) -> bytes:
        assert OPENSSL is not None
        (self.folder / "request.tsq").write_bytes(request)
        command = "ts -reply -config ts.cnf -queryfile request.tsq -signer leaf.pem -inkey leaf.key -out response.tsr"
        subprocess.run([OPENSSL, *command.split()], cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "response.tsr").read_bytes()

    def stamp(self, message: bytes, nonce: int = 7) -> bytes:
        request = TimestampRequest.of(message, nonce)
        return read_response(self.respond(request.serialise()), request)


def _certificate(
    subject: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    valid: tuple[timedelta, timedelta],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "one")


def test_a_token_holds_after_its_certificates_have_expired() -> None:
    """The stored token's certificates were valid for three minutes."""
    leaf_ended = datetime(2026, 11, 23, tzinfo=UTC)
    stamp = verify_timestamp(TOKEN, MESSAGE, [ANCHOR])
    assert stamp.authority == "Countermark test authority"
    assert stamp.time < leaf_ended
    assert all(root.not_valid_after_utc < leaf_ended for root in ANCHOR.roots)
    assert (stamp.accuracy, stamp.policy, stamp.serial) == (timedelta(seconds=1.5), "1.2.3.4.1", 0x2B)


def test_a_token_over_other_bytes_is_not_believed() -> None:
    with pytest.raises(UntrustedTimestamp, match="other bytes"):
        verify_timestamp(TOKEN, MESSAGE + b"\n", [ANCHOR])


def test_a_token_is_believed_for_named_authorities_only(tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger").anchor
    with pytest.raises(UntrustedTimestamp, match="not signed by stranger"):
        verify_timestamp(TOKEN, MESSAGE, [stranger])
    with pytest.raises(UntrustedTimestamp, match="no authority is trusted"):
        verify_timestamp(TOKEN, MESSAGE, [])
    assert verify_timestamp(TOKEN, MESSAGE, [stranger, ANCHOR]).authority == ANCHOR.name


@needs_openssl
def test_an_authority_stamps_a_message(authority: Authority) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    token = authority.stamp(MESSAGE)
    stamp = verify_timestamp(token, MESSAGE, [ANCHOR, authority.anchor])
    assert before <= stamp.time <= datetime.now(UTC)
    assert stamp.time.tzinfo is not None
    assert stamp.authority == "one"


@needs_openssl
@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**63, MAX_NONCE])
def test_a_request_is_read_by_an_authority_as_it_was_meant(authority: Authority, nonce: int, tmp_path: Path) -> None:
    request = TimestampRequest.of(MESSAGE, nonce)
    (tmp_path / "query").write_bytes(request.serialise())
    assert OPENSSL is not None
    command = [OPENSSL, "ts", "-query", "-in", str(tmp_path / "query"), "-text"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Hash Algorithm: sha256" in text
    assert "Certificate required: yes" in text
    assert verify_timestamp(authority.stamp(MESSAGE, nonce), MESSAGE, [authority.anchor]).authority == "one"


def test_a_request_has_the_bytes_that_another_program_writes() -> None:
    other = TimestampRequestBuilder(data=MESSAGE, hash_algorithm=HashAlgorithm.SHA256).build()
    assert other.nonce is not None
    assert TimestampRequest.of(MESSAGE, other.nonce).serialise() == other.as_bytes()


@needs_openssl
def test_a_response_to_another_request_is_not_taken(authority: Authority) -> None:
    request = TimestampRequest.of(MESSAGE, 7)
    response = authority.respond(request.serialise())
    with pytest.raises(UntrustedTimestamp, match="nonce"):
        read_response(response, TimestampRequest.of(MESSAGE, 8))
    with pytest.raises(UntrustedTimestamp, match="other bytes"):
        read_response(response, TimestampRequest.of(b"another", 7))


@needs_openssl
def test_a_refusal_by_the_authority_is_told(authority: Authority) -> None:
    """It takes no SHA-1."""
    request = TimestampRequest.of(MESSAGE, 7)
    imprint = bytes.fromhex("301f300706052b0e03021a0414") + hashlib.sha1(b"").digest()
    sha1 = bytes.fromhex("3027020101") + imprint + bytes.fromhex("0101ff")
    with pytest.raises(UntrustedTimestamp, match="declined with status 2"):
        read_response(authority.respond(sha1), request)


@needs_openssl
def test_a_token_over_another_digest_is_not_taken(authority: Authority) -> None:
    other = TimestampRequestBuilder(data=MESSAGE, hash_algorithm=HashAlgorithm.SHA512).build()
    assert other.nonce is not None
    with pytest.raises(UntrustedTimestamp, match="another digest"):
        read_response(authority.respond(other.as_bytes()), TimestampRequest.of(MESSAGE, other.nonce))


@needs_openssl
def test_a_certificate_that_had_expired_when_it_stamped_is_not_believed(tmp_path: Path) -> None:
    for name, valid in {"late": (-9, -1), "early": (1, 9)}.items():
        days = (timedelta(days=valid[0]), timedelta(days=valid[1]))
        authority = Authority(tmp_path / name, valid=days)
        with pytest.raises(UntrustedTimestamp, match=f"not signed by {name}"):
            verify_timestamp(authority.stamp(MESSAGE), MESSAGE, [authority.anchor])


@needs_openssl
@pytest.mark.parametrize(
    ("usage", "critical", "believed"),
    [
        (ExtendedKeyUsageOID.TIME_STAMPING, True, True),
        (ExtendedKeyUsageOID.TIME_STAMPING, False, False),
        (ExtendedKeyUsageOID.SERVER_AUTH, True, False),
    ],
)
def test_only_a_certificate_for_time_stamping_stamps(
    tmp_path: Path, usage: x509.ObjectIdentifier, critical: bool, believed: bool
) -> None:
    """What the stored token states, signed by another certificate of a trusted authority."""
    since_the_token = (timedelta(days=-3650), timedelta(days=1))
    authority = Authority(tmp_path / "other", valid=since_the_token, usage=usage, critical=critical)
    token = signed_again(authority, lambda stated: stated)
    if believed:
        assert verify_timestamp(token, MESSAGE, [authority.anchor]).serial == 0x2B
    else:
        with pytest.raises(UntrustedTimestamp, match="not signed by other"):
            verify_timestamp(token, MESSAGE, [authority.anchor])


@needs_openssl
def test_a_token_with_a_weak_digest_is_not_believed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "other")
    with pytest.raises(UntrustedTimestamp, match="SHA-2"):
        verify_timestamp(signed_again(authority, lambda stated: stated, digest="sha1"), MESSAGE, [authority.anchor])


@needs_openssl
def test_a_token_that_names_another_digest_of_the_same_length_is_not_believed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "other")
    sha256, sha3_256 = bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040208")
    token = signed_again(authority, lambda stated: stated.replace(sha256, sha3_256))
    with pytest.raises(UntrustedTimestamp, match="another digest"):
        verify_timestamp(token, MESSAGE, [authority.anchor])


@needs_openssl
def test_a_token_of_another_version_or_without_a_policy_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "other")
    policy = bytes.fromhex("06042a030401")
    changes: list[Callable[[bytes], bytes]] = [
        lambda stated: stated.replace(b"\x02\x01\x01" + policy, b"\x02\x01\x02" + policy),
        lambda stated: bytes([stated[0], stated[1] - len(policy)]) + stated[2:].replace(policy, b""),
    ]
    for change in changes:
        with pytest.raises(MalformedTimestamp):
            verify_timestamp(signed_again(authority, change), MESSAGE, [authority.anchor])


def signed_again(authority: Authority, change: Callable[[bytes], bytes], digest: str = "sha256") -> bytes:
    """What the stored token states, changed, and signed as CMS by another authority."""
    assert OPENSSL is not None
    folder = authority.folder
    (folder / "token.der").write_bytes(TOKEN)
    take = [OPENSSL, *["cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.der", "-out", "stated"]]
    subprocess.run(take, cwd=folder, check=True, capture_output=True)
    stated = (folder / "stated").read_bytes()
    (folder / "stated").write_bytes(change(stated))
    sign = f"cms -sign -in stated -binary -nodetach -econtent_type id-smime-ct-TSTInfo -md {digest}"
    files = "-outform DER -out again.der -signer leaf.pem -inkey leaf.key"
    subprocess.run([OPENSSL, *sign.split(), *files.split()], cwd=folder, check=True, capture_output=True)
    return (folder / "again.der").read_bytes()


def test_a_changed_byte_makes_a_token_fail() -> None:
    """But for three places that nobody signs and that state nothing: two versions, and the name of the algorithm."""
    stamp = verify_timestamp(TOKEN, MESSAGE, [ANCHOR])
    passed = []
    for at in range(len(TOKEN)):
        changed = bytearray(TOKEN)
        changed[at] ^= 1
        try:
            assert verify_timestamp(bytes(changed), MESSAGE, [ANCHOR]) == stamp
        except (MalformedTimestamp, UntrustedTimestamp):
            continue
        passed.append(at)
    assert len(passed) == 10
    assert bytes.fromhex("2a8648ce3d040302") == bytes(TOKEN[at] for at in passed[2:])


@given(st.binary(max_size=6), st.integers(0, len(TOKEN)), st.integers(0, 6))
def test_any_bytes_are_a_token_or_refused(noise: bytes, at: int, remove: int) -> None:
    damaged = TOKEN[:at] + noise + TOKEN[at + remove :]
    for data in (noise, damaged):
        try:
            verify_timestamp(data, MESSAGE, [ANCHOR])
        except (MalformedTimestamp, UntrustedTimestamp):
            continue


@needs_openssl
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=6), st.integers(0, 1_000), st.integers(0, 6))
def test_any_bytes_are_a_response_or_refused(response: Callable[[], bytes], noise: bytes, at: int, remove: int) -> None:
    good = response()
    for data in (noise, good[:at] + noise + good[at + remove :]):
        try:
            read_response(data, TimestampRequest.of(MESSAGE, 7))
        except (MalformedTimestamp, UntrustedTimestamp):
            continue


@pytest.fixture(scope="module")
def response(authority: Authority) -> Callable[[], bytes]:
    data = authority.respond(TimestampRequest.of(MESSAGE, 7).serialise())
    return lambda: data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30\x00",
        bytes.fromhex("3003020100"),
        bytes.fromhex("30053003020100"),
        bytes.fromhex("3081053003020100"),
        bytes.fromhex("3006300402020000"),
        bytes.fromhex("3080300302010000000000"),
        b"\x30" * (MAX_TIMESTAMP_BYTES + 1),
    ],
)
def test_bytes_that_are_no_response_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedTimestamp):
        read_response(data, TimestampRequest.of(MESSAGE, 7))
    with pytest.raises(MalformedTimestamp):
        verify_timestamp(data, MESSAGE, [ANCHOR])


@pytest.mark.parametrize(("digest", "nonce"), [(bytes(31), 1), (bytes(32), -1), (bytes(32), MAX_NONCE + 1)])
def test_a_request_that_no_authority_takes_is_not_made(digest: bytes, nonce: int) -> None:
    with pytest.raises(MalformedTimestamp):
        TimestampRequest(digest, nonce)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * (MAX_ANCHOR_BYTES + 1),
    ],
)
def test_an_anchor_without_a_root_is_refused(pem: bytes) -> None:
    with pytest.raises(UnusableKey):
        TrustAnchor.from_pem("authority", pem)


def test_an_anchor_of_a_leaf_alone_is_refused(authority: Authority) -> None:
    with pytest.raises(UnusableKey, match="no root"):
        TrustAnchor.from_pem("authority", (authority.folder / "leaf.pem").read_bytes())
    both = (authority.folder / "leaf.pem").read_bytes() + authority.root
    assert len(TrustAnchor.from_pem("authority", both).intermediates) == 1
