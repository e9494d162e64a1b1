"""Workers: the processes that read, hash and decode files, and a cluster that does the same.

A worker (`countermark.audit.worker`) is a session of its own, so that Ctrl-C reaches the audit alone. A file that ends
its worker costs no other file: what was asked with it is asked again, one by one.
"""

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from countermark.audit.items import Entry, Examined, Reading
from countermark.audit.worker import ONE_THREAD, draw, work
from provenance.errors import MissingExtra

MAX_ANSWER_LINE = 16 * 1024 * 1024
"""Bytes of a worker's answer: a thousand entries have half a megabyte, a thumbnail 50 KB."""

CLUSTER_WIDTH = 16
"""Pieces that a batch is cut into for a cluster, whose size may change meanwhile."""


class Examiner(Protocol):
    """Whoever examines entries: this machine's workers, or a cluster."""

    width: int

    async def examine(self, entries: Sequence[Entry], reading: Reading) -> list[Examined]: ...

    async def draw(self, entry: Entry, reading: Reading) -> bytes | None: ...

    async def close(self) -> None: ...


class Workers:
    """So many worker processes, started when they are first needed."""

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._idle: asyncio.Queue[asyncio.subprocess.Process | None] = asyncio.Queue()
        for _ in range(jobs):
            self._idle.put_nowait(None)

    async def examine(self, entries: Sequence[Entry], reading: Reading) -> list[Examined]:
        """What is found in the bytes of entries, in their order."""
        try:
            answers = await self._ask("examine", list(entries), reading)
        except _WorkerFailedError as error:
            if len(entries) == 1:
                return [Examined(entries[0].name, entries[0].stamp, failure=("unreadable", str(error)))]
            return [found for entry in entries for found in await self.examine([entry], reading)]
        return [_examined(entry, answer) for entry, answer in zip(entries, answers, strict=True)]

    async def draw(self, entry: Entry, reading: Reading) -> bytes | None:
        """A thumbnail (WebP) of an entry; None if it cannot be decoded here."""
        try:
            drawn = await self._ask("draw", entry, reading)
        except _WorkerFailedError:
            return None
        return None if drawn is None else bytes.fromhex(drawn)

    async def close(self) -> None:
        """Ends the processes."""
        while not self._idle.empty():
            process = self._idle.get_nowait()
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    async def _ask(self, what: str, about: object, reading: Reading) -> Any:
        process = await self._idle.get()
        try:
            if process is None:
                process = await self._start()
            answer = await self._exchange(process, pickle.dumps((what, about, reading)))
        except BaseException:
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
            process = None
            raise
        finally:
            self._idle.put_nowait(process)
        match answer:
            case {"missing": str(extra)}:
                raise MissingExtra(extra)
            case {"error": str(error)}:
                raise _WorkerFailedError(f"examining it failed: {error}")
        return answer["answer"]

    @staticmethod
    async def _start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "countermark.audit.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            limit=MAX_ANSWER_LINE,
        )

    @staticmethod
    async def _exchange(process: asyncio.subprocess.Process, request: bytes) -> Any:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # both are pipes
        try:
            process.stdin.write(len(request).to_bytes(8) + request)
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (ConnectionError, ValueError) as error:
            raise _WorkerFailedError from error
        if not line.endswith(b"\n"):
            raise _WorkerFailedError
        return json.loads(line)


class _WorkerFailedError(Exception):
    """What was asked ended the worker, or a fault of ours came up."""

    def __str__(self) -> str:
        return super().__str__() or "examining it ended the process"


class Cluster:
    """The workers of a Dask cluster that exists, which have the same files under the same paths."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise MissingExtra("a cluster needs more libraries: install countermark[cluster]") from error
        self._client: Any = Client(address, asynchronous=True, set_as_default=False)  # type: ignore[no-untyped-call]
        self.width = CLUSTER_WIDTH

    async def examine(self, entries: Sequence[Entry], reading: Reading) -> list[Examined]:
        await self._client
        found: list[Examined] = await self._client.submit(work, list(entries), reading, pure=False, retries=3)
        return found

    async def draw(self, entry: Entry, reading: Reading) -> bytes | None:
        await self._client
        drawn: bytes | None = await self._client.submit(draw, entry, reading, pure=False, retries=3)
        return drawn

    async def close(self) -> None:
        await self._client.close()


def _examined(entry: Entry, answer: Sequence[Any]) -> Examined:
    stamp, sha256, failure, pixels, pdq, phash = answer
    return Examined(entry.name, stamp, sha256, failure and tuple(failure), pixels, pdq and tuple(pdq), phash)
