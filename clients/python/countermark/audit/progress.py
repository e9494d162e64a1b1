"""How far an audit is, or another work of many files, for whoever watches it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

WATCH_SECONDS = 0.25
"""Seconds between two looks at how far it is."""


@dataclass
class Progress:
    """How far an audit is.

    Attributes:
        step: what is being done.
        total: items listed so far.
        done: of these, those that are settled.
        now: of these, those that this run settled.
        buckets: how many settled items are in each.
        records: receipts checked, of so many.
        waits: seconds until which the service wants to be left alone (monotonic), and why.
    """

    step: str = "listing"
    total: int = 0
    done: int = 0
    now: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    records: tuple[int, int] = (0, 0)
    waits: tuple[float, str] | None = None


@asynccontextmanager
async def watched(progress: Progress, watch: Callable[[Progress], None] | None) -> AsyncIterator[None]:
    """Calls `watch` every `WATCH_SECONDS` for as long as the context is open."""

    async def look() -> None:
        while watch is not None:
            watch(progress)
            await asyncio.sleep(WATCH_SECONDS)

    looking = asyncio.ensure_future(look())
    try:
        yield
    finally:
        looking.cancel()
