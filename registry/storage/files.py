"""Files that must outlive a power cut: flushing them, and replacing one by compare-and-swap."""

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_SECONDS = 2.0
"""Seconds that one process waits for another to replace a file, which takes milliseconds unless it hangs."""

_DRAFT_SECONDS = 60.0
"""Seconds after which no process can still be writing a draft."""


def flush(path: Path) -> None:
    """fsync(2) a file or folder; of a file, that says nothing about its entry in the folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes | None:
    """The file's bytes; None if it does not exist. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def swap(path: Path, data: bytes, expected: Collection[bytes | None], lock: Path) -> bool:
    """Replace one of `expected` (None: no file) with `data`, durably; False if the file holds something else.

    The lock file keeps two processes from replacing at once. Raises OSError, also if it stays locked for too long.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        draft.write_bytes(data)
        flush(draft)
        with locked(lock):  # for microseconds, since a process may be stopped anywhere
            if read(path) not in expected:
                return False
            draft.replace(path)
        flush(path.parent)
        _sweep(path)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _sweep(path: Path) -> None:
    """Remove the drafts that crashed processes have left."""
    for leftover in path.parent.glob(f"{path.name}.*.new"):
        with suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > _DRAFT_SECONDS:
                leftover.unlink()


@contextmanager
def locked(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold an exclusive flock(2) on a file, which is made. Raises OSError, also after having waited for `seconds`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise OSError(errno.ETIMEDOUT, "another process holds the lock", str(path)) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)
