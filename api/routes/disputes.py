"""`/v1/disputes`: a publisher disputes another's registration, and both answer. The service decides nothing."""

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import DisputesWriter, publisher_of
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.idempotency import answer_once, request_digest
from api.http.limits import limited
from api.http.openapi import IDEMPOTENCY_KEY, READING, WRITING, problem_responses, request_body, schema_ref
from api.http.parameters import DisputeId, RecordQuery
from api.http.requests import AnswerRequest, DisputeRequest
from api.service import ServiceDep
from provenance.answers import Dispute, Disputes
from registry.usecases import disputes

router = APIRouter(tags=["disputes"])
reads = [Depends(limited("reads"))]
stating = problem_responses(
    *WRITING,
    problems.SEALED,
    problems.NOT_FOUND,
    problems.CONFLICT,
    problems.IDEMPOTENCY_CONFLICT,
    problems.ERASED,
    problems.PAYLOAD_TOO_LARGE,
    problems.OVERLOADED,
    problems.REQUEST_TIMEOUT,
)


@router.post(
    "/v1/disputes",
    status_code=201,
    response_model=Dispute,
    responses=stating,
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(DisputeRequest)}),
    summary="Dispute a registration",
)
async def post_dispute(request: Request, holder: DisputesWriter, service: ServiceDep) -> Response:
    """Any publisher may dispute another's registration. The registration stays; its standing becomes `disputed`."""
    body = await receive_json(request, DisputeRequest)
    publisher = publisher_of(holder, body.publisher)
    registry = service.registry

    def state() -> Response:
        view = disputes.dispute(
            registry,
            publisher=publisher,
            record=bytes.fromhex(body.record),
            reason=body.reason,
            counterclaim=None if body.counterclaim is None else bytes.fromhex(body.counterclaim),
        )
        return json_answer(view, 201)

    async def answer() -> Response:
        return await service.admission.run(state)

    digest = request_digest(request, body.model_dump_json().encode())
    return await answer_once(registry, request, holder, digest, answer)


@router.get(
    "/v1/disputes",
    response_model=Disputes,
    dependencies=reads,
    responses=problem_responses(problems.NOT_FOUND, problems.ERASED, problems.INVALID_REQUEST, *READING),
    summary="The disputes of a registration",
)
def list_disputes(record: RecordQuery, service: ServiceDep) -> Response:
    """In log order, each with its answers. None are shown for a sealed registration."""
    return json_answer(Disputes(items=tuple(disputes.of_record(service.registry, bytes.fromhex(record)))))


@router.get(
    "/v1/disputes/{id}",
    response_model=Dispute,
    dependencies=reads,
    responses=problem_responses(problems.NOT_FOUND, problems.ERASED, *READING),
    summary="A dispute",
)
def get_dispute(identifier: DisputeId, service: ServiceDep) -> Response:
    """The dispute with its answers."""
    return json_answer(disputes.get(service.registry, bytes.fromhex(identifier)))


@router.post(
    "/v1/disputes/{id}/answers",
    status_code=201,
    response_model=Dispute,
    responses=stating,
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(AnswerRequest)}),
    summary="Answer a dispute",
)
async def post_answer(request: Request, identifier: DisputeId, holder: DisputesWriter, service: ServiceDep) -> Response:
    """The publisher that registered accepts or rejects the dispute; the one that disputed may retract and so end it."""
    body = await receive_json(request, AnswerRequest)
    publisher = publisher_of(holder, body.publisher)
    registry = service.registry

    def state() -> Response:
        view = disputes.answer(
            registry,
            publisher=publisher,
            dispute=bytes.fromhex(identifier),
            outcome=body.outcome,
            reason=body.reason,
        )
        return json_answer(view, 201)

    async def answer() -> Response:
        return await service.admission.run(state)

    digest = request_digest(request, body.model_dump_json().encode())
    return await answer_once(registry, request, holder, digest, answer)
