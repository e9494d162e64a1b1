"""A worker: the process that reads, hashes and decodes files for an audit, and what a cluster's worker does.

`python -m countermark.audit.worker` is told what to read on its standard input, and answers in lines of JSON. There are
several at a time, so it imports no more than it needs.
"""

import ctypes
import json
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache
from typing import Any, BinaryIO

from countermark.audit.items import Entry, Examined, Reading, can_decode, examine, read
from provenance.errors import CountermarkError, MissingExtra

MAX_WORKER_MEMORY = 4 * 1024**3
"""Bytes of address space of a worker: the largest picture decodes to 800 MB, the libraries reserve one or two GB."""

KEPT_BYTES = 128 * 1024**2
"""Bytes that a process keeps from one picture for the next: glibc gives back what it can, and the kernel clears each
page again, which takes a third of the time of a fingerprint. Dask's workers are told to keep less than a picture."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MMAP_THRESHOLD_MAX = 32 * 1024**2  # bytes; glibc takes no more

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")} | {"OPENCV_FOR_THREADS_NUM": "1"}
"""What tells libraries to take one core: there is a worker for each."""


def work(entries: Sequence[Entry], reading: Reading) -> list[Examined]:
    """As `examine`, in a process that does this again and again, perhaps a cluster's."""
    for name, number in ONE_THREAD.items():
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
