"""RFC 3161 tokens by a local test authority (`openssl ts`)."""

import hashlib
import itertools
import subprocess
import warnings
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from provenance.errors import MalformedTimestamp, UntrustedTimestamp, UnusableKey
from provenance.limits import MAX_ANCHOR_BYTES, MAX_TIMESTAMP_BYTES
from provenance.transparency.timestamp import (
    MAX_NONCE,
    TimestampAuthority,
    TimestampRequest,
    read_response,
    verify_timestamp,
)
from tests.openssl_authority import OPENSSL, Authority, needs_openssl

VECTORS = Path(__file__).parents[2] / "vectors"
TESSERA = (VECTORS / "tessera-log" / "checkpoint.15").read_bytes()
MESSAGE = TESSERA[: TESSERA.index(b"\n\n") + 1]
TOKEN = (VECTORS / "timestamp" / "token.der").read_bytes()
ANCHOR = TimestampAuthority.from_pem("Countermark test authority", (VECTORS / "timestamp" / "anchor.pem").read_bytes())


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


CHAIN = TimestampAuthority.from_pem("with its chain", (VECTORS / "timestamp" / "unsorted-anchor.pem").read_bytes())
UNSORTED = (VECTORS / "timestamp" / "unsorted-token.der").read_bytes()
with warnings.catch_warnings(action="ignore"):  # cryptography tells that they are not sorted
    CERTIFICATES = [each.public_bytes(Encoding.DER) for each in load_der_pkcs7_certificates(UNSORTED)]


def with_certificates(certificates: Iterable[bytes]) -> bytes:
    """The unsorted token with its certificates in another order, or others."""
    return UNSORTED.replace(b"".join(CERTIFICATES), b"".join(certificates))


def test_the_stored_token_leaves_its_certificates_unsorted() -> None:
    """DER sorts a SET (X.690 §11.6)."""
    assert len(CERTIFICATES) == 3
    assert sorted(CERTIFICATES) != CERTIFICATES
    assert with_certificates(CERTIFICATES) == UNSORTED


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_token_holds_whatever_the_order_of_its_certificates(order: tuple[int, ...]) -> None:
    token = with_certificates(CERTIFICATES[number] for number in order)
    assert verify_timestamp(token, MESSAGE, [CHAIN]).serial == 0x2B


def test_nothing_but_the_order_of_certificates_is_free() -> None:
    for token in (
        with_certificates(CERTIFICATES[:2]),
        with_certificates([*CERTIFICATES, b"\x30\x00"]),
        with_certificates([CERTIFICATES[0], CERTIFICATES[1][:-1], CERTIFICATES[2]]),
        UNSORTED + b"\x00",
        UNSORTED[:-1],
    ):
        with pytest.raises((MalformedTimestamp, UntrustedTimestamp)):
            verify_timestamp(token, MESSAGE, [CHAIN])


@given(st.permutations(range(3)), st.integers(0, len(UNSORTED) - 1), st.integers(0, 7))
def test_no_changed_bit_of_an_unsorted_token_states_another_time(order: list[int], at: int, bit: int) -> None:
    token = bytearray(with_certificates(CERTIFICATES[number] for number in order))
    token[at] ^= 1 << bit
    try:
        stamp = verify_timestamp(bytes(token), MESSAGE, [CHAIN])
    except (MalformedTimestamp, UntrustedTimestamp):
        return
    assert stamp == verify_timestamp(UNSORTED, MESSAGE, [CHAIN])


@needs_openssl
def test_an_authority_that_sends_its_chain_is_trusted(tmp_path: Path) -> None:
    """`openssl ts` with `certs=`, as many public authorities do it, writes them in the order of the file."""
    for number in range(3):
        authority = Authority(tmp_path / f"authority {number}", with_chain=True)
        assert verify_timestamp(authority.stamp(MESSAGE), MESSAGE, [authority.anchor]).serial == 0x2B


def test_a_token_over_other_bytes_is_not_trusted() -> None:
    with pytest.raises(UntrustedTimestamp, match="other bytes"):
        verify_timestamp(TOKEN, MESSAGE + b"\n", [ANCHOR])


def test_a_token_is_trusted_for_named_authorities_only(tmp_path: Path) -> None:
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
def test_a_certificate_that_had_expired_when_it_stamped_is_not_trusted(tmp_path: Path) -> None:
    for name, valid in {"late": (-9, -1), "early": (1, 9)}.items():
        days = (timedelta(days=valid[0]), timedelta(days=valid[1]))
        authority = Authority(tmp_path / name, valid=days)
        with pytest.raises(UntrustedTimestamp, match=f"not signed by {name}"):
            verify_timestamp(authority.stamp(MESSAGE), MESSAGE, [authority.anchor])


@needs_openssl
@pytest.mark.parametrize(
    ("usage", "critical", "trusted"),
    [
        (ExtendedKeyUsageOID.TIME_STAMPING, True, True),
        (ExtendedKeyUsageOID.TIME_STAMPING, False, False),
        (ExtendedKeyUsageOID.SERVER_AUTH, True, False),
    ],
)
def test_only_a_certificate_for_time_stamping_stamps(
    tmp_path: Path, usage: x509.ObjectIdentifier, critical: bool, trusted: bool
) -> None:
    """What the stored token states, signed by another certificate of a trusted authority."""
    since_the_token = (timedelta(days=-3650), timedelta(days=1))
    authority = Authority(tmp_path / "other", valid=since_the_token, usage=usage, critical=critical)
    token = signed_again(authority, lambda stated: stated)
    if trusted:
        assert verify_timestamp(token, MESSAGE, [authority.anchor]).serial == 0x2B
    else:
        with pytest.raises(UntrustedTimestamp, match="not signed by other"):
            verify_timestamp(token, MESSAGE, [authority.anchor])


@needs_openssl
def test_a_token_with_a_weak_digest_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "other")
    with pytest.raises(UntrustedTimestamp, match="SHA-2"):
        verify_timestamp(signed_again(authority, lambda stated: stated, digest="sha1"), MESSAGE, [authority.anchor])


@needs_openssl
def test_a_token_that_names_another_digest_of_the_same_length_is_not_trusted(tmp_path: Path) -> None:
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
        TimestampAuthority.from_pem("authority", pem)


def test_an_anchor_of_a_leaf_alone_is_refused(authority: Authority) -> None:
    with pytest.raises(UnusableKey, match="no root"):
        TimestampAuthority.from_pem("authority", (authority.folder / "leaf.pem").read_bytes())
    both = (authority.folder / "leaf.pem").read_bytes() + authority.root
    assert len(TimestampAuthority.from_pem("authority", both).intermediates) == 1
