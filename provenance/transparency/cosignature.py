"""A witness's timestamped signature on a checkpoint: "at this time, this was the log's largest tree that I saw".

C2SP tlog-cosignature, cosignature/v1 (Ed25519): u64be POSIX seconds, then the signature over a header
line, a time line and the checkpoint's text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedNote

_MAX_TIME = 2**63 - 1
_BYTES = 8 + 64


@dataclass(frozen=True)
class Cosignature:
    """One cosignature/v1: `time` in POSIX seconds, `signature` 64 bytes of Ed25519."""

    time: int
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the 72 bytes that follow the key ID in a signature line. Raises MalformedNote."""
        if len(data) != _BYTES:
            raise MalformedNote(f"a cosignature has {_BYTES} bytes, not {len(data)}")
        time = int.from_bytes(data[:8])
        if time > _MAX_TIME:
            raise MalformedNote("a cosignature's time is beyond 2^63 - 1 seconds")
        return cls(time, data[8:])

    def serialise(self) -> bytes:
        """The 72 bytes that `parse` reads."""
        return self.time.to_bytes(8) + self.signature


def cosigned_message(text: str, time: int) -> bytes:
    """The bytes that are signed for a checkpoint's text at a time in POSIX seconds. Raises MalformedNote."""
    if not 0 <= time <= _MAX_TIME:
        raise MalformedNote("a cosignature's time is 0 to 2^63 - 1 seconds")
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosign(text: str, sign: Callable[[bytes], bytes], *, time: int) -> Cosignature:
    """Cosign a checkpoint's text; `sign` returns an Ed25519 signature. Raises MalformedNote for a time out of range."""
    return Cosignature(time, sign(cosigned_message(text, time)))
