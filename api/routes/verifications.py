"""`/v1/verifications`: reports on pictures. Public; a report's URL cannot be guessed."""

import json
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.accept import preferred, preferred_language
from api.http.auth import AssetsWriter, SenderDep, publisher_of, subject_of
from api.http.bodies import is_json, receive_json
from api.http.conditional import JSON, conditional, json_answer, read_answer
from api.http.limits import charge, charge_cost, limited
from api.http.openapi import (
    BINARY,
    NOT_MODIFIED,
    OPTIONAL_API_KEY,
    READING,
    RECEIVING,
    WRITING,
    binary_response,
    problem_responses,
    request_body,
    schema_ref,
)
from api.http.parameters import DetailQuery, KeepQuery, MatchQuery, VerificationId
from api.http.requests import DigestsRequest
from api.pages.derivations import Nested, nested, of_ingredients, relation_name
from api.pages.graph_drawing import draw
from api.pages.rendering import HTML, language_of, place_of, render, share_of
from api.service import Service, ServiceDep
from provenance.answers import Comparison, RecordedVerdict, Report
from provenance.limits import REPORT_UNITS
from provenance.sentences import CATALOGUES, ENGLISH, Sentences
from registry.keys.api_keys import Holder
from registry.sandbox import Budget
from registry.usecases.verdicts import record_verdict
from registry.usecases.verify import load_difference, load_report, verify_digests, verify_file

router = APIRouter(tags=["verifications"])
missing = problem_responses(problems.NOT_FOUND, problems.ERASED, *READING)


async def _count(request: Request, holder: SenderDep) -> None:
    """Digests are no picture: they are counted as lookups."""
    policy, units = ("lookups", REPORT_UNITS) if is_json(request) else ("verifications", 1)
    await charge(request, policy, units, subject=subject_of(holder))


@router.post(
    "/v1/verifications",
    response_model=Report,
    dependencies=[Depends(_count)],
    responses=problem_responses(problems.NOT_AUTHENTICATED, *RECEIVING, *READING),
    openapi_extra=OPTIONAL_API_KEY
    | request_body(
        {
            "application/octet-stream": BINARY,
            "image/*": BINARY,
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": BINARY, "sidecar": BINARY},
                "required": ["file"],
            },
            "application/json": schema_ref(DigestsRequest),
        }
    ),
    summary="Verify a file, or digests alone",
)
async def post_verification(
    request: Request, service: ServiceDep, holder: SenderDep, detail: DetailQuery = None, keep: KeepQuery = False
) -> Response:
    """The body is the file itself, a form with the file and a C2PA sidecar, or JSON with digests.

    The file's first bytes decide its type, not the Content-Type. Where `Accept` prefers text/html, as that of a form
    in a browser without scripts, the report is a page. With an API key limits count for the key, not the address.
    """
    if preferred(request.headers.get("accept", "*/*"), (JSON, "text/html")) == JSON:
        return _answer(request, await _verify(request, service, holder, detail, keep))
    report = read_answer(Report, await _verify(request, service, holder, detail, keep))
    told, words = report.headline.wording(language_of(request)), CATALOGUES[language_of(request)]
    page = render(
        request,
        "report.html",
        service,
        report=report,
        told=told,
        compared=_compared(report),
        made=_made(report, words),
        place=place_of,
        share=share_of,
        relation=partial(relation_name, words=words),
    )
    return Response(page, headers={"Vary": "Accept, Accept-Language", "Cache-Control": "no-store"}, media_type=HTML)


def _compared(report: Report) -> Comparison | None:
    """The comparison that is drawn: with the older registration that the headline is about, else with the closest."""
    if report.older is None:
        return report.matches[0].comparison if report.matches else None
    compared = report.older.comparison
    return None if compared is None else read_answer(Comparison, json.dumps(compared).encode())


class _Made(NamedTuple):
    """What went into a file, drawn and as lists in one another."""

    drawing: str
    nested: Nested


