"""Workers: the processes that read, hash and decode files, and a cluster that does the same.

A worker is `python -m countermark.audit.workers`: a session of its own, so that Ctrl-C reaches the audit alone; told
what to read on its standard input, it answers in JSON. A file that ends its worker costs no other file: what
was asked with it is asked again, one by one.
"""

import asyncio
import ctypes
import json
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache
from typing import Any, BinaryIO, Protocol

from countermark.audit.items import Entry, Examined, Reading, can_decode, examine, read
from provenance.errors import CountermarkError, MissingExtra

MAX_WORKER_MEMORY = 4 * 1024**3
"""Bytes of address space of a worker: the largest picture decodes to 800 MB, the libraries reserve one or two GB."""

MAX_ANSWER_LINE = 16 * 1024 * 1024
"""Bytes of a worker's answer: a thousand entries have half a megabyte, a thumbnail 50 KB."""

CLUSTER_WIDTH = 16
"""Pieces that a batch is cut into for a cluster, whose size may change meanwhile."""

KEPT_BYTES = 128 * 1024**2
"""Bytes that a process keeps from one picture for the next: glibc gives back what it can, and the kernel clears each
page again, which takes a third of the time of a fingerprint. Dask's workers are told to keep less than a picture."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MMAP_THRESHOLD_MAX = 32 * 1024**2  # bytes; glibc takes no more

_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")} | {
    "OPENCV_FOR_THREADS_NUM": "1"
}


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
            *(sys.executable, "-m", "countermark.audit.workers"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
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


def work(entries: Sequence[Entry], reading: Reading) -> list[Examined]:
    """As `examine`, in a process that does this again and again, perhaps a cluster's."""
    for name, number in _ONE_THREAD.items():
        os.environ.setdefault(name, number)  # where the libraries are not loaded yet
    keep_memory()
    return examine(entries, reading)


@cache
def keep_memory() -> None:
    """Tells glibc, once in a process, to keep `KEPT_BYTES`; nothing where there is no glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for parameter, size in ((_TRIM_THRESHOLD, KEPT_BYTES), (_MMAP_THRESHOLD, _MMAP_THRESHOLD_MAX)):
            mallopt(parameter, size)


def draw(entry: Entry, reading: Reading) -> bytes | None:
    """A thumbnail (WebP) of an entry; None if there is no decoder here, or it cannot be decoded."""
    if not can_decode():
        return None
    from provenance.media import Media, draw_thumbnail

    try:
        return draw_thumbnail(Media.from_bytes(read(entry, reading)).canonical)
    except CountermarkError:
        return None


def _examined(entry: Entry, answer: Sequence[Any]) -> Examined:
    stamp, sha256, failure, pixels, pdq, phash = answer
    return Examined(entry.name, stamp, sha256, failure and tuple(failure), pixels, pdq and tuple(pdq), phash)


def _answer(request: tuple[str, Any, Reading]) -> dict[str, object]:
    what, about, reading = request
    try:
        if what == "draw":
            drawn = draw(about, reading)
            return {"answer": None if drawn is None else drawn.hex()}
        return {"answer": [astuple(found)[1:] for found in work(about, reading)]}
    except MissingExtra as error:
        return {"missing": str(error)}
    except MemoryError:
        os._exit(1)
    except Exception as error:  # noqa: BLE001  # a fault of ours must be told, not seen as a file's
        return {"error": f"{type(error).__name__}: {error}"}


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while len(head := requests.read(8)) == 8:
        answer = _answer(pickle.loads(requests.read(int.from_bytes(head))))  # noqa: S301  # from the audit itself
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_WORKER_MEMORY, MAX_WORKER_MEMORY))
    except (ImportError, ValueError):  # not on this system
        pass
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
