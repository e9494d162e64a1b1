"""Middleware: the stack around the routes, in its order."""

from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.headers import SecurityHeaders
from api.metrics import Metrics
from api.problems import LastResort
from api.ratelimit import RateLimitHeaders
from api.request_id import HEADER, RequestIds
from api.settings import Settings


class Head:
    """HEAD, asked of the rest as GET, which FastAPI's routes leave out (RFC 9110 §9.1).

    The server knows what was asked, and sends no body. In the log and the metrics it counts as GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def middleware_for(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """Outermost first: HEAD, ids, headers, then what depends on the route, then the last resort for exceptions."""
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
    if settings.cors_origins:
        stack.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "POST", "PUT"),
                allow_headers=("Authorization", "Content-Type", "Idempotency-Key"),
                expose_headers=(HEADER, "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotent-Replayed"),
                max_age=600,
            )
        )
    return [*stack, Middleware(LastResort)]
