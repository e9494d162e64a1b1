"""`reveal` makes a sealed registration public; `erasure` deletes a registration's content."""

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import AssetsEraser, AssetsWriter, check_owner, reader_of
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.limits import limited
from api.http.openapi import READING, WRITING, problem_responses, request_body, schema_ref
from api.http.parameters import AssetId
from api.http.requests import ErasureRequest
from api.service import ServiceDep
from provenance.answers import Asset, Erasure
from registry.usecases import erasure
from registry.usecases.sealing import reveal

router = APIRouter(tags=["assets"])


@router.post(
    "/v1/assets/{id}/reveal",
    response_model=Asset,
    responses=problem_responses(*WRITING, problems.SEALED, problems.NOT_FOUND, problems.ERASED, problems.OVERLOADED),
    summary="Make a sealed registration public",
)
async def post_reveal(identifier: AssetId, holder: AssetsWriter, service: ServiceDep) -> Response:
    """The time of registration stands. Nothing changes if the registration is public already."""
    registry = service.registry

    def unseal() -> Response:
        record = bytes.fromhex(identifier)
        check_owner(holder, erasure.owner_of(registry, record))
        return json_answer(reveal(registry, record=record, reader=reader_of(holder)))

    return await service.admission.run(unseal)


@router.post(
    "/v1/assets/{id}/erasure",
    response_model=Erasure,
    responses=problem_responses(
        *WRITING,
        problems.NOT_FOUND,
        problems.PAYLOAD_TOO_LARGE,
        problems.OVERLOADED,
        problems.REQUEST_TIMEOUT,
    ),
    openapi_extra=request_body({"application/json": schema_ref(ErasureRequest)}),
    summary="Erase a registration's content",
)
async def post_erasure(request: Request, identifier: AssetId, holder: AssetsEraser, service: ServiceDep) -> Response:
    """Deletes the record, its files, and statements about it; log entries and all other proofs stay.

    If the request fails, send it again: it completes the erasure.
    """
    body = await receive_json(request, ErasureRequest)
    registry = service.registry

    def erase() -> Response:
        record = bytes.fromhex(identifier)
        check_owner(holder, erasure.owner_of(registry, record))
        return json_answer(erasure.erase(registry, record=record, reason=body.reason))

    return await service.admission.run(erase)


@router.get(
    "/v1/assets/{id}/erasure",
    response_model=Erasure,
    dependencies=[Depends(limited("reads"))],
    responses=problem_responses(problems.NOT_FOUND, *READING),
    summary="How a registration was erased",
)
def get_erasure(identifier: AssetId, service: ServiceDep) -> Response:
    """Reason and time of the erasure, and the log records that state it."""
    return json_answer(erasure.get(service.registry, bytes.fromhex(identifier)))
