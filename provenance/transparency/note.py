"""A signed note: text, and lines of signatures by named keys.

C2SP signed-note, with its verifier keys. Three kinds of key are known: Ed25519 (a log's), and the two of C2SP
tlog-cosignature, cosignature/v1 and ML-DSA-44 (a witness's; the second also a log's). A note's text means nothing
before `verify_note`.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from provenance.errors import MalformedNote, SignatureInvalid, UntrustedNote, UnusableKey
from provenance.limits import MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, MAX_VERIFIER_KEY_CHARACTERS
from provenance.statement.encodings import encode_base64, parse_base64
from provenance.statement.keys import Algorithm, PublicKey
from provenance.transparency import ml_dsa
from provenance.transparency.cosignature import (
    Cosignature,
    cosign,
    cosigned_message,
    name_with_length,
    subtree_message,
)

ED25519 = 0x01
"""Signature type of a plain Ed25519 signature over the note's text."""

COSIGNATURE_V1 = 0x04
"""Signature type of a timestamped Ed25519 cosignature."""

ML_DSA_44 = 0x06
"""Signature type of a timestamped ML-DSA-44 cosignature."""

COSIGNATURES = frozenset({COSIGNATURE_V1, ML_DSA_44})
"""The signature types that a witness signs with."""

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name: what a verifier is configured with.

    Attributes:
        name: as in the signature lines; for a log, its origin.
        key_type: `ED25519`, `COSIGNATURE_V1` or `ML_DSA_44`.
        public: 32 bytes of Ed25519 public key, or 1,312 of ML-DSA-44.

    Raises:
        MalformedNote: a name, type or key that cannot be.
    """

    name: str
    key_type: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.key_type not in (ED25519, COSIGNATURE_V1, ML_DSA_44):
            raise MalformedNote(f"a verifier key of type {self.key_type:#04x} is not one we can check")
        try:
            if self.key_type == ML_DSA_44:
                name_with_length(self.name)
                ml_dsa.read_public(self.public)
            else:
                PublicKey(Algorithm.ED25519, self.public)
        except UnusableKey as cause:
            raise MalformedNote(f"the verifier key of {self.name} is not usable: {cause}") from cause

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+hex8(key ID)+base64(type ‖ public key)`, the hex in either case: no signature covers it.

        Raises MalformedNote.
        """
        if len(vkey) > MAX_VERIFIER_KEY_CHARACTERS:
            raise MalformedNote("a verifier key this long is not one we can check")
        name, plus, rest = vkey.partition("+")
        key_id, second_plus, material = rest.partition("+")
        if not (plus and second_plus and _KEY_ID.fullmatch(key_id)):
            raise MalformedNote("a verifier key is NAME+KEYID+BASE64")
        data = parse_base64(material, MalformedNote)
        if not data:
            raise MalformedNote("a verifier key without key material")
        key = cls(name, data[0], data[1:])
        if key.key_id.hex() != key_id.lower():
            raise MalformedNote("the key ID of the verifier key is that of another key")
        return key

    @cached_property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, type and public key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.key_type]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.key_type]) + self.public)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Check one signature line's bytes (after the key ID) against a note's text.

        Raises:
            SignatureInvalid: it does not verify.
            MalformedNote: a cosignature that is not one, or an ML-DSA-44 one over a text that is no checkpoint.
        """
        if self.key_type == ED25519:
            PublicKey(Algorithm.ED25519, self.public).verify(signature, text.encode())
            return
        cosignature = self.read_cosignature(signature)
        if self.key_type == ML_DSA_44:
            message = subtree_message(self.name, text, cosignature.time)
            ml_dsa.verify(self.public, cosignature.signature, message)
        else:
            message = cosigned_message(text, cosignature.time)
            PublicKey(Algorithm.ED25519, self.public).verify(cosignature.signature, message)

    def read_cosignature(self, signature: bytes) -> Cosignature:
        """Take apart a signature line's bytes by a key that cosigns; nothing is checked. Raises MalformedNote."""
        if self.key_type == ML_DSA_44:
            return Cosignature.parse(signature, signature_bytes=ml_dsa.SIGNATURE_BYTES)
        return Cosignature.parse(signature)

    def cosign(self, text: str, sign: Callable[[bytes], bytes], *, time: int) -> "NoteSignature":
        """The line by which this key cosigns a checkpoint's text.

        Args:
            text: of a checkpoint.
            sign: signs bytes with the private key.
            time: POSIX seconds.

        Raises:
            MalformedNote: a key that does not cosign, no checkpoint, or a time out of range.
        """
        if self.key_type not in COSIGNATURES:
            raise MalformedNote(f"the key of {self.name} is not one that cosigns")
        if self.key_type == ML_DSA_44:
            cosignature = Cosignature(time, sign(subtree_message(self.name, text, time)))
        else:
            cosignature = cosign(text, sign, time=time)
        return NoteSignature(self.name, self.key_id, cosignature.serialise())


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: who says to have signed (`name`, `key_id` of 4 bytes), and the bytes after the key ID."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse_line(cls, line: str) -> Self:
        """Read a signature line without its newline. Raises MalformedNote."""
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "—":
            raise MalformedNote("a signature line begins with an em dash and a space")
        _check_name(name)
        data = parse_base64(encoded, MalformedNote)
        if len(data) < 5:
            raise MalformedNote("a signature line without a signature")
        return cls(name, data[:4], data[4:])

    def line(self) -> str:
        """The signature line, without a newline."""
        return f"— {self.name} {encode_base64(self.key_id + self.signature)}"


