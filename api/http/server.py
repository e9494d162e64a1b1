"""The server: uvicorn with bounded connections, shut down gracefully by SIGTERM."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from api.http.connections import Connections

LISTENING = 2_048
"""Connections that wait to be accepted: a burst of clients, while all processes are busy."""

ACCEPTED_AT_ONCE = 1
"""Connections that a process takes before it looks after those it has, where others accept from the same socket: it
would take all of a burst, which stay for as long as they are kept alive, and leave nothing to the others."""


def _nothing() -> None:
    """The default of `serve`'s `stop`."""


def serve(
    app: ASGIApp,
    connections: Connections,
    *,
    stop: Callable[[], None] = _nothing,
    listening: socket.socket | None = None,
    **options: Any,
) -> None:
    """Serve until SIGTERM or SIGINT; then no new connection is accepted, and requests in progress are answered.

    Args:
        stop: called in a thread when the shutdown begins: ends what requests in progress might wait for.
        listening: a socket to accept from, instead of one on `host` and `port`.
        options: of `uvicorn.Config`.
    """
    if listening is not None:
        options["backlog"] = ACCEPTED_AT_ONCE  # asyncio takes so many, and has the system keep no more …
    config = uvicorn.Config(
        app,
        http=connections.protocol(),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=15,
        **options,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again after its shutdown
        _Server(config, stop).run(None if listening is None else [listening])


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """While the context is open, SIGTERM exits all contexts and the process with status 0; a second one is ignored."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(LISTENING)  # … which this sets right

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopped = asyncio.get_running_loop().run_in_executor(None, self._stop)
        await super().shutdown(sockets)
        await stopped
