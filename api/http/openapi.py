"""The OpenAPI document: FastAPI's, post-processed, and written as `openapi.yaml` in one deterministic form.

FastAPI documents its validation errors as `application/json`; errors of this service are `application/problem+json`.
The models of bodies that routes read themselves are unknown to FastAPI and are added. The functions of this module also
make what a route declares beyond its signature: problems, binary responses, bodies that it reads itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import yaml  # type: ignore[import-untyped]  # PyYAML brings no types
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from api.http import problems
from api.http.problems import Kind
from api.http.requests import (
    AnswerRequest,
    ApiKeyRequest,
    AssetMetadata,
    AssetRequest,
    DigestsRequest,
    DisputeRequest,
    ErasureRequest,
    KeyRequest,
    LookupsRequest,
    PreparationRequest,
    PublisherRequest,
    RevocationRequest,
    RotationRequest,
    SignatureRequest,
    WithdrawalRequest,
)
from provenance import __version__, answers
from provenance.answers import Answer, Problem
from provenance.answers.fields import Doc, Later, NeverNull, Pattern, Values
from provenance.answers.problems import MEDIA_TYPE

DESCRIPTION = """\
A registry that a newsroom runs to vouch for its media, and that anyone can check.
Reading and verifying is public; writing needs an API key. Every error is an RFC 9457 problem with a request id.
"""
TAGS = {
    "media": "Uploads that precede a registration.",
    "assets": "Registered pictures.",
    "registrations": "Registrations that publishers sign with keys of their own: prepared here, signed elsewhere.",
    "withdrawals": "Withdrawals of registrations by their publishers.",
    "disputes": "Disputes of registrations by other publishers.",
    "verifications": "Reports on what is known about a picture.",
    "lookups": "Which registrations digests lead to, for many files at once.",
    "records": "The records behind the log entries, byte for byte.",
    "statements": "Statements signed by publishers, logged in batches; the records stay with the publishers.",
    "publishers": "The publishers that vouch for media.",
    "keys": "API keys, for an admin.",
    "log": "The transparency log (C2SP tlog-tiles).",
    "scitt": "SCITT's reference API (SCRAPI): statements signed by publishers, and COSE receipts.",
    "operation": "Health and metrics, for the operator.",
}
_REFERENCED = (
    *(Problem, AssetMetadata, AssetRequest, DigestsRequest, LookupsRequest),
    *(PublisherRequest, KeyRequest, RevocationRequest, WithdrawalRequest),
    *(PreparationRequest, SignatureRequest),
    *(DisputeRequest, AnswerRequest, ErasureRequest),
    *(ApiKeyRequest, RotationRequest),
)

_ANY_JSON = "JsonValue"

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
"""FastAPI's `responses`: by status."""

NOT_MODIFIED: Responses = {304: {"description": "Not modified (If-None-Match)."}}
READING = (problems.RATE_LIMITED, problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT)
READING_RECORDS = (problems.NOT_AUTHENTICATED, problems.SEALED, problems.NOT_FOUND, problems.ERASED, *READING)
"""The problems of reading a record that may be sealed or erased."""
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

OPTIONAL_API_KEY: Document = {"security": [{"api_key": []}, {}]}
"""`openapi_extra` of routes where an API key is optional and shows more."""
BINARY: Document = {"type": "string", "format": "binary"}
IDEMPOTENCY_KEY: Document = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A retried request with the same key gets the first response again, for 24 hours.",
            "schema": {"type": "string", "pattern": r"^[!#-\[\]-~]{1,255}$"},
        }
    ]
}


def problem_responses(*kinds: Kind) -> Responses:
    """FastAPI's `responses` for these problems; kinds that share a status share its description."""
    if problems.NOT_AUTHENTICATED in kinds:  # too many keys that are not valid, or too many requests with a valid one
        kinds = (*kinds, problems.RATE_LIMITED)
    answers: Responses = {}
    for status in sorted({kind.status for kind in kinds}):
        slugs = dict.fromkeys(f"`{kind.slug}`: {kind.title}." for kind in kinds if kind.status == status)
        answers[status] = {
            "description": " ".join(slugs),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return answers


def concise_responses(answers: Responses) -> Responses:
    """The same problems as concise problem details (RFC 9290), which SCRAPI uses."""
    content = {problems.CONCISE_MEDIA_TYPE: {"schema": BINARY}}
    return {status: answer | {"content": content} for status, answer in answers.items()}


def extra_response(status: int, model: type[Answer], description: str) -> Responses:
    """FastAPI's `responses` for a second successful status."""
    return {status: {"model": model, "description": description}}


def binary_response(media_type: str, description: str, *, text: bool = False) -> Responses:
    """FastAPI's `responses` for bytes with an entity tag."""
    schema = {"type": "string"} if text else {"type": "string", "format": "binary"}
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}} | NOT_MODIFIED


def json_response(media_type: str, description: str, schema: Document) -> Responses:
    """FastAPI's `responses` for JSON of a media type of its own, with an entity tag."""
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}} | NOT_MODIFIED


def request_body(bodies: Mapping[str, Document]) -> Document:
    """`openapi_extra` for a body that the route reads itself: a schema for each media type."""
    return {"requestBody": {"required": True, "content": {name: {"schema": schema} for name, schema in bodies.items()}}}


