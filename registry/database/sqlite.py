"""SQLite in a data folder: the embedded default, for one process.

One writer (`registry.database.writer`); any number of readers, each with a snapshot, on connections that can neither
write nor checkpoint: SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at once. `Wal`
keeps the write-ahead log from growing, whose checkpoints overlapping readers would starve; `copy_database` makes a copy
beside a server that goes on writing.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from provenance.errors import RegistryError, StoreUnavailable
from provenance.limits import WAL_LIMIT_BYTES
from registry.database.failures import translated
from registry.database.leadership import Leadership, SoleLeadership
from registry.database.lock import FolderLock
from registry.database.schema import migrate

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

    failover_timeout = 0.0  # a failed disk does not recover within seconds

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

    def before_read(self) -> None:
        """Wait while the WAL is being emptied."""
        self._wal.before_read()

    def after_commit(self, connection: Connection) -> None:
        """Keep the WAL small."""
        self._wal.bound(connection)

    def purge(self, connection: Connection) -> bool:
        """Empty the WAL: what was deleted is zeroed in the database (`secure_delete`), and gone from there as well."""
        return self._wal.empty(connection)

    def close(self) -> None:
        """Empty the WAL, and unlock the folder."""
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


_BUSY_PAUSE = 1.0  # seconds between tries to empty a WAL that readers hold
_TURNSTILE_SECONDS = 1.0
"""Seconds that a new reader at most waits for the WAL to be emptied: as long as the writer waits for old readers."""

log = logging.getLogger(__name__)


class Wal:
    """The WAL of one database. Readers wait at a turnstile while it is being emptied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turnstile = threading.Event()
        self._turnstile.set()
        self._retry_at = 0.0  # the writer's own

    def before_read(self) -> None:
        """Wait while the WAL is being emptied, for `_TURNSTILE_SECONDS` at most."""
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


_PAGES = 4_096
"""Pages copied between two reports of progress: 16 MB."""


def copy_database(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy one database file to another, which is made: as one commit has left it, while a server may go on writing it.

    By SQLite's online backup, over a connection that can neither write nor checkpoint, inside one read transaction:
    only the server's write-ahead log grows until the copy is whole.

    Args:
        source, target: database files.
        progress: called with the pages that are copied, and how many there are.

    Raises:
        StoreUnavailable: one of them cannot be read or written, StoreCorrupt: the source is damaged.
    """
    if not source.is_file():
        raise StoreUnavailable(f"there is no database {source}")
    with translated(), closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reader:
        reader.isolation_level = None
        reader.execute("PRAGMA busy_timeout = 5000").close()
        reader.execute("BEGIN").close()
        reader.execute("SELECT count(*) FROM sqlite_master").close()  # the transaction's snapshot begins here
        with closing(sqlite3.connect(target)) as writer:
            reader.backup(
                writer, pages=_PAGES, progress=lambda _status, left, total: progress(total - left, total), sleep=0
            )
