"""`/scitt` and `/.well-known/scitt-keys`: SCITT's reference API (draft-ietf-scitt-scrapi-09).

A statement is admitted by its publisher's signature: no API key is needed. Errors are concise
problems in CBOR (RFC 9290; see `api.http.problems`).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from python_multipart.multipart import parse_options_header

from api.http import problems
from api.http.bodies import gather
from api.http.conditional import FRESH, conditional
from api.http.limits import limited
from api.http.openapi import BINARY, READING, binary_response, concise_responses, problem_responses, request_body
from api.http.parameters import record_digest
from api.service import ServiceDep
from provenance.errors import NotFound, UnsupportedMedia
from provenance.limits import MAX_ENTRY_BYTES, SCITT_WAIT_SECONDS
from provenance.statement.cbor import encode_cbor
from provenance.statement.encodings import encode_base64url
from registry.usecases import scitt

RECEIPT_TYPE = "application/scitt-receipt+cose"
STATEMENT_TYPES = ("application/cose", "application/scitt-statement+cose")
KEYS_TYPE = "application/cbor"
RETRY_AFTER = "1"
"""Seconds after which a client may ask again for an entry that is not published yet."""

router = APIRouter(tags=["scitt"], dependencies=[Depends(limited("reads"))])
_LOCATION: dict[str, Any] = {"Location": {"schema": {"type": "string"}}}
_LATER: dict[str, Any] = {
    "description": "Accepted, and not published yet: retry at `Location`.",
    "headers": _LOCATION | {"Retry-After": {"schema": {"type": "integer"}}},
}
_RECEIPT: dict[str, Any] = {"content": {RECEIPT_TYPE: {"schema": BINARY}}}


@router.post(
    "/scitt/entries",
    status_code=201,
    response_class=Response,
    responses={
        201: _RECEIPT | {"description": "Published: the COSE receipt.", "headers": _LOCATION},
        303: _LATER,
        **concise_responses(
            problem_responses(
                *READING,
                problems.MALFORMED_REQUEST,
                problems.KEY_REFUSED,
                problems.REQUEST_TIMEOUT,
                problems.CONFLICT,
                problems.PAYLOAD_TOO_LARGE,
                problems.UNSUPPORTED_MEDIA,
                problems.OVERLOADED,
            )
        ),
    },
    openapi_extra=request_body(dict.fromkeys(STATEMENT_TYPES, BINARY)),
    summary="Register a signed statement",
)
async def post_entry(request: Request, service: ServiceDep) -> Response:
    """The statement is a COSE_Sign1 over a record's digest, by an enrolled key. The record stays with its publisher."""
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    if content_type.decode("latin-1") not in STATEMENT_TYPES:
        raise UnsupportedMedia("The media type of a signed statement is application/cose.")
    data = await gather(request, MAX_ENTRY_BYTES)

    def submit() -> Response:
        done = scitt.submit(service.registry, data, wait=SCITT_WAIT_SECONDS)
        headers = {"Location": f"/scitt/entries/{done.record_id.hex()}"}
        if done.receipt is None:
            return Response(status_code=303, headers=headers | {"Retry-After": RETRY_AFTER})
        return Response(done.receipt, 201, headers=headers, media_type=RECEIPT_TYPE)

    return await service.admission.run(submit)


@router.get(
    "/scitt/entries/{id}",
    response_class=Response,
    responses={
        200: _RECEIPT | {"description": "The COSE receipt of the entry."},
        302: _LATER,
        **concise_responses(problem_responses(problems.NOT_FOUND, *READING)),
    },
    summary="The receipt of an entry",
)
def get_entry(
    entry: Annotated[str, Path(alias="id", description="Id of the record that the entry states: 64 hex digits.")],
    service: ServiceDep,
) -> Response:
    """Generated for the latest tree; older receipts stay valid."""
    record_id = record_digest(entry)
    receipt = scitt.receipt(service.registry, record_id)
    if receipt is None:
        headers = {"Location": f"/scitt/entries/{record_id.hex()}", "Retry-After": RETRY_AFTER}
        return Response(status_code=302, headers=headers)
    return Response(receipt, headers={"Cache-Control": "no-cache"}, media_type=RECEIPT_TYPE)


@router.get(
    "/.well-known/scitt-keys",
    response_class=Response,
    responses=binary_response(KEYS_TYPE, "A COSE key set (RFC 9052 section 7).")
    | concise_responses(problem_responses(*READING)),
    summary="The keys that receipts are verified with",
)
def get_keys(request: Request, service: ServiceDep) -> Response:
    """The log's keys. Establishing trust in them is up to the client."""
    keys = [key.to_cose_key() for key in scitt.receipt_keys(service.registry)]
    return conditional(request, encode_cbor(keys), KEYS_TYPE, cache=FRESH)


@router.get(
    "/.well-known/scitt-keys/{kid}",
    response_class=Response,
    responses=binary_response(KEYS_TYPE, "A COSE key (RFC 9052 section 7).")
    | concise_responses(problem_responses(problems.NOT_FOUND, *READING)),
    summary="A key that receipts are verified with",
)
def get_key(
    request: Request,
    kid: Annotated[str, Path(description="The key id of a receipt, base64url without padding.")],
    service: ServiceDep,
) -> Response:
    """The key id in a receipt is the key's thumbprint (RFC 9679)."""
    for key in scitt.receipt_keys(service.registry):
        if encode_base64url(key.thumbprint) == kid:
            return conditional(request, encode_cbor(key.to_cose_key()), KEYS_TYPE, cache=FRESH)
    raise NotFound("This log has no such key.")
