"""`/v1/lookups`: which registrations the digests of many files lead to. Public, and nothing of them is stored."""

from dataclasses import replace

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import SenderDep, counted, subject_of
from api.http.bodies import receive_json
from api.http.conditional import JSON, conditional, json_answer, to_json
from api.http.limits import charge
from api.http.openapi import NOT_MODIFIED, OPTIONAL_API_KEY, READING, problem_responses, request_body, schema_ref
from api.http.parameters import DigestPrefix
from api.http.requests import LookupRequest, LookupsRequest
from api.service import Service, ServiceDep
from provenance.answers import LookupBucket, Lookups
from provenance.limits import BUCKET_UNITS, MAX_LOOKUP_BODY_BYTES
from registry.usecases.lookups import Digests, list_bucket, look_up

router = APIRouter(tags=["lookups"])

LOOKUPS = "lookups"

BUCKET_CACHE = "public, max-age=5"
"""Withdrawals, disputes and erasures show within seconds."""

in_bucket = problem_responses(problems.NOT_AUTHENTICATED, problems.INVALID_REQUEST, *READING) | NOT_MODIFIED


@router.post(
    "/v1/lookups",
    response_model=Lookups,
    dependencies=[Depends(counted(LOOKUPS))],  # before the body is received
    responses=problem_responses(
        problems.MALFORMED_REQUEST,
        problems.REQUEST_TIMEOUT,
        problems.PAYLOAD_TOO_LARGE,
        problems.INVALID_REQUEST,
        problems.NOT_AUTHENTICATED,
        problems.OVERLOADED,
        *READING,
    ),
    openapi_extra=OPTIONAL_API_KEY | request_body({"application/json": schema_ref(LookupsRequest)}),
    summary="Look up the digests of 1 to 1,000 files",
)
async def post_lookups(request: Request, service: ServiceDep, holder: SenderDep) -> Response:
    """Answered in order; nothing is stored. A digest finds the file alone: a copy that was saved anew is found by
    `/v1/verifications`."""
    asked = (await receive_json(request, LookupsRequest, MAX_LOOKUP_BODY_BYTES)).items
    units = sum(each.units for each in asked) - 1
    if units:
        await charge(request, LOOKUPS, units, subject_of(holder))
    digests = [_digests(each) for each in asked]
    return await service.admission.look_up(lambda: json_answer(look_up(service.registry, digests)))


@router.get(
    "/v1/lookups",
    response_model=LookupBucket,
    dependencies=[Depends(counted(LOOKUPS, BUCKET_UNITS))],
    responses=in_bucket,
    openapi_extra=OPTIONAL_API_KEY,
    summary="All registered files of a small registry",
)
def get_all_lookups(request: Request, service: ServiceDep) -> Response:
    """As `/v1/lookups/{prefix}`, where prefixes have no digits yet."""
    return _bucket(request, service, "")


@router.get(
    "/v1/lookups/{prefix}",
    response_model=LookupBucket,
    dependencies=[Depends(counted(LOOKUPS, BUCKET_UNITS))],
    responses=in_bucket,
    openapi_extra=OPTIONAL_API_KEY,
    summary="The registered files whose SHA-256 begins with a prefix",
)
def get_lookups(request: Request, prefix: DigestPrefix, service: ServiceDep) -> Response:
    """For clients that do not want to tell which file they ask about: it is one of all that begin so."""
    return _bucket(request, service, prefix)


def _bucket(request: Request, service: Service, prefix: str) -> Response:
    bucket = list_bucket(service.registry, prefix)
    listed = to_json(replace(bucket, checkpoint=""))  # an entry that changes nothing here sends nothing again
    return conditional(request, to_json(bucket), JSON, cache=BUCKET_CACHE, said=listed)


def _digests(asked: LookupRequest) -> Digests:
    return Digests(
        sha256=bytes.fromhex(asked.sha256),
        pixels_sha256=None if asked.pixels_sha256 is None else bytes.fromhex(asked.pixels_sha256),
        pdq=None if asked.pdq is None else bytes.fromhex(asked.pdq.value),
        pdq_quality=0 if asked.pdq is None else asked.pdq.quality,
        phash=None if asked.phash is None else bytes.fromhex(asked.phash),
    )
