"""A graph drawn as SVG 1.1 without scripts, style sheets or foreign content, readable by a screen reader.

Parents are to the left of their children. Every text is escaped by the XML writer, and shortened; the full text is the
tooltip and the accessible name.
"""

import unicodedata
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
class Node:
    """What stands in one box.

    Attributes:
        lines: three, each shortened to fit; the first is a title.
        name: all of it, for a screen reader and as a tooltip.
        href: where its link leads; None: it has none.
        picture: address of a thumbnail, which is shown beside the lines.
        told: something is known of it; else its frame is dashed.
        order: among those that have the same parents.
    """

    id: str
    lines: tuple[str, str, str]
    name: str
    href: str | None = None
    picture: str | None = None
    told: bool = True
    order: int = 0


@dataclass(frozen=True)
class Edge:
    """`child` came of `parent`. `relation` stands beside the arrow, `said` is its tooltip."""

    child: str
    parent: str
    relation: str
    said: str


@dataclass(frozen=True)
class Drawing:
    """An acyclic graph as it is drawn. `subject` is the node that it is about; `more` says that there is more."""

    subject: str
    title: str
    description: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    more: str | None = None


@dataclass(frozen=True)
class _Place:
    """The upper left corner of a node."""

    x: int
    y: int


def draw(drawing: Drawing, *, inline: bool = False) -> bytes:
    """The SVG document, in UTF-8; `inline`: an element for a page, whose links can be followed."""
    places = _lay_out(drawing)
    width = max(place.x for place in places.values()) + _WIDTH + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT + _MARGIN + (24 if drawing.more else 0)
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
    _text(svg, "title", drawing.title, id=f"{prefix}title")
    _text(svg, "desc", drawing.description, id=f"{prefix}description")
    ET.SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": _PAPER})
    column = _generations(drawing)
    for edge in drawing.edges:
        _draw_edge(svg, edge, [places[name] for name in _way(edge, column)])
    for node in drawing.nodes:
        _draw_node(svg, node, places[node.id], subject=node.id == drawing.subject)
    if drawing.more:
        _text(svg, "text", drawing.more, x=_MARGIN, y=height - 16, fill=_PALE, font_size=13)
    drawn = ET.tostring(svg, encoding="unicode").encode()
    return drawn if inline else b'<?xml version="1.0" encoding="UTF-8"?>\n' + drawn


def _lay_out(drawing: Drawing) -> dict[str, _Place]:
    """A column for each generation; within a column, nodes are near their parents.

    An arrow that passes a column has a place of its own there (see `_way`), so that it crosses no node.
    """
    column = _generations(drawing)
    before: dict[str, list[str]] = defaultdict(list)
    for edge in drawing.edges:
        way = _way(edge, column)
        for behind, at in pairwise(way):
            before[at].append(behind)
        column |= {name: column[edge.parent] + number for number, name in enumerate(way[1:-1], 1)}
    order = {node.id: node.order for node in drawing.nodes}
    columns: dict[int, list[str]] = defaultdict(list)
    for name in sorted(column, key=lambda name: (column[name], order.get(name, 0))):
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


def _way(edge: Edge, column: Mapping[str, int]) -> list[str]:
    """The names of the places on an arrow's way: parent, one for each column between, child."""
    between = range(column[edge.parent] + 1, column[edge.child])
    return [edge.parent, *(f"{edge.parent} {edge.child} {edge.relation} {number}" for number in between), edge.child]


def _generations(drawing: Drawing) -> dict[str, int]:
    """By node, the length of the longest path to it from a node without parents. The graph is acyclic."""
    generation = {node.id: 0 for node in drawing.nodes}
    for _ in drawing.nodes:
        for edge in drawing.edges:
            generation[edge.child] = max(generation[edge.child], generation[edge.parent] + 1)
    least = min(generation.values())
    return {each: number - least for each, number in generation.items()}


def _draw_edge(svg: ET.Element, edge: Edge, way: Sequence[_Place]) -> None:
    group = ET.SubElement(svg, "g")
    _text(group, "title", edge.said)
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


def _draw_node(svg: ET.Element, node: Node, place: _Place, *, subject: bool) -> None:
    around = svg if node.href is None else ET.SubElement(svg, "a", {"href": node.href})
    group = ET.SubElement(around, "g", {"transform": f"translate({place.x},{place.y})"})
    _text(group, "title", node.name)
    box = {
        "width": str(_WIDTH),
        "height": str(_HEIGHT),
        "rx": "6",
        "fill": _SUBJECT if subject else _PAPER,
        "stroke": _INK if subject else _LINE,
        "stroke-width": "2.5" if subject else "1.25",
    }
    ET.SubElement(group, "rect", box if node.told else box | {"stroke-dasharray": "5 4"})
    left, narrower = (12, 0) if node.picture is None else (_THUMBNAIL + 20, _THUMBNAIL_CELLS)
    if node.picture is not None:
        placed = {"x": "10", "y": str((_HEIGHT - _THUMBNAIL) // 2), "width": str(_THUMBNAIL), "height": str(_THUMBNAIL)}
        ET.SubElement(group, "image", placed | {"href": node.picture, "preserveAspectRatio": "xMidYMid slice"})
    title, second, third = node.lines
    title_cells, cells = _TITLE_CELLS - narrower, _LINE_CELLS - narrower
    _text(group, "text", _shorten(title, title_cells), x=left, y=25, fill=_INK, font_size=15, font_weight="600")
    _text(group, "text", _shorten(second, cells), x=left, y=45, fill=_PALE, font_size=13)
    _text(group, "text", _shorten(third, cells), x=left, y=64, fill=_PALE, font_size=13)


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
