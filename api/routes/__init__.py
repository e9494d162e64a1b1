"""The routes: one module a resource, each with a `router`."""

from api.routes import (
    assets,
    health,
    log,
    media,
    metrics,
    pages,
    publishers,
    records,
    scitt,
    statements,
    verifications,
    withdrawals,
)

ROUTERS = (
    media.router,
    assets.router,
    withdrawals.router,
    verifications.router,
    records.router,
    statements.router,
    publishers.router,
    log.router,
    scitt.router,
    health.router,
    metrics.router,
    pages.router,
)
