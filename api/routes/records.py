"""`/v1/records`: the canonical bytes of records, the log entries that state them, and their proofs."""

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.accept import RECEIPT_RESPONSES, FormatQuery, receipt_answer
from api.http.auth import ReaderDep, counted
from api.http.conditional import conditional
from api.http.openapi import (
    OPTIONAL_API_KEY,
    READING,
    READING_RECORDS,
    Document,
    binary_response,
    json_response,
    problem_responses,
)
from api.http.parameters import RecordAddress, record_digest
from api.service import ServiceDep
from provenance.statement.record import RECORD_VERSION
from provenance.statement.statement import CONTENT_TYPE
from registry.usecases import read as catalogue

router = APIRouter(tags=["records"], dependencies=[Depends(counted("reads"))])
missing = problem_responses(problems.NOT_AUTHENTICATED, problems.NOT_FOUND, *READING)
withheld = problem_responses(*READING_RECORDS)


RECORD_SCHEMA: Document = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "version": {"const": RECORD_VERSION},
        "salt": {"type": "string"},
        "claimed_at": {"type": "string", "format": "date-time"},
    },
    "required": ["type", "version", "salt", "claimed_at"],
}
"""What every record has; docs/reference/records.md has the fields of each type."""


@router.get(
    "/v1/records/{id}",
    response_class=Response,
    responses=withheld
    | json_response(
        CONTENT_TYPE, "RFC 8785 canonical JSON: the bytes whose SHA-256 is the record's id.", RECORD_SCHEMA
    ),
    openapi_extra=OPTIONAL_API_KEY,
    summary="A record",
)
def get_record(request: Request, identifier: RecordAddress, reader: ReaderDep, service: ServiceDep) -> Response:
    """Hash these bytes: the SHA-256 is the record's id."""
    data = catalogue.record(service.registry, record_digest(identifier), reader)
    return conditional(request, data, CONTENT_TYPE)


@router.get(
    "/v1/records/{id}/statement",
    response_class=Response,
    responses=missing | binary_response("application/cose", "The log entry: a COSE_Sign1 over the record's digest."),
    openapi_extra=OPTIONAL_API_KEY,
    summary="The statement of a record",
)
def get_statement(request: Request, identifier: RecordAddress, service: ServiceDep) -> Response:
    """The key id of the signer, and the signature over the record's digest."""
    return conditional(request, catalogue.statement(service.registry, record_digest(identifier)), "application/cose")


@router.get(
    "/v1/records/{id}/receipt",
    response_class=Response,
    responses=withheld | problem_responses(problems.INVALID_REQUEST) | RECEIPT_RESPONSES,
    openapi_extra=OPTIONAL_API_KEY,
    summary="The receipt of a record",
)
def get_record_receipt(
    request: Request, identifier: RecordAddress, reader: ReaderDep, service: ServiceDep, form: FormatQuery = None
) -> Response:
    """Record, statement, proof and the key records they depend on, in one file; or a tlog-proof or COSE receipt."""
    return receipt_answer(request, service.registry, record_digest(identifier), form, reader)


@router.get(
    "/v1/records/{id}/proof",
    response_class=Response,
    responses=missing | binary_response("text/plain", "A C2SP tlog-proof under the latest checkpoint.", text=True),
    openapi_extra=OPTIONAL_API_KEY,
    summary="The inclusion proof of a record",
)
def get_proof(request: Request, identifier: RecordAddress, service: ServiceDep) -> Response:
    """The inclusion proof, followed by the latest checkpoint."""
    return conditional(
        request, catalogue.proof(service.registry, record_digest(identifier)), "text/plain; charset=utf-8"
    )
