"""Files that must outlive a power cut: flushing them, and replacing one by compare-and-swap."""

import errno
import fcntl
import glob
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

SWAP_TRIES = 200
"""Tries to replace a file while others do: two that collide part after one or two, by pauses of random length."""

_PAUSE_MILLISECONDS = 20  # at most, about what a draft takes to be flushed
_TOKEN_BYTES = 8  # random, in the name of a draft


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


def swap(path: Path, data: bytes, expected: Collection[bytes | None]) -> bool:
    """Replace one of `expected` (None: no file) with `data`, durably; False if the file holds something else.

    A compare-and-swap without a lock, which a suspended process would hold for as long as it is suspended. Each process
    makes a draft, deletes the drafts of all others, reads the file, and only then renames its own draft. Of two that
    overlap, the one whose draft came first finds it deleted, and begins anew.

    Raises OSError, also if others replace the file in each of `SWAP_TRIES` tries.
    """
    for _ in range(SWAP_TRIES):
        draft = path.with_name(f"{path.name}.{secrets.token_hex(_TOKEN_BYTES)}.new")
        draft.write_bytes(data)
        try:
            flush(draft)
            _delete_drafts(path, but=draft)
            if read(path) not in expected:
                return False
            draft.replace(path)
        except FileNotFoundError:  # another process deleted the draft
            time.sleep(secrets.randbelow(_PAUSE_MILLISECONDS) / 1000)
            continue
        finally:
            draft.unlink(missing_ok=True)
        flush(path.parent)
        return True
    raise OSError(errno.EBUSY, "other processes replace it again and again", str(path))


def _delete_drafts(path: Path, *, but: Path) -> None:
    """Delete the drafts of other processes, running, suspended or crashed."""
    for draft in path.parent.glob(f"{glob.escape(path.name)}.{'[0-9a-f]' * 2 * _TOKEN_BYTES}.new"):
        if draft != but:
            draft.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
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
