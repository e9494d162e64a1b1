"""The derivation graph as PROV-O (W3C, 2013) in JSON-LD 1.1: records are entities, publishers are agents.

What PROV calls derivation is here what a publisher states, not what was established. The time of logging is a
`dcterms:dateSubmitted`, because nobody knows when a picture was generated.
"""

import json

from provenance.answers import Graph, GraphEdge, GraphNode

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
