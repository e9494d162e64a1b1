"""The web pages: what a reader sees. Jinja2 templates and plain ES modules; see `api/web`."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.answers import FOREVER, FRESH, conditional
from api.ratelimit import limited
from api.routes.parameters import AssetId
from api.service import ServiceDep
from provenance.errors import NotFound
from registry import catalogue

WEB = Path(__file__).resolve().parent.parent / "web"
STATIC = WEB / "static"
RECENT = 6
"""Registrations that the first page shows."""

router = APIRouter(include_in_schema=False, dependencies=[Depends(limited("reads"))])


@router.get("/")
def home(request: Request, service: ServiceDep) -> Response:
    recent = catalogue.assets_page(service.registry, publisher=None, sha256=None, before=None, limit=RECENT)
    return _page(request, "home.html", service, recent=recent)


@router.get("/verify")
def verify(request: Request, service: ServiceDep) -> Response:
    return _page(request, "verify.html", service)


@router.get("/a/{id}")
def asset(request: Request, identifier: AssetId, service: ServiceDep) -> Response:
    record_id = bytes.fromhex(identifier)
    return _page(
        request,
        "asset.html",
        service,
        asset=catalogue.asset(service.registry, record_id),
        history=catalogue.history(service.registry, record_id),
    )


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
        publishers=catalogue.publisher_list(registry),
    )


@router.get("/static/{version}/{name}")
def static(request: Request, version: str, name: str) -> Response:
    """A script or style; the version in its address is that of all of them, so that it can be kept for ever."""
    if version != _version() or name not in _static_files():
        raise NotFound("There is no such file.")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return conditional(request, _static_files()[name], media_type, cache=FOREVER)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    return conditional(request, _static_files()["icon.svg"], "image/svg+xml", cache=FRESH)


def _page(request: Request, template: str, service: ServiceDep, **values: object) -> Response:
    html = (
        _templates()
        .get_template(template)
        .render(
            static=f"/static/{_version()}",
            operator=service.registry.config.operator,
            development=service.settings.environment == "development",
            path=request.url.path,
            **values,
        )
    )
    return conditional(request, html.encode(), "text/html; charset=utf-8", cache="no-cache")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _static_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()}


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for name, data in _static_files().items():
        digest.update(name.encode() + b"\0" + data)
    return digest.hexdigest()[:16]