def _made(report: Report, words: Sentences) -> _Made | None:
    read = report.credential
    if read is None or not read.ingredients:
        return None
    return _Made(draw(of_ingredients(read, words), inline=True).decode(), nested(read))


async def _verify(request: Request, service: Service, holder: Holder | None, detail: str | None, keep: bool) -> bytes:
    registry = service.registry
    kept_for = timedelta(days=service.settings.report_days) if keep else None
    if is_json(request):
        asked = await receive_json(request, DigestsRequest)

        def verify_asked() -> bytes:
            return verify_digests(
                registry,
                sha256=bytes.fromhex(asked.sha256),
                pdq=None if asked.pdq is None else bytes.fromhex(asked.pdq.value),
                pdq_quality=None if asked.pdq is None else asked.pdq.quality,
                keep=kept_for,
            )

        return await service.admission.look_up(verify_asked)
    pictures, party = service.admission.pictures, service.party(request, holder)
    pictures.check(party)
    async with service.spool.receive(request, beside="sidecar") as received:
        upload, beside = received.file, received.sidecar

        def verify_upload(budget: Budget) -> bytes:
            return verify_file(
                registry,
                path=upload.path,
                sha256=upload.sha256,
                size=upload.size,
                sidecar=None if beside is None else beside.path,
                full_detail=detail == "full",
                keep=kept_for,
                budget=budget,
            )

        with pictures.place(party) as budget:
            try:
                return await service.admission.examine(verify_upload, budget)
            finally:
                await charge_cost(request, "verifications", budget.spent, subject_of(holder))


_VARY = {"Vary": "Accept-Language"}


def _answer(request: Request, report: bytes) -> Response:
    return Response(_in_language(request, report), headers=_VARY, media_type=JSON)


def _in_language(request: Request, report: bytes) -> bytes:
    """The report with its headline in the language that the client prefers. In English these are the stored bytes."""
    language = preferred_language(request.headers.get("accept-language", ""), list(CATALOGUES))
    if language == ENGLISH:
        return report
    said = json.loads(report)
    for wording in read_answer(Report, report).headline.wordings:
        if wording.language == language:
            said["headline"]["text"] = wording.text
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


@router.get(
    "/v1/verifications/{id}",
    response_model=Report,
    dependencies=[Depends(limited("reads"))],
    responses=missing | NOT_MODIFIED,
    summary="A report that is kept",
)
def get_verification(request: Request, identifier: VerificationId, service: ServiceDep) -> Response:
    """The report as it was made: later changes in the registry do not change it. After `kept_until` it is not found."""
    report = _in_language(request, load_report(service.registry, identifier))
    return conditional(request, report, JSON, headers=_VARY)


@router.get(
    "/v1/verifications/{id}/difference.png",
    response_class=Response,
    dependencies=[Depends(limited("reads"))],
    responses=missing
    | binary_response("image/png", "Transparent where nothing differs; in the aspect ratio of the verified picture."),
    summary="Where a picture differs",
)
def get_difference(
    request: Request, identifier: VerificationId, service: ServiceDep, record: MatchQuery = None
) -> Response:
    """An overlay for the verified picture, most opaque where it differs most. Each match has its own."""
    compared = None if record is None else bytes.fromhex(record)
    return conditional(request, load_difference(service.registry, identifier, compared), "image/png")


@router.post(
    "/v1/verifications/{id}/record",
    status_code=201,
    response_model=RecordedVerdict,
    responses=problem_responses(*WRITING, problems.NOT_FOUND, problems.ERASED, problems.OVERLOADED),
    summary="Put a report on record",
)
async def post_record(identifier: VerificationId, holder: AssetsWriter, service: ServiceDep) -> Response:
    """Logs the report's digest, findings and methods, for the publisher of the API key; the report then stays.

    A report that was not kept, or whose time has ended, is not found: verify the picture again with `keep=true`.
    """
    publisher = publisher_of(holder, None)

    def record() -> Response:
        view = record_verdict(service.registry, publisher=publisher, verification_id=identifier)
        return json_answer(view, 201)

    return await service.admission.run(record)
