"""The history of a registration in log order, and its derivation graph in three formats.

One is PROV-O (W3C, 2013) in JSON-LD 1.1: records are entities, publishers are agents. A PROV derivation is a statement
by a publisher, not an established fact. The time of logging is a `dcterms:dateSubmitted`, because the time at which a
picture was generated is unknown.
"""

import json
from typing import Annotated, Literal, assert_never

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.accept import preferred
from api.http.auth import ReaderDep, counted
from api.http.conditional import JSON, conditional, to_json
from api.http.openapi import NOT_MODIFIED, OPTIONAL_API_KEY, READING_RECORDS, problem_responses
from api.http.parameters import AssetId
from api.pages.derivations import of_records
from api.pages.graph_drawing import draw
from api.service import ServiceDep
from provenance.answers import Graph, GraphEdge, GraphNode, History
from registry.usecases.derivation import graph, history

router = APIRouter(tags=["assets"], dependencies=[Depends(counted("reads"))])
missing = problem_responses(*READING_RECORDS)

Form = Literal["json", "jsonld", "svg"]
JSON_LD = "application/ld+json"
SVG = "image/svg+xml"
_FORMS: dict[str, Form] = {JSON: "json", JSON_LD: "jsonld", SVG: "svg"}


@router.get(
    "/v1/assets/{id}/history",
    response_model=History,
    responses=missing,
    openapi_extra=OPTIONAL_API_KEY,
    summary="The history of a registration",
)
def get_history(request: Request, identifier: AssetId, reader: ReaderDep, service: ServiceDep) -> Response:
    """The log entries about this registration, in log order; entries of erased records without content."""
    found = History(items=tuple(history(service.registry, bytes.fromhex(identifier), reader)))
    return conditional(request, to_json(found), JSON)


@router.get(
    "/v1/assets/{id}/graph",
    response_model=Graph,
    responses=missing
    | NOT_MODIFIED
    | {
        200: {
            "description": "The graph as JSON, as PROV-O in JSON-LD, or drawn as SVG without scripts.",
            "content": {JSON_LD: {"schema": {"type": "object"}}, SVG: {"schema": {"type": "string"}}},
        }
    },
    openapi_extra=OPTIONAL_API_KEY,
    summary="What a picture was made from, and what was made from it",
)
def get_graph(
    request: Request,
    identifier: AssetId,
    reader: ReaderDep,
    service: ServiceDep,
    form: Annotated[Form | None, Query(alias="format", description="Overrides the Accept header.")] = None,
) -> Response:
    """Derivations as stated by the publishers. A sealed or erased record is a node without details."""
    found = graph(service.registry, bytes.fromhex(identifier), reader)
    varies = {"Vary": "Accept"}
    match form or _FORMS[preferred(request.headers.get("accept", "*/*"), list(_FORMS))]:
        case "json":
            return conditional(request, to_json(found), JSON, headers=varies)
        case "jsonld":
            return conditional(request, describe_graph(found), JSON_LD, headers=varies)
        case "svg":
            return conditional(request, draw(of_records(found)), SVG, headers=varies)
        case never:
            assert_never(never)


CONTEXT = {
    "prov": "http://www.w3.org/ns/prov#",
    "dcterms": "http://purl.org/dc/terms/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "countermark": "urn:countermark:vocabulary:",
}


def describe_graph(graph: Graph) -> bytes:
    """The JSON-LD document, in UTF-8."""
    names = {node.publisher: node.publisher_name for node in graph.nodes if node.publisher is not None}
    document = {
        "@context": CONTEXT,
        "@graph": [
            *(_entity(node, [edge for edge in graph.edges if edge.child == node.id]) for node in graph.nodes),
            *(
                {"@id": _agent(publisher), "@type": ["prov:Agent", "prov:Organization"], "rdfs:label": name}
                for publisher, name in sorted(names.items())
            ),
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _entity(node: GraphNode, made_from: list[GraphEdge]) -> dict[str, object]:
    entity: dict[str, object] = {
        "@id": _record(node.id),
        "@type": "prov:Entity",
        "countermark:state": node.state,
    }
    if node.title is not None:
        entity["dcterms:title"] = node.title
    if node.index is not None:
        entity["countermark:logIndex"] = node.index
    if node.logged_at is not None:
        entity["dcterms:dateSubmitted"] = {"@value": node.logged_at.isoformat(), "@type": "xsd:dateTime"}
    if node.standing is not None:
        entity["countermark:standing"] = node.standing
    if node.publisher is not None:
        entity["prov:wasAttributedTo"] = {"@id": _agent(node.publisher)}
    if made_from:
        entity["prov:wasDerivedFrom"] = [{"@id": _record(edge.parent)} for edge in made_from]
        entity["prov:qualifiedDerivation"] = [
            {
                "@type": "prov:Derivation",
                "prov:entity": {"@id": _record(edge.parent)},
                "countermark:relation": edge.relation,
            }
            for edge in made_from
        ]
    return entity


def _record(record: str) -> str:
    return f"urn:countermark:record:{record}"


def _agent(publisher: str) -> str:
    return f"urn:countermark:publisher:{publisher}"
