"""Receipts in the format that a request asks for: by `format`, or else by its Accept header (RFC 9110 §12.5.1)."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from api.answers import RECEIPT_TYPE, attachment, conditional
from api.documented import UNCHANGED
from registry.receipt_formats import RECEIPT_FORMATS, ReceiptFormat
from registry.registry import Registry

FormatQuery = Annotated[
    Literal["countermark", "tlog-proof", "cose"] | None,
    Query(
        alias="format", description="In place of the Accept header. `tlog-proof` carries the log entry as extra data."
    ),
]

_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A `.countermark` file; a C2SP tlog-proof; or a transparent statement with a COSE receipt.",
        "content": {
            RECEIPT_TYPE: {"schema": {"type": "string", "format": "binary"}},
            "text/plain": {"schema": {"type": "string"}},
            "application/cose": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
GIVES_A_RECEIPT = _FORMS | UNCHANGED
"""FastAPI's `responses` for a receipt."""


def receipt_answer(request: Request, registry: Registry, record_id: bytes, asked: str | None) -> Response:
    """The receipt of a record. Raises NotFound, StoreUnavailable, StoreCorrupt."""
    chosen = _named(asked) if asked else _accepted(request.headers.get("accept", "*/*"))
    headers = attachment(f"{record_id.hex()[:16]}{chosen.suffix}") | {"Vary": "Accept"}
    return conditional(request, chosen.make(registry, record_id), chosen.media_type, headers=headers)


def _named(name: str) -> ReceiptFormat:
    return next(each for each in RECEIPT_FORMATS if each.name == name)


def _accepted(header: str) -> ReceiptFormat:
    """The format that is liked best; of equals, and where none is accepted, the first."""
    ranges = [_media_range(part) for part in header.split(",")]
    return max(RECEIPT_FORMATS, key=lambda each: _quality(each.media_type.partition(";")[0], ranges))


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
    """As the most specific range that covers the type says."""
    for cover in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for name, quality in ranges:
            if name == cover:
                return quality
    return 0.0
