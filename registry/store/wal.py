"""The write-ahead log of SQLite, and how it is kept from growing: overlapping readers would starve its checkpoints."""

import logging
import threading
import time
from pathlib import Path

from sqlalchemy import Connection

from provenance.errors import RegistryError
from provenance.limits import WAL_LIMIT_BYTES
from registry.store.failures import translated

_BUSY_PAUSE = 1.0  # seconds between tries to empty a WAL that readers hold
_TURNSTILE_SECONDS = 1.0
"""Seconds that a new reader at most waits for the WAL to be emptied: as long as the writer waits for old readers."""

log = logging.getLogger(__name__)


class Wal:
    """The WAL of one database. Readers pass a turnstile, which is closed for the moment in which it is emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turnstile = threading.Event()
        self._turnstile.set()
        self._retry_at = 0.0  # the writer's own

    def admit(self) -> None:
        """Let a new reader in, once the WAL is not being emptied."""
        self._turnstile.wait(_TURNSTILE_SECONDS)

    def bound(self, connection: Connection) -> None:
        """Empty a WAL that has outgrown its limit. For the writer, between its transactions."""
        try:
            if time.monotonic() < self._retry_at or self._path.stat().st_size <= WAL_LIMIT_BYTES:
                return
        except OSError as error:
            log.warning("the write-ahead log cannot be looked at: %s", error)
            return
        if not self.empty(connection):
            self._retry_at = time.monotonic() + _BUSY_PAUSE

    def empty(self, connection: Connection) -> bool:
        """Move all of it into the database and cut it to nothing; False where readers or the disk prevent it."""
        try:
            self._turnstile.clear()
            with translated():
                cursor = connection.connection.cursor()  # past SQLAlchemy, which would begin a transaction first
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy = cursor.fetchall()[0][0]
                cursor.close()
        except RegistryError as error:
            log.warning("the write-ahead log could not be emptied: %s", error)
            return False
        finally:
            self._turnstile.set()
        return not busy
