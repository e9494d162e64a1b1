"""An independent reader of a tlog-tiles log: it shares no code with the service, and believes the log's key alone.

RFC 6962 §2.1, C2SP signed-note, tlog-checkpoint and tlog-tiles, written from the specifications.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class Head:
    """A tree head whose signature was checked."""

    size: int
    root: bytes


def read_head(note: bytes, origin: str, key: bytes) -> Head:
    """The tree head of a signed checkpoint."""
    text, _, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures.decode().splitlines():
        dash, name, blob = line.split(" ")
        signature = base64.b64decode(blob, validate=True)
        if (dash, name, signature[:4]) == ("—", origin, key_id):
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text)
            first, size, root = text.decode().splitlines()
            assert first == origin
            return Head(int(size), base64.b64decode(root, validate=True))
    raise AssertionError("no signature of the log")


def read_entries(fetch: Fetch, size: int) -> list[bytes]:
    """All entries of the log, from its bundles."""
    found: list[bytes] = []
    for bundle in range(-(-size // 256)):
        width = min(256, size - bundle * 256)
        name = f"{bundle:03d}" if bundle < 1000 else f"x{bundle // 1000:03d}/{bundle % 1000:03d}"
        data = fetch(f"tile/entries/{name}" + (f".p/{width}" if width < 256 else ""))
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            found.append(data[at + 2 : at + 2 + length])
            at += 2 + length
    assert len(found) == size
    return found


def root_of(entries: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 §2.1."""
    level = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:  # an odd last node moves up unchanged, which is the RFC's split at powers of two
        pairs = [hashlib.sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
