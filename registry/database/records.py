"""Records as values: what the entries of the log state, parsed."""

from typing import TypeVar

from sqlmodel import Session

from provenance.errors import NotFound, StoreCorrupt
from provenance.statement.record import Record, parse_record
from provenance.statement.record.facts import Stated
from registry.database import entries, events
from registry.database.snapshot import once

T = TypeVar("T")
S = TypeVar("S", bound=Stated)


@once
def get(session: Session, record_id: bytes) -> Record:
    """A record of any type. Raises NotFound and Erased as `entries.record`; MalformedRecord where its bytes changed."""
    return parse_record(entries.record(session, record_id).canonical)


def read(session: Session, record_id: bytes, kind: type[T], otherwise: str) -> T:
    """A record of the type that the store names. Raises as `get`, and StoreCorrupt(`otherwise`) for another type."""
    record = get(session, record_id)
    if not isinstance(record, kind):
        raise StoreCorrupt(otherwise)
    return record


def of_type(session: Session, record_id: bytes, kind: type[S], name: str) -> S:
    """A record of one type, which `name` names. Raises NotFound for a record of another type; otherwise as `read`."""
    if entries.type_of(session, record_id) != kind.TYPE:
        raise NotFound(f"no such {name}")
    return read(session, record_id, kind, f"record {record_id.hex()} is not a {name}, contrary to its row")


def first_about(session: Session, target: bytes, kind: str) -> bytes | None:
    """The id of the first record of a type about another; None if there is none."""
    found = events.of_type(session, target, kind)
    return entries.get(session, found[0].index).record_id if found else None
