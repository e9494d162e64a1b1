"""Discovery: what the service is, for clients that know its address alone, and its contract."""

import json
from functools import cache

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from api.http.conditional import FRESH, JSON, conditional, to_json
from api.http.limits import Limiter, limited
from api.http.openapi import NOT_MODIFIED, READING, problem_responses
from api.service import ServiceDep
from provenance import __version__
from provenance.answers import RatePolicy, ServiceDescription, ServiceLimits
from provenance.limits import FINGERPRINT_UNITS, MAX_LOOKUPS
from registry.usecases.lookups import prefix_digits

router = APIRouter(tags=["operation"], dependencies=[Depends(limited("reads"))])


@router.get(
    "/.well-known/countermark.json",
    response_model=ServiceDescription,
    responses=problem_responses(*READING) | NOT_MODIFIED,
    summary="What this service is",
)
def get_description(request: Request, service: ServiceDep) -> Response:
    """Where the API and the log are, the log's keys, and the limits."""
    registry, settings = service.registry, service.settings
    limiters: dict[str, Limiter] = request.app.state.limiters
    policies = [each.policy for each in limiters.values()]
    description = ServiceDescription(
        version=__version__,
        operator=registry.config.operator,
        api=settings.public_url,
        log=f"{settings.public_url}/log",
        origin=registry.config.origin,
        log_keys=tuple(str(key) for key in registry.sequencer.keys.current),
        limits=ServiceLimits(
            media_bytes=settings.max_media_bytes,
            lookup_files=MAX_LOOKUPS,
            fingerprint_units=FINGERPRINT_UNITS,
            prefix_digits=prefix_digits(registry),
            rates=tuple(RatePolicy(name=each.name, quota=each.quota, window=each.window) for each in policies),
        ),
    )
    return conditional(request, to_json(description), JSON, cache=FRESH)


@router.get("/openapi.json", include_in_schema=False)
def get_openapi(request: Request) -> Response:
    """The contract of this version."""
    return conditional(request, _document(request.app), JSON, cache=FRESH)


@cache
def _document(app: FastAPI) -> bytes:
    return json.dumps(app.openapi(), ensure_ascii=False).encode()
