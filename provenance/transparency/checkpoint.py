"""A checkpoint: a log's promise that its tree of this size has this root.

C2SP tlog-checkpoint: a tree head as the text of a signed note.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedNote, UntrustedNote
from provenance.transparency.note import (
    COSIGNATURE_V1,
    COSIGNATURES,
    ED25519,
    ML_DSA_44,
    Note,
    VerifierKey,
    sign_note,
    verify_note,
)
from provenance.transparency.tree_head import Checkpoint

__all__ = [
    "Checkpoint",
    "Cosigner",
    "SignedCheckpoint",
    "cosign_checkpoint",
    "open_checkpoint",
    "sign_checkpoint",
    "stated_size",
]


@dataclass(frozen=True)
class Cosigner:
    """A witness whose cosignature verified: its key, and when it says to have seen the tree.

    Attributes:
        key: the witness's.
        time: POSIX seconds; 0 where an ML-DSA-44 cosignature leaves the time out.
    """

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
            keys: of the log (Ed25519 or ML-DSA-44, named as its origin) and of witnesses (cosignature/v1 or
                ML-DSA-44).
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
        by_log = [key for key in verified if key.name == origin and key.key_type in (ED25519, ML_DSA_44)]
        if not by_log:
            raise UntrustedNote("no signature by the log itself")
        if self.checkpoint.extension and all(key.key_type == ML_DSA_44 for key in by_log):
            raise UntrustedNote("the log's signature does not cover the extension lines")
        signatures = {(line.name, line.key_id): line.signature for line in self.note.signatures}
        cosigners = tuple(
            Cosigner(key, key.read_cosignature(signatures[key.name, key.key_id]).time)
            for key in verified
            if key.key_type in COSIGNATURES and key not in by_log
        )
        return self.checkpoint, cosigners

    def verify_both(self, keys: Sequence[VerifierKey], origin: str) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
        """As `verify`; and where there are ML-DSA-44 keys of the log among the keys, one of these has signed as well.

        What the caller can check may not be left out: else the second key protects from nothing.
        """
        verified = self.verify(keys, origin)  # a signature by any of the keys holds
        second = {key.key_id for key in keys if (key.name, key.key_type) == (origin, ML_DSA_44)}
        if second and not any(line.name == origin and line.key_id in second for line in self.note.signatures):
            raise UntrustedNote(f"it is not signed with an ML-DSA-44 key of {origin}, and you know one")
        return verified


def sign_checkpoint(checkpoint: Checkpoint, sign: Callable[[bytes], bytes], public: bytes) -> bytes:
    """Sign a checkpoint in the name of its origin with an Ed25519 key, as a note.

    Raises:
        MalformedNote: an origin that cannot name a key, an unusable key, or extension lines, which we do not write.
    """
    if checkpoint.extension:
        raise MalformedNote("we write no extension lines")
    return sign_note(checkpoint.text(), checkpoint.origin, sign, public).serialise()


def cosign_checkpoint(
    data: bytes,
    name: str,
    sign: Callable[[bytes], bytes],
    public: bytes,
    *,
    time: int,
    key_type: int = COSIGNATURE_V1,
) -> bytes:
    """Add a witness's cosignature at a time in POSIX seconds. It vouches for what was checked before: verify first.

    With `ML_DSA_44` and the origin as name, it is the log's own second signature.

    Raises:
        MalformedNote: `data` is no signed checkpoint, or the name, key, key type or time is unusable.
    """
    note = SignedCheckpoint.parse(data).note
    line = VerifierKey(name, key_type, public).cosign(note.text, sign, time=time)
    return Note(note.text, (*note.signatures, line)).serialise()


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey], origin: str) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
    """Parse a signed checkpoint and verify it: see `SignedCheckpoint.verify`.

    Raises:
        MalformedNote: it does not parse.
        UntrustedNote: it is not signed by the log, or a known signature fails.
    """
    return SignedCheckpoint.parse(data).verify(keys, origin)


def stated_size(note: bytes) -> int:
    """The size that a note claims, of which nothing is checked; 0 where it is no checkpoint."""
    try:
        return SignedCheckpoint.parse(note).checkpoint.size
    except MalformedNote:
        return 0
