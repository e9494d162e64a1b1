"""Base64url without padding, accepted in exactly one spelling: RFC 4648 §5, RFC 7515 §2."""

import base64
import binascii


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
