"""The spool: folders for the lifetime of one process, such as the one that receives uploads.

Folders that a crashed process has left are deleted by the next process that starts.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "process-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def own_folder(place: Path, prefix: str = _PREFIX) -> Iterator[Path]:
    """A folder in `place` for this process alone, deleted afterwards; deletes leftovers with this prefix."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for upload in place.glob("upload-*") if prefix == _PREFIX else ():  # of an older version
        upload.unlink(missing_ok=True)
    for leftover in place.glob(f"{prefix}*"):
        _sweep(leftover)
    own, descriptor = _make(place, prefix)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(descriptor)


def _make(place: Path, prefix: str) -> tuple[Path, int]:
    """A new folder, and the descriptor that locks it: the kernel unlocks it when the process ends, however it ends."""
    while True:
        own = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        with suppress(FileNotFoundError):  # another process has swept it, not locked yet
            descriptor = os.open(own, _FOLDER)
            with suppress(BlockingIOError):  # another process is sweeping it, and may be suspended
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if own.exists():
                    return own, descriptor
            os.close(descriptor)


def _sweep(leftover: Path) -> None:
    try:
        descriptor = os.open(leftover, _FOLDER)
    except OSError:  # gone, another user's, or a link
        return
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)
    except BlockingIOError:
        pass  # in use
    finally:
        os.close(descriptor)
