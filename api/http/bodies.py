"""JSON bodies: bounded, parsed strictly, validated by a model of `api.http.requests`.

Routes read their bodies with these functions, after authentication, and not as FastAPI's body parameters: FastAPI
reads a body of any size before any dependency runs.
"""

import json
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from api.http.upload import gather
from provenance import limits
from provenance.errors import MalformedRequest

M = TypeVar("M", bound=BaseModel)


def is_json(request: Request) -> bool:
    """Whether the body is labelled as JSON."""
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    return content_type == b"application/json" or content_type.endswith(b"+json")


async def receive_json(request: Request, model: type[M], limit: int = limits.MAX_JSON_BODY_BYTES) -> M:
    """The body, of at most `limit` bytes, as `model`. Raises: MalformedRequest, PayloadTooLarge,
    RequestValidationError."""
    return parse_json(await gather(request, limit), model)


def parse_json(data: bytes | str, model: type[M], *, place: tuple[str, ...] = ("body",)) -> M:
    """JSON text as `model`; `place` begins the pointers to faults. Raises: MalformedRequest, RequestValidationError."""
    try:
        value = json.loads(data, object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("The body is not JSON, or has a duplicate name.") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([item | {"loc": (*place, *item["loc"])} for item in found]) from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")
