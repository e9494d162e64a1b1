"""`/v1/registrations`: registrations that publishers sign with keys of their own.

The service prepares the record, the publisher checks and signs it, the service logs it (`registry.usecases.prepared`).
"""

from fastapi import APIRouter, Request, Response

from api.http import problems
from api.http.auth import AssetsWriter, publisher_of, subject_of
from api.http.bodies import receive_json
from api.http.conditional import json_answer
from api.http.idempotency import answer_once, request_digest
from api.http.limits import WRITES, charge_cost
from api.http.openapi import (
    IDEMPOTENCY_KEY,
    RECEIVING,
    WRITING,
    binary_response,
    extra_response,
    problem_responses,
    request_body,
    schema_ref,
)
from api.http.parameters import CopyQuery, PreparedId
from api.http.registered import registered
from api.http.requests import PreparationRequest, SignatureRequest
from api.service import Service, ServiceDep
from provenance.answers import PreparedRegistration
from provenance.answers.assets import RegisteredAsset
from provenance.errors import InvalidRequest
from provenance.statement.encodings import decode_base64url
from registry.keys.api_keys import Holder
from registry.sandbox import Budget
from registry.usecases import prepared, uploads
from registry.usecases.register import Registered

router = APIRouter(tags=["registrations"])


@router.post(
    "/v1/registrations",
    status_code=201,
    response_model=PreparedRegistration,
    responses=extra_response(200, RegisteredAsset, "The same registration exists already: nothing is left to sign.")
    | problem_responses(*WRITING, *RECEIVING, problems.NOT_FOUND, problems.KEY_REFUSED, problems.ENTRY_TOO_LARGE),
    openapi_extra=request_body({"application/json": schema_ref(PreparationRequest)}),
    summary="Prepare a registration for a key of its publisher's own",
)
async def post_registration(request: Request, holder: AssetsWriter, service: ServiceDep) -> Response:
    """Examines media uploaded before, and responds with the record to sign. Check it: it is what the key will state.

    What is prepared is kept until `expires_at`. The same request has the same response until then. A publisher has at
    most 256 that wait; beyond that the oldest go.
    """
    pictures, writer = service.admission.pictures, service.party(request, holder)
    pictures.check(writer)
    body = await receive_json(request, PreparationRequest)
    publisher = publisher_of(holder, body.metadata.publisher)
    with pictures.place(writer) as budget:
        try:
            made = await service.admission.examine(_prepare, service, body, publisher, holder, budget)
        finally:
            await charge_cost(request, WRITES, budget.spent, subject=subject_of(holder))
    if isinstance(made, Registered):
        return await registered(service, made, publisher)
    return json_answer(made, 201)


def _prepare(
    service: Service, body: PreparationRequest, publisher: str, holder: Holder, budget: Budget
) -> PreparedRegistration | Registered:
    registry, sha256 = service.registry, bytes.fromhex(body.media)
    with service.spool.place() as path:
        uploads.take(registry, holder.owner, sha256, path)
        return prepared.prepare(
            registry,
            path=path,
            sha256=sha256,
            claims=body.metadata.claims(),
            publisher=publisher,
            owner=holder.owner,
            kid=bytes.fromhex(body.key),
            budget=budget,
        )


@router.get(
    "/v1/registrations/{id}/credentialed",
    response_class=Response,
    responses=problem_responses(*WRITING, problems.NOT_FOUND, problems.RATE_LIMITED)
    | binary_response("image/*", "The picture with its C2PA credential embedded."),
    summary="The signed copy of a prepared registration",
)
def get_prepared_copy(
    identifier: PreparedId, holder: AssetsWriter, service: ServiceDep, copy: CopyQuery = None
) -> Response:
    """The signed copy whose digest the record states: check that it shows the picture before you sign.

    Where the file holds metadata there are two: this is the publisher's own, and with `copy=public` everybody's.
    """
    data, media_type = prepared.copy_of(
        service.registry, record=bytes.fromhex(identifier), owner=holder.owner, public=copy == "public"
    )
    return Response(data, media_type=media_type, headers={"Cache-Control": "no-store"})


@router.put(
    "/v1/registrations/{id}/signature",
    status_code=201,
    response_model=RegisteredAsset,
    responses=extra_response(200, RegisteredAsset, "It was registered already.")
    | problem_responses(
        *WRITING,
        problems.NOT_FOUND,
        problems.KEY_REFUSED,
        problems.CONFLICT,
        problems.IDEMPOTENCY_CONFLICT,
        problems.PAYLOAD_TOO_LARGE,
        problems.OVERLOADED,
        problems.EXAMINATION_UNAVAILABLE,
        problems.REQUEST_TIMEOUT,
    ),
    openapi_extra=IDEMPOTENCY_KEY | request_body({"application/json": schema_ref(SignatureRequest)}),
    summary="Register what was prepared",
)
async def put_signature(
    request: Request, identifier: PreparedId, holder: AssetsWriter, service: ServiceDep
) -> Response:
    """The signature of a key in force of the publisher; responds when the log has published the record."""
    body = await receive_json(request, SignatureRequest)
    registry = service.registry
    digest = request_digest(request, body.model_dump_json().encode())

    def complete() -> Registered:
        done = prepared.complete(
            registry,
            record=bytes.fromhex(identifier),
            owner=holder.owner,
            kid=bytes.fromhex(body.key),
            signature=_signature(body.signature),
        )
        if done.asset.visibility == "sealed":
            uploads.drop(registry, holder.owner, bytes.fromhex(done.asset.media.sha256))
        return done

    async def answer() -> Response:
        with service.admission.place():
            done = await service.admission.within(complete)
        return await registered(service, done, done.asset.publisher.id)

    return await answer_once(registry, request, holder, digest, answer)


@router.delete(
    "/v1/registrations/{id}",
    status_code=204,
    responses=problem_responses(*WRITING, problems.NOT_FOUND, problems.CONFLICT, problems.RATE_LIMITED),
    summary="Discard a prepared registration",
)
def delete_registration(identifier: PreparedId, holder: AssetsWriter, service: ServiceDep) -> Response:
    """Deletes at once what would otherwise be deleted at `expires_at`; 409 for what is registered already."""
    prepared.discard(service.registry, record=bytes.fromhex(identifier), owner=holder.owner)
    return Response(status_code=204)


def _signature(text: str) -> bytes:
    try:
        return decode_base64url(text)
    except ValueError as error:
        raise InvalidRequest(f"signature: {error}.") from error
