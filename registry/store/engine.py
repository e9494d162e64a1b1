"""The engine: opens a data folder's SQLite database, and hands out sessions.

One writer (`registry.store.writer`); any number of readers, each with a snapshot, on connections that can neither write
nor checkpoint: SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at once.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlmodel import Session

from provenance.errors import StoreUnavailable
from registry.store.failures import translated
from registry.store.lock import FolderLock
from registry.store.schema import migrate
from registry.store.writer import Writer

T = TypeVar("T")

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
_TURNSTILE_SECONDS = 1.0
"""Seconds that a new reader at most waits for the WAL to be emptied: as long as the writer waits for old readers."""

_READER = ("PRAGMA busy_timeout = 5000", "PRAGMA wal_autocheckpoint = 0", "PRAGMA query_only = ON")


class Store:
    """The database of one data folder, which this process alone writes."""

    def __init__(self, folder: Path, lock: FolderLock, writing: Engine, reading: Engine) -> None:
        self.folder = folder
        self._closed = False
        self._lock = lock
        self._writing = writing
        self._reading = reading
        self._turnstile = threading.Event()
        self._turnstile.set()
        self._writer = Writer(writing, _database(folder).with_name("countermark.db-wal"), self._turnstile)

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """Open the folder, making it (mode 0700) and the tables that are missing.

        Raises StoreLocked while another process has it open, StoreUnavailable when it cannot be read or written or a
        newer version has written it, StoreCorrupt when the database file is damaged.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the data folder {folder} cannot be made: {error.strerror}") from error
        lock = FolderLock(folder)
        try:
            writing = _engine(_database(folder), _WRITER, "BEGIN IMMEDIATE", pooled=False)
            with translated(), writing.begin() as connection:
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
                    raise StoreUnavailable(f"the file system of {folder} cannot hold a write-ahead log")
                migrate(connection)
            return cls(folder, lock, writing, _engine(_database(folder), _READER, "BEGIN", pooled=True))
        except BaseException:
            lock.release()
            raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the database. Keep it short: the WAL cannot shrink past it.

        Raises StoreUnavailable and StoreCorrupt for what the database reports, also inside the block.
        """
        self._turnstile.wait(_TURNSTILE_SECONDS)
        with translated(), Session(self._reading) as session:
            yield session

    def write(self, job: Callable[[Session], T]) -> "Future[T]":
        """Have the writer run `job`; the future resolves when its result is durable.

        The future raises what the job raised, which then left nothing behind: Conflict for a constraint,
        StoreUnavailable when the disk is full, read-only or failing. Later jobs are tried anew, so the store recovers
        without a restart.
        """
        return self._writer.submit(job)

    def purge(self) -> "Future[None]":
        """Have the files forget what was deleted: SQLite zeroes it (`secure_delete`), and the WAL is emptied.

        The future raises StoreUnavailable while a reader holds an older snapshot; a later try finishes the work.
        """
        return self._writer.submit(_nothing, purges=True)

    def close(self) -> None:
        """Finish the queued writes, empty the WAL, let go of the folder. Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._reading.dispose()
        # The last connection to close empties the WAL and removes it.
        with translated(), self._writing.connect():
            pass
        self._writing.dispose()
        self._lock.release()


def _nothing(_session: Session) -> None:
    """The job of who only waits."""


def _database(folder: Path) -> Path:
    return folder / "countermark.db"


def _engine(database: Path, pragmas: tuple[str, ...], begin: str, *, pooled: bool) -> Engine:
    url = f"sqlite:///{database}"
    engine = create_engine(url, pool_size=8, max_overflow=56) if pooled else create_engine(url, poolclass=NullPool)

    def prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # else the driver, not SQLAlchemy, decides where a transaction begins
        for pragma in pragmas:
            connection.execute(pragma).close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine
