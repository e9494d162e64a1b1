"""Accept headers (RFC 9110 §12.5): which of the offered media types or languages a client
prefers, and whether it accepts gzip.

A receipt is sent in the format that the query parameter `format` names, or else in the one preferred by Accept.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from api.http.conditional import RECEIPT_TYPE, attachment, conditional
from api.http.openapi import NOT_MODIFIED
from provenance.receipts.receipt import RECEIPT_FORMAT, RECEIPT_VERSION
from registry.registry import Registry
from registry.usecases.access import Reader
from registry.usecases.receipt_formats import RECEIPT_FORMATS, ReceiptFormat

_LEAST_QUALITY = 0.001
"""The smallest weight that is not "not acceptable" (RFC 9110 §12.4.2)."""


def preferred(header: str, offered: Sequence[str]) -> str:
    """The preferred media type; the first of equals, and the first if none is accepted. Parameters are ignored."""
    ranges = [_media_range(part) for part in header.split(",")]
    return max(offered, key=lambda media_type: _quality(media_type.partition(";")[0], ranges))


def preferred_language(header: str, offered: Sequence[str]) -> str:
    """The preferred language, by the first part of its tag ("de" of "de-AT"); the first if none is accepted."""
    weights = dict.fromkeys(offered, 0.0)
    for tag, quality in map(_media_range, header.split(",")):
        language = tag.partition("-")[0]
        if language in weights:
            weights[language] = max(weights[language], quality)
    return max(offered, key=lambda language: weights[language])


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header weighs gzip no less than identity."""
    codings = dict(_media_range(part) for part in header.split(","))
    return codings.get("gzip", codings.get("*", 0.0)) >= max(codings.get("identity", 0.0), _LEAST_QUALITY)


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, min(1.0, max(0.0, float(value)))
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers the type."""
    for cover in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for name, quality in ranges:
            if name == cover:
                return quality
    return 0.0


FormatQuery = Annotated[
    Literal["countermark", "tlog-proof", "cose"] | None,
    Query(alias="format", description="Overrides the Accept header. `tlog-proof` carries the log entry as extra data."),
]

_TEXT = {"type": "string"}
_ENTRY = {
    "type": "object",
    "properties": {
        "proof": {**_TEXT, "description": "A C2SP tlog-proof."},
        "record": {"type": ["object", "null"], "description": "Null: sealed or erased."},
        "statement": {**_TEXT, "contentEncoding": "base64", "description": "The log entry."},
    },
    "required": ["proof", "record", "statement"],
}
_ENTRIES = {"type": "array", "items": _ENTRY}
_STAMP = {
    "type": "object",
    "properties": {"proof": _TEXT, "token": _TEXT, "consistency": {"type": "array", "items": _TEXT}},
    "required": ["proof", "token"],
}
RECEIPT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "format": {"const": RECEIPT_FORMAT},
        "version": {"const": RECEIPT_VERSION},
        "log_key": {**_TEXT, "description": "The log's verifier key (C2SP signed-note)."},
        "subject": _ENTRY,
        "genesis": _ENTRY,
        "keys": _ENTRIES,
        "chain": _ENTRIES,
        "timestamp": _STAMP,
        "truncated": {"type": "boolean"},
    },
    "required": ["format", "version", "log_key", "subject", "genesis", "keys", "chain"],
    "additionalProperties": False,
}
"""The shape of a receipt (`provenance.receipts.receipt`)."""

_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A `.countermark` file; a C2SP tlog-proof; or a transparent statement with a COSE receipt.",
        "content": {
            RECEIPT_TYPE: {"schema": RECEIPT_SCHEMA},
            "text/plain": {"schema": {"type": "string"}},
            "application/cose": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
RECEIPT_RESPONSES = _FORMS | NOT_MODIFIED
"""FastAPI's `responses` for a receipt."""


def receipt_answer(
    request: Request, registry: Registry, record_id: bytes, asked: str | None, reader: Reader
) -> Response:
    """The receipt of a record. Raises NotFound, Sealed, Erased, StoreUnavailable, StoreCorrupt."""
    chosen = _find_format(asked) if asked else _negotiate_format(request.headers.get("accept", "*/*"))
    headers = attachment(f"{record_id.hex()[:16]}{chosen.suffix}") | {"Vary": "Accept"}
    return conditional(request, chosen.make(registry, record_id, reader), chosen.media_type, headers=headers)


def _find_format(name: str) -> ReceiptFormat:
    return next(each for each in RECEIPT_FORMATS if each.name == name)


def _negotiate_format(header: str) -> ReceiptFormat:
    by_type = {each.media_type: each for each in RECEIPT_FORMATS}
    return by_type[preferred(header, list(by_type))]
