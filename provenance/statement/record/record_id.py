"""The identity of a record: the SHA-256 of its canonical bytes, as bytes, URN and CID."""

import base64
import hashlib
import re

from provenance.errors import MalformedRecord

_URN = re.compile(r"urn:countermark:record:([0-9a-f]{64})")
_CID_V1_RAW_SHA_256 = bytes([0x01, 0x55, 0x12, 0x20])


def record_id(canonical: bytes) -> bytes:
    """32 bytes: SHA-256 of a record's canonical bytes."""
    return hashlib.sha256(canonical).digest()


def record_urn(identity: bytes) -> str:
    """`urn:countermark:record:` and 64 lower-case hexadecimal digits."""
    return f"urn:countermark:record:{identity.hex()}"


def parse_record_urn(urn: str) -> bytes:
    """The 32 bytes of a record's URN, in its one spelling.

    Raises:
        MalformedRecord: any other text.
    """
    match = _URN.fullmatch(urn)
    if match is None:
        raise MalformedRecord("not a record URN: urn:countermark:record: and 64 lower-case hexadecimal digits expected")
    return bytes.fromhex(match[1])


def record_cid(identity: bytes) -> str:
    """The record's CIDv1 in base32, `bafkrei…`.

    Codec `raw` (0x55), so that any IPFS store takes the canonical bytes as one block; multihash SHA-256 (0x12), 32
    bytes (multiformats CID specification, RFC 4648 §6 in lower case without padding).
    """
    return "b" + base64.b32encode(_CID_V1_RAW_SHA_256 + identity).decode("ascii").rstrip("=").lower()
