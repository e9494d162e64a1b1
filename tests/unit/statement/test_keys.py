"""Keys: the strict profile, thumbprints, JWK, and key files."""

import hashlib
import json
import re
import shutil
import subprocess
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import MalformedRecord, SignatureInvalid, UnusableKey
from provenance.statement import key_file
from provenance.statement.ed25519 import check_point, check_scalar
from provenance.statement.handover import possession_message, prove_possession, verify_possession
from provenance.statement.keys import Algorithm, LocalSigner, PublicKey, Signer
from tests.sparing import SCRYPT_COST

VECTORS = Path(__file__).parents[2] / "vectors" / "statement"
KEYS = json.loads((VECTORS / "keys.json").read_text(encoding="utf-8"))
SIGNATURES = json.loads((VECTORS / "signatures.json").read_text(encoding="utf-8"))
POSSESSION = json.loads((VECTORS / "possession.json").read_text(encoding="utf-8"))

ED25519 = LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ES256 = LocalSigner(ec.derive_private_key(int.from_bytes(range(1, 33), "big"), ec.SECP256R1()))
SIGNERS = [ED25519, ES256]
PASSPHRASE = b"correct horse battery staple"

both = pytest.mark.parametrize("signer", SIGNERS, ids=["Ed25519", "ES256"])


@pytest.mark.parametrize("vector", KEYS["accepted"], ids=itemgetter("name"))
def test_a_key_has_the_thumbprint_of_its_cose_key(vector: dict[str, Any]) -> None:
    key = PublicKey.from_jwk(vector["jwk"])
    assert key == PublicKey(Algorithm(vector["algorithm"]), bytes.fromhex(vector["raw_hex"]))
    assert key.to_jwk() == vector["jwk"]
    assert key.thumbprint.hex() == vector["thumbprint"]
    assert hashlib.sha256(bytes.fromhex(vector["cose_key_hex"])).digest() == key.thumbprint


def test_the_example_of_rfc_9679_has_the_thumbprint_printed_there() -> None:
    point = (
        "04"
        "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
        "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
    )
    expected = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    assert PublicKey(Algorithm.ES256, bytes.fromhex(point)).thumbprint.hex() == expected


def test_the_ed25519_jwk_is_that_of_rfc_8037() -> None:
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = LocalSigner(Ed25519PrivateKey.from_private_bytes(secret)).public_key
    assert key.to_jwk() == {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.parametrize("vector", KEYS["refused"], ids=itemgetter("reason"))
def test_a_weak_or_malformed_key_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        PublicKey(Algorithm(vector["algorithm"]), bytes.fromhex(vector["raw_hex"]))


def test_openssl_alone_would_take_one_signature_for_every_message_under_a_small_order_key() -> None:
    identity, signature = b"\x01" + bytes(31), b"\x01" + bytes(63)
    Ed25519PublicKey.from_public_bytes(identity).verify(signature, b"anything")
    Ed25519PublicKey.from_public_bytes(identity).verify(signature, b"anything else")
    with pytest.raises(UnusableKey, match="small order"):
        PublicKey(Algorithm.ED25519, identity)


def test_the_small_order_table_is_that_of_the_curve() -> None:
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p

    def double(point: tuple[int, int]) -> tuple[int, int]:
        x, y = point
        product = d * x * x * y * y
        return 2 * x * y * pow(1 + product, -1, p) % p, (y * y + x * x) * pow(1 - product, -1, p) % p

    y = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if x * x % p != square:
        x = x * pow(2, (p - 1) // 4, p) % p
    eighth = (x, y)
    quarter = double(eighth)
    half = double(quarter)
    assert quarter[1] == 0
    assert half == (0, p - 1)
    assert double(half) == (0, 1)
    for small in {y, p - y, 0, p - 1, 1}:
        with pytest.raises(ValueError, match="small order"):
            check_point(small.to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32))
def test_every_generated_key_is_acceptable(secret: bytes) -> None:
    key = LocalSigner(Ed25519PrivateKey.from_private_bytes(secret)).public_key
    assert PublicKey.from_jwk(key.to_jwk()) == key


@pytest.mark.parametrize("vector", SIGNATURES, ids=itemgetter("name"))
def test_a_signature_vector_is_judged_as_stated(vector: dict[str, Any]) -> None:
    key = PublicKey(Algorithm(vector["algorithm"]), bytes.fromhex(vector["raw_hex"]))
    signature, message = bytes.fromhex(vector["signature_hex"]), bytes.fromhex(vector["message_hex"])
    if vector["accepted"]:
        key.verify(signature, message)
    else:
        with pytest.raises(SignatureInvalid):
            key.verify(signature, message)


def test_a_scalar_is_refused_from_the_group_order_on() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    check_scalar((order - 1).to_bytes(32, "little"))
    with pytest.raises(ValueError, match="not reduced"):
        check_scalar(order.to_bytes(32, "little"))


@both
@given(message=st.binary(max_size=200), bit=st.integers(0, 511))
@settings(max_examples=40)
def test_a_signature_holds_until_one_bit_of_it_changes(signer: LocalSigner, message: bytes, bit: int) -> None:
    signature = signer.sign(message)
    signer.public_key.verify(signature, message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureInvalid):
        signer.public_key.verify(bytes(flipped), message)


@both
@given(signature=st.binary(max_size=130))
@settings(max_examples=40)
def test_arbitrary_bytes_are_no_signature(signer: LocalSigner, signature: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        signer.public_key.verify(signature, b"message")


@both
def test_signing_the_same_message_twice_gives_the_same_bytes(signer: Signer) -> None:
    assert signer.sign(b"message") == signer.sign(b"message")


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_generated_key_signs_with_its_algorithm(algorithm: Algorithm) -> None:
    signer = LocalSigner.generate(algorithm)
    assert signer.public_key.algorithm is algorithm
    assert signer.public_key != LocalSigner.generate(algorithm).public_key
    signer.public_key.verify(signer.sign(b"message"), b"message")


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"crv": "X25519"},
        {"crv": "P-384"},
        {"x": 1},
        {"x": ""},
        {"x": "A" * 42},
        {"x": "A" * 43 + "="},
        {"x": "A" * 42 + "!"},
        {"y": "A" * 43},
        {"d": "A" * 43},
        {"use": "sig"},
    ],
)
def test_a_jwk_with_other_members_or_values_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        PublicKey.from_jwk(ED25519.public_key.to_jwk() | change)
    with pytest.raises(UnusableKey):
        PublicKey.from_jwk({})


