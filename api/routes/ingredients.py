"""`/verify/ingredients`: what went into a file, drawn for the verify page."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.auth import SenderDep, counted, subject_of
from api.http.conditional import read_answer
from api.http.limits import charge_cost, limited
from api.http.parameters import VERIFICATION_ID
from api.pages.derivations import of_ingredients
from api.pages.graph_drawing import draw
from api.pages.rendering import LANGUAGE_VARIES, language_of
from api.service import ServiceDep
from provenance.answers import ReadCredential, Report
from provenance.errors import NotFound
from provenance.sentences import CATALOGUES
from registry.sandbox import Budget
from registry.usecases.ingredients import Pictured, ingredients_of
from registry.usecases.verify import load_report

SVG = "image/svg+xml"

router = APIRouter(include_in_schema=False)


@router.get("/verify/ingredients", dependencies=[Depends(limited("reads"))])
def get_ingredients(
    request: Request, service: ServiceDep, report: Annotated[str, Query(pattern=VERIFICATION_ID)]
) -> Response:
    """Of a report that is kept: without thumbnails, because what was handed in is not."""
    credential = read_answer(Report, load_report(service.registry, report)).credential
    if credential is None:
        raise NotFound("this report has no credential to draw")
    return _drawn(request, credential, ())


@router.post("/verify/ingredients", dependencies=[Depends(counted("verifications"))])
async def post_ingredients(request: Request, service: ServiceDep, holder: SenderDep) -> Response:
    """Of a file, with thumbnails. Nothing is kept."""
    pictures, party = service.admission.pictures, service.party(request, holder)
    pictures.check(party)
    async with service.spool.receive(request) as received:
        upload = received.file

        def read(budget: Budget) -> Pictured:
            return ingredients_of(service.registry, upload.path, upload.sha256, budget)

        with pictures.place(party) as budget:
            try:
                found = await service.admission.examine(read, budget)
            finally:
                await charge_cost(request, "verifications", budget.spent, subject_of(holder))
    shown = [None if each is None else _as_address(each) for each in found.thumbnails]
    return _drawn(request, found.credential, shown)


def _as_address(webp: bytes) -> str:
    """The picture itself as an address (RFC 2397): a drawing that is shown as a picture may load no other."""
    return f"data:image/webp;base64,{b64encode(webp).decode()}"


def _drawn(request: Request, credential: ReadCredential, thumbnails: Sequence[str | None]) -> Response:
    drawing = draw(of_ingredients(credential, CATALOGUES[language_of(request)], thumbnails))
    return Response(drawing, headers={"Cache-Control": "no-store"} | LANGUAGE_VARIES, media_type=SVG)
