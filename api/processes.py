"""Several processes of the service on one machine: `python -m api serve --processes N`.

The parent binds the port and starts the processes, which accept from its socket. It starts another where one ends or
hangs, and counts the requests of all under the rate limits. It is no process of the service itself: it opens neither
the registry nor a file of a stranger.

Each child has one end of a socket pair, on which it writes lines of JSON: `"ready"` once, `"alive"` again and again,
and `[policy, client, units, spent]` to have a request counted, which the parent answers with
`[allowed, remaining, reset]`. A child whose parent has ended stops, too.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Self

import structlog

from api.http.limits import Allowance, Policy, RateLimiter

PAUSE_SECONDS = 1.0
"""Seconds until another process takes the place of one that has ended; doubled each time that it does not start."""

MAX_PAUSE_SECONDS = 30.0

ALIVE_SECONDS = 5.0
"""Seconds between two signs of life."""

HUNG_SECONDS = 60.0
"""Seconds without a sign of life after which a process that was ready is killed: a busy machine delays it by a few."""

STOP_SECONDS = 45.0
"""Seconds that a process has to stop: requests in progress get 20, the sandbox and the log's last batch some more."""

COUNT_SECONDS = 2.0
"""Seconds that the parent may take to count a request; then the child counts for itself."""

_log = structlog.get_logger(__name__)


class Processes:
    """The parent's side.

    Args:
        count: processes of the service.
        listening: the socket that they accept from.
        policies: the rate limits that hold for all of them together.
    """

    def __init__(self, count: int, listening: socket.socket, policies: Sequence[Policy]) -> None:
        self._count = count
        self._listening = listening
        self._limiters = {policy.name: RateLimiter(policy, time.monotonic) for policy in policies}
        self._stopping = asyncio.Event()
        self._served = asyncio.Event()
        self._status = 0

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. Of a service that cannot start, that of its first process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as kept:
            kept.create_task(self._keep())  # alone at first: it makes what is missing in a new store
            await _first(self._served.wait(), self._stopping.wait())
            for _ in range(self._count - 1):
                kept.create_task(self._keep())
        return self._status

    async def _keep(self) -> None:
        """Keep one process running until the end."""
        pause = PAUSE_SECONDS
        while not self._stopping.is_set():
            ready = asyncio.Event()
            status = await self._run_one(ready)
            if self._stopping.is_set():
                return
            if not self._served.is_set():
                self._status = status or 1
                self._stopping.set()
                return
            pause = PAUSE_SECONDS if ready.is_set() else min(2 * pause, MAX_PAUSE_SECONDS)
            _log.warning("a process of the service has ended, and another is started", status=status, seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_one(self, ready: asyncio.Event) -> int:
        """Start a process and wait for its end, or bring that about where it hangs or all are to stop; its status."""
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = (self._listening.fileno(), theirs.fileno())
            command = (sys.executable, "-m", "api", "serve", "--inherited", *map(str, inherited))
            process = await asyncio.create_subprocess_exec(*command, pass_fds=inherited)
        reader, writer = await asyncio.open_connection(sock=ours)
        hears = asyncio.create_task(self._hear(reader, writer, ready))
        try:
            await _first(process.wait(), asyncio.wait([hears]), self._stopping.wait())
            if hears.done() and hears.result():
                process.kill()
            elif self._stopping.is_set() and process.returncode is None:
                process.terminate()
            return await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            return await process.wait()
        finally:
            hears.cancel()
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: asyncio.Event) -> bool:
        """Answer a process until it closes its end; True where it was ready and hangs."""
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), HUNG_SECONDS)
            except TimeoutError:
                if ready.is_set():
                    return True
                continue  # it may wait for another process that migrates the database
            except OSError:
                return False
            match json.loads(line or "null"):
                case "ready":
                    ready.set()
                    self._served.set()
                case [str(policy), str(client), int(units), bool(spent)]:
                    taken = self._limiters[policy].count(client, units, spent=spent)
                    writer.write(_line([taken.allowed, taken.remaining, taken.reset]))
                case None:
                    return False


class Parent:
    """The child's side. Open while the application runs: then the process is ready.

    Args:
        pair: this process's end of the pair.
    """

    def __init__(self, pair: socket.socket) -> None:
        self._pair = pair
        self._turn = asyncio.Lock()
        self._answers = True

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(sock=self._pair)
        self._writer.write(_line("ready"))
        self._lives = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lives.cancel()
        self._writer.close()

    async def count(self, policy: str, client: str, units: int, spent: bool) -> tuple[bool, int, float] | None:
        """The fields of an `Allowance`; None where the parent takes too long."""
        async with self._turn:
            if not self._answers:  # a late answer would be taken for that to the next question
                return None
            try:
                self._writer.write(_line([policy, client, units, spent]))
                allowed, remaining, reset = json.loads(await asyncio.wait_for(self._reader.readline(), COUNT_SECONDS))
            except (TimeoutError, OSError, ValueError) as error:
                self._answers = False
                _log.warning("this process counts rate limits for itself from now on", reason=type(error).__name__)
                return None
            return allowed, remaining, reset

    async def _live(self) -> None:
        """Give signs of life; stop this process when the parent has ended."""
        while not (self._reader.at_eof() or self._reader.exception()):  # a reset, where it left something unread
            self._writer.write(_line("alive"))
            await asyncio.sleep(ALIVE_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)


class SharedLimiter:
    """Counts units of clients together with the other processes; a limiter of its own steps in for a parent that does
    not answer."""

    def __init__(self, own: RateLimiter, parent: Parent) -> None:
        self.policy = own.policy
        self._own = own
        self._parent = parent

    async def take(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        """As `Limiter`."""
        counted = await self._parent.count(self.policy.name, client, units, spent)
        return self._own.count(client, units, spent=spent) if counted is None else Allowance(self.policy, *counted)


async def _first(*waiting: Coroutine[Any, Any, object]) -> None:
    """Wait until the first of these is done; the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in waiting]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
