"""Middleware: the stack around the routes, in its order."""

from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api.headers import SecurityHeaders
from api.metrics import Metrics
from api.problems import LastResort
from api.ratelimit import RateLimitHeaders
from api.request_id import HEADER, RequestIds
from api.settings import Settings


def middleware_for(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """Outermost first: ids, then headers, then what depends on the route, then the last resort for exceptions."""
    stack = [
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
