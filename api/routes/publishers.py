"""`/v1/publishers`: who vouches for media here, and with which keys."""

from fastapi import APIRouter, Depends, Request, Response

from api import problems
from api.answers import json_answer
from api.auth import PublishersWriter
from api.bodies import receive_json
from api.documented import IDEMPOTENCY_KEY, READING, WRITING, ends_in, refers_to, takes
from api.idempotency import answer_once, request_digest
from api.parameters import PublisherId
from api.ratelimit import limited
from api.schemas import Publisher, PublisherKeys, PublisherRequest, Publishers
from api.service import ServiceDep
from provenance.statement.keys import Algorithm
from registry import catalogue
from registry.enrolment import enrol_publisher

router = APIRouter(tags=["publishers"])
reads = [Depends(limited("reads"))]
missing = ends_in(problems.NOT_FOUND, *READING)


@router.get(
    "/v1/publishers",
    response_model=Publishers,
    dependencies=reads,
    responses=ends_in(*READING),
    summary="All publishers",
)
def list_publishers(service: ServiceDep) -> Publishers:
    """Each with its newest key, and how its identity was established."""
    return Publishers.model_validate({"items": catalogue.publisher_list(service.registry)})


@router.post(
    "/v1/publishers",
    status_code=201,
    response_model=Publisher,
    responses=ends_in(
        *WRITING,
        problems.CONFLICT,
        problems.IDEMPOTENCY_CONFLICT,
        problems.PAYLOAD_TOO_LARGE,
        problems.OVERLOADED,
        problems.REQUEST_TIMEOUT,
    ),
    openapi_extra=IDEMPOTENCY_KEY | takes({"application/json": refers_to(PublisherRequest)}),
    summary="Enrol a publisher",
)
async def post_publisher(request: Request, holder: PublishersWriter, service: ServiceDep) -> Response:
    """Makes a signing key for the publisher, which the operator's key attests in the log."""
    body = await receive_json(request, PublisherRequest)
    digest = request_digest(request, body.model_dump_json().encode())
    registry = service.registry

    def enrol() -> Response:
        view = enrol_publisher(registry, publisher=body.id, name=body.name, algorithm=Algorithm(body.key_algorithm))
        return json_answer(Publisher.model_validate(view), 201)

    async def answer() -> Response:
        return await service.admission.run(enrol)

    return await answer_once(registry, service.in_flight, request, holder, digest, answer)


@router.get(
    "/v1/publishers/{id}", response_model=Publisher, dependencies=reads, responses=missing, summary="A publisher"
)
def get_publisher(identifier: PublisherId, service: ServiceDep) -> Publisher:
    """With its newest key, and how its identity was established."""
    return Publisher.model_validate(catalogue.publisher(service.registry, identifier))


@router.get(
    "/v1/publishers/{id}/keys",
    response_model=PublisherKeys,
    dependencies=reads,
    responses=missing,
    summary="Every key a publisher ever had",
)
def get_publisher_keys(identifier: PublisherId, service: ServiceDep) -> PublisherKeys:
    """In the order of their enrolment, with the log indices they were valid between."""
    return PublisherKeys.model_validate({"items": catalogue.publisher_keys(service.registry, identifier)})
