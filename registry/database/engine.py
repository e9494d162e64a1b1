"""The store: opens a registry's database, and hands out sessions.

The tables and every query are the same on both databases: SQLite in the data folder (`registry.database.sqlite`), and
PostgreSQL by its URL (`registry.database.postgresql`).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlmodel import Session

from provenance.errors import StoreUnavailable
from registry.database.leadership import Leadership, SoleLeadership
from registry.database.postgresql import Postgresql
from registry.database.snapshot import Snapshot
from registry.database.sqlite import Sqlite
from registry.database.writer import Writer

T = TypeVar("T")


class Database(Protocol):
    """What differs between SQLite and PostgreSQL."""

    writing: Engine
    reading: Engine
    leadership: Leadership
    failover_timeout: float

    def before_read(self) -> None:
        """Called before a reader begins."""

    def after_commit(self, connection: Connection) -> None:
        """Called by the writer after each commit."""

    def purge(self, connection: Connection) -> bool:
        """Called by the writer after a commit: erase deleted data from the files; False if that cannot be done now."""

    def close(self) -> None:
        """Called when the writer has ended."""


class Store:
    """The database of one registry: SQLite for this process alone, or PostgreSQL for any number of processes."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.leadership = database.leadership
        self.failover_timeout = database.failover_timeout
        """Seconds that an append waits for the database, or for another leader."""
        self.alone = isinstance(database.leadership, SoleLeadership)
        """Whether no other process can open the database."""
        self._database = database
        self._closed = False
        self._writer = Writer(database.writing, database.after_commit, database.purge)

    @classmethod
    def open(cls, folder: Path, url: str = "") -> "Store":
        """Open the folder and the database, making the folder (mode 0700) and the tables that are missing.

        Args:
            folder: holds the database, unless there is a URL.
            url: "postgresql+psycopg://…"; by default SQLite in the folder.

        Raises StoreLocked while another process has the folder's database open, StoreUnavailable when it cannot be read
        or written or a newer version has written it, StoreCorrupt when it is damaged, SettingsInvalid for a bad URL.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the data folder {folder} cannot be made: {error.strerror}") from error
        return cls(folder, Postgresql(url) if url else Sqlite(folder))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot of the database. Keep it short: SQLite's WAL cannot shrink past it.

        Raises StoreUnavailable and StoreCorrupt for what the database reports, also inside the block.
        """
        with self.snapshot() as snapshot, snapshot.read() as session:
            yield session

    def snapshot(self) -> Snapshot:
        """A snapshot that is taken at its first read, for work that releases it while it waits."""
        return Snapshot(self._database.reading, self._database.before_read)

    def write(self, job: Callable[[Session], T]) -> "Future[T]":
        """Have the writer run `job`; the future resolves when its result is durable.

        The future raises what the job raised, which then left nothing behind: Conflict for a constraint,
        StoreUnavailable when the disk is full, read-only or failing, or the server away. Of a commit that the server
        did not confirm, nobody knows whether it was done. Later jobs are tried anew, so the store recovers without a
        restart.
        """
        return self._writer.submit(job)

    def purge(self) -> "Future[None]":
        """Erase deleted data from the database's files.

        SQLite zeroes it (`secure_delete`), and the WAL is truncated. PostgreSQL rewrites the tables that hold content,
        which are locked meanwhile; its WAL, archives and backups keep what they hold until they are recycled.

        The future raises StoreUnavailable while a reader holds an older snapshot; a later try finishes the work.
        """
        return self._writer.submit(_nothing, purges=True)

    def leads(self, term: int) -> bool:
        """Whether this process still leads in `term`. Raises StoreUnavailable if that is unknown now."""
        with self.read() as session:
            return self.leadership.current(session) == term

    def close(self) -> None:
        """Finish the queued writes and close the database. Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._database.close()


def _nothing(_session: Session) -> None:
    """An empty job, for its commit alone."""
