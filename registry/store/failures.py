"""Failures of the database, in the terms of `provenance.errors`: no exception of SQLAlchemy leaves the store."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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


def translate(error: Exception) -> Exception:
    """The exception to show for `error`; whatever does not come from the database is returned as it is."""
    if isinstance(error, NoResultFound):
        return NotFound("no such row")
    if isinstance(error, IntegrityError):
        return Conflict(f"at odds with what is stored: {error.orig}")
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("all reading connections of the store are in use")
    if not isinstance(error, SQLAlchemyError | sqlite3.Error):
        return error
    cause, code = _cause(error)
    if code in _DAMAGED:
        return StoreCorrupt(f"the database file is damaged: {cause}")
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"the database cannot be used now: {cause}")
    return RegistryError(f"the database refused a statement: {cause}")


def ends_transaction(error: Exception) -> bool:
    """Whether SQLite may have rolled back the whole transaction, not the statement alone (lang_transaction, §3)."""
    return _cause(error)[1] in _DAMAGED | _UNAVAILABLE


@contextmanager
def translated() -> Iterator[None]:
    """Raise `translate(error)` in place of what the block raises."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise translate(error) from error


def _cause(error: Exception) -> tuple[BaseException, int]:
    """The driver's own exception and its primary result code; 0 where there is none."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return cause, getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return cause, 0
