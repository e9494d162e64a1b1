"""Housekeeping: what a running server forgets in time, so that its folder does not grow without need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import structlog
from starlette.concurrency import run_in_threadpool

from api.idempotency import forget_answers
from provenance.errors import CountermarkError
from registry.records import uploads
from registry.records.erasure import finish_erasures
from registry.registry import Registry

INTERVAL = 600.0
"""Seconds between two rounds: things are kept for a day, so minutes do not matter."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def keep_house(registry: Registry) -> AsyncIterator[None]:
    """Tidies every `INTERVAL` seconds while the context is open."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_rounds, registry)
        yield
        tasks.cancel_scope.cancel()


async def _rounds(registry: Registry) -> None:
    while True:
        for tidy in (finish_erasures, forget_answers, uploads.forget, _take_up):
            try:
                await run_in_threadpool(tidy, registry)
            except CountermarkError as error:  # the next round tries again
                _log.warning("housekeeping failed", exc_info=error)
        await anyio.sleep(INTERVAL)


def _take_up(registry: Registry) -> None:
    registry.comparing.take_up()
