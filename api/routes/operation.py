"""Health checks and metrics: `/livez` (the process runs), `/readyz` (it can register and verify), `/metrics`.

Prometheus needs an API key with the scope metrics:read.
"""

from dataclasses import asdict

from fastapi import APIRouter, Response

from api.http import problems
from api.http.auth import MetricsReader
from api.http.conditional import json_answer
from api.http.metrics import CONTENT_TYPE
from api.http.openapi import problem_responses
from api.service import ServiceDep
from provenance.answers import Health, Readiness, SandboxLayers
from registry.usecases import read as catalogue
from registry.usecases.condition import ending_soon, shown, to_compare

router = APIRouter(tags=["operation"])


@router.get("/livez", response_model=Health, summary="The process runs")
async def get_livez() -> Response:
    """Does not check the store or the log."""
    return json_answer(Health(status="ok"))


@router.get(
    "/readyz",
    response_model=Readiness,
    responses=problem_responses(problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT, problems.EXAMINATION_UNAVAILABLE),
    summary="The service can answer",
)
def get_readyz(service: ServiceDep) -> Response:
    """Reads the store and the log's checkpoint; fails if nothing can be logged, no picture can be examined, or not all
    registrations can be searched yet. Says which layers of the sandbox hold, and which certificates and keys end soon.
    """
    catalogue.publisher_list(service.registry)
    service.registry.sequencer.checkpoint()
    registry = service.registry
    trouble = registry.sequencer.trouble or registry.sandbox.trouble or registry.inverted_file.trouble
    if trouble is not None:
        raise trouble
    held = service.registry.sandbox.confinement
    ending = tuple(shown(each) for each in ending_soon(registry))
    layers = None if held is None else SandboxLayers(**asdict(held))
    return json_answer(Readiness(status="ok", sandbox=layers, ending=ending, to_compare=to_compare(registry)))


@router.get(
    "/metrics",
    response_class=Response,
    responses=problem_responses(
        problems.NOT_AUTHENTICATED, problems.NOT_PERMITTED, problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT
    )
    | {200: {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Metrics",
)
def get_metrics(_holder: MetricsReader, service: ServiceDep) -> Response:
    """Needs an API key with the scope metrics:read."""
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE)
