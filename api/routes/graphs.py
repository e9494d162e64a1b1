"""What became of a registration, and what it was made from: `history` in log order, `graph` in three forms."""

from typing import Annotated, Literal, assert_never

from fastapi import APIRouter, Depends, Query, Request, Response

from api.accept import preferred
from api.answers import JSON, conditional, to_json
from api.auth import ReaderDep
from api.documented import KEPT, OPEN, UNCHANGED, ends_in
from api.graph_drawing import draw_graph
from api.parameters import AssetId
from api.prov import describe_graph
from api.ratelimit import limited
from api.service import ServiceDep
from provenance.answers import Graph, History
from registry.reading.history import history
from registry.records.derivation import graph

router = APIRouter(tags=["assets"], dependencies=[Depends(limited("reads"))])
missing = ends_in(*KEPT)

Form = Literal["json", "jsonld", "svg"]
JSON_LD = "application/ld+json"
SVG = "image/svg+xml"
_FORMS: dict[str, Form] = {JSON: "json", JSON_LD: "jsonld", SVG: "svg"}


@router.get(
    "/v1/assets/{id}/history",
    response_model=History,
    responses=missing,
    openapi_extra=OPEN,
    summary="What became of a registration",
)
def get_history(request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep) -> Response:
    """The log entries about this registration, in their order; of erased records without their content."""
    found = History(items=tuple(history(service.registry, bytes.fromhex(identifier), reader)))
    return conditional(request, to_json(found), JSON)


@router.get(
    "/v1/assets/{id}/graph",
    response_model=Graph,
    responses=missing
    | UNCHANGED
    | {
        200: {
            "description": "As JSON; as PROV-O in JSON-LD; or drawn, as SVG without scripts.",
            "content": {JSON_LD: {"schema": {"type": "object"}}, SVG: {"schema": {"type": "string"}}},
        }
    },
    openapi_extra=OPEN,
    summary="What a picture was made from, and what was made from it",
)
def get_graph(
    request: Request,
    identifier: AssetId,
    reader: ReaderDep,
    service: ServiceDep,
    form: Annotated[
        Form | None, Query(alias="format", description="In place of what the Accept header asks for.")
    ] = None,
) -> Response:
    """As its publishers state it: a record that is sealed or erased is a node that says so, and no more."""
    found = graph(service.registry, bytes.fromhex(identifier), reader)
    varies = {"Vary": "Accept"}
    match form or _FORMS[preferred(request.headers.get("accept", "*/*"), list(_FORMS))]:
        case "json":
            return conditional(request, to_json(found), JSON, headers=varies)
        case "jsonld":
            return conditional(request, describe_graph(found), JSON_LD, headers=varies)
        case "svg":
            return conditional(request, draw_graph(found), SVG, headers=varies)
        case never:
            assert_never(never)