@both
def test_a_key_file_opens_with_its_passphrase_alone(signer: LocalSigner) -> None:
    pem = signer.to_encrypted_pem(PASSPHRASE)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    opened = LocalSigner.from_encrypted_pem(pem, PASSPHRASE)
    assert opened.public_key == signer.public_key
    assert opened.sign(b"message") == signer.sign(b"message")
    with pytest.raises(UnusableKey, match="passphrase is wrong"):
        LocalSigner.from_encrypted_pem(pem, PASSPHRASE + b"r")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
@both
def test_openssl_reads_a_key_file_and_finds_scrypt_at_its_cost(
    signer: LocalSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "SCRYPT_COST", SCRYPT_COST)
    path = tmp_path / "key.pem"
    path.write_bytes(signer.to_encrypted_pem(PASSPHRASE))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    read = ["openssl", "pkey", "-in", str(path), "-passin", f"file:{tmp_path}/passphrase", "-pubout", "-outform", "DER"]
    public = subprocess.run(read, capture_output=True, check=True).stdout
    assert public.endswith(signer.public_key.raw)
    parsed = subprocess.run(["openssl", "asn1parse", "-in", str(path)], capture_output=True, check=True, text=True)
    assert "scrypt" in parsed.stdout or "1.3.6.1.4.1.11591.4.11" in parsed.stdout
    assert "aes-256-cbc" in parsed.stdout
    stated = [int(number, 16) for number in re.findall(r"INTEGER +:([0-9A-F]+)", parsed.stdout)]
    assert stated[-3:] == [2**14, 8, 5], "OWASP's minimum for stored passwords"


def test_two_key_files_of_one_key_differ() -> None:
    assert ED25519.to_encrypted_pem(PASSPHRASE) != ED25519.to_encrypted_pem(PASSPHRASE)


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(UnusableKey, match="empty"):
        ED25519.to_encrypted_pem(b"")
    with pytest.raises(UnusableKey, match="empty"):
        LocalSigner.from_encrypted_pem(ED25519.to_encrypted_pem(PASSPHRASE), b"")


def test_a_key_file_that_is_not_encrypted_is_refused() -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(UnusableKey, match="not encrypted"):
        LocalSigner.from_encrypted_pem(pem, PASSPHRASE)


@pytest.mark.parametrize(
    "pem", [b"", b"no key", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"]
)
def test_a_damaged_key_file_is_refused(pem: bytes) -> None:
    with pytest.raises(UnusableKey):
        LocalSigner.from_encrypted_pem(pem, PASSPHRASE)


def test_a_key_file_beyond_its_limit_is_refused() -> None:
    with pytest.raises(UnusableKey, match="at most"):
        LocalSigner.from_encrypted_pem(ED25519.to_encrypted_pem(PASSPHRASE) + b"\n" * 20_000, PASSPHRASE)


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(UnusableKey, match="P-256 expected"):
        LocalSigner(ec.generate_private_key(ec.SECP384R1()))
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
    )
    with pytest.raises(UnusableKey, match="neither"):
        LocalSigner.from_encrypted_pem(pem, PASSPHRASE)


@pytest.mark.parametrize("vector", POSSESSION, ids=lambda vector: vector["jwk"]["kty"])
def test_a_possession_vector_holds(vector: dict[str, Any]) -> None:
    key = PublicKey.from_jwk(vector["jwk"])
    message = possession_message(vector["origin"], vector["publisher"], key.thumbprint)
    assert message == vector["message"].encode()
    verify_possession(key, bytes.fromhex(vector["proof_hex"]), vector["origin"], vector["publisher"])


@both
def test_a_possession_proof_is_for_one_log_one_publisher_and_one_key(signer: Signer) -> None:
    proof = prove_possession(signer, "log.example", "daily")
    verify_possession(signer.public_key, proof, "log.example", "daily")
    stranger = LocalSigner.generate(signer.public_key.algorithm).public_key
    for key, origin, publisher in [
        (signer.public_key, "log.example", "weekly"),
        (signer.public_key, "other.example", "daily"),
        (stranger, "log.example", "daily"),
    ]:
        with pytest.raises(SignatureInvalid):
            verify_possession(key, proof, origin, publisher)


def test_a_line_break_cannot_move_words_from_the_origin_to_the_publisher() -> None:
    with pytest.raises(MalformedRecord):
        possession_message("log.example\ndaily", "x", bytes(32))
