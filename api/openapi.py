"""The OpenAPI document: FastAPI's, corrected once, and written as `openapi.yaml` in one deterministic form.

FastAPI documents its own validation errors as `application/json`; every error here is `application/problem+json`.
Bodies that routes read themselves refer to models FastAPI does not know: they are put in here.
"""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML brings no types
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api import problems
from api.documented import concisely, ends_in
from api.schemas.answers import Problem
from api.schemas.requests import (
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
from provenance import __version__

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

Document = dict[str, Any]


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
    _, extra = models_json_schema(
        [(model, "validation") for model in _REFERENCED], ref_template="#/components/schemas/{model}"
    )
    schemas |= extra["$defs"]
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


def _correct(operation: dict[str, Any], *, concise: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    if "422" in answers and "application/json" in answers["422"].get("content", {}):
        if concise:
            del answers["422"]  # a parameter that is any text
        else:
            answers["422"] = ends_in(problems.INVALID_REQUEST)[422]
    internal = ends_in(problems.INTERNAL_ERROR)
    for status, answer in (concisely(internal) if concise else internal).items():
        answers.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(answers.items()))


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # untyped base
    def ignore_aliases(self, data: object) -> bool:
        return True
