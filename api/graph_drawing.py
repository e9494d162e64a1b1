"""The derivation graph drawn: SVG 1.1 without script, style sheet or foreign content, readable by a screen reader.

Time runs from left to right: what a picture was made from stands left of it. Every text in it is escaped by the XML
writer, and shortened; the whole one is the tooltip and the accessible name.
"""

import unicodedata
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from registry.views import EdgeView, GraphView, NodeView

_WIDTH, _HEIGHT = 236, 78
"""Pixels of a node: three lines of text, the longest of about 34 Latin letters."""
_ACROSS, _DOWN, _MARGIN = 132, 26, 24
"""Pixels between columns (room for a relation's name), between rows, and around it all."""
_TITLE_CELLS, _LINE_CELLS, _RELATION_CELLS = 28, 34, 18
_INK, _PALE, _LINE, _PAPER, _SUBJECT = "#1c1c1c", "#5c5c5c", "#8a8a8a", "#ffffff", "#eef1f6"

_STATES = {"sealed": "Sealed", "erased": "Erased", "unknown": "Not in this log"}
_FONT = "system-ui, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class _Place:
    """The upper left corner of a node."""

    x: int
    y: int


def draw_graph(graph: GraphView) -> bytes:
    """The SVG document, in UTF-8."""
    places = _lay_out(graph)
    width = max(place.x for place in places.values()) + _WIDTH + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT + _MARGIN + (24 if graph.truncated else 0)
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "title description",
            "font-family": _FONT,
        },
    )
    _text(svg, "title", _heading(graph), id="title")
    _text(svg, "desc", _description(graph), id="description")
    ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": _PAPER})
    for edge in graph.edges:
        _draw_edge(svg, edge, places)
    for node in graph.nodes:
        _draw_node(svg, node, places[node.id], subject=node.id == graph.id)
    if graph.truncated:
        _text(svg, "text", "There is more than is shown.", x=_MARGIN, y=height - 16, fill=_PALE, font_size=13)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(svg, encoding="unicode").encode()


def _lay_out(graph: GraphView) -> dict[str, _Place]:
    """A column for each generation; within one, nodes stand near what they were made from."""
    column = _generations(graph)
    parents: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        parents[edge.child].append(edge.parent)
    columns: dict[int, list[str]] = defaultdict(list)
    row: dict[str, float] = {}
    for node in sorted(graph.nodes, key=lambda node: (column[node.id], node.index or 0)):
        columns[column[node.id]].append(node.id)
    for number in sorted(columns):
        before = {each: [row[parent] for parent in parents[each] if parent in row] for each in columns[number]}
        ordered = sorted(columns[number], key=lambda each: sum(before[each]) / max(1, len(before[each])))
        offset = (max(map(len, columns.values())) - len(ordered)) / 2
        row |= {each: offset + at for at, each in enumerate(ordered)}
    return {
        each: _Place(_MARGIN + column[each] * (_WIDTH + _ACROSS), _MARGIN + round(row[each] * (_HEIGHT + _DOWN)))
        for each in row
    }


def _generations(graph: GraphView) -> dict[str, int]:
    """By node, the length of the longest way to it from something that names no parent. Records form no rings."""
    generation = {node.id: 0 for node in graph.nodes}
    for _ in graph.nodes:
        for edge in graph.edges:
            generation[edge.child] = max(generation[edge.child], generation[edge.parent] + 1)
    least = min(generation.values())
    return {each: number - least for each, number in generation.items()}


def _draw_edge(svg: ET.Element, edge: EdgeView, places: Mapping[str, _Place]) -> None:
    start, end = places[edge.parent], places[edge.child]
    x1, y1 = start.x + _WIDTH, start.y + _HEIGHT / 2
    x2, y2 = end.x - 7, end.y + _HEIGHT / 2
    bend = (x1 + x2) / 2
    group = ET.SubElement(svg, "g")
    _text(group, "title", f"{edge.relation}: {edge.child[:12]}… was made from {edge.parent[:12]}…")
    path = f"M{x1:.0f},{y1:.0f} C{bend:.0f},{y1:.0f} {bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
    ET.SubElement(group, "path", {"d": path, "fill": "none", "stroke": _LINE, "stroke-width": "1.5"})
    arrow = f"{x2:.0f},{y2 - 5:.0f} {x2 + 7:.0f},{y2:.0f} {x2:.0f},{y2 + 5:.0f}"
    ET.SubElement(group, "polygon", {"points": arrow, "fill": _LINE})
    label = _shortened(edge.relation, _RELATION_CELLS)
    at = (x2 - _ACROSS / 2 + 3, y2 - 8) if x2 - x1 > _ACROSS else (bend, (y1 + y2) / 2 - 8)
    _text(group, "text", label, x=at[0], y=at[1], fill=_PALE, font_size=12, text_anchor="middle")


