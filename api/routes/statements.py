"""`/v1/statements`: statements signed by publishers, logged in batches."""

import asyncio
from concurrent.futures import Future
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http import problems
from api.http.auth import AssetsWriter, publisher_of
from api.http.bodies import gather
from api.http.conditional import json_answer
from api.http.openapi import BINARY, WRITING, problem_responses, request_body
from api.service import ServiceDep
from provenance.answers import LoggedStatement, LoggedStatements
from provenance.errors import MalformedRequest, MalformedStatement
from provenance.limits import MAX_STATEMENTS
from provenance.statement.record import record_urn
from provenance.statement.statement import STATEMENT_BYTES, Statement, parse_statement
from registry.log.batch import Appended
from registry.usecases.statements import check_found, submit_statements

router = APIRouter(tags=["statements"])

CBOR_SEQUENCE = "application/cbor-seq"

BRIEF_STATEMENTS = 4
"""Most statements of a request that counts as brief work: each takes 0.1 ms to verify, and as much to prove."""

Proofs = Annotated[bool, Query(description="Whether the response has the inclusion proof of each.")]


@router.post(
    "/v1/statements",
    status_code=201,
    response_model=LoggedStatements,
    responses=problem_responses(
        *WRITING,
        problems.KEY_REFUSED,
        problems.CONFLICT,
        problems.PAYLOAD_TOO_LARGE,
        problems.OVERLOADED,
        problems.REQUEST_TIMEOUT,
    ),
    openapi_extra=request_body({CBOR_SEQUENCE: BINARY}),
    summary="Log statements",
)
async def post_statements(
    request: Request, holder: AssetsWriter, service: ServiceDep, proofs: Proofs = False
) -> Response:
    """A CBOR sequence (RFC 8742) of 1 to 1,000 `COSE_Sign1` statements by a key that is enrolled for the publisher.

    All are checked before any is logged. Their records stay with the publisher. The service responds when a signed
    checkpoint covers all of them; statements that are in the log already keep their index.
    """
    data = await gather(request, MAX_STATEMENTS * STATEMENT_BYTES)
    publisher, registry = publisher_of(holder, None), service.registry

    def submit() -> "tuple[list[Statement], Future[list[Appended]]]":
        statements = _statements(data)
        return statements, submit_statements(registry, publisher, statements)

    def show(statements: list[Statement], logged: list[Appended]) -> LoggedStatements:
        check_found(registry, statements, logged)
        shown: list[str | None] = [None] * len(logged)
        if proofs:
            entries = [(each.index, statement.data) for each, statement in zip(logged, statements, strict=True)]
            shown = [proof.serialise().decode() for proof in registry.proofs.of_entries(entries)]
        items = [
            LoggedStatement(
                record_id=record_urn(each.record_id),
                index=each.index,
                logged_at=each.logged_at,
                created=each.created,
                proof=proof,
            )
            for each, proof in zip(logged, shown, strict=True)
        ]
        note = registry.sequencer.checkpoint(covering=max(each.index for each in logged))
        return LoggedStatements(items=tuple(items), checkpoint=note.decode())

    brief = len(data) <= BRIEF_STATEMENTS * STATEMENT_BYTES
    with service.admission.place():  # no thread waits for the log
        statements, waiting = await service.admission.within(submit, brief=brief)
        logged = await asyncio.wrap_future(waiting)
        return json_answer(await service.admission.within(show, statements, logged, brief=brief), 201)


def _statements(data: bytes) -> list[Statement]:
    """Every statement has the same length, so the sequence needs no parser. Raises MalformedRequest."""
    if not data or len(data) % STATEMENT_BYTES:
        raise MalformedRequest(f"The body is not a sequence of statements of {STATEMENT_BYTES} bytes each.")
    found = []
    for start in range(0, len(data), STATEMENT_BYTES):
        try:
            found.append(parse_statement(data[start : start + STATEMENT_BYTES]))
        except MalformedStatement as error:
            raise MalformedRequest(f"Statement {start // STATEMENT_BYTES}: {error}") from error
    return found
