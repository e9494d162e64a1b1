"""Changes of the log's keys: which entries make them."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from registry.database.snapshot import once
from registry.database.tables import Entry, LogKeyRow, RecordRow


def insert(session: Session, index: int) -> None:
    """The entry at `index` changes the log's keys."""
    session.add(LogKeyRow(index=index))
    session.flush()


@once
def indices(session: Session) -> Sequence[int]:
    """The entries that change the log's keys, in order."""
    return session.exec(select(LogKeyRow.index).order_by(col(LogKeyRow.index))).all()


def changes(session: Session) -> Sequence[tuple[int, bytes, bytes]]:
    """(index, statement, canonical record) of the entries that change the log's keys, in order."""
    return session.exec(
        select(Entry.index, Entry.statement, RecordRow.canonical)
        .join(LogKeyRow, col(LogKeyRow.index) == col(Entry.index))
        .join(RecordRow, col(RecordRow.record_id) == col(Entry.record_id))
        .order_by(col(LogKeyRow.index))
    ).all()
