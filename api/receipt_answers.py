"""Receipts in the format that a request asks for: by `format`, or else by its Accept header (RFC 9110 §12.5.1)."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from api.accept import preferred
from api.answers import RECEIPT_TYPE, attachment, conditional
from api.documented import UNCHANGED
from registry.reading.readers import Reader
from registry.reading.receipt_formats import RECEIPT_FORMATS, ReceiptFormat
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


def receipt_answer(
    request: Request, registry: Registry, record_id: bytes, asked: str | None, reader: Reader
) -> Response:
    """The receipt of a record. Raises NotFound, Sealed, Erased, StoreUnavailable, StoreCorrupt."""
    chosen = _named(asked) if asked else _accepted(request.headers.get("accept", "*/*"))
    headers = attachment(f"{record_id.hex()[:16]}{chosen.suffix}") | {"Vary": "Accept"}
    return conditional(request, chosen.make(registry, record_id, reader), chosen.media_type, headers=headers)


def _named(name: str) -> ReceiptFormat:
    return next(each for each in RECEIPT_FORMATS if each.name == name)


def _accepted(header: str) -> ReceiptFormat:
    by_type = {each.media_type: each for each in RECEIPT_FORMATS}
    return by_type[preferred(header, list(by_type))]
