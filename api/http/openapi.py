"""The OpenAPI document: FastAPI's, corrected once, and written as `openapi.yaml` in one deterministic form.

FastAPI documents its own validation errors as `application/json`; every error here is `application/problem+json`.
Bodies that routes read themselves refer to models FastAPI does not know: they are put in here. What a route states
beyond its signature (the problems it ends in, raw answers, a body that it reads itself) is made by the functions of
this module, too.
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
    PublisherRequest,
    RevocationRequest,
    RotationRequest,
    WithdrawalRequest,
)
from provenance import __version__, answers
from provenance.answers import Answer, Problem
from provenance.answers.fields import Doc, NeverNull, Pattern, Values
from provenance.answers.problems import MEDIA_TYPE

DESCRIPTION = """\
A registry that a newsroom runs to vouch for its media, and that anyone can check.
Reading and verifying is public; writing needs an API key. Every error is an RFC 9457 problem with a request id.
"""
TAGS = {
    "media": "Bytes brought ahead of their registration.",
    "assets": "Registered pictures.",
    "withdrawals": "Registrations taken back.",
    "disputes": "Registrations that another publisher contradicts.",
    "verifications": "What is known about a picture.",
    "records": "What the log is about, byte for byte.",
    "statements": "What publishers have signed themselves, logged many at a time; the records stay with them.",
    "publishers": "Who vouches for media.",
    "keys": "API keys, for an admin.",
    "log": "The transparency log (C2SP tlog-tiles).",
    "scitt": "SCITT's reference API (SCRAPI): statements that publishers bring, and COSE receipts.",
    "operation": "For whoever runs the service.",
}
_REFERENCED = (
    *(Problem, AssetMetadata, AssetRequest, DigestsRequest),
    *(PublisherRequest, KeyRequest, RevocationRequest, WithdrawalRequest),
    *(DisputeRequest, AnswerRequest, ErasureRequest),
    *(ApiKeyRequest, RotationRequest),
)

_UNDESCRIBED = frozenset(
    (
        *("Assets", "Axes", "Comparison", "Credential", "DisputeAnswer", "ErasedRecord", "Event", "Finding", "Graph"),
        *("Input", "LoggedStatement", "LoggedStatements", "Mark", "Match", "MatchProof", "Media", "Parent"),
        *("Publisher", "Region", "Standing", "Transform", "Withdrawal"),
    )
)
"""Answers whose docstrings are for readers of Python alone: the contract has no description of them."""

_ANY_JSON = "JsonValue"

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
"""As FastAPI takes them: by status."""

NOT_MODIFIED: Responses = {304: {"description": "The client has it already (If-None-Match)."}}
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

OPTIONAL_API_KEY: Document = {"security": [{"api_key": []}, {}]}
"""`openapi_extra` of what anybody may read, and the holder of a key may read more of."""
BINARY: Document = {"type": "string", "format": "binary"}
IDEMPOTENCY_KEY: Document = {
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


def problem_responses(*kinds: Kind) -> Responses:
    """FastAPI's `responses` for these problems; kinds that share a status share its description."""
    answers: Responses = {}
    for status in sorted({kind.status for kind in kinds}):
        slugs = dict.fromkeys(f"`{kind.slug}`: {kind.title}." for kind in kinds if kind.status == status)
        answers[status] = {
            "description": " ".join(slugs),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return answers


def concise_responses(answers: Responses) -> Responses:
    """The same problems in the form that SCRAPI has them (RFC 9290)."""
    content = {problems.CONCISE_MEDIA_TYPE: {"schema": BINARY}}
    return {status: answer | {"content": content} for status, answer in answers.items()}


def extra_response(status: int, model: type[Answer], description: str) -> Responses:
    """FastAPI's `responses` for a second success."""
    return {status: {"model": model, "description": description}}


def binary_response(media_type: str, description: str, *, text: bool = False) -> Responses:
    """FastAPI's `responses` for bytes that have an entity tag."""
    schema = {"type": "string"} if text else {"type": "string", "format": "binary"}
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}} | NOT_MODIFIED


