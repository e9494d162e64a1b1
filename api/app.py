"""The application: middleware, problem handlers, routes, and the service behind them.

`assemble` makes the routes alone, which is all that the OpenAPI document needs; `create_app` adds the service, and runs
periodic housekeeping while the application is running.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial

import anyio
import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from api.http.admission import Admission
from api.http.auth import AUTHENTICATION_FAILURES
from api.http.bodies import Bodies
from api.http.idempotency import forget_answers
from api.http.limits import WRITES, Policy, RateLimiter, daily_name
from api.http.metrics import Metrics
from api.http.middleware import middleware_for
from api.http.openapi import document
from api.http.problems import install_problems
from api.http.quotas import DAY_SECONDS, Quotas, forget_days
from api.http.upload import Spool
from api.memory import given_back
from api.pages.rendering import problem_page
from api.processes import Parent, SharedLimiter
from api.routes import ROUTERS
from api.service import Service
from api.settings import Settings, parse_rate
from provenance.errors import CountermarkError
from registry.registry import Registry
from registry.usecases import prepared, uploads
from registry.usecases.condition import warn_of_endings
from registry.usecases.erasure import finish_erasures
from registry.usecases.verify import forget_reports


def assemble(middleware: list[Middleware] | None = None) -> FastAPI:
    """The application without settings and registry: every route and the problem handlers."""
    app = FastAPI(
        title="Countermark",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        middleware=middleware,
    )
    install_problems(app, problem_page)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def policies_of(settings: Settings) -> list[Policy]:
    """The rate limits."""
    rates = {
        "reads": settings.read_rate,
        "lookups": settings.lookup_rate,
        "verifications": settings.verification_rate,
        AUTHENTICATION_FAILURES: settings.authentication_failure_rate,
    }
    return [Policy(name, *parse_rate(rate)) for name, rate in rates.items()]


def quotas_of(settings: Settings) -> list[Policy]:
    """The daily quotas."""
    daily = {
        "lookups": settings.lookup_quota,
        "verifications": settings.verification_quota,
        WRITES: settings.write_quota,
    }
    return [Policy(daily_name(name), quota, DAY_SECONDS) for name, quota in daily.items()]


def create_app(
    settings: Settings, registry: Registry, metrics: Metrics | None = None, parent: Parent | None = None
) -> FastAPI:
    """The application that serves `registry`, which the caller closes.

    `parent`: the process that counts its requests together with those of others.
    """
    metrics = metrics or Metrics()
    metrics.watch(registry)
    app = assemble(middleware_for(settings, metrics))
    local = [RateLimiter(policy, time.monotonic) for policy in policies_of(settings)]
    app.state.limiters = {each.policy.name: each if parent is None else SharedLimiter(each, parent) for each in local}
    quotas = Quotas(registry, quotas_of(settings))
    app.state.limiters |= quotas.limiters
    app.state.bodies = bodies = Bodies(
        seconds=settings.upload_timeout,
        max_unfinished=settings.max_uploads_per_address,
        refused=lambda reason: metrics.refused.labels(reason).inc(),
    )
    app.state.service = Service(
        settings=settings,
        registry=registry,
        spool=Spool(registry.spool, max_file_bytes=settings.max_media_bytes, bodies=bodies, stages=registry.stages),
        admission=Admission(settings.queue, metrics, workers=settings.workers, max_wait=settings.max_wait),
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for index in registry.indices:
            index.start(registry.store)
        async with housekeeping(registry), quotas.saving(), given_back(), parent or nullcontext():
            yield

    app.router.lifespan_context = lifespan
    return app


HOUSEKEEPING_SECONDS = 600.0
"""Seconds between two rounds of housekeeping: what it deletes was kept for an hour or longer."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def housekeeping(registry: Registry) -> AsyncIterator[None]:
    """Runs a round of housekeeping every `HOUSEKEEPING_SECONDS` while the context is open."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_housekeeping_rounds, registry)
        yield
        tasks.cancel_scope.cancel()


async def _housekeeping_rounds(registry: Registry) -> None:
    warn = partial(warn_of_endings, warned=set())
    while True:
        for tidy in (*_TIDIED, warn):
            try:
                await run_in_threadpool(tidy, registry)
            except CountermarkError as error:  # the next round tries again
                _log.warning("housekeeping failed", exc_info=error)
        await anyio.sleep(HOUSEKEEPING_SECONDS)


def _resume_comparisons(registry: Registry) -> None:
    registry.comparisons.resume()


_TIDIED = (
    finish_erasures,
    forget_answers,
    forget_days,
    uploads.forget,
    prepared.forget,
    forget_reports,
    _resume_comparisons,
)
