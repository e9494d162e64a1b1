"""`/v1/comparisons`: two files of somebody's own, compared with each other. Public; nothing is looked up or kept."""

from fastapi import APIRouter, Depends, Request, Response

from api.http.conditional import json_answer
from api.http.limits import charge_cost, limited
from api.http.openapi import BINARY, READING, RECEIVING, problem_responses, request_body
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
    dependencies=[Depends(limited("verifications", 2))],
    responses=problem_responses(*RECEIVING, *READING),
    openapi_extra=request_body(
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
async def post_comparison(request: Request, service: ServiceDep, detail: DetailQuery = None) -> Response:
    """As a verification compares a file with a registered picture; neither file is looked up or kept.

    It counts as two verifications.
    """
    pictures, sender = service.admission.pictures, service.sender(request)
    pictures.check(sender)
    async with service.spool.receive(request, beside="reference") as received:
        file, reference = _file(received.file), _file(received.reference)

        def compare(budget: Budget) -> FileComparison:
            return compare_files(service.registry, file, reference, full_detail=detail == "full", budget=budget)

        with pictures.place(sender) as budget:
            try:
                return json_answer(await service.admission.examine(compare, budget))
            finally:
                await charge_cost(request, "verifications", budget.spent)


def _file(upload: Upload) -> ReceivedFile:
    return ReceivedFile(upload.path, upload.sha256, upload.size)