def request_body(bodies: Mapping[str, Document]) -> Document:
    """`openapi_extra` for a body that the route reads itself: a schema for each media type."""
    return {"requestBody": {"required": True, "content": {name: {"schema": schema} for name, schema in bodies.items()}}}


def schema_ref(model: type[BaseModel]) -> Document:
    """A reference to a model; `document` puts the model itself into it."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def document(app: FastAPI) -> Document:
    """The OpenAPI 3.1 document of an application that `api.app.assemble` made."""
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
            described = _described_class(cls, schema)
            schemas[name] = _sorted(described) if name in brought else described
    spec["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            _correct(operation, concise=path.startswith(problems.CONCISE_PATHS))
    return spec


def to_yaml(spec: Document) -> str:
    """The document as YAML: keys in the document's own order, no anchors, lines of at most 120 characters."""
    return str(yaml.dump(spec, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120))


def write(app: FastAPI, path: Path) -> None:
    """Writes `openapi.yaml`."""
    path.write_text(to_yaml(document(app)), encoding="utf-8")


def is_current(app: FastAPI, path: Path) -> bool:
    """Whether the committed file says, byte for byte, what the code does."""
    return path.is_file() and path.read_text(encoding="utf-8") == to_yaml(document(app))


def _described_class(cls: type[Any], schema: Document) -> Document:
    """The schema of a dataclass with what pydantic leaves out of it: descriptions, values and patterns."""
    hints = get_type_hints(cls, include_extras=True)
    schema["properties"] = {name: _described(hints[name], field) for name, field in schema["properties"].items()}
    if issubclass(cls, Answer):  # the defaults are for readers of older ones
        schema["required"] = list(schema["properties"])
        for field in schema["properties"].values():
            field.pop("default", None)
    described = schema.pop("description", None)  # the whole docstring
    if described is not None and cls.__name__ not in _UNDESCRIBED:
        schema["description"] = described.partition("\n\n")[0]
    return schema


def _described(hint: Any, schema: Document) -> Document:
    """The schema of one type, with what its annotations say at every level."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return _marked(_described(arguments[0], schema), hint.__metadata__)
    if kind in (Union, UnionType):
        options = [_described(*each) for each in zip(arguments, schema["anyOf"], strict=True)]
        return schema | {"anyOf": options}
    if kind is dict and arguments[1] is object:
        return schema | {"additionalProperties": {"$ref": f"#/components/schemas/{_ANY_JSON}"}}
    if kind is tuple and arguments[-1] is Ellipsis:
        return schema | {"items": _described(arguments[0], schema["items"])}
    if kind is tuple:  # of so many of one kind
        return {"items": schema["prefixItems"][0]} | {
            name: value for name, value in schema.items() if name != "prefixItems"
        }
    return schema


def _marked(schema: Document, marks: Iterable[object]) -> Document:
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


def _sorted(schema: Document) -> Document:
    """In the order of what `TypeAdapter.json_schemas` gives."""
    fields = {name: dict(sorted(field.items())) for name, field in schema["properties"].items()}
    return dict(sorted((schema | {"properties": fields}).items()))


def _before_title(schema: Document, name: str, value: object) -> Document:
    rest = {key: schema[key] for key in ("title", "description") if key in schema}
    return {key: schema[key] for key in schema if key not in rest} | {name: value} | rest


def _correct(operation: dict[str, Any], *, concise: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    if "422" in answers and "application/json" in answers["422"].get("content", {}):
        if concise:
            del answers["422"]  # a parameter that is any text
        else:
            answers["422"] = problem_responses(problems.INVALID_REQUEST)[422]
    internal = problem_responses(problems.INTERNAL_ERROR)
    for status, answer in (concise_responses(internal) if concise else internal).items():
        answers.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(answers.items()))


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # untyped base
    def ignore_aliases(self, data: object) -> bool:
        return True
