"""The application: middleware, problems, routes, and the service they work on.

`assemble` gives the routes alone, which is all the OpenAPI document needs; `create_app` adds what serves them.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from api.admission import Admission
from api.housekeeping import keep_house
from api.metrics import Metrics
from api.middleware import middleware_for
from api.openapi import document
from api.problems import install_problems
from api.ratelimit import Policy, RateLimiter
from api.routes import ROUTERS
from api.service import Service
from api.settings import Settings, parse_rate
from api.upload import Spool
from registry.registry import Registry


def assemble(middleware: list[Middleware] | None = None) -> FastAPI:
    """The application without settings and registry: every route, and the problems they end in."""
    app = FastAPI(
        title="Countermark",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        middleware=middleware,
    )
    install_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def create_app(settings: Settings, registry: Registry, metrics: Metrics | None = None) -> FastAPI:
    """The application that serves `registry`, which stays the caller's to close."""
    metrics = metrics or Metrics()
    app = assemble(middleware_for(settings, metrics))
    app.state.limiters = {
        name: RateLimiter(Policy(name, *parse_rate(rate)), time.monotonic)
        for name, rate in (("reads", settings.read_rate), ("verifications", settings.verification_rate))
    }
    app.state.service = Service(
        settings=settings,
        registry=registry,
        spool=Spool(registry.spool, max_file_bytes=settings.max_media_bytes, timeout=settings.upload_timeout),
        admission=Admission(settings.queue, metrics),
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with keep_house(registry):
            yield

    app.router.lifespan_context = lifespan
    return app
