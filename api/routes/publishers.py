"""`/v1/publishers`: the publishers that vouch for media, and their keys."""

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.auth import Admin, KeysWriter, check_owner
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.idempotency import answer_once, request_digest
from api.http.limits import limited
from api.http.openapi import IDEMPOTENCY_KEY, READING, WRITING, problem_responses, request_body, schema_ref
from api.http.parameters import KeyThumbprint, PublisherId
from api.http.requests import HandoverRequest, Jwk, KeyRequest, OwnKeyRequest, PublisherRequest, RevocationRequest
from api.http.requests import Request as Body
from api.service import Service, ServiceDep
from provenance.answers import Publisher, PublisherKey, PublisherKeys, Publishers
from provenance.errors import InvalidRequest, UnusableKey
from provenance.statement.encodings import decode_base64url
from provenance.statement.handover import Handover
from provenance.statement.keys import Algorithm, PublicKey
from registry.keys.api_keys import Holder
from registry.usecases import read as catalogue
from registry.usecases.publishers import OwnKey, enrol_key, enrol_publisher, revoke_key, rotate_key

router = APIRouter(tags=["publishers"])
reads = [Depends(limited("reads"))]
missing = problem_responses(problems.NOT_FOUND, *READING)
changes = problem_responses(
    *WRITING,
    problems.CONFLICT,
    problems.IDEMPOTENCY_CONFLICT,
    problems.PAYLOAD_TOO_LARGE,
    problems.OVERLOADED,
    problems.REQUEST_TIMEOUT,
)


@router.get(
    "/v1/publishers",
    response_model=Publishers,
    dependencies=reads,
    responses=problem_responses(*READING),
    summary="All publishers",
)
def list_publishers(service: ServiceDep) -> Response:
    """Each publisher with its newest key, and how its identity was established."""
    return json_answer(Publishers(items=tuple(catalogue.publisher_list(service.registry))))


@router.post(
    "/v1/publishers",
    status_code=201,
    response_model=Publisher,
    responses=changes,
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(PublisherRequest)}),
    summary="Enrol a publisher",
)
async def post_publisher(request: Request, holder: Admin, service: ServiceDep) -> Response:
    """Generates a signing key for the publisher, which the operator's key attests in the log."""
    body = await receive_json(request, PublisherRequest)
    registry = service.registry

    def enrol() -> Response:
        view = enrol_publisher(registry, publisher=body.id, name=body.name, algorithm=Algorithm(body.key_algorithm))
        return json_answer(view, 201)

    return await _once(service, request, holder, body, enrol)


@router.get(
    "/v1/publishers/{id}", response_model=Publisher, dependencies=reads, responses=missing, summary="A publisher"
)
def get_publisher(identifier: PublisherId, service: ServiceDep) -> Response:
    """The publisher with its newest key, and how its identity was established."""
    return json_answer(catalogue.publisher(service.registry, identifier))


@router.get(
    "/v1/publishers/{id}/keys",
    response_model=PublisherKeys,
    dependencies=reads,
    responses=missing,
    summary="All keys of a publisher",
)
def get_publisher_keys(identifier: PublisherId, service: ServiceDep) -> Response:
    """In the order of enrolment, with the log indices between which each is valid."""
    return json_answer(PublisherKeys(items=tuple(catalogue.publisher_keys(service.registry, identifier))))


@router.post(
    "/v1/publishers/{id}/keys",
    status_code=201,
    response_model=PublisherKey,
    responses=changes | problem_responses(problems.NOT_FOUND, problems.NOT_PERMITTED, problems.KEY_REFUSED),
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(KeyRequest)}),
    summary="Enrol a key, or rotate to it",
)
async def post_publisher_key(
    request: Request, identifier: PublisherId, holder: KeysWriter, service: ServiceDep
) -> Response:
    """Without `own` the service generates the key and holds it. A rotation is signed by the old key and the new.

    Needs an API key of the publisher, or an admin's.
    """
    check_owner(holder, identifier)
    body = await receive_json(request, KeyRequest)
    if body.action == "enrol" and body.own is not None and body.own.handover is not None:
        raise InvalidRequest("Only a rotation has a handover.")
    own = None if body.own is None else _own_key(body.own)
    registry, algorithm = service.registry, Algorithm(body.key_algorithm)

    def add() -> Response:
        if body.action == "enrol":
            view = enrol_key(registry, publisher=identifier, algorithm=algorithm, own=own, reason=body.reason)
        else:
            view = rotate_key(registry, publisher=identifier, algorithm=algorithm, own=own, reason=body.reason)
        return json_answer(view, 201)

    return await _once(service, request, holder, body, add)


@router.post(
    "/v1/publishers/{id}/keys/{thumbprint}/revocation",
    status_code=201,
    response_model=PublisherKey,
    responses=changes | problem_responses(problems.NOT_FOUND),
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(RevocationRequest)}),
    summary="Revoke a key",
)
async def post_revocation(
    request: Request,
    identifier: PublisherId,
    thumbprint: KeyThumbprint,
    holder: KeysWriter,
    service: ServiceDep,
) -> Response:
    """The key signs nothing from now on. What it signed stays in the log; verdicts say whether before or after this.

    A key may be revoked again to state an earlier `invalid_since`: the earliest counts.

    Needs an API key of the publisher, or an admin's.
    """
    check_owner(holder, identifier)
    body = await receive_json(request, RevocationRequest)
    registry, kid = service.registry, bytes.fromhex(thumbprint)

    def revoke() -> Response:
        view = revoke_key(
            registry, publisher=identifier, thumbprint=kid, reason=body.reason, invalid_since=body.invalid_since
        )
        return json_answer(view, 201)

    return await _once(service, request, holder, body, revoke)


async def _once(
    service: Service, request: Request, holder: Holder, body: Body, change: Callable[[], Response]
) -> Response:
    """Makes a change, once per Idempotency-Key: a retry gets the first response again."""

    async def answer() -> Response:
        return await service.admission.run(change)

    digest = request_digest(request, body.model_dump_json().encode())
    return await answer_once(service.registry, request, holder, digest, answer)


def _own_key(body: OwnKeyRequest) -> OwnKey:
    handover = None if body.handover is None else _handover(body.handover)
    return OwnKey(_public_key(body.key), _signature("possession", body.possession), handover)


def _handover(body: HandoverRequest) -> Handover:
    return Handover(_public_key(body.key), _signature("handover", body.signature))


def _public_key(jwk: Jwk) -> PublicKey:
    try:
        return PublicKey.from_jwk(jwk.model_dump())
    except UnusableKey as error:
        raise InvalidRequest(f"Unusable key: {error}.") from error


def _signature(name: str, text: str) -> bytes:
    try:
        return decode_base64url(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}.") from error
