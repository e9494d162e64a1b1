"""Bytes and numbers as text, each with one accepted spelling: base64, base64url and decimal.

Base64 with padding (RFC 4648 §4) and decimals as the C2SP formats write them; base64url without padding (RFC 4648 §5,
RFC 7515 §2) as records do.
"""

import base64
import binascii
import re

from provenance.errors import TransparencyError
from provenance.limits import MAX_TREE_SIZE

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str, error: type[TransparencyError]) -> bytes:
    """Decode standard padded base64, and refuse every spelling but the one that `encode_base64` writes.

    Raises:
        TransparencyError: of the class `error`.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as cause:
        raise error("not base64") from cause
    if encode_base64(data) != text:
        raise error("not the canonical base64 of these bytes")
    return data


def parse_hash(text: str, error: type[TransparencyError]) -> bytes:
    """Decode the base64 of one SHA-256 hash (44 characters).

    Raises:
        TransparencyError: of the class `error`.
    """
    if len(text) != 44:
        raise error("a hash has 44 characters of base64")
    data = parse_base64(text, error)
    if len(data) != 32:
        raise error("a hash has 32 bytes")
    return data


def parse_decimal(text: str, error: type[TransparencyError], *, maximum: int = MAX_TREE_SIZE) -> int:
    """Read an ASCII decimal of 0 to `maximum` without sign or leading zeros.

    Raises:
        TransparencyError: of the class `error`.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > maximum:
        raise error(f"not a decimal of 0 to {maximum} without leading zeros")
    return int(text)


def encode_base64url(data: bytes) -> str:
    """Bytes as base64url without `=`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """The bytes that `encode_base64url` would spell as `text`.

    Raises:
        ValueError: padding, another alphabet, white space, or trailing bits that are not zero.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error
    if encode_base64url(data) != text:
        raise ValueError("not base64url in its one spelling, without padding")
    return data
