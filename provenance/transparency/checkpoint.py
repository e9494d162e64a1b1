"""A checkpoint: a log's promise that its tree of this size has this root.

C2SP tlog-checkpoint: the text of a signed note, `origin`, `size` and `root` on a line each. Extension
lines of other logs are kept, as opaque text; we write none, because monitors cannot audit them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedNote, UntrustedNote
from provenance.limits import MAX_TREE_SIZE
from provenance.transparency.cosignature import Cosignature, cosign
from provenance.transparency.encodings import encode_base64, parse_decimal, parse_hash
from provenance.transparency.merkle import EMPTY_ROOT, HASH_BYTES
from provenance.transparency.note import (
    COSIGNATURE_V1,
    ED25519,
    Note,
    NoteSignature,
    VerifierKey,
    sign_note,
    verify_note,
)


@dataclass(frozen=True)
class Checkpoint:
    """A tree head.

    Attributes:
        origin: the log's identity, one line.
        size: number of entries.
        root: 32 bytes.
        extension: further lines that another log wrote.

    Raises:
        MalformedNote: what no text can state, or the empty tree with another root than its own.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.origin or any("\n" in line or not line for line in (self.origin, *self.extension)):
            raise MalformedNote("the lines of a checkpoint are not empty")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise MalformedNote(f"a checkpoint's size is 0 to {MAX_TREE_SIZE}")
        if len(self.root) != HASH_BYTES:
            raise MalformedNote("a checkpoint's root has 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise MalformedNote("the empty tree has another root")

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Read a note's text. Raises MalformedNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise MalformedNote("a checkpoint has three lines or more, each ended by a newline")
        origin, size, root, *extension = lines
        return cls(origin, parse_decimal(size, MalformedNote), parse_hash(root, MalformedNote), tuple(extension))

    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encode_base64(self.root), *self.extension))


@dataclass(frozen=True)
class Cosigner:
    """A witness whose cosignature verified: its key, and when it says to have seen the tree (POSIX seconds)."""

    key: VerifierKey
    time: int


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint in its note, of which no signature is checked yet."""

    note: Note
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a note whose text is a checkpoint. Raises MalformedNote."""
        note = Note.parse(data)
        return cls(note, Checkpoint.parse_text(note.text))

    def serialise(self) -> bytes:
        """The bytes that `parse` reads."""
        return self.note.serialise()

    def verify(self, keys: Sequence[VerifierKey], origin: str) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
        """Check that the log `origin` signed, and which of the known witnesses cosigned.

        Args:
            keys: of the log (type Ed25519, named as its origin) and of witnesses (type cosignature/v1).
            origin: the log that is expected.

        Returns:
            the checkpoint, and the witnesses in the order of their lines. How many witnesses are enough
            is for the caller to say.

        Raises:
            UntrustedNote: another origin, no signature by the log, or one that fails.
        """
        if self.checkpoint.origin != origin:
            raise UntrustedNote("the checkpoint is of another log")
        verified = verify_note(self.note, keys)
        if not any(key.key_type == ED25519 and key.name == origin for key in verified):
            raise UntrustedNote("no signature by the log itself")
        signatures = {(line.name, line.key_id): line.signature for line in self.note.signatures}
        cosigners = tuple(
            Cosigner(key, Cosignature.parse(signatures[key.name, key.key_id]).time)
            for key in verified
            if key.key_type == COSIGNATURE_V1
        )
        return self.checkpoint, cosigners


def sign_checkpoint(checkpoint: Checkpoint, sign: Callable[[bytes], bytes], public: bytes) -> bytes:
    """Sign a checkpoint in the name of its origin with an Ed25519 key, as a note.

    Raises:
        MalformedNote: an origin that cannot name a key, an unusable key, or extension lines, which we do not write.
    """
    if checkpoint.extension:
        raise MalformedNote("we write no extension lines")
    return sign_note(checkpoint.text(), checkpoint.origin, sign, public).serialise()


def cosign_checkpoint(data: bytes, name: str, sign: Callable[[bytes], bytes], public: bytes, *, time: int) -> bytes:
    """Add a witness's cosignature at a time in POSIX seconds. It vouches for what was checked before: verify first.

    Raises:
        MalformedNote: `data` is no signed checkpoint, or the name, key or time is unusable.
    """
    note = SignedCheckpoint.parse(data).note
    key = VerifierKey(name, COSIGNATURE_V1, public)
    line = NoteSignature(name, key.key_id, cosign(note.text, sign, time=time).serialise())
    return Note(note.text, (*note.signatures, line)).serialise()


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey], origin: str) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
    """Parse a signed checkpoint and verify it: see `SignedCheckpoint.verify`.

    Raises:
        MalformedNote: it does not parse.
        UntrustedNote: it is not signed by the log, or a known signature fails.
    """
    return SignedCheckpoint.parse(data).verify(keys, origin)