def schema_ref(model: type[BaseModel]) -> Document:
    """A reference to a model; `document` adds the model itself."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def document(app: FastAPI) -> Document:
    """The OpenAPI 3.1 document of an application made by `api.app.assemble`."""
    spec = get_openapi(
        title=app.title,
        version=__version__,
        description=DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    spec["servers"] = [{"url": "/"}]
    spec["tags"] = [{"name": name, "description": description} for name, description in TAGS.items()]
    schemas: dict[str, Any] = spec.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, extra = TypeAdapter.json_schemas(
        [(model, "validation", TypeAdapter(model)) for model in _REFERENCED],
        ref_template="#/components/schemas/{model}",
    )
    brought = extra["$defs"]
    schemas |= brought | {_ANY_JSON: {}}
    for name, schema in schemas.items():
        cls = getattr(answers, name, None)
        if isinstance(cls, type) and is_dataclass(cls):
            described = _describe_class(cls, schema)
            schemas[name] = _sort_fields(described) if name in brought else described
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if field.get("default", ...) is None:  # says nothing, and generators of types take the field for required
                del field["default"]
    spec["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            _correct(operation, concise=path.startswith(problems.CONCISE_PATHS))
    return spec


def to_yaml(spec: Document) -> str:
    """The document as YAML: keys in the document's order, no anchors, lines of at most 120 characters."""
    return str(yaml.dump(spec, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120))


def write(app: FastAPI, path: Path) -> None:
    """Writes `openapi.yaml`."""
    path.write_text(to_yaml(document(app)), encoding="utf-8")


def is_current(app: FastAPI, path: Path) -> bool:
    """Whether the committed file is, byte for byte, the document of the code."""
    return path.is_file() and path.read_text(encoding="utf-8") == to_yaml(document(app))


def _describe_class(cls: type[Any], schema: Document) -> Document:
    """The schema of a dataclass with the descriptions, values and patterns that pydantic omits."""
    hints = get_type_hints(cls, include_extras=True)
    schema["properties"] = {name: _describe_type(hints[name], field) for name, field in schema["properties"].items()}
    if issubclass(cls, Answer):  # defaults are for clients that read older answers
        schema["required"] = [name for name in schema["properties"] if not _came_later(hints[name])]
        for field in schema["properties"].values():
            field.pop("default", None)
    described = schema.pop("description", None)  # the whole docstring
    if described is not None:
        schema["description"] = described.partition("\n\n")[0]
    return schema


def _came_later(hint: Any) -> bool:
    return any(isinstance(mark, Later) for mark in getattr(hint, "__metadata__", ()))


def _describe_type(hint: Any, schema: Document) -> Document:
    """The schema of one type, with what its annotations state at every level."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return _apply_marks(_describe_type(arguments[0], schema), hint.__metadata__)
    if kind in (Union, UnionType):
        options = [_describe_type(*each) for each in zip(arguments, schema["anyOf"], strict=True)]
        return schema | {"anyOf": options}
    if kind is dict and arguments[1] is object:
        return schema | {"additionalProperties": {"$ref": f"#/components/schemas/{_ANY_JSON}"}}
    if kind is tuple and arguments[-1] is Ellipsis:
        return schema | {"items": _describe_type(arguments[0], schema["items"])}
    if kind is tuple:  # of a fixed length, all of one type
        return {"items": schema["prefixItems"][0]} | {
            name: value for name, value in schema.items() if name != "prefixItems"
        }
    return schema


def _apply_marks(schema: Document, marks: Iterable[object]) -> Document:
    for mark in marks:
        match mark:
            case NeverNull():
                (stated,) = (option for option in schema["anyOf"] if option != {"type": "null"})
                schema = stated | {name: value for name, value in schema.items() if name != "anyOf"}
            case Values(values=(only,)):
                schema = _before_title(schema, "const", only)
            case Values(values=values):
                schema = _before_title(schema, "enum", list(values))
            case Pattern(regex=regex):
                schema = _before_title(schema, "pattern", regex)
            case Doc(text=text):
                schema = {**schema, "description": text}
            case _:
                pass
    return schema


def _sort_fields(schema: Document) -> Document:
    """Sorted as `TypeAdapter.json_schemas` sorts."""
    fields = {name: dict(sorted(field.items())) for name, field in schema["properties"].items()}
    return dict(sorted((schema | {"properties": fields}).items()))


def _before_title(schema: Document, name: str, value: object) -> Document:
    rest = {key: schema[key] for key in ("title", "description") if key in schema}
    return {key: schema[key] for key in schema if key not in rest} | {name: value} | rest


def _correct(operation: dict[str, Any], *, concise: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    if "422" in answers and "application/json" in answers["422"].get("content", {}):
        if concise:
            del answers["422"]  # its parameters accept any text
        else:
            answers["422"] = problem_responses(problems.INVALID_REQUEST)[422]
    internal = problem_responses(problems.INTERNAL_ERROR)
    for status, answer in (concise_responses(internal) if concise else internal).items():
        answers.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(answers.items()))


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # untyped base
    def ignore_aliases(self, data: object) -> bool:
        return True
