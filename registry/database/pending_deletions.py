"""Pending deletions: what an erasure has to delete after its transaction, stored so that a crash loses none of it."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from registry.database.tables import PendingDeletion

UNFINISHED = ""
"""In place of an object's name: marks an unfinished erasure; removed last."""

_RECORD = "records/"


def record_name(record_id: bytes) -> str:
    """In place of an object's name: a record about the erased record, to be erased as well."""
    return f"{_RECORD}{record_id.hex()}"


def add(session: Session, record_id: bytes, objects: Iterable[str]) -> None:
    """Add objects, by name, to delete with a record; those that are pending already stay."""
    for name in objects:
        session.merge(PendingDeletion(record_id=record_id, object=name))
    session.flush()


def all_of(session: Session) -> Sequence[tuple[bytes, str]]:
    """(record id, object's name) of all pending deletions."""
    return session.exec(
        select(PendingDeletion.record_id, PendingDeletion.object).order_by(
            col(PendingDeletion.record_id), col(PendingDeletion.object)
        )
    ).all()


def records(session: Session) -> Sequence[tuple[bytes, bytes]]:
    """Pairs of an erased record and a record about it that is still to be erased."""
    return [
        (record_id, bytes.fromhex(name.removeprefix(_RECORD)))
        for record_id, name in all_of(session)
        if name.startswith(_RECORD)
    ]


def remove(session: Session, record_id: bytes, name: str) -> None:
    """Remove a pending deletion that was carried out."""
    row = session.get(PendingDeletion, (record_id, name))
    if row is not None:
        session.delete(row)
        session.flush()
