"""Disputes of a registration by other publishers, with the answers to them, read in one query."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sqlmodel import Session, col, select

from provenance.errors import CountermarkError, StoreCorrupt
from provenance.statement.record import AssetDisputed, DisputeAnswered, is_open, parse_record
from provenance.statement.statement import parse_statement
from registry.database import publishers
from registry.database.snapshot import once
from registry.database.tables import Entry, Event, RecordRow

T = TypeVar("T", AssetDisputed, DisputeAnswered)


@dataclass(frozen=True)
class Logged(Generic[T]):
    """A logged record; `key_compromised`: its key may have been compromised by then."""

    record_id: bytes
    index: int
    logged_at_ms: int
    statement: bytes
    record: T
    key_compromised: bool = False


@dataclass(frozen=True)
class StoredDispute:
    """A dispute with the answers to it, in log order."""

    dispute: Logged[AssetDisputed]
    answers: tuple[Logged[DisputeAnswered], ...]

    @property
    def open(self) -> bool:
        """Whether the dispute is open."""
        return self.is_open(None)

    def is_open(self, size: int | None) -> bool:
        """Whether the dispute was open when the log had `size` entries; now, if that is None."""
        known = [each for each in self.answers if size is None or each.index < size]
        valid = (each.record for each in known if not each.key_compromised)
        return is_open(self.dispute.record_id, self.dispute.record.publisher, valid)


@once
def of_record(session: Session, target: bytes) -> Sequence[StoredDispute]:
    """The disputes of a registration, in log order, except erased ones. Raises StoreCorrupt.

    Whether an answer's key was compromised is judged by the time of the log, since a key's holder can backdate claims.
    """
    rows = session.exec(
        select(Event.type, Entry, RecordRow.canonical)
        .join(Entry, col(Entry.index) == col(Event.index))
        .join(RecordRow, col(RecordRow.record_id) == col(Entry.record_id))
        .where(Event.target == target, col(Event.type).in_((AssetDisputed.TYPE, DisputeAnswered.TYPE)))
        .order_by(col(Event.index))
    )
    disputes: dict[bytes, Logged[AssetDisputed]] = {}
    answers: dict[bytes, list[Logged[DisputeAnswered]]] = {}
    for type_, entry, canonical in rows:
        if not canonical:
            continue
        logged = (entry.record_id, entry.index, entry.logged_at_ms, entry.statement)
        match _parse(entry.index, canonical):
            case AssetDisputed() as record if type_ == record.TYPE:
                disputes[entry.record_id] = Logged(*logged, record)
            case DisputeAnswered() as record if type_ == record.TYPE:
                answers.setdefault(record.dispute, []).append(Logged(*logged, record))
            case _:
                raise StoreCorrupt(f"the record of entry {entry.index} contradicts its event")
    kids = {each.record_id: parse_statement(each.statement).kid for said in answers.values() for each in said}
    since = publishers.compromised_since(session, set(kids.values())) if kids else {}

    def judged(answer: Logged[DisputeAnswered]) -> Logged[DisputeAnswered]:
        invalid_since = since.get(kids[answer.record_id])
        return replace(answer, key_compromised=invalid_since is not None and answer.logged_at_ms >= invalid_since)

    return [StoredDispute(each, tuple(map(judged, answers.get(identity, ())))) for identity, each in disputes.items()]


def _parse(index: int, canonical: bytes) -> object:
    try:
        return parse_record(canonical)
    except CountermarkError as error:
        raise StoreCorrupt(f"the record of entry {index} has changed: {error}") from error
