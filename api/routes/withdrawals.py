"""`/v1/withdrawals`: a publisher withdraws a registration. The record stays in the log; its standing changes."""

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import AssetsWriter, publisher_of
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.idempotency import answer_once, request_digest
from api.http.limits import limited
from api.http.openapi import IDEMPOTENCY_KEY, READING, WRITING, problem_responses, request_body, schema_ref
from api.http.parameters import WithdrawalId
from api.http.requests import WithdrawalRequest
from api.service import ServiceDep
from provenance.answers import Withdrawal
from registry.keys.api_keys import ADMIN
from registry.usecases import read as catalogue
from registry.usecases.register import withdraw

router = APIRouter(tags=["withdrawals"])


@router.post(
    "/v1/withdrawals",
    status_code=201,
    response_model=Withdrawal,
    responses=problem_responses(
        *WRITING,
        problems.SEALED,
        problems.NOT_FOUND,
        problems.ERASED,
        problems.IDEMPOTENCY_CONFLICT,
        problems.PAYLOAD_TOO_LARGE,
        problems.OVERLOADED,
        problems.REQUEST_TIMEOUT,
    ),
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(WithdrawalRequest)}),
    summary="Withdraw a registration",
)
async def post_withdrawal(request: Request, holder: AssetsWriter, service: ServiceDep) -> Response:
    """Only the publisher that registered may withdraw; an admin key acts for that publisher."""
    body = await receive_json(request, WithdrawalRequest)
    digest = request_digest(request, body.model_dump_json().encode())
    registry = service.registry

    def take_back() -> Response:
        record = bytes.fromhex(body.record)
        owner = catalogue.asset(registry, record).publisher.id if holder.may(ADMIN) else publisher_of(holder, None)
        done = withdraw(registry, publisher=owner, record=record, reason=body.reason)
        return json_answer(done, 201)

    async def answer() -> Response:
        return await service.admission.run(take_back)

    return await answer_once(registry, request, holder, digest, answer)


@router.get(
    "/v1/withdrawals/{id}",
    response_model=Withdrawal,
    dependencies=[Depends(limited("reads"))],
    responses=problem_responses(problems.NOT_FOUND, problems.ERASED, *READING),
    summary="A withdrawal",
)
def get_withdrawal(identifier: WithdrawalId, service: ServiceDep) -> Response:
    """The withdrawn registration, and the reason."""
    return json_answer(catalogue.withdrawal(service.registry, bytes.fromhex(identifier)))
