"""A log's own keys: which of them sign the checkpoints of which sizes, and how one leads to another.

The genesis record names the first ones; each `log.key` record in the log names those that take over. A checkpoint is
signed with the keys that its own tree names last, so the record at index i counts for the trees of more than i entries,
and a key that it leaves out is retired: it signs no tree of that size or larger.

A change is signed by every key that was in force and by every one that comes into force. So whoever trusts one of the
old keys can follow the change to the new ones, and no change can name a key that somebody else holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from provenance.errors import CountermarkError, MalformedNote, SignatureInvalid, UntrustedNote
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.record import LogGenesis, LogKey
from provenance.transparency import ml_dsa
from provenance.transparency.checkpoint import (
    Checkpoint,
    Cosigner,
    SignedCheckpoint,
    cosign_checkpoint,
    sign_checkpoint,
)
from provenance.transparency.note import ED25519, ML_DSA_44, VerifierKey

Sign = Callable[[bytes], bytes]
"""Signs bytes with one private key."""


@dataclass(frozen=True)
class KeySpan:
    """A key of a log and the trees it signs: from `first_size` entries up to `last_size`, or on without end (None)."""

    key: VerifierKey
    first_size: int
    last_size: int | None


@dataclass(frozen=True)
class LogKeys:
    """The keys of one log, by size of tree.

    Attributes:
        origin: the log's name.
        changes: (first size, keys): the keys that sign trees of that size and more, until the next change. In order,
            the first for size 0.
    """

    origin: str
    changes: tuple[tuple[int, tuple[VerifierKey, ...]], ...]

    @classmethod
    def from_genesis(cls, genesis: LogGenesis) -> Self:
        """The keys that a genesis record names. Raises UntrustedNote where they cannot sign for its log."""
        return cls(genesis.origin, ((0, _read(genesis.log_keys, genesis.origin)),))

    def follow(self, index: int, record: LogKey) -> Self:
        """These keys and the change at `index`, which is later than all others.

        Raises:
            SignatureInvalid: a key that was in force, or one that comes into force, has not signed the change.
            UntrustedNote: keys that cannot sign for this log.
        """
        if index < self.changes[-1][0]:
            raise SignatureInvalid(f"the log.key record at index {index} is not the newest")
        keys = _read(record.log_keys, self.origin)
        message = change_message(self.origin, self.current, keys)
        signers = _signers(self.current, keys)
        if len(record.signatures) != len(signers):
            raise SignatureInvalid(
                f"the log.key record at index {index} has {len(record.signatures)} signatures, and needs {len(signers)}"
            )
        for key, signature in zip(signers, record.signatures, strict=True):
            try:
                _verify(key, signature, message)
            except SignatureInvalid as cause:
                raise SignatureInvalid(
                    f"the log.key record at index {index} is not signed with key {key.key_id.hex()}"
                ) from cause
        return type(self)(self.origin, (*self.changes, (index + 1, keys)))

    @property
    def current(self) -> tuple[VerifierKey, ...]:
        """The keys that sign the largest trees."""
        return self.changes[-1][1]

    def at(self, size: int) -> tuple[VerifierKey, ...]:
        """The keys that sign the tree of `size` entries."""
        return next(keys for first, keys in reversed(self.changes) if first <= size)

    def spans(self) -> tuple[KeySpan, ...]:
        """Every key that the log ever had, in the order in which they came, with the trees it signs."""
        spans: dict[VerifierKey, KeySpan] = {}
        for first, keys in self.changes:
            for key in keys:
                spans.setdefault(key, KeySpan(key, first, None))
            for key, span in spans.items():
                if key not in keys and span.last_size is None:
                    spans[key] = KeySpan(key, span.first_size, first - 1)
        return tuple(spans.values())

    def open(self, data: bytes, witness_keys: Sequence[VerifierKey] = ()) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
        """Parse a checkpoint of this log and verify it with the keys of its size, and the cosignatures of witnesses.

        Raises:
            MalformedNote: it does not parse.
            UntrustedNote: of another log, or not signed with a key that was in force for a tree of its size.
        """
        signed = SignedCheckpoint.parse(data)
        return signed.verify((*self.at(signed.checkpoint.size), *witness_keys), self.origin)

    def signing_key(self, size: int) -> VerifierKey:
        """The Ed25519 key that signs the tree of `size` entries; the first, where the log has named several."""
        return next(key for key in self.at(size) if key.key_type == ED25519)

    def sign(self, checkpoint: Checkpoint, signer: Callable[[VerifierKey], Sign], *, time: int) -> bytes:
        """The signed note of a checkpoint: an Ed25519 signature, and one by each ML-DSA-44 key behind it.

        Args:
            checkpoint: of this log.
            signer: gives who signs with a key.
            time: POSIX seconds, for ML-DSA-44.

        Raises:
            MalformedNote: an unusable origin, or extension lines, which we do not write.
        """
        key = self.signing_key(checkpoint.size)
        note = sign_checkpoint(checkpoint, signer(key), key.public)
        for key in self.at(checkpoint.size):
            if key.key_type == ML_DSA_44:
                note = cosign_checkpoint(note, key.name, signer(key), key.public, time=time, key_type=ML_DSA_44)
        return note

    def check_in_force(self, key: VerifierKey) -> None:
        """Accepts a key that signs the largest trees. Raises UntrustedNote for a retired one, or one never named."""
        if key in self.current:
            return
        if any(key == span.key for span in self.spans()):
            raise UntrustedNote(f"the log key was retired at index {self.changes[-1][0] - 1}, before this checkpoint")
        raise UntrustedNote("neither the genesis record nor a log.key record names the log key")

    def vouched_by(self, key: VerifierKey) -> bool:
        """Whether a key of this history has signed what leads to `current`: it was in force at some change.

        That a genesis record names a key shows nothing of the kind: anybody may write down two keys side by side.
        """
        return len(self.changes) > 1 and any(key in keys for _, keys in self.changes)


def change_message(origin: str, old: Sequence[VerifierKey], new: Sequence[VerifierKey]) -> bytes:
    """What the keys sign for a change: lines of UTF-8, each ended by a newline.

    `countermark log key v1`, the origin, `from ` and each key in force, `to ` and each key that takes over. No
    checkpoint begins so: the first line of one is a log's origin, which has no space where it can name a key.
    """
    lines = ("countermark log key v1", origin, *(f"from {key}" for key in old), *(f"to {key}" for key in new))
    return "".join(f"{line}\n" for line in lines).encode()


def sign_change(
    origin: str, old: Sequence[VerifierKey], new: Sequence[VerifierKey], signer: Callable[[VerifierKey], Sign]
) -> tuple[bytes, ...]:
    """The signatures of a `log.key` record; `signer` gives who signs with a key."""
    message = change_message(origin, old, new)
    return tuple(signer(key)(message) for key in _signers(old, new))


def _signers(old: Sequence[VerifierKey], new: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Who signs a change, in the order of the signatures: each old key, then each new one that is no old one."""
    return tuple(dict.fromkeys((*old, *new)))


