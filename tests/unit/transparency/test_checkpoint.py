"""Checkpoints and the witnesses that cosign them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedNote, UntrustedNote
from provenance.limits import MAX_TREE_SIZE
from provenance.transparency.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    cosign_checkpoint,
    open_checkpoint,
    sign_checkpoint,
)
from provenance.transparency.cosignature import Cosignature, cosign, cosigned_message
from provenance.transparency.merkle import EMPTY_ROOT
from provenance.transparency.note import COSIGNATURE_V1, Note, NoteSignature, VerifierKey, sign_note
from tests.logs.records import signer, verifier_key

VECTORS = Path(__file__).parents[2] / "vectors" / "transparency" / "checkpoints.json"
ORIGIN = "log.example/one"
ROOT = hashlib.sha256(b"root").digest()


def signed(checkpoint: Checkpoint) -> bytes:
    return sign_checkpoint(checkpoint, signer(checkpoint.origin).sign, verifier_key(checkpoint.origin).public)


def cosigned(data: bytes, name: str, time: int) -> bytes:
    return cosign_checkpoint(data, name, signer(name).sign, verifier_key(name).public, time=time)


CHECKPOINT = Checkpoint(ORIGIN, 7, ROOT)
LOG_KEY, WITNESS_KEY = verifier_key(ORIGIN), verifier_key("witness.example/w1", COSIGNATURE_V1)


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text())["cases"], ids=lambda case: case["name"])
def test_the_shared_checkpoints_come_out_as_stated(case: dict[str, Any]) -> None:
    if case["outcome"] == "malformed":
        with pytest.raises(MalformedNote):
            Checkpoint.parse_text(case["text"])
        return
    checkpoint = Checkpoint.parse_text(case["text"])
    stated = (case["origin"], int(case["size"]), bytes.fromhex(case["root"]), tuple(case["extension"]))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.extension) == stated
    assert checkpoint.text() == case["text"]


@given(st.integers(1, MAX_TREE_SIZE), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_comes_back_as_it_went(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    data = signed(checkpoint)
    assert open_checkpoint(data, [LOG_KEY], ORIGIN) == (checkpoint, ())
    assert SignedCheckpoint.parse(data).serialise() == data


@pytest.mark.parametrize(
    ("origin", "size", "root", "extension"),
    [
        ("", 1, ROOT, ()),
        ("a\nb", 1, ROOT, ()),
        (ORIGIN, -1, ROOT, ()),
        (ORIGIN, MAX_TREE_SIZE + 1, ROOT, ()),
        (ORIGIN, 1, ROOT[:31], ()),
        (ORIGIN, 0, ROOT, ()),
        (ORIGIN, 1, ROOT, ("",)),
        (ORIGIN, 1, ROOT, ("a\n",)),
    ],
)
def test_a_tree_head_that_cannot_be_is_refused(origin: str, size: int, root: bytes, extension: tuple[str, ...]) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint(origin, size, root, extension)


def test_extension_lines_are_read_and_never_written() -> None:
    other = Checkpoint(ORIGIN, 7, ROOT, ("of another log",))
    note = sign_note(other.text(), ORIGIN, signer(ORIGIN).sign, LOG_KEY.public).serialise()
    assert open_checkpoint(note, [LOG_KEY], ORIGIN)[0] == other
    with pytest.raises(MalformedNote):
        signed(other)


def test_an_origin_that_cannot_name_a_key_is_not_signed() -> None:
    with pytest.raises(MalformedNote):
        sign_checkpoint(Checkpoint("two words", 0, EMPTY_ROOT), signer(ORIGIN).sign, LOG_KEY.public)


def test_witnesses_are_reported_with_their_times() -> None:
    data = cosigned(cosigned(signed(CHECKPOINT), "witness.example/w1", 1_700_000_000), "witness.example/w2", 5)
    checkpoint, cosigners = open_checkpoint(data, [WITNESS_KEY, LOG_KEY], ORIGIN)
    assert checkpoint == CHECKPOINT
    assert [(each.key, each.time) for each in cosigners] == [(WITNESS_KEY, 1_700_000_000)]


def test_a_witness_does_not_stand_in_for_the_log() -> None:
    data = cosigned(signed(CHECKPOINT), "witness.example/w1", 5)
    with pytest.raises(UntrustedNote):
        open_checkpoint(data, [WITNESS_KEY], ORIGIN)


def test_another_log_does_not_stand_in_for_the_log() -> None:
    other = verifier_key("log.example/two")
    note = sign_note(CHECKPOINT.text(), other.name, signer(other.name).sign, other.public).serialise()
    with pytest.raises(UntrustedNote):
        open_checkpoint(note, [LOG_KEY, other], ORIGIN)


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = Checkpoint("log.example/two", 7, ROOT)
    with pytest.raises(UntrustedNote):
        open_checkpoint(signed(other), [LOG_KEY, verifier_key(other.origin)], ORIGIN)


def test_a_log_key_does_not_cosign_in_the_clear() -> None:
    """The log's plain signature and a cosignature are over different bytes, even with the same key and name."""
    same = VerifierKey(ORIGIN, COSIGNATURE_V1, LOG_KEY.public)
    data = cosign_checkpoint(signed(CHECKPOINT), ORIGIN, signer(ORIGIN).sign, same.public, time=9)
    _, cosigners = open_checkpoint(data, [LOG_KEY, same], ORIGIN)
    assert [each.time for each in cosigners] == [9]
    assert LOG_KEY.key_id != same.key_id


def test_a_cosignature_is_over_its_time_and_the_whole_text() -> None:
    message = cosigned_message(CHECKPOINT.text(), 1_679_315_147)
    assert message == b"cosignature/v1\ntime 1679315147\n" + CHECKPOINT.text().encode()
    signature = cosign(CHECKPOINT.text(), signer("w").sign, time=1_679_315_147)
    signer("w").public_key.verify(signature.signature, message)
    assert Cosignature.parse(signature.serialise()) == signature


def test_a_cosignature_with_another_time_is_refused() -> None:
    good = cosign(CHECKPOINT.text(), signer(WITNESS_KEY.name).sign, time=5)
    note = SignedCheckpoint.parse(cosigned(signed(CHECKPOINT), WITNESS_KEY.name, 5)).note
    WITNESS_KEY.verify(note.text, good.serialise())
    late = Cosignature(6, good.signature).serialise()
    line = NoteSignature(WITNESS_KEY.name, WITNESS_KEY.key_id, late)
    data = Note(note.text, (note.signatures[0], line)).serialise()
    with pytest.raises(UntrustedNote):
        open_checkpoint(data, [LOG_KEY, WITNESS_KEY], ORIGIN)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_time_that_no_cosignature_can_state_is_refused(time: int) -> None:
    with pytest.raises(MalformedNote):
        cosigned(signed(CHECKPOINT), "witness.example/w1", time)


@pytest.mark.parametrize("data", [b"", bytes(71), bytes(73), (2**63).to_bytes(8) + bytes(64)])
def test_bytes_that_are_no_cosignature_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        Cosignature.parse(data)
