"""The witness protocol, without its I/O: what a log asks, what a witness decides, what the answer means to the log.

C2SP tlog-witness, `add-checkpoint`. A witness cosigns a checkpoint that a known log signed, when it is consistent
with the one that it cosigned before; so whoever sees its cosignature knows that the log has one history.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from provenance.errors import MalformedExchange, MalformedNote, ProofInvalid, SignatureInvalid, UntrustedNote
from provenance.limits import (
    MAX_NOTE_SIGNATURES,
    MAX_PROOF_HASHES,
    MAX_REFUSAL_CHARACTERS,
    MAX_WITNESS_ANSWER_BYTES,
    MAX_WITNESS_REQUEST_BYTES,
)
from provenance.statement.encodings import encode_base64, parse_decimal, parse_hash
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from provenance.transparency.note import COSIGNATURES, Note, NoteSignature, VerifierKey, verify_note

SIZE_MEDIA_TYPE = "text/x.tlog.size"
"""Media type of a 409 answer: the tree size that the witness cosigned last."""

TEXT_MEDIA_TYPE = "text/plain; charset=utf-8"
"""Media type of every other answer."""


@dataclass(frozen=True)
class AddCheckpoint:
    """A log's request to cosign a checkpoint.

    Attributes:
        old_size: of the checkpoint that the witness cosigned last, as far as the log knows; 0 for none.
        proof: consistency from there, at most 63 hashes of 32 bytes; empty from size 0.
        checkpoint: the signed note, verbatim.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a request; neither signature nor proof is checked.

        Raises:
            MalformedExchange: it does not parse, or the old size is beyond the checkpoint's.
            ProofInvalid: a checkpoint of the empty tree with another root than that tree has.
        """
        if len(body) > MAX_WITNESS_REQUEST_BYTES:
            raise MalformedExchange(f"a request of more than {MAX_WITNESS_REQUEST_BYTES} bytes")
        head, blank, checkpoint = body.partition(b"\n\n")
        if not blank:
            raise MalformedExchange("a request without a blank line before its checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as cause:
            raise MalformedExchange("a request's own lines are ASCII") from cause
        word, _, size = first.partition(" ")
        if word != "old":
            raise MalformedExchange("a request begins with the old size")
        if len(lines) > MAX_PROOF_HASHES:
            raise MalformedExchange(f"a proof of more than {MAX_PROOF_HASHES} hashes")
        old_size = parse_decimal(size, MalformedExchange)
        request = cls(old_size, tuple(parse_hash(line, MalformedExchange) for line in lines), checkpoint)
        _, new = request.read_checkpoint()
        if old_size > new.size:
            raise MalformedExchange("the old size is beyond the checkpoint's")
        return request

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedExchange, ProofInvalid where it would refuse them."""
        if len(self.proof) > MAX_PROOF_HASHES or any(len(each) != HASH_BYTES for each in self.proof):
            raise MalformedExchange(f"a proof has at most {MAX_PROOF_HASHES} hashes of {HASH_BYTES} bytes")
        if not 0 <= self.old_size <= self.read_checkpoint()[1].size:
            raise MalformedExchange("the old size is not one of a tree before the checkpoint's")
        lines = [f"old {self.old_size}", *(encode_base64(each) for each in self.proof), "", ""]
        return "\n".join(lines).encode("ascii") + self.checkpoint

    def read_checkpoint(self) -> tuple[Note, Checkpoint]:
        """The checkpoint as a note and as a tree head, of which nothing is checked. Raises as `parse` does."""
        try:
            note = Note.parse(self.checkpoint)
        except MalformedNote as cause:
            raise MalformedExchange(f"malformed checkpoint: {cause}") from cause
        try:
            return note, Checkpoint.parse_text(note.text)
        except MalformedNote as cause:
            if _has_wrong_empty_root(note.text):
                raise ProofInvalid("the empty tree has another root") from cause
            raise MalformedExchange(f"malformed checkpoint: {cause}") from cause


def _has_wrong_empty_root(text: str) -> bool:
    """Whether all that keeps a text from being a checkpoint is the root of its empty tree."""
    origin, size, rest = text.split("\n", 2) if text.count("\n") > 1 else (text, "", "")
    try:
        Checkpoint.parse_text(f"{origin}\n1\n{rest}")
    except MalformedNote:
        return False
    return size == "0"


