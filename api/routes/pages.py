"""The web pages: Jinja2 templates and plain ES modules from `api/pages`."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.http.accept import takes_gzip
from api.http.conditional import FOREVER, FRESH, conditional
from api.http.limits import limited
from api.http.parameters import HEX
from api.service import ServiceDep
from provenance import sentences
from provenance.answers import GraphNode
from provenance.errors import Erased, NotFound, Sealed
from registry.usecases import read as catalogue
from registry.usecases.derivation import graph, history
from registry.usecases.resemblances import resembles

PAGES = Path(__file__).resolve().parent.parent / "pages"
STATIC = PAGES / "static"
CLIENT = PAGES.parent.parent / "clients" / "js" / "src"
"""The modules that check receipts in the browser, served below `countermark/` without their comments."""
RECENT = 6
"""Registrations shown on the home page."""

HTML = "text/html; charset=utf-8"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates (UAX #9): with them a name could reorder the text beside it."""

_COMMENT = re.compile(r"\n?[ \t]*/\*\*.*?\*/|\n[ \t]*//[^\n]*", re.DOTALL)

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
        return Response(_render(request, "missing.html", service), 404, media_type=HTML)
    except Sealed:
        return Response(_render(request, "sealed.html", service), 403, media_type=HTML)
    except Erased:
        past = history(service.registry, record_id)
        return Response(_render(request, "erased.html", service, history=past), 410, media_type=HTML)
    names = {node.id: node.title or _unnamed(node) for node in made.nodes}
    return _page(request, "asset.html", service, asset=shown, history=past, graph=made, names=names, resembles=similar)


def _unnamed(node: GraphNode) -> str:
    return f"{f'{node.state} ' if node.state in ('sealed', 'erased') else ''}record {node.id[:12]}…"


@router.get("/log")
def log(request: Request, service: ServiceDep) -> Response:
    registry = service.registry
    return _page(
        request,
        "log.html",
        service,
        size=registry.sequencer.size,
        checkpoint=registry.sequencer.checkpoint().decode(),
        verifier_key=str(registry.sequencer.key),
        other_keys=[str(key) for key in registry.sequencer.keys.current if key != registry.sequencer.key],
        publishers=catalogue.publisher_list(registry),
    )


@router.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """A script or style sheet; the version in its path is that of all static files, so it can be cached for ever."""
    if version != static_version() or name not in _static_files():
        raise NotFound("There is no such file.")
    headers = {"Vary": "Accept-Encoding"}
    data = _static_files()[name]
    if takes_gzip(request.headers.get("accept-encoding", "")):
        data, headers = _packed(name), headers | {"Content-Encoding": "gzip"}
    return conditional(request, data, _MEDIA_TYPES[Path(name).suffix], cache=FOREVER, headers=headers)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    return conditional(request, _static_files()["icon.svg"], _MEDIA_TYPES[".svg"], cache=FRESH)


@cache
def static_version() -> str:
    """Sixteen hex digits that change with any static file."""
    digest = hashlib.sha256()
    for name, data in _static_files().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]


def _page(request: Request, template: str, service: ServiceDep, **values: object) -> Response:
    return conditional(request, _render(request, template, service, **values), HTML, cache="no-cache")


def _render(request: Request, template: str, service: ServiceDep, **values: object) -> bytes:
    html = (
        _templates()
        .get_template(template)
        .render(
            static=f"/static/{static_version()}",
            operator=service.registry.config.operator,
            development=service.settings.environment == "development",
            path=request.url.path,
            url=service.settings.public_url,
            **values,
        )
    )
    return html.encode()


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["sentences"] = sentences.SENTENCES
    return environment


def _plain(value: object) -> object:
    return _DIRECTION_CONTROLS.sub("", value) if type(value) is str else value


@cache
def _static_files() -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in _MEDIA_TYPES}
    files |= {f"countermark/{path.name}": without_comments(path.read_text()) for path in sorted(CLIENT.glob("*.js"))}
    return files | {"sentences.js": b"export default " + sentences.JSON}  # JSON modules are too new for some browsers


def without_comments(module: str) -> bytes:
    """A module as a reader loads it. Its own comments are `/** … */` and whole lines, and no string of it has such."""
    return _COMMENT.sub("", module).lstrip().encode()


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_static_files()[name], mtime=0)
