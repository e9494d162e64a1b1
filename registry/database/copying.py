"""Copying: all rows of one database into another, in one transaction of the target: whole or not at all."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select
from sqlmodel import Session, SQLModel

from provenance.errors import Conflict
from registry.database import tables  # noqa: F401  (fills the metadata
from registry.database.postgresql import allow_slow_transaction

Progress = Callable[[str, int, int], None]
"""Takes (table, rows done, rows in all) now and then."""

_OWN = {"log_leader"}  # each database elects its own leader
_ONE_ROW = {"log_head"}  # there from the start, and replaced
_BATCH = 5_000
"""Rows read between two reports of progress: some 5 MB of the largest tables."""


def copied_tables() -> list[Table]:
    """The tables that are copied, in an order in which no row refers to a later one."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in _OWN]


def counts(session: Session) -> dict[str, int]:
    """Number of rows of each table."""
    connection = session.connection()
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in copied_tables()
    }


def copy_rows(source: Session, target: Session, progress: Progress) -> None:
    """Copy every row. Raises Conflict if the target has any."""
    allow_slow_transaction(target.connection())
    held = {name: count for name, count in counts(target).items() if count and name not in _ONE_ROW}
    if held:
        found = ", ".join(f"{count} in {name}" for name, count in held.items())
        raise Conflict(f"the target is not empty: it has rows ({found})")
    expected = counts(source)
    for table in copied_tables():
        target.connection().execute(table.delete())
        done = 0
        progress(table.name, done, expected[table.name])
        for batch in _batches(source.connection(), table):
            _add(target.connection(), table, batch)
            done += len(batch)
            progress(table.name, done, expected[table.name])


def _batches(connection: Connection, table: Table) -> Iterator[list[tuple[object, ...]]]:
    result = connection.execution_options(yield_per=_BATCH).execute(select(table))
    for batch in result.partitions(_BATCH):
        yield [tuple(row) for row in batch]


def _add(connection: Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    names = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    columns = ", ".join(f'"{name}"' for name in names)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
