"""Files of several processes: flushing them, replacing one by compare-and-swap, and locks."""

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
    """Hold an exclusive flock(2) on a folder, or on a file, which is made.

    Raises OSError; TimeoutError after having waited for `seconds`.
    """
    descriptor = os.open(path, os.O_RDONLY) if path.is_dir() else _open(path)
    deadline = time.monotonic() + seconds
    try:
        while not _locks(descriptor):
            if time.monotonic() >= deadline:
                raise OSError(errno.ETIMEDOUT, "another process holds the lock", str(path))
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


class Lease:
    """A lock that a suspended process loses, of what does no harm where two do it. One of them in each process.

    It is flock(2) of a file, so that the kernel gives the lock of a process that ended to the next one. The holder
    touches the file as it goes on (`renew`). Who has seen it untouched for `seconds`, by a clock of its own, puts
    another file, which it has locked, in its place; the holder of before learns so from `renew`, should it go on.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._descriptor: int | None = None
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    @contextmanager
    def taking(self) -> Iterator[bool]:
        """Whether this process has the lease in the block. Raises OSError."""
        descriptor = self._descriptor = self._taken()
        try:
            yield descriptor is not None
        finally:
            self._descriptor = None
            if descriptor is not None:
                os.close(descriptor)

    def renew(self) -> None:
        """Show, within `taking`, that this process goes on. Raises OSError, also where another has taken the lease."""
        if self._descriptor is None or not self._is_in_place(self._descriptor):
            raise OSError(errno.ESTALE, "another process goes on with it, as this one stood still", str(self._path))
        os.utime(self._descriptor)

    def _taken(self) -> int | None:
        descriptor = _open(self._path)
        if _locks(descriptor) and self._is_in_place(descriptor):
            os.utime(descriptor)
            return descriptor
        status = os.fstat(descriptor)
        os.close(descriptor)
        seen, now = (status.st_ino, status.st_mtime_ns), time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        if now - self._since < self._seconds:
            return None
        return self._overtake()

    def _overtake(self) -> int:
        own = self._path.with_name(f"{self._path.name}.{secrets.token_hex(_TOKEN_BYTES)}.new")
        descriptor = _open(own)
        try:
            _locks(descriptor)
            own.replace(self._path)
        except BaseException:
            os.close(descriptor)
            own.unlink(missing_ok=True)
            raise
        return descriptor

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
