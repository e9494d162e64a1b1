"""Failures of the database, in the terms of `provenance.errors`: no exception of SQLAlchemy leaves the store."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from provenance.errors import Conflict, NotFound, RegistryError, StoreCorrupt, StoreUnavailable

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
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
_DAMAGED_STATES = ("XX001", "XX002")  # data corrupted, index corrupted
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


def translate(error: Exception) -> Exception:
    """The exception to show for `error`; whatever does not come from the database is returned as it is."""
    if isinstance(error, NoResultFound):
        return NotFound("no such row")
    if isinstance(error, IntegrityError):
        return Conflict(f"at odds with what is stored: {error.orig}")
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("all reading connections of the store are in use")
    if not isinstance(error, SQLAlchemyError | sqlite3.Error | psycopg.Error):
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
    if not isinstance(cause, psycopg.Error):
        return False
    return _is_unavailable(cause) if cause.sqlstate is None else cause.sqlstate.startswith(_PASSING_STATES)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `translate(error)` in place of what the block raises."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        raise translate(error) from error


def _cause(error: Exception) -> BaseException:
    """The driver's own exception."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _sqlite_code(cause: BaseException) -> int:
    """The primary result code; 0 where there is none."""
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF if isinstance(cause, sqlite3.Error) else 0


def _is_damage(cause: BaseException) -> bool:
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return _sqlite_code(cause) in _DAMAGED or (state or "") in _DAMAGED_STATES


def _is_unavailable(cause: BaseException) -> bool:
    if isinstance(cause, psycopg.Error):
        if cause.sqlstate is None:  # the connection could not be had, or broke
            return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return cause.sqlstate.startswith(_UNAVAILABLE_STATES)
    return _sqlite_code(cause) in _UNAVAILABLE
