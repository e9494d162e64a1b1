"""The web pages: Jinja2 templates and plain ES modules from `api/pages`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response

from api.http.accept import takes_gzip
from api.http.conditional import FOREVER, FRESH, conditional
from api.http.limits import limited
from api.http.middleware import FETCHING_POLICY
from api.http.parameters import HEX
from api.pages.derivations import of_records, relation_name
from api.pages.graph_drawing import draw
from api.pages.reference import Reference
from api.pages.reference import reference as read_reference
from api.pages.rendering import (
    HTML,
    LANGUAGE_VARIES,
    MEDIA_TYPES,
    language_of,
    packed,
    render,
    static_files,
    static_version,
)
from api.service import ServiceDep
from provenance import __version__
from provenance.answers import Asset, Graph, GraphNode
from provenance.errors import Erased, NotFound, Sealed
from provenance.message import Message, said
from provenance.sentences import CATALOGUES, Sentences
from provenance.verification.wording import vouch
from provenance.vocabulary import find_stated_source_type
from registry.registry import Registry
from registry.usecases import read as catalogue
from registry.usecases.derivation import graph, history
from registry.usecases.resemblances import resembles

FETCHES = "fetch_worker.js"
"""The script that fetches pictures from other hosts, in a worker."""

RECENT = 6
"""Registrations shown on the home page."""

MAX_SOUGHT = 100
"""Characters that are looked up: a record's URN has 87."""

LISTED = 10
"""Registrations listed on the page of a publisher and of the log."""

GROWTH_BOX = (640, 160)
"""Width and height of the drawing of the log's growth, in its own units."""

router = APIRouter(include_in_schema=False, dependencies=[Depends(limited("reads"))])


@router.get("/")
def home(request: Request, service: ServiceDep) -> Response:
    recent = catalogue.assets_page(service.registry, publisher=None, sha256=None, before=None, limit=RECENT)
    return _page(request, "home.html", service, recent=recent)


@router.get("/verify")
def verify(request: Request, service: ServiceDep) -> Response:
    settings = service.settings
    return _page(request, "verify.html", service, most_bytes=settings.max_media_bytes, report_days=settings.report_days)


@router.get("/a/{identifier}")
def asset(request: Request, identifier: str, service: ServiceDep) -> Response:
    """A registration; an unknown address is answered with a page, not a problem, because people type addresses."""
    try:
        if not re.fullmatch(HEX, identifier):
            raise NotFound("There is no such asset.")
        record_id = bytes.fromhex(identifier)
        shown = catalogue.asset(service.registry, record_id)
        past = history(service.registry, record_id)
        similar = resembles(service.registry, record_id)
        made = graph(service.registry, record_id)
    except NotFound:
        return Response(render(request, "missing.html", service), 404, media_type=HTML)
    except Sealed:
        return Response(render(request, "sealed.html", service), 403, media_type=HTML)
    except Erased:
        past = history(service.registry, record_id)
        return Response(render(request, "erased.html", service, history=past), 410, media_type=HTML)
    words = CATALOGUES[language_of(request)]
    stated = find_stated_source_type(shown.digital_source_type or "")
    return _page(
        request,
        "asset.html",
        service,
        asset=shown,
        source_type="" if stated is None else said(Message(stated.label), words.language),
        history=past,
        graph=made,
        drawing=draw(of_records(made, words, pictured=True), inline=True).decode() if made.edges else "",
        nested=_nested(made),
        relation=partial(relation_name, words=words),
        names={node.id: node.title or _unnamed(node, words) for node in made.nodes},
        resembles=similar,
    )


@dataclass(frozen=True)
class Derived:
    """A record of a derivation graph below what it was made from; None: it states no source that is shown."""

    id: str
    relation: str | None
    made: "tuple[Derived, ...]"


def _nested(graph: Graph) -> tuple[Derived, ...]:
    """The graph as lists in one another: a record with several sources is below each, and goes on below the first."""
    told: set[str] = set()

    def below(record: str, relation: str | None) -> Derived:
        edges = [] if record in told else [edge for edge in graph.edges if edge.parent == record]
        told.add(record)
        return Derived(record, relation, tuple(below(edge.child, edge.relation) for edge in edges))

    children = {edge.child for edge in graph.edges}
    return tuple(below(node.id, None) for node in graph.nodes if node.id not in children)


def _unnamed(node: GraphNode, words: Sentences) -> str:
    key = f"asset_unnamed_{node.state}" if node.state in ("sealed", "erased") else "asset_unnamed"
    return words.page[key].format(id=node.id[:12])