def _verify(key: VerifierKey, signature: bytes, message: bytes) -> None:
    if key.key_type == ML_DSA_44:
        ml_dsa.verify(key.public, signature, message)
    else:
        PublicKey(Algorithm.ED25519, key.public).verify(signature, message)


def _read(vkeys: Sequence[str], origin: str) -> tuple[VerifierKey, ...]:
    try:
        keys = tuple(VerifierKey.parse(vkey) for vkey in vkeys)
    except MalformedNote as cause:
        raise UntrustedNote(f"a key of the log {origin} is not usable: {cause}") from cause
    if any(key.name != origin or key.key_type not in (ED25519, ML_DSA_44) for key in keys):
        raise UntrustedNote(f"a key of the log {origin} is not one of a log, or has another name")
    if not any(key.key_type == ED25519 for key in keys):
        raise UntrustedNote(f"the log {origin} has no Ed25519 key")
    if len(set(keys)) != len(keys):
        raise UntrustedNote(f"a key of the log {origin} is named twice")
    return keys


Outcome = Literal["holds", "fails", "not checked"]


def judge_log_key(
    log_key: VerifierKey,
    size: int,
    log_keys: LogKeys | CountermarkError,
    trusted: Sequence[VerifierKey],
    retired: Mapping[VerifierKey, int],
) -> tuple[Outcome, str, list[VerifierKey]]:
    """What a reader's own trusted keys say of the key that a receipt names as its log's: step 2 of checking a receipt.

    Args:
        log_key: as the receipt names it, not verified; Ed25519.
        size: of the tree that everything is proven in.
        log_keys: what the receipt's genesis and `log.key` records say, or why they say nothing.
        trusted: what the reader has from elsewhere.
        retired: of trusted keys that their log has retired, the largest tree that each signs.

    Returns:
        the outcome, a sentence for people, and the ML-DSA-44 keys of the log of which one has to have signed too: those
        that the reader trusts, or that a trusted key has handed over to.
    """
    known = None if isinstance(log_keys, CountermarkError) else log_keys
    own = [key for key in trusted if key.key_type == ML_DSA_44 and key.name == log_key.name]
    named = [key for key in known.current if key.key_type == ML_DSA_44] if known else []
    # Whoever has since got hold of a retired key can sign with it.
    leading = [key for key in trusted if known is not None and key not in retired and known.vouched_by(key)]
    demanded = named if any(key in leading for key in own) else [key for key in own if key in named]
    largest, name = retired.get(log_key, size), log_key.name
    judgements: list[tuple[bool, Outcome, str, list[VerifierKey]]] = [
        (size > largest, "fails", f"{name} has retired this key: it signs trees of up to {largest} entries", []),
        (log_key in trusted, "holds", f"the key of {name} is one you trust", demanded),
        (bool(leading), "holds", f"a key of {name} that you trust has handed over to this one", demanded),
        (bool(own), "holds", f"the ML-DSA-44 key of {name} is one you trust", own),
        (
            not any(key.key_type == ED25519 for key in trusted),
            "not checked",
            f"no trusted log key was given: the receipt claims to be of {name}; not verified",
            [],
        ),
        (True, "fails", f"the receipt's key of {name} is not among those you trust", []),
    ]
    return next((outcome, sentence, keys) for applies, outcome, sentence, keys in judgements if applies)