@dataclass(frozen=True)
class Note:
    """A text and its signatures, of which nothing is checked yet.

    Attributes:
        text: ends in a newline, which is signed with it.
        signatures: one or more, in the order of their lines.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signed note. Raises MalformedNote."""
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedNote(f"a note of more than {MAX_NOTE_BYTES} bytes")
        try:
            whole = data.decode()
        except UnicodeDecodeError as cause:
            raise MalformedNote("a note is not UTF-8") from cause
        blank = whole.rfind("\n\n")
        if blank < 0:
            raise MalformedNote("a note without a blank line before its signatures")
        text, block = whole[: blank + 1], whole[blank + 2 :]
        _check_text(text)
        if not block.endswith("\n"):
            raise MalformedNote("a note without signature lines, or without a newline at its end")
        if block.count("\n") > MAX_NOTE_SIGNATURES:
            raise MalformedNote(f"a note with more than {MAX_NOTE_SIGNATURES} signatures")
        return cls(text, tuple(NoteSignature.parse_line(line) for line in block[:-1].split("\n")))

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedNote where it would refuse them."""
        _check_text(self.text)
        if not 1 <= len(self.signatures) <= MAX_NOTE_SIGNATURES:
            raise MalformedNote(f"a note has 1 to {MAX_NOTE_SIGNATURES} signatures")
        data = "".join([self.text, "\n", *(f"{signature.line()}\n" for signature in self.signatures)]).encode()
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedNote(f"a note of more than {MAX_NOTE_BYTES} bytes")
        return data


def sign_note(text: str, name: str, sign: Callable[[bytes], bytes], public: bytes) -> Note:
    """Sign a text with an Ed25519 key of 32 public bytes. Raises MalformedNote for an unusable text, name or key."""
    _check_text(text)
    key = VerifierKey(name, ED25519, public)
    return Note(text, (NoteSignature(name, key.key_id, sign(text.encode())),))


def verify_note(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Check every signature that names one of `keys`; other lines are ignored.

    Returns:
        the keys that signed, each once, in the order of their lines: at least one.

    Raises:
        UntrustedNote: none of `keys` signed, or a signature that names one of them fails.
    """
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) != len(set(keys)):
        raise UntrustedNote("two trusted keys share a name and a key ID")
    verified: dict[VerifierKey, None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        try:
            key.verify(note.text, signature.signature)
        except (SignatureInvalid, MalformedNote) as cause:
            raise UntrustedNote(f"the signature by {key.name} does not verify") from cause
        verified[key] = None
    if not verified:
        raise UntrustedNote("no signature by a trusted key")
    return list(verified)


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name) or _CONTROL.search(name):
        raise MalformedNote("a key name is not empty and has no space, plus or control character")
    if not _is_unicode(name):
        raise MalformedNote("a key name that has no UTF-8")


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise MalformedNote("a note's text ends in a newline")
    if _CONTROL.search(text):
        raise MalformedNote("a note holds a control character")
    if not _is_unicode(text):
        raise MalformedNote("a note's text has no UTF-8")


def _is_unicode(text: str) -> bool:
    """Whether a text has a UTF-8 encoding: lone surrogates have none."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
