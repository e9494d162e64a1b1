"""Failures of the database, in the terms of `provenance.errors`: no exception of SQLAlchemy leaves the store."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from provenance.errors import Conflict, NotFound, RegistryError, StoreCorrupt, StoreUnavailable

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_OTHER_TABLES = ("no such column", "no such table")
"""How SQLite begins to say that tables are not as they were made; one code stands for all that a query has wrong."""
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
# PostgreSQL's classes of error codes ("SQLSTATE"; PostgreSQL documentation, appendix A), and single codes.
_DAMAGED_STATES = ("XX001", "XX002", "42P01", "42703")  # data or index corrupted; no such table, no such column
_PASSING_STATES = ("08", "25P03", "40", "57P01", "57P02")
_UNAVAILABLE_STATES = (
    "08",  # connection
    "25006",  # a read-only transaction, or a server in recovery
    "25P03",  # the transaction stood still for too long
    "40",  # rolled back: a deadlock
    "53",  # out of disk, memory or connections
    "55P03",  # a lock was not to be had
    "57",  # shut down, starting, cancelled
    "58",  # the server's disk
)


def database_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """What SQLAlchemy and the drivers raise, and others; psycopg's, which is an extra, only where it is in use.

    UnicodeDecodeError: sqlite3's, of an error message that quotes a damaged schema.
    """
    return SQLAlchemyError, sqlite3.Error, UnicodeDecodeError, *_of_psycopg("Error"), *others


def translate(error: Exception) -> Exception:
    """The exception of `provenance.errors` for a database error; any other exception is returned as it is."""
    if isinstance(error, UnicodeDecodeError):
        return StoreCorrupt("the database is damaged: its schema is not UTF-8")
    if isinstance(error, NoResultFound):
        return NotFound("no such row")
    if isinstance(error, IntegrityError):
        return Conflict(f"at odds with what is stored: {error.orig}")
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("all reading connections of the store are in use")
    if not isinstance(error, database_errors()):
        return error
    cause = _cause(error)
    reason = str(cause).partition("\n")[0]
    if _is_damage(cause):
        return StoreCorrupt(f"the database is damaged: {reason}")
    if _is_unavailable(cause):
        return StoreUnavailable(f"the database cannot be used now: {reason}")
    return RegistryError(f"the database refused a statement: {reason}")


def ends_transaction(error: Exception) -> bool:
    """Whether the database may have rolled back the whole transaction, not the statement alone.

    SQLite: lang_transaction, §3. PostgreSQL does so only where it ends the connection, and after these nothing more of
    the transaction would succeed.
    """
    cause = _cause(error)
    return _is_damage(cause) or _is_unavailable(cause)


def may_be_repeated(error: Exception) -> bool:
    """Whether a transaction that was not committed can succeed at once: the server ended it, or untied a deadlock."""
    cause = _cause(error)
    if not isinstance(cause, _of_psycopg("Error")):
        return False
    state = _sqlstate(cause)
    return state.startswith(_PASSING_STATES) if state else _is_unavailable(cause)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `translate(error)` in place of what the block raises."""
    try:
        yield
    except database_errors() as error:
        raise translate(error) from error


def _cause(error: Exception) -> BaseException:
    """The driver's own exception."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _of_psycopg(*names: str) -> tuple[type[Exception], ...]:
    """Exceptions of psycopg; none where nobody has imported it."""
    driver = sys.modules.get("psycopg")
    return () if driver is None else tuple(getattr(driver, name) for name in names)


def _sqlstate(cause: BaseException) -> str:
    """PostgreSQL's error code; empty where there is none."""
    return (getattr(cause, "sqlstate", None) or "") if isinstance(cause, _of_psycopg("Error")) else ""


def _sqlite_code(cause: BaseException) -> int:
    """The primary result code; 0 where there is none."""
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF if isinstance(cause, sqlite3.Error) else 0


def _is_damage(cause: BaseException) -> bool:
    if isinstance(cause, sqlite3.OperationalError) and str(cause).startswith(_OTHER_TABLES):
        return True
    return _sqlite_code(cause) in _DAMAGED or _sqlstate(cause) in _DAMAGED_STATES


def _is_unavailable(cause: BaseException) -> bool:
    if isinstance(cause, _of_psycopg("Error")):
        state = _sqlstate(cause)
        if not state:  # the connection could not be had, or broke
            return isinstance(cause, _of_psycopg("OperationalError", "InterfaceError"))
        return state.startswith(_UNAVAILABLE_STATES)
    return _sqlite_code(cause) in _UNAVAILABLE
