"""Remnants: what erasures have still to remove outside their transaction, so that a crash leaves nothing behind."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from registry.database.tables import PendingDeletion

UNFINISHED = ""
"""In place of an object's name: the erasure is not finished, and this is the last to be settled."""

_RECORD = "records/"


def record_name(record_id: bytes) -> str:
    """In place of an object's name: a record about the erased one, which has to be erased as well."""
    return f"{_RECORD}{record_id.hex()}"


def add(session: Session, record_id: bytes, objects: Iterable[str]) -> None:
    """Note objects by name that have to go with a record; those noted before stay noted."""
    for name in objects:
        session.merge(PendingDeletion(record_id=record_id, object=name))
    session.flush()


def all_of(session: Session) -> Sequence[tuple[bytes, str]]:
    """(record id, object's name) of everything that has still to go."""
    return session.exec(
        select(PendingDeletion.record_id, PendingDeletion.object).order_by(
            col(PendingDeletion.record_id), col(PendingDeletion.object)
        )
    ).all()


def records(session: Session) -> Sequence[tuple[bytes, bytes]]:
    """(erased record, record about it that has to be erased as well)."""
    return [
        (record_id, bytes.fromhex(name.removeprefix(_RECORD)))
        for record_id, name in all_of(session)
        if name.startswith(_RECORD)
    ]


def settle(session: Session, record_id: bytes, name: str) -> None:
    """Note that an object is gone."""
    row = session.get(PendingDeletion, (record_id, name))
    if row is not None:
        session.delete(row)
        session.flush()
