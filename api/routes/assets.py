"""`/v1/assets`: registering pictures, and reading registrations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.accept import RECEIPT_RESPONSES, FormatQuery, receipt_answer
from api.http.auth import AssetsWriter, ReaderDep, counted, publisher_of, subject_of
from api.http.bodies import is_json, parse_json, receive_json
from api.http.conditional import JSON, attachment, conditional, json_answer, to_json
from api.http.idempotency import answer_once, request_digest
from api.http.limits import WRITES, charge_cost
from api.http.openapi import (
    BINARY,
    IDEMPOTENCY_KEY,
    NOT_MODIFIED,
    OPTIONAL_API_KEY,
    READING,
    READING_RECORDS,
    RECEIVING,
    WRITING,
    binary_response,
    extra_response,
    problem_responses,
    request_body,
    schema_ref,
)
from api.http.parameters import (
    AssetId,
    CopyQuery,
    Cursor,
    Limit,
    PublisherQuery,
    Sha256Query,
    VisibilityQuery,
    cut,
    decode_cursor,
    encode_cursor,
)
from api.http.registered import registered
from api.http.requests import AssetMetadata, AssetRequest
from api.http.upload import Upload
from api.service import Service, ServiceDep
from provenance.answers import AssetInFull, Assets
from provenance.answers.assets import RegisteredAsset
from provenance.errors import NotAuthenticated, NotPermitted
from registry.keys.api_keys import Holder
from registry.sandbox import Budget
from registry.usecases import read as catalogue
from registry.usecases import uploads
from registry.usecases.access import ANYBODY, Reader
from registry.usecases.register import Registered, register

router = APIRouter(tags=["assets"])
reads = [Depends(counted("reads"))]
missing = problem_responses(*READING_RECORDS)
withheld = problem_responses(*READING_RECORDS, problems.METADATA_WITHHELD, problems.OVERLOADED)


@router.post(
    "/v1/assets",
    status_code=201,
    response_model=RegisteredAsset,
    responses=extra_response(200, RegisteredAsset, "The same registration exists already.")
    | problem_responses(
        *WRITING, *RECEIVING, problems.NOT_FOUND, problems.IDEMPOTENCY_CONFLICT, problems.ENTRY_TOO_LARGE
    ),
    openapi_extra=IDEMPOTENCY_KEY
    | request_body(
        {
            "multipart/form-data": {
                "type": "object",
                "properties": {
                    "file": BINARY,
                    "metadata": schema_ref(AssetMetadata),
                },
                "required": ["file"],
            },
            "application/json": schema_ref(AssetRequest),
        }
    ),
    summary="Register a picture",
)
async def post_asset(request: Request, holder: AssetsWriter, service: ServiceDep) -> Response:
    """Registers a file, or media uploaded before; responds when the log has published the record."""
    pictures, writer = service.admission.pictures, service.party(request, holder)
    pictures.check(writer)
    async with _registration(request, service, holder) as (upload, metadata):
        publisher = publisher_of(holder, metadata.publisher)
        digest = request_digest(request, upload.sha256, metadata.model_dump_json().encode())

        async def answer() -> Response:
            with pictures.place(writer) as budget:
                try:
                    done = await service.admission.examine(
                        _register, service, upload, metadata, publisher, holder, budget
                    )
                finally:
                    await charge_cost(request, WRITES, budget.spent, subject=subject_of(holder))
            return await registered(service, done, publisher)

        return await answer_once(service.registry, request, holder, digest, answer)


@asynccontextmanager
async def _registration(
    request: Request, service: Service, holder: Holder
) -> AsyncIterator[tuple[Upload, AssetMetadata]]:
    """The file and the claims of a registration, from a multipart or a JSON body."""
    if is_json(request):
        body = await receive_json(request, AssetRequest)
        sha256 = bytes.fromhex(body.media)
        with service.spool.place() as path:
            size = await service.admission.run(uploads.take, service.registry, holder.owner, sha256, path)
            yield Upload(path, sha256, size), body.metadata
        return
    async with service.spool.receive(request, text=("metadata",)) as received:
        stated = received.fields.get("metadata", "{}")
        yield received.file, parse_json(stated, AssetMetadata, place=("body", "metadata"))


def _register(
    service: Service, upload: Upload, metadata: AssetMetadata, publisher: str, holder: Holder, budget: Budget
) -> Registered:
    registry = service.registry
    claims = metadata.claims()
    done = register(registry, path=upload.path, sha256=upload.sha256, claims=claims, publisher=publisher, budget=budget)
    if claims.visibility == "sealed":
        uploads.drop(registry, holder.owner, upload.sha256)
    return done


@router.get(
    "/v1/assets",
    response_model=Assets,
    dependencies=reads,
    responses=problem_responses(problems.NOT_AUTHENTICATED, problems.NOT_PERMITTED, problems.INVALID_REQUEST, *READING),
    openapi_extra=OPTIONAL_API_KEY,
    summary="List registrations, newest first",
)
def list_assets(
    service: ServiceDep,
    reader: ReaderDep,
    publisher: PublisherQuery = None,
    sha256: Sha256Query = None,
    visibility: VisibilityQuery = "public",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Follow `next_cursor` until it is null. Sealed registrations are listed only for their publisher."""
    before = decode_cursor(cursor)
    if visibility == "sealed":
        views = catalogue.sealed_page(
            service.registry, publisher=_sealed_publisher(reader, publisher), before=before, limit=limit + 1
        )
    else:
        views = catalogue.assets_page(
            service.registry,
            publisher=publisher,
            sha256=None if sha256 is None else bytes.fromhex(sha256),
            before=before,
            limit=limit + 1,
        )
    page, last = cut(views, limit)
    return json_answer(Assets(items=tuple(page), next_cursor=None if last is None else encode_cursor(last.index)))


