"""A timestamped signature on a checkpoint: "at this time, this was the log's largest tree that I saw".

C2SP tlog-cosignature, in both forms: u64be POSIX seconds, then a signature. cosignature/v1 (Ed25519) signs a header
line, a time line and the checkpoint's text; the ML-DSA-44 form signs a structure that names cosigner and tree, and
leaves extension lines out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedNote
from provenance.limits import MAX_COSIGNED_NAME_BYTES
from provenance.transparency.tree_head import Checkpoint

_MAX_TIME = 2**63 - 1
_TIME_BYTES = 8
_ED25519_BYTES = 64
_SUBTREE_LABEL = b"subtree/v1\n\0"


@dataclass(frozen=True)
class Cosignature:
    """One cosignature.

    Attributes:
        time: POSIX seconds. An ML-DSA-44 cosignature may have 0: it then says that the tree is consistent with all
            that its maker saw of the log, and not that it was the largest.
        signature: 64 bytes of Ed25519, or 2,420 of ML-DSA-44.
    """

    time: int
    signature: bytes

    @classmethod
    def parse(cls, data: bytes, *, signature_bytes: int = _ED25519_BYTES) -> Self:
        """Read what follows the key ID in a signature line. Raises MalformedNote."""
        if len(data) != _TIME_BYTES + signature_bytes:
            raise MalformedNote(f"a cosignature has {_TIME_BYTES + signature_bytes} bytes, not {len(data)}")
        time = int.from_bytes(data[:_TIME_BYTES])
        _check_time(time)
        return cls(time, data[_TIME_BYTES:])

    def serialise(self) -> bytes:
        """The bytes that `parse` reads."""
        return self.time.to_bytes(_TIME_BYTES) + self.signature


def cosigned_message(text: str, time: int) -> bytes:
    """What cosignature/v1 signs for a checkpoint's text at a time in POSIX seconds. Raises MalformedNote."""
    _check_time(time)
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def subtree_message(cosigner: str, text: str, time: int) -> bytes:
    """What an ML-DSA-44 cosignature signs for a checkpoint's text: the subtree from entry 0 to the whole size.

    Args:
        cosigner: the name of the signing key.
        text: of a checkpoint.
        time: POSIX seconds, or 0 for none.

    Raises:
        MalformedNote: no checkpoint, a time out of range, or a name or origin beyond 255 bytes of UTF-8.
    """
    _check_time(time)
    checkpoint = Checkpoint.parse_text(text)
    return b"".join(
        (
            _SUBTREE_LABEL,
            name_with_length(cosigner),
            time.to_bytes(8),
            name_with_length(checkpoint.origin),
            (0).to_bytes(8),
            checkpoint.size.to_bytes(8),
            checkpoint.root,
        )
    )


def name_with_length(name: str) -> bytes:
    """A name or origin as the ML-DSA-44 message holds it: one byte of length, then UTF-8. Raises MalformedNote."""
    data = name.encode()
    if not 1 <= len(data) <= MAX_COSIGNED_NAME_BYTES:
        raise MalformedNote(f"a cosigner and a log it cosigns have names of 1 to {MAX_COSIGNED_NAME_BYTES} bytes")
    return bytes([len(data)]) + data


def cosign(text: str, sign: Callable[[bytes], bytes], *, time: int) -> Cosignature:
    """Cosign a checkpoint's text; `sign` returns an Ed25519 signature. Raises MalformedNote for a time out of range."""
    return Cosignature(time, sign(cosigned_message(text, time)))


def _check_time(time: int) -> None:
    if not 0 <= time <= _MAX_TIME:
        raise MalformedNote("a cosignature's time is 0 to 2^63 - 1 seconds")
