"""ML-DSA-44 keys and cosignatures, beside Ed25519."""

import hashlib
import json
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedNote, SignatureInvalid, UntrustedNote, UnusableKey
from provenance.limits import MAX_COSIGNED_NAME_BYTES, MAX_TREE_SIZE
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.transparency import ml_dsa
from provenance.transparency.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    cosign_checkpoint,
    open_checkpoint,
    sign_checkpoint,
)
from provenance.transparency.cosignature import Cosignature, subtree_message
from provenance.transparency.ml_dsa import PUBLIC_BYTES, SIGNATURE_BYTES, MlDsaSigner
from provenance.transparency.note import ED25519, ML_DSA_44, Note, NoteSignature, VerifierKey, sign_note, verify_note

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "transparency" / "ml_dsa.json").read_text())
ORIGIN = "log.example/one"
ROOT = hashlib.sha256(b"root").digest()
CHECKPOINT = Checkpoint(ORIGIN, 7, ROOT)
NOW = 1_700_000_000


def signer(name: str) -> MlDsaSigner:
    return MlDsaSigner.from_seed(hashlib.sha256(name.encode()).digest())


def key(name: str) -> VerifierKey:
    return VerifierKey(name, ML_DSA_44, signer(name).public)


def cosigned(data: bytes, name: str, time: int = NOW) -> bytes:
    return cosign_checkpoint(data, name, signer(name).sign, signer(name).public, time=time, key_type=ML_DSA_44)


LOG = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(ORIGIN.encode()).digest())
LOG_KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key().public_bytes_raw())
SIGNED = sign_checkpoint(CHECKPOINT, LOG.sign, LOG_KEY.public)
WITNESS = key("witness.example/w1")
COSIGNED = cosigned(SIGNED, WITNESS.name)


def test_the_shared_cosignature_holds_under_its_key() -> None:
    keys = [VerifierKey.parse(vkey) for vkey in VECTOR["keys"]]
    assert keys[1].public == MlDsaSigner.from_seed(bytes.fromhex(VECTOR["seed"])).public
    checkpoint, cosigners = open_checkpoint(VECTOR["note"].encode(), keys, VECTOR["origin"])
    assert checkpoint.size == 15
    assert [(each.key, each.time) for each in cosigners] == [(keys[1], int(VECTOR["time"]))]


def test_a_verifier_key_is_named_and_written_as_the_specification_says() -> None:
    material = b"\x06" + WITNESS.public
    assert WITNESS.key_id == hashlib.sha256(b"witness.example/w1\n" + material).digest()[:4]
    assert VerifierKey.parse(str(WITNESS)) == WITNESS
    assert len(material) == 1 + PUBLIC_BYTES


def test_the_signed_message_names_cosigner_time_log_and_tree() -> None:
    parts = (b"\x05w.exa", struct.pack(">Q", NOW), b"\x0f" + ORIGIN.encode(), struct.pack(">QQ", 0, 7), ROOT)
    assert subtree_message("w.exa", CHECKPOINT.text(), NOW) == b"subtree/v1\n\x00" + b"".join(parts)


@given(st.integers(1, MAX_TREE_SIZE), st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1))
def test_a_cosignature_comes_back_as_it_went(size: int, root: bytes, time: int) -> None:
    text = Checkpoint(ORIGIN, size, root).text()
    line = WITNESS.cosign(text, signer(WITNESS.name).sign, time=time)
    assert len(line.signature) == 8 + SIGNATURE_BYTES
    assert NoteSignature.parse_line(line.line()) == line
    assert WITNESS.read_cosignature(line.signature).time == time
    WITNESS.verify(text, line.signature)


def test_both_kinds_of_witness_stand_side_by_side() -> None:
    ed25519 = VerifierKey(WITNESS.name, 0x04, LOG_KEY.public)
    data = cosign_checkpoint(COSIGNED, WITNESS.name, LOG.sign, LOG_KEY.public, time=NOW + 1)
    _, cosigners = open_checkpoint(data, [LOG_KEY, WITNESS, ed25519], ORIGIN)
    assert [(each.key, each.time) for each in cosigners] == [(WITNESS, NOW), (ed25519, NOW + 1)]


def test_the_signature_of_the_log_with_both_kinds_of_key_makes_it_no_witness() -> None:
    data = cosigned(COSIGNED, ORIGIN)
    checkpoint, cosigners = open_checkpoint(data, [LOG_KEY, key(ORIGIN), WITNESS], ORIGIN)
    assert checkpoint == CHECKPOINT
    assert [each.key for each in cosigners] == [WITNESS]


def test_a_log_may_sign_with_ml_dsa_alone() -> None:
    stranger = sign_note(CHECKPOINT.text(), "stranger", LOG.sign, LOG_KEY.public).serialise()
    assert open_checkpoint(cosigned(stranger, ORIGIN), [key(ORIGIN)], ORIGIN) == (CHECKPOINT, ())


