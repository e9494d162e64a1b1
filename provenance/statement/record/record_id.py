"""The identity of a record: the SHA-256 of its canonical bytes, as bytes and as URN."""

import hashlib


def record_id(canonical: bytes) -> bytes:
    """32 bytes: SHA-256 of a record's canonical bytes."""
    return hashlib.sha256(canonical).digest()


def record_urn(identity: bytes) -> str:
    """`urn:countermark:record:` and 64 lower-case hexadecimal digits."""
    return f"urn:countermark:record:{identity.hex()}"
