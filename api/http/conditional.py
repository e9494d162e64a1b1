"""JSON responses, and conditional requests (RFC 9110 section 13)."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from provenance.answers import Answer

T = TypeVar("T")
JSON = "application/json"
RECEIPT_TYPE = "application/vnd.countermark.receipt+json"
FRESH = "public, max-age=60"
"""For what can change or be erased: revalidated after a minute."""
PRIVATE = "private, no-store"
"""For responses to requests with an API key: others may not be allowed to read them."""
FOREVER = "public, max-age=31536000, immutable"
"""For what never changes at its URL: full tiles of the log."""


def to_json(answer: Answer) -> bytes:
    """An answer as JSON, its members in the order of its fields."""
    return _adapter(type(answer)).dump_json(answer)


def read_answer(kind: type[T], data: bytes) -> T:
    """An answer from its JSON. Raises pydantic.ValidationError."""
    answer: T = _adapter(kind).validate_json(data)
    return answer


def json_answer(answer: Answer, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(to_json(answer), status, media_type=JSON)


def conditional(
    request: Request,
    data: bytes,
    media_type: str,
    *,
    cache: str = FRESH,
    headers: Mapping[str, str] | None = None,
    said: bytes | None = None,
) -> Response:
    """A response with an entity tag of its bytes; 304 if the client has them already.

    `said`: what of it has to be new for it to be sent again, if that is not all of it: the tag, a weak one, is of that.
    """
    if "authorization" in request.headers:
        cache = PRIVATE
    tag = f'"{hashlib.sha256(data if said is None else said).hexdigest()[:32]}"'
    fields = {"ETag": tag if said is None else f"W/{tag}", "Cache-Control": cache, **(headers or {})}
    known = [candidate.strip().removeprefix("W/") for candidate in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=fields)
    return Response(data, headers=fields, media_type=media_type)


def attachment(name: str) -> dict[str, str]:
    """The header that makes a browser save the response as `name`: hex and a suffix, which need no escaping."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
