"""The spool: where uploads are received, one folder for each process.

What a process left that ended before its time never counts, and the next one to start sweeps it out.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "process-"


@contextmanager
def own_folder(spool: Path) -> Iterator[Path]:
    """A folder in `spool` that is this process's alone, and gone afterwards. Call it one process at a time."""
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    for upload in spool.glob("upload-*"):  # of an older version
        upload.unlink(missing_ok=True)
    for leftover in spool.glob(f"{_PREFIX}*"):
        _sweep(leftover)
    own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=spool))
    descriptor = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the kernel lets go of it when the process ends, however it ends
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(descriptor)


def _sweep(leftover: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)
        except BlockingIOError:
            pass  # at work
        finally:
            os.close(descriptor)
