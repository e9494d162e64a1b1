"""Draws the derivation graph: SVG 1.1 without scripts, style sheets or foreign content, readable by a screen reader.

Parents are to the left of their children. Every text is escaped by the XML writer, and shortened; the full text is the
tooltip and the accessible name.
"""

import unicodedata
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from provenance.answers import Graph, GraphEdge, GraphNode
from provenance.quotation import quote
from provenance.sentences import SENTENCES, Sentences

_WIDTH, _HEIGHT = 236, 78
"""Pixels of a node: three lines of text of `_LINE_CELLS` fit, in the widest of the usual fonts."""
_ACROSS, _DOWN, _MARGIN = 132, 26, 24
"""Pixels between columns (room for a relation's name), between rows, and around the drawing."""
_ARROW = 7
"""Pixels: length of an arrow's head."""
_TITLE_CELLS, _LINE_CELLS, _RELATION_CELLS = 23, 30, 18
_THUMBNAIL, _THUMBNAIL_CELLS = 58, 9
"""Pixels of a thumbnail's sides, and how many characters fewer a line beside it has."""
_INK, _PALE, _LINE, _PAPER, _SUBJECT = "#1c1c1c", "#5c5c5c", "#8a8a8a", "#ffffff", "#eef1f6"

_FONT = "system-ui, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class _Place:
    """The upper left corner of a node."""

    x: int
    y: int


def draw_graph(graph: Graph, words: Sentences = SENTENCES, *, inline: bool = False) -> bytes:
    """The SVG document, in UTF-8; `inline`: an element for a page, with thumbnails, which a page alone may load."""
    places = _lay_out(graph)
    width = max(place.x for place in places.values()) + _WIDTH + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT + _MARGIN + (24 if graph.truncated else 0)
    prefix = "drawing-" if inline else ""
    svg = ET.Element(
        "svg",
        {
            **({} if inline else {"xmlns": "http://www.w3.org/2000/svg"}),
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "group" if inline else "img",
            "aria-labelledby": f"{prefix}title {prefix}description",
            "font-family": _FONT,
        },
    )
    _text(svg, "title", _heading(graph, words), id=f"{prefix}title")
    _text(svg, "desc", _description(graph, words), id=f"{prefix}description")
    ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": _PAPER})
    column = _generations(graph)
    for edge in graph.edges:
        _draw_edge(svg, edge, [places[name] for name in _way(edge, column)], words)
    for node in graph.nodes:
        _draw_node(svg, node, places[node.id], words, subject=node.id == graph.id, pictured=inline)
    if graph.truncated:
        _text(
            svg,
            "text",
            words.page["graph_more"],
            x=_MARGIN,
            y=height - 16,
            fill=_PALE,
            font_size=13,
        )
    drawn = ET.tostring(svg, encoding="unicode").encode()
    return drawn if inline else b'<?xml version="1.0" encoding="UTF-8"?>\n' + drawn


def _lay_out(graph: Graph) -> dict[str, _Place]:
    """A column for each generation; within a column, nodes are near their parents.

    An arrow that passes a column has a place of its own there (see `_way`), so that it crosses no node.
    """
    column = _generations(graph)
    before: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        way = _way(edge, column)
        for behind, at in pairwise(way):
            before[at].append(behind)
        column |= {name: column[edge.parent] + number for number, name in enumerate(way[1:-1], 1)}
    index = {node.id: node.index or 0 for node in graph.nodes}
    columns: dict[int, list[str]] = defaultdict(list)
    for name in sorted(column, key=lambda name: (column[name], index.get(name, 0))):
        columns[column[name]].append(name)
    tallest = max(map(len, columns.values()))
    row: dict[str, float] = {}
    for number in sorted(columns):
        mean = {name: sum(row[each] for each in before[name]) / max(1, len(before[name])) for name in columns[number]}
        offset = (tallest - len(columns[number])) / 2
        row |= {name: offset + at for at, name in enumerate(sorted(columns[number], key=lambda name: mean[name]))}
    return {
        name: _Place(_MARGIN + column[name] * (_WIDTH + _ACROSS), _MARGIN + round(row[name] * (_HEIGHT + _DOWN)))
        for name in row
    }


def _way(edge: GraphEdge, column: Mapping[str, int]) -> list[str]:
    """The names of the places on an arrow's way: parent, one for each column between, child."""
    between = range(column[edge.parent] + 1, column[edge.child])
    return [edge.parent, *(f"{edge.parent} {edge.child} {edge.relation} {number}" for number in between), edge.child]


def _generations(graph: Graph) -> dict[str, int]:
    """By node, the length of the longest path to it from a node without parents. The graph is acyclic."""
    generation = {node.id: 0 for node in graph.nodes}
    for _ in graph.nodes:
        for edge in graph.edges:
            generation[edge.child] = max(generation[edge.child], generation[edge.parent] + 1)
    least = min(generation.values())
    return {each: number - least for each, number in generation.items()}