@router.get("/publishers/{identifier}")
def publisher(request: Request, identifier: str, service: ServiceDep) -> Response:
    """A publisher: who says who it is, its keys and their history, and its newest registrations."""
    try:
        shown = catalogue.publisher(service.registry, identifier)
        keys = catalogue.publisher_keys(service.registry, identifier)
    except NotFound:
        return Response(render(request, "no_publisher.html", service), 404, media_type=HTML)
    recent = catalogue.assets_page(service.registry, publisher=identifier, sha256=None, before=None, limit=LISTED)
    vouched = vouch(CATALOGUES[language_of(request)], shown.name, shown.identity.established)
    return _page(request, "publisher.html", service, publisher=shown, keys=keys, recent=recent, vouched=vouched)


def _find(registry: Registry, text: str) -> list[Asset]:
    """Public registrations with that log index, record id or digest of a file."""
    wanted = text.strip().lower().removeprefix("urn:countermark:record:")
    if re.fullmatch(r"\d{1,15}", wanted):
        near = catalogue.assets_page(registry, publisher=None, sha256=None, before=int(wanted) + 1, limit=1)
        return [each for each in near if each.index == int(wanted)]
    if not re.fullmatch(HEX, wanted):
        return []
    digest = bytes.fromhex(wanted)
    try:
        return [catalogue.asset(registry, digest)]
    except (NotFound, Sealed, Erased):
        return catalogue.assets_page(registry, publisher=None, sha256=digest, before=None, limit=LISTED)


@dataclass(frozen=True)
class Growth:
    """The size of the log over time as a line: its corners in SVG's way, and what stands at its ends."""

    line: str
    first: datetime
    last: datetime
    size: int


def _drawn(points: Sequence[tuple[datetime, int]]) -> Growth | None:
    """A line of steps in a box of `GROWTH_BOX`; None before there are two points in time."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    (first, _), (last, size) = points[0], points[-1]
    width, height = GROWTH_BOX
    corners: list[str] = []
    before = 0
    for time, reached in points:
        x = width * (time - first) / (last - first)
        corners += [f"{x:.1f},{height * (1 - each / size):.1f}" for each in (before, reached)]
        before = reached
    return Growth(" ".join(corners), first, last, size)


@router.get("/log")
def log(request: Request, service: ServiceDep, find: Annotated[str, Query(max_length=MAX_SOUGHT)] = "") -> Response:
    registry = service.registry
    return _page(
        request,
        "log.html",
        service,
        size=registry.sequencer.size,
        growth=_drawn(catalogue.growth(registry)),
        witnesses=catalogue.witnesses(registry),
        checkpoint=registry.sequencer.checkpoint().decode(),
        verifier_key=str(registry.sequencer.key),
        other_keys=[str(key) for key in registry.sequencer.keys.current if key != registry.sequencer.key],
        publishers=catalogue.publisher_list(registry),
        recent=catalogue.assets_page(registry, publisher=None, sha256=None, before=None, limit=LISTED),
        find=find,
        found=_find(registry, find) if find else [],
    )


@router.get("/reference")
def reference(request: Request, service: ServiceDep) -> Response:
    """The reference of the REST API, beside its contract, which `/openapi.json` serves."""
    return _page(request, "reference.html", service, reference=_reference(request.app), version=__version__)


@cache
def _reference(app: FastAPI) -> Reference:
    return read_reference(app.openapi())


@router.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """A script or style sheet; the version in its path is that of all static files, so it can be cached for ever."""
    if version != static_version() or name not in static_files():
        raise NotFound("There is no such file.")
    headers = {"Vary": "Accept-Encoding"}
    if name == FETCHES:
        headers["Content-Security-Policy"] = FETCHING_POLICY
    data = static_files()[name]
    if takes_gzip(request.headers.get("accept-encoding", "")):
        data, headers = packed(name), headers | {"Content-Encoding": "gzip"}
    return conditional(request, data, MEDIA_TYPES[Path(name).suffix], cache=FOREVER, headers=headers)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    return conditional(request, static_files()["icon.svg"], MEDIA_TYPES[".svg"], cache=FRESH)


def _page(request: Request, template: str, service: ServiceDep, **values: object) -> Response:
    page = render(request, template, service, **values)
    return conditional(request, page, HTML, cache="no-cache", headers=LANGUAGE_VARIES)
