"""`/v1/lookups`: which registrations the digests of many files lead to. Public, and nothing of them is stored."""

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http import problems
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.limits import charge, limited
from api.http.openapi import READING, problem_responses, request_body, schema_ref
from api.http.requests import LookupRequest, LookupsRequest
from api.service import ServiceDep
from provenance.answers import Lookups
from provenance.limits import MAX_LOOKUP_BODY_BYTES
from registry.usecases.lookups import Digests, look_up

router = APIRouter(tags=["lookups"])

LOOKUPS = "lookups"


@router.post(
    "/v1/lookups",
    response_model=Lookups,
    dependencies=[Depends(limited(LOOKUPS))],  # before the body is received
    responses=problem_responses(
        problems.MALFORMED_REQUEST,
        problems.REQUEST_TIMEOUT,
        problems.PAYLOAD_TOO_LARGE,
        problems.INVALID_REQUEST,
        *READING,
    ),
    openapi_extra=request_body({"application/json": schema_ref(LookupsRequest)}),
    summary="Look up the digests of 1 to 1,000 files",
)
async def post_lookups(request: Request, service: ServiceDep) -> Response:
    """Answered in order; nothing is stored. A digest finds the file alone: a copy that was saved anew is found by
    `/v1/verifications`."""
    asked = (await receive_json(request, LookupsRequest, MAX_LOOKUP_BODY_BYTES)).items
    units = sum(each.units for each in asked) - 1
    if units:
        charge(request, LOOKUPS, units)
    digests = [_digests(each) for each in asked]
    return await run_in_threadpool(lambda: json_answer(look_up(service.registry, digests)))


def _digests(asked: LookupRequest) -> Digests:
    return Digests(
        sha256=bytes.fromhex(asked.sha256),
        pixels_sha256=None if asked.pixels_sha256 is None else bytes.fromhex(asked.pixels_sha256),
        pdq=None if asked.pdq is None else bytes.fromhex(asked.pdq.value),
        pdq_quality=0 if asked.pdq is None else asked.pdq.quality,
        phash=None if asked.phash is None else bytes.fromhex(asked.phash),
    )
