"""`/v1/keys`: API keys, managed by an admin while the service runs."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from api.http import problems
from api.http.auth import Admin
from api.http.bodies import receive_json
from api.http.conditional import PRIVATE, json_answer
from api.http.openapi import WRITING, problem_responses, request_body, schema_ref
from api.http.parameters import ApiKeyId
from api.http.requests import ApiKeyRequest, RotationRequest
from api.service import Service, ServiceDep
from provenance.answers import ApiKey, ApiKeys, NewApiKey
from registry.keys import api_keys

router = APIRouter(tags=["keys"])
changes = problem_responses(
    *WRITING, problems.CONFLICT, problems.PAYLOAD_TOO_LARGE, problems.OVERLOADED, problems.REQUEST_TIMEOUT
)
missing = problem_responses(problems.NOT_FOUND)


@router.get(
    "/v1/keys",
    response_model=ApiKeys,
    responses=problem_responses(
        problems.NOT_AUTHENTICATED, problems.NOT_PERMITTED, problems.STORE_UNAVAILABLE, problems.STORE_CORRUPT
    ),
    summary="All API keys",
)
def list_keys(holder: Admin, service: ServiceDep) -> Response:
    """Oldest first, revoked and expired keys included; no secrets."""
    return _private(json_answer(ApiKeys(items=tuple(api_keys.listed(service.registry.store)))))


@router.post(
    "/v1/keys",
    status_code=201,
    response_model=NewApiKey,
    responses=changes | missing,
    openapi_extra=request_body({"application/json": schema_ref(ApiKeyRequest)}),
    summary="Create an API key",
)
async def post_key(request: Request, holder: Admin, service: ServiceDep) -> Response:
    """The key is shown only in this response: the service stores its digest, and ignores an Idempotency-Key."""
    body = await receive_json(request, ApiKeyRequest)
    registry = service.registry

    def make() -> Response:
        minted = api_keys.mint(
            registry.store,
            name=body.name,
            scopes=body.scopes,
            now=registry.now(),
            publisher=body.publisher,
            expires_at=body.expires_at,
        )
        return _shown_once(service, minted)

    return await service.admission.run(make)


@router.post(
    "/v1/keys/{id}/rotation",
    status_code=201,
    response_model=NewApiKey,
    responses=changes | missing,
    openapi_extra=request_body({"application/json": schema_ref(RotationRequest)}),
    summary="Replace an API key",
)
async def post_rotation(request: Request, identifier: ApiKeyId, holder: Admin, service: ServiceDep) -> Response:
    """Creates a key with the same name, scopes and publisher; the old key expires after the overlap."""
    body = await receive_json(request, RotationRequest)
    registry = service.registry

    def replace() -> Response:
        overlap = timedelta(seconds=body.overlap_seconds)
        return _shown_once(service, api_keys.rotate(registry.store, identifier, now=registry.now(), overlap=overlap))

    return await service.admission.run(replace)


@router.post(
    "/v1/keys/{id}/revocation",
    status_code=201,
    response_model=ApiKey,
    responses=changes | missing,
    summary="Revoke an API key",
)
async def post_key_revocation(identifier: ApiKeyId, holder: Admin, service: ServiceDep) -> Response:
    """The key is refused from now on. Revoking a revoked key changes nothing."""
    registry = service.registry

    def revoke() -> Response:
        api_keys.revoke(registry.store, identifier, registry.now())
        return _private(json_answer(api_keys.get(registry.store, identifier), 201))

    return await service.admission.run(revoke)


def _shown_once(service: Service, key: str) -> Response:
    made = api_keys.of_token(service.registry.store, key)
    return _private(json_answer(NewApiKey(**vars(made), key=key), 201))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = PRIVATE
    return response
