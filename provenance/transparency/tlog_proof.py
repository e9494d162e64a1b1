"""A tlog-proof: an entry's inclusion in a log, checkable offline with the log's public key.

C2SP tlog-proof: index, inclusion proof and checkpoint in one text file (`.tlog-proof`). The entry itself
is not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from provenance.errors import MalformedNote, MalformedProof, ProofInvalid
from provenance.limits import MAX_PROOF_BYTES, MAX_PROOF_EXTRA_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE
from provenance.statement.encodings import encode_base64, parse_base64, parse_decimal, parse_hash
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint, open_checkpoint
from provenance.transparency.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from provenance.transparency.note import VerifierKey

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class TlogProof:
    """An inclusion proof with the checkpoint it leads to.

    Attributes:
        index: of the entry.
        hashes: the inclusion proof, at most 63 hashes of 32 bytes.
        checkpoint: the signed note, verbatim with all its signatures.
        extra: the application's own bytes, which nothing authenticates; not empty.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a `.tlog-proof` file; its checkpoint has to be well-formed; no signature or proof is checked.

        Raises:
            MalformedProof: it does not parse.
        """
        if len(data) > MAX_PROOF_BYTES:
            raise MalformedProof(f"a proof of more than {MAX_PROOF_BYTES} bytes")
        head, blank, checkpoint = data.partition(b"\n\n")
        if not blank:
            raise MalformedProof("a proof without a blank line before its checkpoint")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as cause:
            raise MalformedProof("a proof's own lines are ASCII") from cause
        if lines.pop(0) != _HEADER:
            raise MalformedProof(f"a proof begins with {_HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = parse_base64(lines.pop(0).removeprefix("extra "), MalformedProof)
        if not lines or not lines[0].startswith("index "):
            raise MalformedProof("a proof without an index")
        index = parse_decimal(lines.pop(0).removeprefix("index "), MalformedProof)
        if len(lines) > MAX_PROOF_HASHES:
            raise MalformedProof(f"a proof of more than {MAX_PROOF_HASHES} hashes")
        proof = cls(index, tuple(parse_hash(line, MalformedProof) for line in lines), checkpoint, extra)
        proof.serialise()  # the bounds that writing keeps
        return proof

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedProof where it would refuse them."""
        if self.extra is not None and not 1 <= len(self.extra) <= MAX_PROOF_EXTRA_BYTES:
            raise MalformedProof(f"extra data has 1 to {MAX_PROOF_EXTRA_BYTES} bytes")
        if len(self.hashes) > MAX_PROOF_HASHES or any(len(each) != HASH_BYTES for each in self.hashes):
            raise MalformedProof(f"a proof has at most {MAX_PROOF_HASHES} hashes of {HASH_BYTES} bytes")
        if not 0 <= self.index < MAX_TREE_SIZE:
            raise MalformedProof("a proof's index is beyond the largest tree")
        self.signed_checkpoint()
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(each) for each in self.hashes]
        return "\n".join([*lines, "", ""]).encode("ascii") + self.checkpoint

    def signed_checkpoint(self) -> SignedCheckpoint:
        """The checkpoint, of which nothing is checked; parsed once. Raises MalformedProof."""
        return self._signed_checkpoint

    @cached_property
    def _signed_checkpoint(self) -> SignedCheckpoint:
        try:
            return SignedCheckpoint.parse(self.checkpoint)
        except MalformedNote as cause:
            raise MalformedProof(f"malformed checkpoint: {cause}") from cause

    def verify(self, entry: bytes, keys: Sequence[VerifierKey], origin: str) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
        """Check that the log `origin` has this entry at this index.

        Args:
            entry: the log entry's bytes.
            keys: the log's, and those of known witnesses.
            origin: the log that is expected.

        Returns:
            the checkpoint, and the witnesses that cosigned it.

        Raises:
            MalformedNote: malformed checkpoint.
            UntrustedNote: the checkpoint is not signed by the log, or a known signature fails.
            ProofInvalid: the entry is not at this index of the checkpoint's tree.
        """
        checkpoint, cosigners = open_checkpoint(self.checkpoint, keys, origin)
        self.verify_inclusion(entry, checkpoint)
        return checkpoint, cosigners

    def verify_inclusion(self, entry: bytes, checkpoint: Checkpoint) -> None:
        """Check the Merkle proof alone, against a checkpoint that is trusted already. Raises ProofInvalid."""
        if self.index >= checkpoint.size:
            raise ProofInvalid(f"entry {self.index} is beyond the checkpoint's {checkpoint.size} entries")
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)
