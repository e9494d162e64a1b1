"""SQLite in a data folder: the embedded default, for one process.

One writer (`registry.store.writer`); any number of readers, each with a snapshot, on connections that can neither write
nor checkpoint: SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at once.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from provenance.errors import StoreUnavailable
from registry.store.failures import translated
from registry.store.leadership import Leadership, SoleLeadership
from registry.store.lock import FolderLock
from registry.store.schema import migrate
from registry.store.wal import Wal

_WRITER = (
    "PRAGMA busy_timeout = 1000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL lost acknowledged rows in 394 of 600 simulated power cuts, FULL in none
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 1000",  # pages: about 4 MB
    "PRAGMA journal_size_limit = 8388608",
    "PRAGMA cache_size = -65536",  # KiB: a batch touches a page of the index for each entry, 8 MB in a large log
)
_READER = ("PRAGMA busy_timeout = 5000", "PRAGMA wal_autocheckpoint = 0", "PRAGMA query_only = ON")

_READERS = 64
"""Connections that read, at most; each caches up to 2 MB of pages."""


class Sqlite:
    """The database of one data folder, locked for this process."""

    patience = 0.0  # a disk that failed is not better a second later

    def __init__(self, folder: Path) -> None:
        """Raises StoreLocked while another process has the folder, StoreUnavailable, StoreCorrupt."""
        database = folder / "countermark.db"
        self._lock = FolderLock(folder)
        self._wal = Wal(database.with_name("countermark.db-wal"))
        self.leadership: Leadership = SoleLeadership()
        try:
            self.writing = _engine(database, _WRITER, "BEGIN IMMEDIATE", pooled=False)
            with translated(), self.writing.begin() as connection:
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
                    raise StoreUnavailable(f"the file system of {folder} cannot hold a write-ahead log")
                migrate(connection)
            self.reading = _engine(database, _READER, "BEGIN", pooled=True)
        except BaseException:
            self._lock.release()
            raise

    def admit(self) -> None:
        """Let a new reader in."""
        self._wal.admit()

    def tidy(self, connection: Connection) -> None:
        """Keep the database small, after a commit of the writer."""
        self._wal.bound(connection)

    def purge(self, connection: Connection) -> bool:
        """Empty the WAL: what was deleted is zeroed in the database (`secure_delete`), and gone from there as well."""
        return self._wal.empty(connection)

    def close(self) -> None:
        """Empty the WAL, let go of the folder."""
        self.reading.dispose()
        # The last connection to close empties the WAL and removes it.
        with translated(), self.writing.connect():
            pass
        self.writing.dispose()
        self._lock.release()


def _engine(database: Path, pragmas: tuple[str, ...], begin: str, *, pooled: bool) -> Engine:
    url = f"sqlite:///{database}"
    if pooled:  # kept, since opening one takes longer than a query, and the last one used first, whose cache is warm
        engine = create_engine(url, pool_size=_READERS, max_overflow=0, pool_use_lifo=True)
    else:
        engine = create_engine(url, poolclass=NullPool)

    def prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # else the driver, not SQLAlchemy, decides where a transaction begins
        for pragma in pragmas:
            connection.execute(pragma).close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine
