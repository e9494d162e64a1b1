"""The folder lock: one server process writes a data folder, and a second one is told who does."""

import fcntl
import os
from pathlib import Path

from provenance.errors import StoreLocked, StoreUnavailable


class FolderLock:
    """An exclusive flock(2) on `folder/lock`. The kernel lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreLocked while another process, or another store of this one, holds the folder."""
        try:
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"the lock file of {folder} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            message = f"the data folder {folder} is in use by process {holder}: stop that one, or choose another folder"
            raise StoreLocked(message) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the folder."""
        os.close(self._file)