def _draw_node(svg: ET.Element, node: NodeView, place: _Place, *, subject: bool) -> None:
    told = node.state == "public" or node.title is not None or node.publisher is not None
    link = ET.SubElement(svg, "a", {"href": f"/a/{node.id}"})
    group = ET.SubElement(link, "g", {"transform": f"translate({place.x},{place.y})"})
    _text(group, "title", _name(node))
    box = {
        "width": str(_WIDTH),
        "height": str(_HEIGHT),
        "rx": "6",
        "fill": _SUBJECT if subject else _PAPER,
        "stroke": _INK if subject else _LINE,
        "stroke-width": "2.5" if subject else "1.25",
    }
    ET.SubElement(group, "rect", box if told else box | {"stroke-dasharray": "5 4"})
    title = node.title or ("Untitled" if told else _STATES[node.state])
    _text(group, "text", _shortened(title, _TITLE_CELLS), x=12, y=25, fill=_INK, font_size=15, font_weight="600")
    second = node.publisher_name or f"record {node.id[:16]}…"
    _text(group, "text", _shortened(second, _LINE_CELLS), x=12, y=45, fill=_PALE, font_size=13)
    _text(group, "text", _shortened(_third(node), _LINE_CELLS), x=12, y=64, fill=_PALE, font_size=13)


def _third(node: NodeView) -> str:
    parts = [] if node.index is None else [f"entry {node.index}"]
    if node.logged_at is not None:
        parts.append(f"{node.logged_at:%-d %b %Y}")
    if node.state != "public" and node.title is not None:
        parts.append(_STATES[node.state].lower())
    if node.standing not in (None, "current"):
        parts.append(str(node.standing))
    return ", ".join(parts)


def _name(node: NodeView) -> str:
    title = node.title or ("Untitled" if node.publisher else _STATES.get(node.state, "Untitled"))
    by = f", registered by {node.publisher_name}" if node.publisher_name else ""
    third = _third(node)
    return f"{title}{by}{f', {third}' if third else ''} (record {node.id})"


def _heading(graph: GraphView) -> str:
    subject = next(node for node in graph.nodes if node.id == graph.id)
    return f"Derivation of {subject.title or 'an untitled picture'}"


def _description(graph: GraphView) -> str:
    """The graph in sentences, as its publishers state it."""
    names = {node.id: f"“{node.title}”" if node.title else f"record {node.id[:12]}…" for node in graph.nodes}
    if not graph.edges:
        return "No registration here is stated to be made from it, and it names none that it was made from."
    said = [f"{names[edge.child]} was made from {names[edge.parent]} ({edge.relation})" for edge in graph.edges]
    return f"As the publishers state it: {'; '.join(said)}."


def _text(parent: ET.Element, tag: str, text: str, **attributes: str | float) -> None:
    named = {
        name.replace("_", "-"): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    ET.SubElement(parent, tag, named).text = _plain(text)


def _plain(text: str) -> str:
    """Without what XML cannot hold and what turns text round: control characters, and direction marks (UAX #9)."""
    return "".join(
        character
        for character in " ".join(text.split())
        if unicodedata.category(character) not in ("Cc", "Cs", "Cn") and character not in _DIRECTIONS
    )


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _shortened(text: str, cells: int) -> str:
    """At most so many cells of Latin width, where an East Asian character takes two (UAX #11)."""
    kept, used = "", 0
    for character in _plain(text):
        used += 0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "FW" else 1
        if used > cells:
            return f"{kept[:-1].rstrip()}…"
        kept += character
    return kept
