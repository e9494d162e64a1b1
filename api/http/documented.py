"""What routes tell OpenAPI beyond their signatures: problems, raw answers, and bodies that are read by hand."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.http import problems
from api.http.problems import Kind
from provenance.answers import Answer

JsonSchema = dict[str, Any]

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has it already (If-None-Match)."}}
READING = (problems.RATE_LIMITED, problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT)
KEPT = (problems.NOT_AUTHENTICATED, problems.SEALED, problems.NOT_FOUND, problems.ERASED, *READING)
"""What reading a record can end in that may be sealed or erased."""
WRITING = (
    problems.MALFORMED_REQUEST,
    problems.NOT_AUTHENTICATED,
    problems.NOT_PERMITTED,
    problems.INVALID_REQUEST,
    problems.LOG_FROZEN,
    problems.SIGNER_UNAVAILABLE,
    problems.STORE_UNAVAILABLE,
    problems.STORE_CORRUPT,
)
RECEIVING = (
    problems.MALFORMED_REQUEST,
    problems.REQUEST_TIMEOUT,
    problems.PAYLOAD_TOO_LARGE,
    problems.MEDIA_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA,
    problems.INVALID_REQUEST,
    problems.UNDECODABLE_MEDIA,
    problems.MEDIA_TOO_COSTLY,
    problems.OVERLOADED,
    problems.EXAMINATION_UNAVAILABLE,
    problems.STORE_UNAVAILABLE,
)


def ends_in(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for these problems; kinds that share a status share its description."""
    answers: dict[int | str, dict[str, Any]] = {}
    for status in sorted({kind.status for kind in kinds}):
        slugs = dict.fromkeys(f"`{kind.slug}`: {kind.title}." for kind in kinds if kind.status == status)
        answers[status] = {
            "description": " ".join(slugs),
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return answers


def concisely(answers: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The same problems in the form that SCRAPI has them (RFC 9290)."""
    content = {problems.CONCISE_MEDIA_TYPE: {"schema": BINARY}}
    return {status: answer | {"content": content} for status, answer in answers.items()}


def also(status: int, model: type[Answer], description: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a second success."""
    return {status: {"model": model, "description": description}}


def gives(media_type: str, description: str, *, text: bool = False) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for bytes that have an entity tag."""
    schema = {"type": "string"} if text else {"type": "string", "format": "binary"}
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}} | UNCHANGED


def takes(bodies: Mapping[str, JsonSchema]) -> JsonSchema:
    """`openapi_extra` for a body that the route reads itself: a schema for each media type."""
    return {"requestBody": {"required": True, "content": {name: {"schema": schema} for name, schema in bodies.items()}}}


def refers_to(model: type[BaseModel]) -> JsonSchema:
    """A reference to a model; `api.http.openapi` puts the model itself into the document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


OPEN: JsonSchema = {"security": [{"api_key": []}, {}]}
"""`openapi_extra` of what anybody may read, and whoever brings a key may read more of."""
BINARY: JsonSchema = {"type": "string", "format": "binary"}
IDEMPOTENCY_KEY: JsonSchema = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A repeated request under the same key gets the first answer again, for 24 hours.",
            "schema": {"type": "string", "pattern": r"^[!#-\[\]-~]{1,255}$"},
        }
    ]
}