def test_extension_lines_that_no_signature_of_the_log_covers_are_refused() -> None:
    text = Checkpoint(ORIGIN, 7, ROOT, ("of another log",)).text()
    data = cosigned(sign_note(text, ORIGIN, LOG.sign, LOG_KEY.public).serialise(), ORIGIN)
    with pytest.raises(UntrustedNote, match="extension"):
        open_checkpoint(data, [key(ORIGIN)], ORIGIN)
    assert open_checkpoint(data, [LOG_KEY, key(ORIGIN)], ORIGIN)[0].extension == ("of another log",)


def test_a_witness_does_not_stand_in_for_the_log() -> None:
    with pytest.raises(UntrustedNote):
        open_checkpoint(COSIGNED, [WITNESS], ORIGIN)


@pytest.mark.parametrize(
    "other",
    [
        Checkpoint(ORIGIN, 8, ROOT),
        Checkpoint(ORIGIN, 7, hashlib.sha256(b"another").digest()),
        Checkpoint("log.example/two", 7, ROOT),
    ],
)
def test_a_cosignature_of_another_tree_is_refused(other: Checkpoint) -> None:
    line = SignedCheckpoint.parse(COSIGNED).note.signatures[-1]
    with pytest.raises(SignatureInvalid):
        WITNESS.verify(other.text(), line.signature)


def test_a_cosignature_under_another_name_or_time_is_refused() -> None:
    line = SignedCheckpoint.parse(COSIGNED).note.signatures[-1]
    other = VerifierKey("witness.example/w2", ML_DSA_44, WITNESS.public)
    with pytest.raises(SignatureInvalid):
        other.verify(CHECKPOINT.text(), line.signature)
    late = Cosignature(NOW + 1, line.signature[8:]).serialise()
    with pytest.raises(SignatureInvalid):
        WITNESS.verify(CHECKPOINT.text(), late)
    spoilt = Note(CHECKPOINT.text(), (NoteSignature(WITNESS.name, WITNESS.key_id, late),))
    with pytest.raises(UntrustedNote):
        verify_note(spoilt, [WITNESS])


@given(st.integers(0, SIGNATURE_BYTES + 7), st.integers(1, 255))
def test_a_changed_byte_of_a_cosignature_is_refused(at: int, change: int) -> None:
    data = bytearray(SignedCheckpoint.parse(COSIGNED).note.signatures[-1].signature)
    data[at] ^= change
    with pytest.raises((SignatureInvalid, MalformedNote)):
        WITNESS.verify(CHECKPOINT.text(), bytes(data))


@pytest.mark.parametrize("size", [0, 72, 7 + SIGNATURE_BYTES, 9 + SIGNATURE_BYTES])
def test_bytes_that_are_no_cosignature_are_refused(size: int) -> None:
    with pytest.raises(MalformedNote):
        WITNESS.verify(CHECKPOINT.text(), bytes(size))
    with pytest.raises(SignatureInvalid):
        ml_dsa.verify(WITNESS.public, bytes(size), b"")


def test_what_is_no_checkpoint_is_not_cosigned() -> None:
    with pytest.raises(MalformedNote):
        WITNESS.cosign("text\n", signer(WITNESS.name).sign, time=NOW)
    with pytest.raises(MalformedNote):
        WITNESS.verify("text\n", bytes(8 + SIGNATURE_BYTES))
    with pytest.raises(MalformedNote):
        LOG_KEY.cosign(CHECKPOINT.text(), LOG.sign, time=NOW)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_time_that_no_cosignature_can_state_is_refused(time: int) -> None:
    with pytest.raises(MalformedNote):
        cosigned(SIGNED, WITNESS.name, time)


def test_names_have_to_fit_the_message() -> None:
    longest = "é" * (MAX_COSIGNED_NAME_BYTES // 2) + "e"
    assert open_checkpoint(cosigned(SIGNED, longest), [LOG_KEY, key(longest)], ORIGIN)[1][0].key.name == longest
    assert VerifierKey.parse(str(key(longest))) == key(longest)
    with pytest.raises(MalformedNote):
        key(longest + "e")
    with pytest.raises(MalformedNote):
        subtree_message("w", Checkpoint(longest + "e", 7, ROOT).text(), NOW)


@pytest.mark.parametrize("public", [b"", bytes(32), bytes(PUBLIC_BYTES - 1), bytes(PUBLIC_BYTES + 1)])
def test_a_key_of_another_length_is_refused(public: bytes) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey("w", ML_DSA_44, public)
    with pytest.raises(UnusableKey):
        ml_dsa.read_public(public)


def test_a_private_key_is_kept_under_a_passphrase() -> None:
    made = MlDsaSigner.generate()
    pem = made.to_encrypted_pem(b"passphrase")
    again = MlDsaSigner.from_encrypted_pem(pem, b"passphrase")
    ml_dsa.verify(made.public, again.sign(b"message"), b"message")
    with pytest.raises(UnusableKey):
        MlDsaSigner.from_encrypted_pem(pem, b"another")
    with pytest.raises(UnusableKey):
        LocalSigner.from_encrypted_pem(pem, b"passphrase")
    other = LocalSigner.generate(Algorithm.ED25519).to_encrypted_pem(b"passphrase")
    with pytest.raises(UnusableKey):
        MlDsaSigner.from_encrypted_pem(other, b"passphrase")
    with pytest.raises(UnusableKey):
        MlDsaSigner.from_seed(bytes(31))
