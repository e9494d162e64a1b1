"""The server: uvicorn with bounded connections, which SIGTERM ends in order."""

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


def _nothing() -> None:
    """What is to be stopped beside the server by default."""


def serve(app: ASGIApp, connections: Connections, *, stop: Callable[[], None] = _nothing, **options: Any) -> None:
    """Serve until SIGTERM or SIGINT; then no new connection is taken, and those that work get their answers.

    Args:
        stop: called in a thread when that begins: ends what the answers that are still to come would wait for.
        options: of `uvicorn.Config`.
    """
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
    with suppress(KeyboardInterrupt):  # uvicorn has closed everything, and says again what it was told
        _Server(config, stop).run()


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Within this, SIGTERM leaves every context that is open, and exits with 0; a second one changes nothing."""

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopped = asyncio.get_running_loop().run_in_executor(None, self._stop)
        await super().shutdown(sockets)
        await stopped
