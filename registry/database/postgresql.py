"""PostgreSQL: one database for any number of processes, of which one leads the log.

Each process has one connection that writes, some that read snapshots and cannot write, and one that stands for election
(`registry.database.leadership`). The server frees the locks of a lost or suspended process: it ends idle
transactions, and detects hosts that no longer respond. Of one that is suspended in the middle of a batch, the leader
has it end the connections.
"""

import logging
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from provenance.errors import RegistryError, SettingsInvalid, StoreUnavailable
from provenance.limits import FAILOVER_SECONDS
from registry.database.failures import database_errors, translated
from registry.database.leadership import ElectedLeadership, Leadership
from registry.database.schema import migrate

if TYPE_CHECKING:
    import psycopg

DRIVER = "postgresql+psycopg"

_MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(:lock)").bindparams(lock=0x636D_6C6F_675F_6D67)  # "cmlog_mg"

_READERS = 16
"""Connections of one process that read: PostgreSQL takes 100 in all by default."""

_LOCK_TIMEOUT = "10s"
_LONG = "10min"
"""The most that a migration or a reader may take between two statements, and a migration wait for another's lock."""

_WRITER = (
    # A stopped process lets go of the head of the log and of its term within 3 s.
    "SET idle_in_transaction_session_timeout = '3s'",
    f"SET lock_timeout = '{_LOCK_TIMEOUT}'",
)
_READER = (
    "SET default_transaction_read_only = on",
    f"SET idle_in_transaction_session_timeout = '{_LONG}'",  # a stopped process holds up erasures no longer
)
_CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}

_CONTENT = ("record", "asset", "sealed_asset", "withdrawal", "upload", "verification", "idempotency", "resemblance")
"""Tables with readable content that an erasure deletes."""

_SAMPLED = text("""
    SELECT relname, attname FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
    WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:tables) AND attnum > 0 AND NOT attisdropped
    AND typname IN ('bytea', 'text', 'varchar') AND attname NOT IN ('type', 'publisher_id')
    AND attstattarget IS DISTINCT FROM 0
""").bindparams(tables=list(_CONTENT))

_SNAPSHOT_SECONDS = 2.0
"""Seconds for which a purge waits for readers: a request reads for milliseconds, and the writer stands still."""

_OLDER_SNAPSHOTS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) > age(%s::xid) LIMIT 1
"""

_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")

log = logging.getLogger(__name__)


class Postgresql:
    """A database on a PostgreSQL server."""

    failover_timeout = FAILOVER_SECONDS

    def __init__(self, url: str) -> None:
        """Raises SettingsInvalid for a malformed URL, StoreUnavailable, StoreCorrupt."""
        # One name for all connections of this process, so that another can end them all (at most 63 bytes).
        name = f"countermark {os.getpid()} on {socket.gethostname()[:24]} {secrets.token_hex(4)}"
        address = parse_url(url).update_query_dict({"application_name": name})
        self.writing = _engine(address, _WRITER, poolclass=NullPool)
        with translated(), self.writing.begin() as connection:
            _check_server(connection)
            allow_slow_transaction(connection)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LONG}'")  # another process may be migrating
            connection.execute(_MIGRATION_LOCK)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            migrate(connection)
            _disable_statistics(connection)
        self.reading = _engine(
            address,
            _READER,
            isolation_level="REPEATABLE READ",
            pool_size=_READERS,
            max_overflow=0,  # one above would be opened for a read, and closed after it
            pool_pre_ping=True,  # so that a restart of the server fails no reader that comes after it
        )
        electing = _engine(address, (), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self.leadership: Leadership = ElectedLeadership(electing)

    def before_read(self) -> None:
        """Nothing to do: readers do not wait."""

    def after_commit(self, connection: Connection) -> None:
        """Nothing to do: the server vacuums by itself."""

    def purge(self, connection: Connection) -> bool:
        """Rewrite the tables that hold content, and vacuum the others; False while a reader holds an older snapshot.

        A plain VACUUM frees dead rows and leaves their bytes in the page. Each table is locked while it is rewritten.
        """
        driver: Any = connection.connection.driver_connection
        try:
            with translated():
                driver.autocommit = True
                try:
                    if not _wait_for_older_snapshots(driver):
                        return False
                    driver.execute(f"VACUUM (FULL) {', '.join(_CONTENT)}")
                    driver.execute("VACUUM")
                finally:
                    driver.autocommit = False
        except database_errors(RegistryError) as error:
            log.warning("the database could not be vacuumed: %s", error)
            return False
        return True

    def close(self) -> None:
        """Step down, and close all connections."""
        self.leadership.close()
        self.reading.dispose()
        self.writing.dispose()


def allow_slow_transaction(connection: Connection) -> None:
    """Let this transaction idle longer between two statements than the writer's transactions may."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_LONG}'")


def _disable_statistics(connection: Connection) -> None:
    """Disable statistics of the columns with content: samples kept by ANALYZE would outlive an erasure."""
    for table, column in connection.execute(_SAMPLED).all():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STATISTICS 0')


def _wait_for_older_snapshots(driver: "psycopg.Connection[Any]") -> bool:
    """Wait up to `_SNAPSHOT_SECONDS` for readers of older snapshots; whether there are none left."""
    row = driver.execute("SELECT pg_current_xact_id()::xid::text").fetchone()
    end = time.monotonic() + _SNAPSHOT_SECONDS
    while row is not None and driver.execute(_OLDER_SNAPSHOTS, row).fetchone() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def parse_url(url: str) -> URL:
    """The address of a database. Raises SettingsInvalid; the address, which may hold a password, is not repeated."""
    try:
        address = make_url(url)
    except ArgumentError:
        raise SettingsInvalid("the database URL cannot be read") from None
    if address.drivername not in ("postgresql", DRIVER) or not address.database:
        raise SettingsInvalid(f"a database URL reads {DRIVER}://USER@HOST/DATABASE")
    return address.set(drivername=DRIVER)


def _engine(address: URL, settings: tuple[str, ...], **options: Any) -> Engine:
    try:
        engine = create_engine(address, connect_args=_CONNECTING, **options)
    except ModuleNotFoundError as error:  # psycopg is an extra
        raise SettingsInvalid("a database on PostgreSQL needs psycopg, which `make postgresql` installs") from error

    def prepare(connection: "psycopg.Connection[Any]", _entry: ConnectionPoolEntry) -> None:
        committing, connection.autocommit = connection.autocommit, True
        for setting in settings:
            connection.execute(setting)
        connection.autocommit = committing

    event.listen(engine, "connect", prepare)
    return engine


def _check_server(connection: Connection) -> None:
    shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in (*_DURABLE, "server_encoding")}
    if shown["server_encoding"] != "UTF8":
        raise StoreUnavailable(f"the database has the encoding {shown['server_encoding']}, and UTF8 is needed")
    for name in _DURABLE:
        if shown[name] == "off":
            log.warning("PostgreSQL runs with %s=off: a power cut may lose what was acknowledged", name)
