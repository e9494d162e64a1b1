"""What is drawn of how a picture was made: of other records, as their publishers state it, or of the ingredients that a
content credential (C2PA) names.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.pages.graph_drawing import Drawing, Edge, Node
from provenance.answers import Graph, GraphNode, Ingredient, ReadCredential
from provenance.credentials.report import CredentialState
from provenance.limits import MAX_INGREDIENT_DEPTH, MAX_INGREDIENTS_DRAWN
from provenance.sentences import SENTENCES, Sentences
from provenance.verification.wording import quoted

SUBJECT = "file"
"""The node of the file whose ingredients are drawn."""


def of_records(graph: Graph, words: Sentences = SENTENCES, *, pictured: bool = False) -> Drawing:
    """`pictured`: with thumbnails, which a page alone may load."""
    named = {node.id: node for node in graph.nodes}
    record = words.page["graph_record"]

    def short(identifier: str) -> str:
        title = named[identifier].title
        return quoted(words, title) if title else record.format(id=f"{identifier[:12]}…")

    made = words.page["graph_made"]
    edges = [
        Edge(
            edge.child,
            edge.parent,
            relation := relation_name(edge.relation, words),
            made.format(child=short(edge.child), parent=short(edge.parent), relation=relation),
        )
        for edge in graph.edges
    ]
    subject = named[graph.id]
    title = quoted(words, subject.title) if subject.title else words.page["graph_untitled"]
    stated = words.page["graph_stated"].format(said="; ".join(edge.said for edge in edges))
    return Drawing(
        subject=graph.id,
        title=words.page["graph_title"].format(title=title),
        description=stated if edges else words.page["graph_none"],
        nodes=[_record(node, words, pictured=pictured and node.state == "public") for node in graph.nodes],
        edges=edges,
        more=words.page["graph_more"] if graph.truncated else None,
    )


def relation_name(relation: str, words: Sentences) -> str:
    """In words, where it is one of C2PA's or ours; else as it was written."""
    return words.relations.get(relation, relation)


def _record(node: GraphNode, words: Sentences, *, pictured: bool) -> Node:
    told = node.state == "public" or node.title is not None or node.publisher is not None
    title = node.title or (words.phrases["untitled"] if told else words.states[node.state])
    second = node.publisher_name or words.page["graph_record"].format(id=f"{node.id[:16]}…")
    return Node(
        id=node.id,
        lines=(title, second, _third(node, words)),
        name=_name(node, words),
        href=f"/a/{node.id}",
        picture=f"/v1/assets/{node.id}/thumbnail" if pictured else None,
        told=told,
        order=node.index or 0,
    )


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
    named = (
        quoted(words, node.title)
        if node.title
        else untitled
        if node.publisher
        else words.states.get(node.state, untitled)
    )
    by = words.page["graph_by"].format(name=quoted(words, node.publisher_name)) if node.publisher_name else ""
    third = _third(node, words)
    return f"{named}{by}{f', {third}' if third else ''} ({words.page['graph_record'].format(id=node.id)})"


@dataclass(frozen=True)
class Part:
    """An ingredient with those of its own manifest; `number` is its place in the credential's list."""

    number: int
    ingredient: Ingredient
    parts: "tuple[Part, ...]" = ()


class Nested(NamedTuple):
    """`others`: of which it is not listed what they are within."""

    parts: tuple[Part, ...]
    others: tuple[Part, ...]


def nested(credential: ReadCredential) -> Nested:
    """The ingredients as lists in one another.

    What a manifest holds stands below the first ingredient that it came with, and once. There is no room for that
    ingredient in a list of hundreds, and a report that is older than the field does not say what they are within.
    """
    told: set[int] = set()

    def below(manifest: str) -> tuple[Part, ...]:
        found = [(number, each) for number, each in enumerate(credential.ingredients) if each.within == manifest]
        new = [(number, each) for number, each in found if number not in told]
        told.update(number for number, _ in new)
        return tuple(Part(number, each, below(each.manifest_id) if each.manifest_id else ()) for number, each in new)

    parts = below(credential.manifest_id) if credential.manifest_id is not None else ()
    left = (Part(number, each) for number, each in enumerate(credential.ingredients) if number not in told)
    return Nested(parts, tuple(left))


def of_ingredients(
    credential: ReadCredential, words: Sentences = SENTENCES, thumbnails: Sequence[str | None] = ()
) -> Drawing:
    """The file, and what went into it, as far as there is room.

    Args:
        thumbnails: an address for each ingredient, in their order, which the drawing may load.
    """
    title = words.page["ingredients_file"]
    root = Node(SUBJECT, (title, credential.signer or "", words.values[credential.state]), title)
    nodes, edges = [root], []
    waiting = deque((part, SUBJECT, title, 1) for part in nested(credential).parts)
    while waiting and len(nodes) <= MAX_INGREDIENTS_DRAWN:
        part, within, holder, depth = waiting.popleft()
        each = part.ingredient
        named = quoted(words, each.title) if each.title else words.phrases["untitled"]
        state = words.values[each.state]
        signer = f", {quoted(words, each.signer)}" if each.signer else ""
        identifier, relation = str(part.number), relation_name(each.relationship or "", words)
        picture = thumbnails[part.number] if thumbnails else None
        lines = (each.title or words.phrases["untitled"], each.signer or "", state)
        told = each.state != CredentialState.ABSENT
        nodes.append(Node(identifier, lines, f"{named}: {state}{signer}", None, picture, told, part.number + 1))
        made = words.page["graph_made"].format(child=holder, parent=named, relation=relation)
        edges.append(Edge(within, identifier, relation, made))
        if depth < MAX_INGREDIENT_DEPTH:
            waiting.extend((below, identifier, named, depth + 1) for below in part.parts)
    left = len(credential.ingredients) - len(edges)
    return Drawing(
        subject=SUBJECT,
        title=words.page["ingredients"].format(count=len(credential.ingredients)),
        description=words.page["ingredients_stated"].format(said="; ".join(edge.said for edge in edges)),
        nodes=nodes,
        edges=edges,
        more=words.page["ingredients_more"] if left else None,
    )
