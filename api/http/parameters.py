"""Path and query parameters that several routes share, and the cursors by which lists are paged.

A cursor is the base64url of the last item's log index. It is not secret and needs no signature: a made-up cursor
reads the same public list from another position.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Path, Query

from provenance import limits
from provenance.errors import InvalidRequest, NotFound

T = TypeVar("T")

HEX = r"^[0-9a-f]{64}$"
_URN = re.compile(r"(?:urn:countermark:record:)?([0-9a-f]{64})")

Sha256Path = Annotated[str, Path(pattern=HEX, description="SHA-256 of the bytes, lowercase hex.")]
AssetId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the asset: the SHA-256 of its record, lowercase hex.")
]
RecordAddress = Annotated[
    str,
    Path(
        alias="id",
        pattern=rf"^(urn:countermark:record:)?{HEX[1:]}",
        description="SHA-256 of the record in hex, or its URN.",
    ),
]
PreparedId = Annotated[
    str, Path(alias="id", pattern=HEX, description="`id` of the prepared registration, lowercase hex.")
]
DisputeId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the dispute: the SHA-256 of its record, lowercase hex.")
]
WithdrawalId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the withdrawal: the SHA-256 of its record, lowercase hex.")
]
PublisherId = Annotated[
    str, Path(alias="id", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The publisher's slug.")
]
KeyThumbprint = Annotated[
    str, Path(alias="thumbprint", pattern=HEX, description="RFC 9679 thumbprint of the key, lowercase hex.")
]
ApiKeyId = Annotated[str, Path(alias="id", pattern=r"^key_[0-9a-f]{16}$", description="Id of the API key.")]
VERIFICATION_ID = r"^[0-9a-f]{32}$"
VerificationId = Annotated[str, Path(alias="id", pattern=VERIFICATION_ID, description="Id of the report.")]
Sha256Query = Annotated[str | None, Query(pattern=HEX, description="Only registrations of these bytes.")]
RecordQuery = Annotated[str, Query(alias="record", pattern=HEX, description="Id of the registration.")]
DigestPrefix = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{1,16}$",
        description="First hex digits of a SHA-256, as many as `/.well-known/countermark.json` states.",
    ),
]
MatchQuery = Annotated[
    str | None,
    Query(
        alias="record",
        pattern=HEX,
        description="Record of the match; by default the leading one.",
    ),
]
VisibilityQuery = Annotated[
    Literal["public", "sealed"], Query(description="`sealed` needs the publisher's API key, or an admin's.")
]
CopyQuery = Annotated[
    Literal["public"] | None, Query(description="The public copy, even if the request carries the publisher's key.")
]
DetailQuery = Annotated[
    Literal["full"] | None,
    Query(
        description="`full`: the whole picture is compared at up to its own resolution, if the registered one is kept. "
        "This takes some seconds; without it, only suspected parts are compared so."
    ),
]
KeepQuery = Annotated[
    bool,
    Query(
        description="Whether to keep the report, whatever was found, for as long as the service says (`kept_until`). "
        "By default the report on a file is kept for an hour if it has a match, and no other is."
    ),
]
PublisherQuery = Annotated[
    str | None, Query(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Only this publisher's.")
]

Limit = Annotated[int, Query(ge=1, le=limits.MAX_PAGE_ITEMS, description="Maximum number of items on this page.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the previous page.")]


def record_digest(address: str) -> bytes:
    """The 32-byte digest of a record from its hex form or URN. Raises NotFound."""
    match = _URN.fullmatch(address)
    if match is None:
        raise NotFound("There is no such record.")
    return bytes.fromhex(match[1])


def encode_cursor(index: int) -> str:
    """The cursor of the page that follows the item at `index`."""
    return base64.urlsafe_b64encode(f"before:{index}".encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> int | None:
    """The index in a cursor; None for the first page. Raises: InvalidRequest."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    match = re.fullmatch(r"before:(0|[1-9]\d{0,18})", text, flags=re.ASCII)
    if match is None or int(match[1]) > limits.MAX_TREE_SIZE or encode_cursor(int(match[1])) != cursor:
        raise InvalidRequest("Invalid cursor: use `next_cursor` of a previous page.")
    return int(match[1])


def cut(items: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """(items of this page, its last item if more follow). The caller asks its store for `limit` + 1 items."""
    page = items[:limit]
    return page, page[-1] if len(items) > limit else None
