"""Pages of a list, newest first: an opaque cursor and the items behind it.

A cursor is the base64url of the last item's log index. It is no secret and needs no seal: whoever makes one up
reads the same public list from another place.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from provenance import limits
from provenance.errors import InvalidRequest

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=limits.MAX_PAGE_ITEMS, description="Items of this page, at most.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


def encode_cursor(index: int) -> str:
    """The cursor that leads on from the item at `index`."""
    return base64.urlsafe_b64encode(f"before:{index}".encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> int | None:
    """The index a cursor stands for; None for the first page. Raises: InvalidRequest."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    match = re.fullmatch(r"before:(0|[1-9]\d{0,18})", text, flags=re.ASCII)
    if match is None or int(match[1]) > limits.MAX_TREE_SIZE or encode_cursor(int(match[1])) != cursor:
        raise InvalidRequest("This cursor was not given out by a list of this service.")
    return int(match[1])


def cut(items: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """(items of this page, its last item if more follow). The caller asks its store for `limit` + 1 items."""
    page = items[:limit]
    return page, page[-1] if len(items) > limit else None
