"""What ends the keeping of a registration: `reveal` makes a sealed one public, `erasure` forgets its content."""

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
    """When it was registered stands. Of a registration that is public already nothing changes."""
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
    """The record, its files, and what was said about it are gone; log entries and all other proofs stay.

    A request that failed half-way is to be sent again: it finishes what was begun.
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
    """Why, when, and by which records of the log that is stated."""
    return json_answer(erasure.get(service.registry, bytes.fromhex(identifier)))
