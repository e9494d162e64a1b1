"""Rendering of the web pages: Jinja2 templates, in a language of the catalogue, and the files beside them."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import HTTPConnection

from api.http.accept import preferred, preferred_language
from api.http.logs import request_id
from api.http.problems import Kind
from api.service import Service
from provenance import answers, sentences
from provenance.answers.problems import MEDIA_TYPE
from provenance.media.comparison import Box
from provenance.message import said
from provenance.verification import wording

PAGES = Path(__file__).resolve().parent
STATIC = PAGES / "static"
CLIENT = PAGES.parent.parent / "clients" / "js" / "src"
"""The modules that check receipts in the browser, served below `countermark/` without their comments."""

HTML = "text/html; charset=utf-8"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
REPORTS = "/v1/verifications"
"""Where a report is asked for: what a problem says there, it says of a picture."""

LANGUAGE_VARIES = {"Vary": "Accept-Language"}
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates (UAX #9): with them a name could reorder the text beside it."""

_SHARE = re.compile(r"(\d) %")
"""A number and its sign, which stay on one line."""

_COMMENT = re.compile(r"\n?[ \t]*/\*\*.*?\*/|\n[ \t]*//[^\n]*", re.DOTALL)


@cache
def static_version() -> str:
    """Sixteen hex digits that change with any static file."""
    digest = hashlib.sha256()
    for name, data in static_files().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]


def language_of(request: HTTPConnection) -> str:
    """That of the switch, or else the one that the browser prefers."""
    asked = request.query_params.get("lang")
    if asked in sentences.LANGUAGES:
        return asked
    return preferred_language(request.headers.get("accept-language", ""), list(sentences.LANGUAGES))


def render(request: HTTPConnection, template: str, service: Service, **values: object) -> bytes:
    """A page, in the language of its reader."""
    asked = language_of(request) if request.query_params.get("lang") in sentences.LANGUAGES else None
    kept = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "lang"])
    html = (
        _templates()
        .get_template(template)
        .render(
            static=f"/static/{static_version()}",
            operator=service.registry.config.operator,
            development=service.settings.environment == "development",
            words=sentences.CATALOGUES[language_of(request)],
            languages=sentences.LANGUAGES,
            switch=f"?{kept}&" if kept else "?",
            carried=f"?lang={asked}" if asked is not None else "",
            path=request.url.path,
            url=service.settings.public_url,
            said=partial(said, language=language_of(request)),
            **values,
        )
    )
    return html.encode()


def problem_page(conn: HTTPConnection, kind: Kind, detail: str, headers: Mapping[str, str]) -> bytes | None:
    """A problem for who prefers a page, as a browser does where somebody follows a link or sends a form."""
    service, prefers = getattr(conn.app.state, "service", None), conn.headers.get("accept", "*/*")
    if service is None or preferred(prefers, (MEDIA_TYPE, "text/html")) == MEDIA_TYPE:
        return None
    words = sentences.CATALOGUES[language_of(conn)]
    asked = conn.url.path.startswith(REPORTS)
    said = {**words.problems[kind.slug], **(words.unverified.get(kind.slug, {}) if asked else {})}
    return render(
        conn,
        "problem.html",
        service,
        title=said["title"],
        detail=said.get("detail"),
        cause=None if "detail" in said else detail,
        asked=asked,
        retry_after=headers.get("Retry-After"),
        request_id=request_id(conn),
    )


def place_of(box: answers.Box) -> str:
    """Where a region lies: a key of the catalogue's places."""
    return wording.place(Box(**vars(box)))


def share_of(area: float, words: sentences.Sentences) -> str:
    """The share of a picture in per cent, as a language writes it."""
    return wording.share(area).replace(".", words.numbers["decimal"])


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(PAGES / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _plain(value: object) -> object:
    return _SHARE.sub("\\1\u00a0%", _DIRECTION_CONTROLS.sub("", value)) if type(value) is str else value


@cache
def static_files() -> dict[str, bytes]:
    """Scripts and style sheets by name."""
    files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}
    files |= {f"countermark/{path.name}": without_comments(path.read_text()) for path in sorted(CLIENT.glob("*.js"))}
    # JSON modules are too new for some browsers.
    return files | {f"sentences.{name}.js": b"export default " + text for name, text in sentences.JSON.items()}


def without_comments(module: str) -> bytes:
    """A module as a reader loads it. Its own comments are `/** … */` and whole lines, and no string of it has such."""
    return _COMMENT.sub("", module).lstrip().encode()


@cache
def packed(name: str) -> bytes:
    """One of them, compressed."""
    return gzip.compress(static_files()[name], mtime=0)
