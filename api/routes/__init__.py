"""The routes: one module per resource, each with a `router`."""

from api.routes import (
    assets,
    disputes,
    erasures,
    graphs,
    keys,
    log,
    lookups,
    media,
    operation,
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
    graphs.router,
    erasures.router,
    withdrawals.router,
    disputes.router,
    verifications.router,
    lookups.router,
    records.router,
    statements.router,
    publishers.router,
    keys.router,
    log.router,
    scitt.router,
    operation.router,
    pages.router,
)
