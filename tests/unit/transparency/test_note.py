"""Signed notes and verifier keys."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedNote, UntrustedNote
from provenance.limits import MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, MAX_VERIFIER_KEY_CHARACTERS
from provenance.transparency.note import ED25519, Note, NoteSignature, VerifierKey, sign_note, verify_note

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency" / "notes.json").read_text())
KEYS = [VerifierKey.parse(key) for key in VECTORS["keys"]]
SPECIFICATION_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n")).map(
    lambda text: text + "\n"
)
NAMES = st.from_regex(r"[a-z0-9./é-]{1,20}", fullmatch=True)
SIGNATURES = st.builds(NoteSignature, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=100))


def key_pair(name: str) -> tuple[Ed25519PrivateKey, VerifierKey]:
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return private, VerifierKey(name, ED25519, private.public_key().public_bytes_raw())


def signed(text: str, *names: str) -> Note:
    notes = [sign_note(text, name, key_pair(name)[0].sign, key_pair(name)[1].public) for name in names]
    return Note(text, tuple(signature for note in notes for signature in note.signatures))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_shared_notes_come_out_as_stated(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["note"])
    if case["outcome"] == "malformed":
        with pytest.raises(MalformedNote):
            Note.parse(data)
        return
    note = Note.parse(data)
    assert note.serialise() == data
    if case["outcome"] == "untrusted":
        with pytest.raises(UntrustedNote):
            verify_note(note, KEYS)
    else:
        assert [key.name for key in verify_note(note, KEYS)] == case["signed_by"]


def test_the_verifier_key_of_the_specification_reads_and_writes() -> None:
    key = VerifierKey.parse(SPECIFICATION_KEY)
    assert (key.name, key.key_type, key.key_id.hex()) == ("example.com/foo", ED25519, "530d903a")
    assert str(key) == SPECIFICATION_KEY


def test_a_verifier_key_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(MalformedNote, match="this long"):
        VerifierKey.parse("+" * (MAX_VERIFIER_KEY_CHARACTERS + 1))
    with pytest.raises(MalformedNote, match="NAME"):
        VerifierKey.parse("+" * MAX_VERIFIER_KEY_CHARACTERS)


def test_the_hash_of_a_verifier_key_may_be_in_upper_case_as_other_programs_write_it() -> None:
    key = VerifierKey.parse(SPECIFICATION_KEY.replace("530d903a", "530D903A"))
    assert key == VerifierKey.parse(SPECIFICATION_KEY)
    assert str(key) == SPECIFICATION_KEY


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        SPECIFICATION_KEY[1:],
        SPECIFICATION_KEY.replace("530d903a", "530d903b"),
        SPECIFICATION_KEY.replace("530d903a", "30d903a"),
        SPECIFICATION_KEY + "=",
        SPECIFICATION_KEY + "\n",
        SPECIFICATION_KEY[:-4],
        SPECIFICATION_KEY.replace("Aeky", "Aoky"),
        SPECIFICATION_KEY.replace("/foo", " foo"),
        "example.com/foo+530d903a+",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "a" * 5_000 + SPECIFICATION_KEY,
    ],
)
def test_any_other_spelling_of_a_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey.parse(vkey)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), b"\x01" + bytes(31), b"\xff" * 32])
def test_a_key_that_vouches_for_anything_is_refused(public: bytes) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey("log.example", ED25519, public)


@given(TEXTS, st.lists(SIGNATURES, min_size=1, max_size=5))
def test_a_note_comes_back_as_it_went(text: str, signatures: list[NoteSignature]) -> None:
    note = Note(text, tuple(signatures))
    assert Note.parse(note.serialise()) == note


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    try:
        note = Note.parse("text\n\n— ".encode() + data)
    except MalformedNote:
        return
    assert note.serialise() == "text\n\n— ".encode() + data


def test_every_changed_bit_of_a_note_is_refused() -> None:
    data = signed("log.example\n5\nroot\n", "log.example").serialise()
    _, key = key_pair("log.example")
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedNote, UntrustedNote)):
            verify_note(Note.parse(bytes(changed)), [key])


def test_unknown_signatures_are_ignored_and_known_ones_are_all_checked() -> None:
    note = signed("text\n", "a.example", "b.example", "c.example")
    (_, a), (_, c) = key_pair("a.example"), key_pair("c.example")
    assert verify_note(note, [c, a]) == [a, c]
    spoilt = NoteSignature(a.name, a.key_id, bytes(64))
    with pytest.raises(UntrustedNote, match=r"a\.example"):
        verify_note(Note(note.text, (*note.signatures, spoilt)), [a, c])
    assert verify_note(Note(note.text, (*note.signatures, spoilt)), [c]) == [c]


def test_a_note_that_nobody_trusted_signed_is_refused() -> None:
    with pytest.raises(UntrustedNote):
        verify_note(signed("text\n", "a.example"), [])
    with pytest.raises(UntrustedNote):
        verify_note(signed("text\n", "a.example"), [key_pair("b.example")[1]])


def test_a_key_that_is_given_twice_counts_once() -> None:
    _, key = key_pair("a.example")
    assert verify_note(signed("text\n", "a.example", "a.example"), [key, key]) == [key]


@pytest.mark.parametrize("text", ["", "no newline", "a\ttab\n", "\ud800\n", "bell\x07\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    private, key = key_pair("log.example")
    with pytest.raises(MalformedNote):
        sign_note(text, key.name, private.sign, key.public)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "no\u00a0break", "line\n", "\x01", "\ud800"])
def test_a_name_that_no_key_can_have_is_refused(name: str) -> None:
    with pytest.raises(MalformedNote):
        VerifierKey(name, ED25519, key_pair("log.example")[1].public)


def test_a_note_is_bounded_before_it_is_read() -> None:
    line = signed("text\n", "a.example").signatures
    with pytest.raises(MalformedNote):
        Note("text\n", line * (MAX_NOTE_SIGNATURES + 1)).serialise()
    with pytest.raises(MalformedNote):
        Note("text\n", ()).serialise()
    assert len(Note.parse(Note("text\n", line * MAX_NOTE_SIGNATURES).serialise()).signatures) == MAX_NOTE_SIGNATURES
    with pytest.raises(MalformedNote):
        Note("x" * MAX_NOTE_BYTES + "\n", line).serialise()
    with pytest.raises(MalformedNote):
        Note.parse(b"x" * MAX_NOTE_BYTES + signed("text\n", "a.example").serialise())