def _draw_edge(svg: ET.Element, edge: GraphEdge, way: Sequence[_Place], words: Sentences) -> None:
    group = ET.SubElement(svg, "g")
    made = words.page["graph_made"]
    _text(
        group,
        "title",
        made.format(child=f"{edge.child[:12]}…", parent=f"{edge.parent[:12]}…", relation=edge.relation),
    )
    middles = [(place.x, place.y + _HEIGHT / 2) for place in way]
    path = f"M{middles[0][0] + _WIDTH:g},{middles[0][1]:g}"
    for number, ((x1, y1), (x2, y2)) in enumerate(pairwise(middles)):
        if number:
            path += f" H{x1 + _WIDTH:g}"
        bend = x2 - _ACROSS / 2
        path += f" C{bend:g},{y1:g} {bend:g},{y2:g} {x2 - (_ARROW if (x2, y2) == middles[-1] else 0):g},{y2:g}"
    ET.SubElement(group, "path", {"d": path, "fill": "none", "stroke": _LINE, "stroke-width": "1.5"})
    (_, y1), (x2, y2) = middles[-2:]
    arrow = f"{x2 - _ARROW:g},{y2 - 5:g} {x2:g},{y2:g} {x2 - _ARROW:g},{y2 + 5:g}"
    ET.SubElement(group, "polygon", {"points": arrow, "fill": _LINE})
    _text(
        group,
        "text",
        _shorten(edge.relation, _RELATION_CELLS),
        x=x2 - _ACROSS / 2,
        y=(y1 + y2) / 2 - 6,
        fill=_PALE,
        font_size=12,
        text_anchor="middle",
        stroke=_PAPER,
        stroke_width=4,
        paint_order="stroke",
    )


def _draw_node(
    svg: ET.Element, node: GraphNode, place: _Place, words: Sentences, *, subject: bool, pictured: bool
) -> None:
    told = node.state == "public" or node.title is not None or node.publisher is not None
    link = ET.SubElement(svg, "a", {"href": f"/a/{node.id}"})
    group = ET.SubElement(link, "g", {"transform": f"translate({place.x},{place.y})"})
    _text(group, "title", _name(node, words))
    box = {
        "width": str(_WIDTH),
        "height": str(_HEIGHT),
        "rx": "6",
        "fill": _SUBJECT if subject else _PAPER,
        "stroke": _INK if subject else _LINE,
        "stroke-width": "2.5" if subject else "1.25",
    }
    ET.SubElement(group, "rect", box if told else box | {"stroke-dasharray": "5 4"})
    title = node.title or (words.phrases["untitled"] if told else words.states[node.state])
    second = node.publisher_name or words.page["graph_record"].format(id=f"{node.id[:16]}…")
    left, narrower = (_THUMBNAIL + 20, _THUMBNAIL_CELLS) if pictured and node.state == "public" else (12, 0)
    if narrower:
        placed = {"x": "10", "y": str((_HEIGHT - _THUMBNAIL) // 2), "width": str(_THUMBNAIL), "height": str(_THUMBNAIL)}
        shown = {"href": f"/v1/assets/{node.id}/thumbnail", "preserveAspectRatio": "xMidYMid slice"}
        ET.SubElement(group, "image", placed | shown)
    title_cells, cells = _TITLE_CELLS - narrower, _LINE_CELLS - narrower
    _text(group, "text", _shorten(title, title_cells), x=left, y=25, fill=_INK, font_size=15, font_weight="600")
    _text(group, "text", _shorten(second, cells), x=left, y=45, fill=_PALE, font_size=13)
    _text(group, "text", _shorten(_third(node, words), cells), x=left, y=64, fill=_PALE, font_size=13)


def _third(node: GraphNode, words: Sentences) -> str:
    """State and standing come before the date: the end of a line may be cut."""
    parts = [] if node.index is None else [words.page["graph_entry"].format(index=node.index)]
    if node.state != "public" and node.title is not None:
        parts.append(words.states[node.state].lower())
    if node.standing not in (None, "current"):
        parts.append(words.standings.get(str(node.standing), str(node.standing)))
    if node.logged_at is not None:
        parts.append(words.short_date(node.logged_at))
    return ", ".join(parts)


def _name(node: GraphNode, words: Sentences) -> str:
    untitled = words.phrases["untitled"]
    named = quote(node.title) if node.title else untitled if node.publisher else words.states.get(node.state, untitled)
    by = words.page["graph_by"].format(name=quote(node.publisher_name)) if node.publisher_name else ""
    third = _third(node, words)
    return f"{named}{by}{f', {third}' if third else ''} ({words.page['graph_record'].format(id=node.id)})"


def _heading(graph: Graph, words: Sentences) -> str:
    subject = next(node for node in graph.nodes if node.id == graph.id)
    title = quote(subject.title) if subject.title else words.page["graph_untitled"]
    return words.page["graph_title"].format(title=title)


def _description(graph: Graph, words: Sentences) -> str:
    """The graph in sentences, as stated by its publishers."""
    record = words.page["graph_record"]
    names = {node.id: quote(node.title) if node.title else record.format(id=f"{node.id[:12]}…") for node in graph.nodes}
    if not graph.edges:
        return words.page["graph_none"]
    made = words.page["graph_made"]
    said = [
        made.format(child=names[edge.child], parent=names[edge.parent], relation=edge.relation) for edge in graph.edges
    ]
    return words.page["graph_stated"].format(said="; ".join(said))


def _text(parent: ET.Element, tag: str, text: str, **attributes: str | float) -> None:
    named = {
        name.replace("_", "-"): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    ET.SubElement(parent, tag, named).text = _plain(text)


def _plain(text: str) -> str:
    """The text without characters that XML does not allow, and without those that change its direction (UAX #9)."""
    return "".join(
        character
        for character in " ".join(text.split())
        if unicodedata.category(character) not in ("Cc", "Cs", "Cn") and character not in _DIRECTIONS
    )


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _shorten(text: str, cells: int) -> str:
    """The text cut to `cells` of Latin width; an East Asian character takes two (UAX #11)."""
    kept, used = "", 0
    for character in _plain(text):
        used += 0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "FW" else 1
        if used > cells:
            return f"{kept[:-1].rstrip()}…"
        kept += character
    return kept