# The witness's side


@dataclass(frozen=True)
class WitnessedLog:
    """What a witness knows of a log: the log's keys, and the tree that it cosigned last, at first the empty one."""

    keys: tuple[VerifierKey, ...]
    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True)
class CosigningKey:
    """A key of the witness: what others verify with, and what signs bytes with the private half."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Cosigned:
    """The request is granted. Store `checkpoint` before the answer leaves, in the transaction that read the log.

    Attributes:
        checkpoint: what the witness has cosigned last from now on.
        note: the checkpoint under the log's verified signatures and the witness's: what its monitors are served.
        lines: the witness's signature lines.
    """

    status: ClassVar[Literal[200]] = 200
    media_type: ClassVar[str] = TEXT_MEDIA_TYPE

    checkpoint: Checkpoint
    note: Note
    lines: tuple[NoteSignature, ...]

    def body(self) -> bytes:
        """The answer's body: the signature lines."""
        return "".join(f"{line.line()}\n" for line in self.lines).encode()


@dataclass(frozen=True)
class Refusal:
    """The request is refused, and nothing is to be stored.

    Attributes:
        status: 400 malformed; 403 not signed by the log; 404 unknown origin; 409 another old size; 422 inconsistent.
        detail: one sentence.
        size: with 409, of the tree that was cosigned last.
    """

    status: Literal[400, 403, 404, 409, 422]
    detail: str
    size: int | None = None

    @property
    def media_type(self) -> str:
        """Of the answer's body."""
        return TEXT_MEDIA_TYPE if self.size is None else SIZE_MEDIA_TYPE

    def body(self) -> bytes:
        """The answer's body: the sentence, or with 409 the size."""
        return f"{self.detail if self.size is None else self.size}\n".encode()


def respond(
    body: bytes,
    logs: Callable[[str], WitnessedLog | None],
    cosigning_keys: Sequence[CosigningKey],
    *,
    time: int,
) -> Cosigned | Refusal:
    """Decide on the body of a request.

    Args:
        body: as received.
        logs: what the witness knows of the log with this origin. It is asked once; no other request about this log
            may be answered between the asking and the storing of what comes of it.
        cosigning_keys: the witness's, one or more.
        time: POSIX seconds, not 0.

    Raises:
        MalformedNote: a time that no witness can state, or a key that does not cosign.
        SignatureInvalid: a cosigning key does not sign with the key it names.
    """
    try:
        request = AddCheckpoint.parse(body)
        note, checkpoint = request.read_checkpoint()
    except MalformedExchange as cause:
        return Refusal(400, str(cause))
    except ProofInvalid as cause:
        return Refusal(422, str(cause))
    log = logs(checkpoint.origin)
    if log is None:
        return Refusal(404, "this witness does not know the log")
    try:
        signed_by = verify_note(note, log.keys)
    except UntrustedNote as cause:
        return Refusal(403, str(cause))
    if request.old_size != log.size:
        return Refusal(409, f"the tree cosigned last has {log.size} entries", log.size)
    try:
        verify_consistency(log.size, log.root, checkpoint.size, checkpoint.root, request.proof)
    except ProofInvalid as cause:
        return Refusal(422, str(cause))
    if time < 1:
        raise MalformedNote("a witness states a time")
    lines = tuple(each.key.cosign(note.text, each.sign, time=time) for each in cosigning_keys)
    for each, line in zip(cosigning_keys, lines, strict=True):
        each.key.verify(note.text, line.signature)
    signatures = {(line.name, line.key_id): line for line in note.signatures}
    by_log = tuple(signatures[key.name, key.key_id] for key in signed_by)
    return Cosigned(checkpoint, Note(note.text, by_log + lines), lines)


def monitoring_path(origin: str) -> str:
    """Below the monitoring prefix, where a witness serves the note that it cosigned last of the log `origin`."""
    return f"{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"


# The log's side


@dataclass(frozen=True)
class Witnessed:
    """The witness cosigned: its verified signature lines, and who signed when."""

    lines: tuple[NoteSignature, ...]
    cosigners: tuple[Cosigner, ...]


