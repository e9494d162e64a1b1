"""The derivation graph in its three forms: nothing a publisher writes gets out of its place."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api.http.accept import preferred
from api.http.conditional import JSON
from api.pages.derivations import nested, of_ingredients, of_records
from api.pages.graph_drawing import draw
from api.routes.graphs import JSON_LD, describe_graph
from api.routes.graphs import SVG as SVG_TYPE
from provenance.answers import Graph, GraphEdge, GraphNode, Ingredient, ReadCredential
from provenance.limits import MAX_INGREDIENT_DEPTH, MAX_INGREDIENTS_DRAWN
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
    svg = ET.fromstring(draw(of_records(FAMILY)))
    assert svg.attrib["role"] == "img"
    named = {element.attrib.get("id"): element.text or "" for element in svg}
    assert named["title"] == "Derivation of “Collage of the flood”"
    assert "“Front page crop” was made from “Collage of the flood” (rendition)" in named["description"]
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
    placed = places(ET.fromstring(draw(of_records(FAMILY))))
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
    drawn = draw(of_records(replace(FAMILY, nodes=(first, FAMILY.nodes[1]), edges=edges)))
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
    svg = ET.fromstring(draw(of_records(Graph(id="a" * 64, nodes=(FAMILY.nodes[1],), edges=(), truncated=False))))
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
    drawn = draw(of_records(FAMILY, CATALOGUES["de"], pictured=True), inline=True)
    assert b"<script" not in drawn
    assert not re.search(rb"\sstyle=|\son[a-z]+=", drawn)
    svg = ET.fromstring(drawn)
    assert svg.attrib["role"] == "group", "its links can be followed with the keyboard"
    shown = [image.attrib["href"] for image in svg.iter("image")]
    public = {node.id for node in FAMILY.nodes if node.state == "public"}
    assert sorted(shown) == sorted(f"/v1/assets/{record}/thumbnail" for record in public)
    assert "Es gibt mehr Einträge, als gezeigt werden." in texts(svg)
    assert "bestritten" in texts(svg)
    assert not any(element.tag.endswith("image") for element in ET.fromstring(draw(of_records(FAMILY))).iter())


def ingredient(title: str, manifest: str | None, within: str, **more: str) -> Ingredient:
    state = more.get("state", "ABSENT" if manifest is None else "VALID_UNTRUSTED")
    relationship = more.get("relationship", "componentOf")
    return Ingredient(
        title=title, relationship=relationship, state=state, problems=(), manifest_id=manifest, within=within
    )


def credential(*ingredients: Ingredient) -> ReadCredential:
    return ReadCredential(
        state="VALID_UNTRUSTED",
        manifest_id="urn:c2pa:file",
        signer="An editor",
        trust_list=None,
        digital_source_types=(),
        signed_at=None,
        ingredients=ingredients,
        problems=(),
    )


COLLAGE = credential(
    ingredient("Monday", "urn:c2pa:monday", "urn:c2pa:file", relationship="parentOf"),
    ingredient("Harbour again", "urn:c2pa:harbour", "urn:c2pa:file", relationship="inputTo"),
    ingredient("Harbour", "urn:c2pa:harbour", "urn:c2pa:monday", state="INVALID"),
    ingredient("A gull", None, "urn:c2pa:monday"),
)


def boxes(svg: ET.Element) -> dict[str, tuple[int, int]]:
    """Where each box is, by what it says first."""
    found = {}
    for group in svg.iter(f"{SVG}g"):
        if "transform" in group.attrib:
            x, y = group.attrib["transform"].removeprefix("translate(").removesuffix(")").split(",")
            found[group.findall(f"{SVG}text")[0].text or ""] = int(x), int(y)
    return found


def test_what_went_into_a_file_is_drawn_left_of_it_with_its_state_and_how_it_was_used() -> None:
    svg = ET.fromstring(draw(of_ingredients(COLLAGE, thumbnails=("data:a", None, None, None))))
    placed = boxes(svg)
    assert placed["A gull"][0] < placed["Monday"][0] < placed["This file"][0]
    assert placed["Harbour"][0] < placed["Monday"][0]
    said = texts(svg)
    for words in ("earlier version", "placed in it", "used as input", "Does not hold", "None in the file", "An editor"):
        assert words in said
    assert "“Monday” was made from “Harbour” (placed in it)" in said
    assert [image.attrib["href"] for image in svg.iter(f"{SVG}image")] == ["data:a"]
    assert list(svg.iter(f"{SVG}a")) == [], "there is nowhere to go"
    german = texts(ET.fromstring(draw(of_ingredients(COLLAGE, CATALOGUES["de"]))))
    for words in ("Diese Datei", "frühere Fassung", "„Monday“ wurde gemacht aus „Harbour“ (eingefügt)"):
        assert words in german


def test_a_list_has_the_same_and_what_belongs_nowhere_of_its_own() -> None:
    lost = ingredient("Lost", None, "urn:c2pa:unlisted")
    parts, others = nested(credential(*COLLAGE.ingredients, lost))
    monday, harbour_again = parts
    assert [each.ingredient.title for each in monday.parts] == ["Harbour", "A gull"]
    assert harbour_again.parts == ()
    assert [each.ingredient.title for each in others] == ["Lost"]
    old = replace(COLLAGE, ingredients=tuple(replace(each, within=None) for each in COLLAGE.ingredients))
    assert (nested(old).parts, len(nested(old).others)) == ((), 4), "a report that is older than the field"


def test_ingredients_in_a_ring_end_somewhere() -> None:
    ring = credential(
        ingredient("One", "urn:c2pa:one", "urn:c2pa:file"),
        ingredient("Two", "urn:c2pa:two", "urn:c2pa:one"),
        ingredient("One again", "urn:c2pa:one", "urn:c2pa:two"),
        ingredient("The file", "urn:c2pa:file", "urn:c2pa:two"),
    )
    assert boxes(ET.fromstring(draw(of_ingredients(ring)))).keys() == {
        *("This file", "One", "Two", "One again", "The file")
    }


def test_a_hundred_ingredients_and_a_long_chain_are_drawn_as_far_as_anybody_looks() -> None:
    many = credential(*(ingredient(f"Part {number}", None, "urn:c2pa:file") for number in range(100)))
    svg = ET.fromstring(draw(of_ingredients(many)))
    assert len(boxes(svg)) == 1 + MAX_INGREDIENTS_DRAWN
    assert "There are more ingredients than are drawn." in texts(svg)
    assert len(nested(many).parts) == 100, "the list has all"
    chain = credential(
        ingredient("Step 0", "urn:c2pa:0", "urn:c2pa:file"),
        *(ingredient(f"Step {number}", f"urn:c2pa:{number}", f"urn:c2pa:{number - 1}") for number in range(1, 250)),
    )
    svg = ET.fromstring(draw(of_ingredients(chain)))
    assert len(boxes(svg)) == 1 + MAX_INGREDIENT_DEPTH
    assert "There are more ingredients than are drawn." in texts(svg)


@pytest.mark.parametrize("hostile", ["</text><script>alert(1)</script>", "” “Tuesday", "\u202egnirts \x07", "a" * 500])
def test_no_title_of_an_ingredient_gets_out_of_its_place(hostile: str) -> None:
    drawn = draw(of_ingredients(credential(ingredient(hostile, None, "urn:c2pa:file"))), inline=True)
    svg = ET.fromstring(drawn)
    assert {element.tag for element in svg.iter()} <= {
        *("svg", "title", "desc", "rect", "g", "path", "polygon", "text")
    }
    assert all(len(element.text or "") <= 40 for element in svg.iter("text"))
    assert b"\xe2\x80\xae" not in drawn
    assert (svg.find("desc").text or "").count("“") == 1  # type: ignore[union-attr]