def _sealed_publisher(reader: Reader, stated: str | None) -> str:
    """The publisher whose sealed registrations are listed. Raises: NotAuthenticated, NotPermitted."""
    if reader == ANYBODY:
        raise NotAuthenticated("Sealed registrations are listed only for their publisher: send an API key.")
    publisher = stated or reader.publisher
    if publisher is None or not reader.may_read(publisher):
        raise NotPermitted("This API key is not the publisher's; with an admin key, name the publisher.")
    return publisher


@router.get(
    "/v1/assets/{id}",
    response_model=AssetInFull,
    dependencies=reads,
    responses=missing | NOT_MODIFIED,
    openapi_extra=OPTIONAL_API_KEY,
    summary="A registration",
)
def get_asset(request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep) -> Response:
    """The registration with its publisher, standing, links, and the registrations that it resembles."""
    asset = catalogue.asset_in_full(service.registry, bytes.fromhex(identifier), reader)
    return conditional(request, to_json(asset), JSON)


@router.get(
    "/v1/assets/{id}/receipt",
    response_class=Response,
    dependencies=reads,
    responses=missing | problem_responses(problems.INVALID_REQUEST) | RECEIPT_RESPONSES,
    openapi_extra=OPTIONAL_API_KEY,
    summary="The receipt of a registration",
)
def get_receipt(
    request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep, form: FormatQuery = None
) -> Response:
    """The receipt proves the registration offline, without this service."""
    return receipt_answer(request, service.registry, bytes.fromhex(identifier), form, reader)


@router.get(
    "/v1/assets/{id}/credentialed",
    response_class=Response,
    dependencies=reads,
    responses=withheld | binary_response("image/*", "The picture with its C2PA credential embedded."),
    openapi_extra=OPTIONAL_API_KEY,
    summary="The signed copy of a picture",
)
def get_credentialed(
    request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep, copy: CopyQuery = None
) -> Response:
    """The picture with its C2PA credential embedded. Both this copy and the uploaded file verify as exact matches.

    The public copy has no metadata of the uploaded file, unless its publisher made that public. With the publisher's
    API key the response is the copy with all metadata, and with `copy=public` the public one.
    """
    public = copy == "public"
    data, media_type = catalogue.credentialed(service.registry, bytes.fromhex(identifier), reader, public=public)
    return conditional(request, data, media_type)


@router.get(
    "/v1/assets/{id}/manifest",
    response_class=Response,
    dependencies=reads,
    responses=withheld | binary_response("application/c2pa", "The C2PA manifest store: the sidecar of the picture."),
    openapi_extra=OPTIONAL_API_KEY,
    summary="The C2PA manifest of a picture",
)
def get_manifest(request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep) -> Response:
    """The C2PA manifest store: the sidecar of the picture."""
    data = catalogue.manifest(service.registry, bytes.fromhex(identifier), reader)
    return conditional(request, data, "application/c2pa", headers=attachment(f"{identifier[:16]}.c2pa"))


@router.get(
    "/v1/assets/{id}/thumbnail",
    response_class=Response,
    dependencies=reads,
    responses=missing | binary_response("image/webp", "At most 512 pixels on the longest side, without metadata."),
    openapi_extra=OPTIONAL_API_KEY,
    summary="A small picture",
)
def get_thumbnail(request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep) -> Response:
    """Generated from the picture; it has no metadata."""
    return conditional(request, catalogue.thumbnail(service.registry, bytes.fromhex(identifier), reader), "image/webp")
