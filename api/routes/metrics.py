"""`/metrics`: for the operator's Prometheus, which brings an API key with the scope metrics:read."""

from fastapi import APIRouter, Response

from api.http import problems
from api.http.auth import MetricsReader
from api.http.documented import ends_in
from api.http.metrics import CONTENT_TYPE
from api.service import ServiceDep

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics",
    response_class=Response,
    responses=ends_in(
        problems.NOT_AUTHENTICATED, problems.NOT_PERMITTED, problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT
    )
    | {200: {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Metrics",
)
def get_metrics(_holder: MetricsReader, service: ServiceDep) -> Response:
    """Needs an API key with the scope metrics:read."""
    service.metrics.log_size.set(service.registry.sequencer.size)
    cosigned = service.registry.proofs.cosigned_tree()
    service.metrics.cosigned_size.set(0 if cosigned is None else cosigned.checkpoint.size)
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE)