@dataclass(frozen=True)
class OtherSize:
    """The witness last cosigned the tree of `size` entries: prove from there.

    That can be more than the checkpoint has; then only a later checkpoint can be proved.
    """

    size: int


@dataclass(frozen=True)
class Declined:
    """The witness did not cosign.

    Attributes:
        status: HTTP status; 409 when the size is right and, for this witness, the tree is another.
        detail: the witness's message, shortened to printable ASCII; for log lines only.
        passing: whether the same request may succeed later (429, and server errors).
    """

    status: int
    detail: str
    passing: bool


def read_response(
    request: AddCheckpoint, status: int, media_type: str, body: bytes, keys: Sequence[VerifierKey]
) -> Witnessed | OtherSize | Declined:
    """Read what a witness answered.

    Args:
        request: as it was sent.
        status: HTTP status.
        media_type: the answer's Content-Type, empty if it has none.
        body: as received.
        keys: the witness's; lines by other keys are ignored, and so are keys that do not cosign.

    Raises:
        MalformedExchange: an answer of 200 that is not made of signature lines, a 409 of `SIZE_MEDIA_TYPE` without a
            size, or a body beyond the limit.
        UntrustedNote: no signature by these keys, one that does not verify, or one that states no time.
    """
    if len(body) > MAX_WITNESS_ANSWER_BYTES:
        raise MalformedExchange(f"an answer of more than {MAX_WITNESS_ANSWER_BYTES} bytes")
    if status == 200:
        known = {(key.name, key.key_id): key for key in keys if key.key_type in COSIGNATURES}
        return _read_cosignatures(request.read_checkpoint()[0].text, body, known)
    if status == 409 and media_type.partition(";")[0].strip().lower() == SIZE_MEDIA_TYPE:
        size = _read_size(body)
        if size != request.old_size:
            return OtherSize(size)
    words = "".join(chr(byte) for byte in body if 0x20 <= byte < 0x7F)
    return Declined(status, words[:MAX_REFUSAL_CHARACTERS], status == 429 or status >= 500)


def add_cosignatures(checkpoint: bytes, lines: Sequence[NoteSignature]) -> bytes:
    """A signed checkpoint with verified cosignatures, each in place of an older one by the same key.

    Raises:
        MalformedNote: the checkpoint is no note, or would get too many signatures.
    """
    note = Note.parse(checkpoint)
    newer = {(line.name, line.key_id) for line in lines}
    kept = tuple(line for line in note.signatures if (line.name, line.key_id) not in newer)
    return Note(note.text, kept + tuple(lines)).serialise()


def _read_cosignatures(text: str, body: bytes, known: Mapping[tuple[str, bytes], VerifierKey]) -> Witnessed:
    lines = []
    cosigners = []
    for line in _read_lines(body):
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        try:
            key.verify(text, line.signature)
            time = key.read_cosignature(line.signature).time
        except (MalformedNote, SignatureInvalid) as cause:
            raise UntrustedNote(f"the cosignature by {key.name} does not verify") from cause
        if time == 0:
            raise UntrustedNote(f"the cosignature by {key.name} states no time")
        lines.append(line)
        cosigners.append(Cosigner(key, time))
    if not lines:
        raise UntrustedNote("no cosignature by a key of this witness")
    return Witnessed(tuple(lines), tuple(cosigners))


def _read_lines(body: bytes) -> list[NoteSignature]:
    if not body.endswith(b"\n") or body.count(b"\n") > MAX_NOTE_SIGNATURES:
        raise MalformedExchange(f"an answer is 1 to {MAX_NOTE_SIGNATURES} lines, each ended by a newline")
    try:
        return [NoteSignature.parse_line(line) for line in body.decode()[:-1].split("\n")]
    except (MalformedNote, UnicodeDecodeError) as cause:
        raise MalformedExchange(f"an answer that is not made of signature lines: {cause}") from cause


def _read_size(body: bytes) -> int:
    """The size of a 409 answer. Raises MalformedExchange."""
    size, newline, rest = body.partition(b"\n")
    if not newline or rest:
        raise MalformedExchange("a size is one line")
    return parse_decimal(size.decode("ascii", "replace"), MalformedExchange)
