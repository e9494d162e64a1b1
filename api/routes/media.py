"""`/v1/media`: uploads that precede a registration. Raw bodies cost less than multipart ones."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from api.http.auth import AssetsWriter, subject_of
from api.http.conditional import json_answer
from api.http.limits import WRITES, charge_cost
from api.http.openapi import BINARY, RECEIVING, WRITING, extra_response, problem_responses, request_body
from api.http.parameters import Sha256Path
from api.service import ServiceDep
from provenance import answers
from provenance.answers import UploadedMedia
from provenance.errors import InvalidRequest
from provenance.media.marks.file_claims import FileClaims
from registry.sandbox import Budget
from registry.sandbox.examination import read_upload
from registry.usecases import uploads

router = APIRouter(tags=["media"])


@router.put(
    "/v1/media/{sha256}",
    status_code=201,
    response_model=UploadedMedia,
    responses=extra_response(200, UploadedMedia, "The same bytes were uploaded already.")
    | problem_responses(*WRITING, *RECEIVING),
    openapi_extra=request_body({"application/octet-stream": BINARY}),
    summary="Upload media, to be registered within a day",
)
async def put_media(request: Request, holder: AssetsWriter, sha256: Sha256Path, service: ServiceDep) -> Response:
    """The body is the file itself; its SHA-256 must be that of the path. Its Content-Type is ignored."""
    pictures, writer = service.admission.pictures, service.party(request, holder)
    pictures.check(writer)
    async with service.spool.receive(request, multipart=False) as received:
        upload = received.file
        if upload.sha256.hex() != sha256:
            raise InvalidRequest("The SHA-256 of the body does not match the path.")
        registry = service.registry

        def keep(budget: Budget) -> tuple[str, FileClaims, bool]:
            media_type, says = registry.sandbox.run(read_upload, upload.path, digest=upload.sha256, budget=budget)
            created = uploads.keep(
                registry, path=upload.path, sha256=upload.sha256, size=upload.size, owner=holder.owner
            )
            return media_type, says, created

        with pictures.place(writer) as budget:
            try:
                media_type, says, created = await service.admission.examine(keep, budget)
            finally:
                await charge_cost(request, WRITES, budget.spent, subject=subject_of(holder))
    told = answers.FileClaims(**asdict(says))
    answer = UploadedMedia(sha256=sha256, size=upload.size, media_type=media_type, says=told)
    return json_answer(answer, 201 if created else 200)
