"""Memory: what the service has freed goes back to the system.

Uploads and decoded pictures are blocks of 100 KB to some MB, in tens of threads, each of which would have an arena of
glibc's malloc (mallopt(3)). Small blocks that live longer stay between them, and malloc keeps what is free there: after
700 requests 65 MB of 110 in two arenas, more with each hundred, and 10 to 16 MB in each further arena.
"""

import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio

ARENAS = 2
"""Of one process: its threads seldom allocate at the same time."""

GIVEN_BACK_SECONDS = 60.0
"""Between two rounds, of which each takes some milliseconds."""

_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Have threads that start later share `ARENAS`; nothing where malloc is not glibc's."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give back the free pages of all arenas (malloc_trim(3)); nothing where malloc is not glibc's."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@asynccontextmanager
async def given_back() -> AsyncIterator[None]:
    """Gives memory back every `GIVEN_BACK_SECONDS` while the context is open."""

    async def rounds() -> None:
        while True:
            await anyio.sleep(GIVEN_BACK_SECONDS)
            await anyio.to_thread.run_sync(give_back)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rounds)
        yield
        tasks.cancel_scope.cancel()
