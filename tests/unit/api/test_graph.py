"""The derivation graph in its three forms: nothing a publisher writes gets out of its place."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api.http.accept import preferred
from api.http.conditional import JSON
from api.pages.graph_drawing import draw_graph
from api.routes.graphs import JSON_LD, describe_graph
from api.routes.graphs import SVG as SVG_TYPE
from provenance.answers import Graph, GraphEdge, GraphNode
from provenance.sentences import CATALOGUES

SVG = "{http://www.w3.org/2000/svg}"
WHEN = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def node(letter: str, title: str | None = None, *, state: str = "public", index: int = 5) -> GraphNode:
    told = state == "public"
    return GraphNode(
        id=letter * 64,
        state=state,
        index=index,
        title=title,
        publisher="daily" if told else None,
        publisher_name="The Daily" if told else None,
        logged_at=WHEN if told else None,
        standing="current" if told else None,
    )


def edge(child: str, parent: str, relation: str) -> GraphEdge:
    return GraphEdge(child=child, parent=parent, relation=relation)


FAMILY = Graph(
    id="c" * 64,
    nodes=(
        node("c", "Collage of the flood", index=9),
        node("a", "Bridge at dawn, with a very long title that goes on and on", index=4),
        node("b", state="sealed", index=6),
        replace(node("d", "Front page crop", index=12), standing="disputed"),
        node("e", state="erased", index=3),
        node("f", "水害の朝、橋の上から見た川の流れと人々", index=10),
    ),
    edges=(
        edge("c" * 64, "a" * 64, "componentOf"),
        edge("c" * 64, "b" * 64, "componentOf"),
        edge("d" * 64, "c" * 64, "renditionOf"),
        edge("a" * 64, "e" * 64, "parentOf"),
        edge("f" * 64, "c" * 64, "<script>alert(1)</script> & “more”"),
        edge("f" * 64, "a" * 64, "inputTo"),
    ),
    truncated=True,
)


def texts(svg: ET.Element) -> str:
    return " ".join(element.text or "" for element in svg.iter())


def places(svg: ET.Element) -> dict[str, tuple[int, int]]:
    found = {}
    for link in svg.iter(f"{SVG}a"):
        group = link.find(f"{SVG}g")
        assert group is not None
        x, y = group.attrib["transform"].removeprefix("translate(").removesuffix(")").split(",")
        found[link.attrib["href"].removeprefix("/a/")[0]] = int(x), int(y)
    return found


def test_a_drawing_has_a_name_a_description_and_each_record_with_its_link() -> None:
    svg = ET.fromstring(draw_graph(FAMILY))
    assert svg.attrib["role"] == "img"
    named = {element.attrib.get("id"): element.text or "" for element in svg}
    assert named["title"] == "Derivation of “Collage of the flood”"
    assert "“Front page crop” was made from “Collage of the flood” (renditionOf)" in named["description"]
    assert places(svg).keys() == set("abcdef")
    said = texts(svg)
    for word in (
        "Sealed",
        "Erased",
        "The Daily",
        "entry 9, 4 May 2026",
        "disputed",
        "more records than are shown.",
    ):
        assert word in said


def test_what_a_picture_was_made_from_stands_left_of_it_and_no_two_records_overlap() -> None:
    placed = places(ET.fromstring(draw_graph(FAMILY)))
    for edge in FAMILY.edges:
        assert placed[edge.parent[0]][0] < placed[edge.child[0]][0]
    for one, (x1, y1) in placed.items():
        for other, (x2, y2) in placed.items():
            assert one == other or abs(x1 - x2) >= 236 or abs(y1 - y2) >= 78


@pytest.mark.parametrize(
    "hostile",
    [
        "</text><script>alert(1)</script>",
        '"><a href="javascript:alert(1)">',
        "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>",
        "\u202egnirts \x07\x00 \ufffe \ud800",
        "a" * 500,
    ],
)
def test_no_text_gets_out_of_its_place(hostile: str) -> None:
    first = replace(FAMILY.nodes[0], title=hostile, publisher_name=hostile)
    edges = (edge("c" * 64, "a" * 64, hostile),)
    drawn = draw_graph(replace(FAMILY, nodes=(first, FAMILY.nodes[1]), edges=edges))
    svg = ET.fromstring(drawn)
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} == {
        *("svg", "title", "desc", "rect", "g", "path", "polygon", "text", "a")
    }
    assert {link.attrib["href"] for link in svg.iter(f"{SVG}a")} == {"/a/" + "c" * 64, "/a/" + "a" * 64}
    assert not [name for element in svg.iter() for name in element.attrib if name.startswith("on")]
    assert all(len(element.text or "") <= 40 for element in svg.iter(f"{SVG}text"))
    assert b"\xe2\x80\xae" not in drawn


def test_prov_holds_any_text_a_record_can_hold() -> None:
    hostile = '"}], "@context": "https://evil.example", \\ \u2028 </script>'
    first = replace(FAMILY.nodes[0], title=hostile, publisher_name=hostile)
    described = json.loads(describe_graph(replace(FAMILY, nodes=(first,), edges=())))
    assert described["@graph"][0]["dcterms:title"] == described["@graph"][1]["rdfs:label"] == hostile


def test_a_picture_alone_is_drawn_alone() -> None:
    svg = ET.fromstring(draw_graph(Graph(id="a" * 64, nodes=(FAMILY.nodes[1],), edges=(), truncated=False)))
    assert list(places(svg)) == ["a"]
    assert "The record states no parents" in texts(svg)


def test_prov_says_what_was_derived_from_what_and_who_states_it() -> None:
    document = json.loads(describe_graph(FAMILY))
    assert document["@context"]["prov"] == "http://www.w3.org/ns/prov#"
    by_id = {item["@id"]: item for item in document["@graph"]}
    collage = by_id[f"urn:countermark:record:{'c' * 64}"]
    assert collage["@type"] == "prov:Entity"
    assert [each["@id"][-64:] for each in collage["prov:wasDerivedFrom"]] == ["a" * 64, "b" * 64]
    assert collage["prov:qualifiedDerivation"][0]["countermark:relation"] == "componentOf"
    assert collage["prov:wasAttributedTo"] == {"@id": "urn:countermark:publisher:daily"}
    assert collage["dcterms:dateSubmitted"]["@value"] == "2026-05-04T09:30:00+00:00"
    assert by_id["urn:countermark:publisher:daily"]["rdfs:label"] == "The Daily"
    sealed = by_id[f"urn:countermark:record:{'b' * 64}"]
    assert sealed == {
        "@id": f"urn:countermark:record:{'b' * 64}",
        "@type": "prov:Entity",
        "countermark:state": "sealed",
        "countermark:logIndex": 6,
    }


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/html", JSON),
        ("image/*", SVG_TYPE),
        ("application/ld+json; profile=x, application/json;q=0.5", JSON_LD),
        ("application/json;q=0.2, image/svg+xml;q=0.9", SVG_TYPE),
        ("image/svg+xml;q=0", JSON),
        ("IMAGE/SVG+XML ; Q=1.000", SVG_TYPE),
        ("image/svg+xml;q=x, application/ld+json;q=0.1", JSON_LD),
    ],
)
def test_the_accept_header_chooses_the_form(accept: str, form: str) -> None:
    assert preferred(accept, [JSON, JSON_LD, SVG_TYPE]) == form


def test_a_drawing_in_a_page_has_thumbnails_of_what_is_public_and_no_markup_of_strangers() -> None:
    drawn = draw_graph(FAMILY, CATALOGUES["de"], inline=True)
    assert b"<script" not in drawn
    assert not re.search(rb"\sstyle=|\son[a-z]+=", drawn)
    svg = ET.fromstring(drawn)
    assert svg.attrib["role"] == "group", "its links can be followed with the keyboard"
    shown = [image.attrib["href"] for image in svg.iter("image")]
    public = {node.id for node in FAMILY.nodes if node.state == "public"}
    assert sorted(shown) == sorted(f"/v1/assets/{record}/thumbnail" for record in public)
    assert "Es gibt mehr Einträge, als gezeigt werden." in texts(svg)
    assert "bestritten" in texts(svg)
    assert not any(element.tag.endswith("image") for element in ET.fromstring(draw_graph(FAMILY)).iter())
