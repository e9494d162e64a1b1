"""The folder lock: one process writes a data folder; a second one is refused with the process id of the first."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from provenance.errors import StoreLocked, StoreUnavailable


class FolderLock:
    """An exclusive flock(2) on `folder/lock`, a file that lasts as long as its holder.

    The kernel releases the lock when the process ends, however it ends; the file of a killed one is reused.
    """

    def __init__(self, folder: Path) -> None:
        """Raises StoreLocked while another process, or another store of this one, holds the folder."""
        self._path = folder / "lock"
        while True:
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise StoreUnavailable(f"the lock file of {folder} cannot be opened: {error.strerror}") from error
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
                os.close(self._file)
                reason = f"in use by process {holder}: stop that one, or choose another folder"
                raise StoreLocked(f"the data folder {folder} is {reason}") from error
            if self._is_in_place():
                break
            os.close(self._file)  # its holder has removed it since it was opened: another may lock a new one
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Unlock the folder."""
        with suppress(OSError):  # of a disk that is read-only by now
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False
