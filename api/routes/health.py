"""`/livez` and `/readyz`: whether the process runs, and whether it can answer."""

from fastapi import APIRouter, Response

from api.http import problems
from api.http.conditional import json_answer
from api.http.documented import ends_in
from api.service import ServiceDep
from provenance.answers import Health
from registry.usecases import read as catalogue

router = APIRouter(tags=["operation"])


@router.get("/livez", response_model=Health, summary="The process runs")
async def get_livez() -> Response:
    """Says nothing about the store or the log."""
    return json_answer(Health(status="ok"))


@router.get(
    "/readyz",
    response_model=Health,
    responses=ends_in(problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT, problems.EXAMINATION_UNAVAILABLE),
    summary="The service can answer",
)
def get_readyz(service: ServiceDep) -> Response:
    """Reads the store and the log's checkpoint; says so where nothing can be logged, or no picture examined."""
    catalogue.publisher_list(service.registry)
    service.registry.sequencer.checkpoint()
    trouble = service.registry.sequencer.trouble or service.registry.sandbox.trouble
    if trouble is not None:
        raise trouble
    return json_answer(Health(status="ok"))
