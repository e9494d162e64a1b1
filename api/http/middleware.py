"""Middleware: the stack around the routes, in order, and the security headers of every response.

The content security policy (CSP level 3) of pages allows only scripts and styles from this server's files: no inline
script, no inline style, no frame, no other host.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.limits import RateLimitHeaders
from api.http.logs import HEADER, RequestIds
from api.http.metrics import Metrics
from api.http.problems import LastResort
from api.settings import Settings


class Head:
    """Handles HEAD as GET (RFC 9110 §9.1): FastAPI's routes for GET do not accept HEAD.

    uvicorn knows the method of the request, and sends no body. Log and metrics show GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def middleware_for(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """The middleware, outermost first."""
    stack = [
        Middleware(Head),
        Middleware(
            RequestIds,
            observe=metrics.observe,
            log_client_addresses=settings.log_client_addresses,
        ),
        Middleware(SecurityHeaders, https=urlsplit(settings.public_url).scheme == "https"),
        Middleware(RateLimitHeaders),
    ]
    return [*stack, Middleware(Cors, origins=settings.cors_origins), Middleware(LastResort)]


PUBLIC_READS = ("/v1/", "/log/", "/scitt/", "/.well-known/", "/openapi.json")
"""Paths below which anybody may read, from every web page."""
PUBLIC_QUESTIONS = ("/v1/lookups", "/v1/verifications")
"""Paths to which anybody may post."""

_EXPOSED = ("ETag", HEADER, "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotent-Replayed")
_PREFLIGHT_SECONDS = 600
_PUBLIC = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": ", ".join(_EXPOSED)}
_PUBLIC_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match",
    "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
}


class Cors:
    """ASGI middleware (Fetch standard, section 3.3): the scripts of every web page may read what is public and ask what
    anybody may, without credentials; those of `origins` may call everything, with an API key.

    What is public says so without being asked, because a cache gives one response to all pages.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._named = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key"),
            expose_headers=_EXPOSED,
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("access-control-request-method") if scope["method"] == "OPTIONS" else None
        if "origin" in headers and self._origins & {"*", headers["origin"]}:
            await self._named(scope, receive, send)
        elif not _is_public(asked or scope["method"], scope["path"]):
            await self._app(scope, receive, send)
        elif asked is not None:
            await Response(status_code=204, headers=_PUBLIC_PREFLIGHT)(scope, receive, send)
        else:

            async def send_public(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(_PUBLIC)
                await send(message)

            await self._app(scope, receive, send_public)


def _is_public(method: str, path: str) -> bool:
    return path.startswith(PUBLIC_READS) if method in ("GET", "HEAD") else method == "POST" and path in PUBLIC_QUESTIONS


PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

SCRIPT_POLICY = "default-src 'none'; script-src 'self'"
"""A script runs under the policy of its page, but one that is started as a worker runs under its own."""

FETCHING_POLICY = "default-src 'none'; connect-src https:"
"""The worker that fetches a picture from its address may connect to any host, over https, and do nothing else; the
page that starts it connects to this service alone (ADR 61)."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_POLICIES = {"text/html": PAGE_POLICY, "text/javascript": SCRIPT_POLICY}
HSTS = "max-age=31536000; includeSubDomains"


class SecurityHeaders:
    """ASGI middleware: sets the security headers. `https`: whether the public URL is https, so that HSTS is sent."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.always = _ALWAYS | ({"Strict-Transport-Security": HSTS} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.always.items():
                    headers.setdefault(name, value)
                media_type = headers.get("content-type", "").partition(";")[0]
                if message["status"] != 304:  # what a 304 states replaces what is stored (RFC 9111, section 3.2)
                    headers.setdefault("Content-Security-Policy", _POLICIES.get(media_type, DATA_POLICY))
                    if media_type != "text/html":
                        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            await send(message)

        await self.app(scope, receive, send_with_headers)
