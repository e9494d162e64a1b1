"""What the tests of a process do once, or cheaply, where the service does it for each data folder; and how they wait.

The first tables that a process makes are made by the migrations; those of the stores after it are copies. SQLAlchemy
compiles a statement once for each engine: here, once. A key file costs a guesser of its passphrase next to nothing. A
worker of the sandbox is waited for as long as a busy machine needs to start it.
"""

import sqlite3
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import Connection, Dialect, Engine, create_engine

from provenance.statement import key_file
from registry.database import schema, sqlite
from registry.sandbox import Sandbox, process
from tests.patience import HUNG_SECONDS

SCRYPT_COST = key_file.SCRYPT_COST
"""What a key file of the service costs."""

_compiled: dict[Any, Any] = {}


def spare(patch: pytest.MonkeyPatch) -> None:
    """Have this process do so until the patches are undone."""
    patch.setattr(key_file, "SCRYPT_COST", 2)
    patch.setattr(sqlite, "migrate", migrate)
    patch.setattr(sqlite, "create_engine", engine)
    patch.setattr(process, "START_SECONDS", HUNG_SECONDS)
    patch.setitem(Sandbox.__init__.__kwdefaults__, "busy_seconds", HUNG_SECONDS)


def migrate(connection: Connection) -> None:
    """As `registry.database.schema.migrate`, on SQLite."""
    if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        schema.migrate(connection)
        return
    for statement in _tables():
        connection.exec_driver_sql(statement)


def engine(url: str, **options: Any) -> Engine:
    """As `sqlalchemy.create_engine`, on SQLite."""
    made = create_engine(url, **options)
    made.dialect = _dialect()
    made.update_execution_options(compiled_cache=_compiled)
    return made


@cache
def _tables() -> tuple[str, ...]:
    """What the migrations make of an empty database, as statements."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        template = create_engine(f"sqlite:///{path}")
        with template.begin() as connection:
            schema.migrate(connection)
        template.dispose()
        database = sqlite3.connect(path)
        try:
            return tuple(database.iterdump())[1:-1]  # without the transaction, which the caller has
        finally:
            database.close()


@cache
def _dialect() -> Dialect:
    memory = create_engine("sqlite://")
    with memory.connect() as connection:  # which fills it with what this SQLite can do
        dialect = connection.dialect
    memory.dispose()
    return dialect
