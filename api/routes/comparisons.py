"""`/v1/comparisons`: two files of somebody's own, compared with each other. Public; nothing is looked up or kept."""

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import SenderDep, counted, subject_of
from api.http.conditional import json_answer
from api.http.limits import charge_cost
from api.http.openapi import BINARY, OPTIONAL_API_KEY, READING, RECEIVING, problem_responses, request_body
from api.http.parameters import DetailQuery
from api.http.upload import Upload
from api.service import ServiceDep
from provenance.answers import FileComparison
from registry.sandbox import Budget
from registry.usecases.pairs import ReceivedFile, compare_files

router = APIRouter(tags=["verifications"])


@router.post(
    "/v1/comparisons",
    response_model=FileComparison,
    dependencies=[Depends(counted("verifications", 2))],
    responses=problem_responses(problems.NOT_AUTHENTICATED, *RECEIVING, *READING),
    openapi_extra=OPTIONAL_API_KEY
    | request_body(
        {
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": BINARY, "reference": BINARY},
                "required": ["file", "reference"],
            },
        }
    ),
    summary="Compare two files with each other",
)
async def post_comparison(
    request: Request, service: ServiceDep, holder: SenderDep, detail: DetailQuery = None
) -> Response:
    """As a verification compares a file with a registered picture; neither file is looked up or kept.

    It counts as two verifications.
    """
    pictures, party = service.admission.pictures, service.party(request, holder)
    pictures.check(party)
    async with service.spool.receive(request, beside="reference") as received:
        file, reference = _file(received.file), _file(received.reference)

        def compare(budget: Budget) -> FileComparison:
            return compare_files(service.registry, file, reference, full_detail=detail == "full", budget=budget)

        with pictures.place(party) as budget:
            try:
                return json_answer(await service.admission.examine(compare, budget))
            finally:
                await charge_cost(request, "verifications", budget.spent, subject_of(holder))


def _file(upload: Upload) -> ReceivedFile:
    return ReceivedFile(upload.path, upload.sha256, upload.size)
