"""The chain of a receipt: which records belong to one, those first without which it would be misunderstood."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from provenance.errors import CountermarkError, StoreCorrupt
from provenance.receipts.origins import references
from provenance.receipts.receipt import LoggedRecord
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    LogFrozen,
    LogGenesis,
    LogKey,
    PublisherKey,
    Record,
    RecordErased,
    VerdictRecorded,
    parse_record,
)
from registry.database import Session, assets, disputes, entries, events, sealed
from registry.database.disputes import StoredDispute


@dataclass(frozen=True)
class RecordGroup:
    """Records that go into a chain together or not at all, by their ids; `affects_standing`: whether leaving them out
    could change how the subject stands."""

    records: tuple[bytes, ...]
    affects_standing: bool = True


def record_groups(session: Session, subject: LoggedRecord, size: int) -> Iterator[RecordGroup]:
    """What belongs to a record in the tree of `size` entries, in the order of what it is worth to a reader.

    First the withdrawal and erasure of the record, an open dispute of it, and what supersedes it; then the same of what
    it was made from or is about, up to the origins, the nearest first. Then further open disputes, theirs too; then
    answers, and disputes that were retracted, each with its retraction; last the verdicts on it, which say nothing of
    how it stands. So no number of disputes that somebody raises and retracts leaves out an origin, or one that is open.

    Raises StoreCorrupt.
    """
    own = subject.parsed_statement.record_id
    open_disputes: list[StoredDispute] = []
    waiting, seen = deque([own]), {own}
    while waiting:
        identity = waiting.popleft()
        if identity == own:
            record = _parse_subject(subject)  # whoever requests the receipt may read it, sealed or not
        else:
            yield RecordGroup((identity,))
            record = _read(session, identity)
        for about in _withdrawals_and_erasures(session, identity):
            yield RecordGroup((about,))
        if isinstance(record, AssetRegistered):
            still_open = [each for each in disputes.of_record(session, identity) if each.is_open(size)]
            for each in still_open[:1]:
                yield RecordGroup((each.dispute.record_id,))
            open_disputes += still_open[1:]
        if identity == own:
            successor = events.successor(session, own)
            if successor is not None:
                yield RecordGroup((entries.get(session, successor).record_id,))
        named = [each for each in dict.fromkeys(_named_records(record)) if each not in seen]
        logged = entries.with_records(session, named)
        waiting += [each for each in named if each in logged]
        seen.update(named)
    for each in open_disputes:
        yield RecordGroup((each.dispute.record_id,))
    yield from _disputes_and_verdicts(session, own, _parse_subject(subject), size)


def find_public(session: Session, record_id: bytes) -> bytes | None:
    """The bytes of a public record; None if it is sealed, erased or withheld."""
    if not entries.has_content(session, record_id) or sealed.find(session, record_id) is not None:
        return None
    return entries.record(session, record_id).canonical


def _read(session: Session, record_id: bytes) -> Record | None:
    """A public record. Raises StoreCorrupt."""
    canonical = find_public(session, record_id)
    try:
        return None if canonical is None else parse_record(canonical)
    except CountermarkError as error:
        raise StoreCorrupt(f"record {record_id.hex()} has changed: {error}") from error


def _parse_subject(subject: LoggedRecord) -> Record | None:
    try:
        return subject.parsed_record
    except CountermarkError as error:
        raise StoreCorrupt(f"record {subject.record_id.hex()} has changed: {error}") from error


def _withdrawals_and_erasures(session: Session, record_id: bytes) -> Iterator[bytes]:
    """Ids of the withdrawals and erasures of a record."""
    for row in assets.withdrawals_of(session, record_id):
        yield entries.get(session, row.index).record_id
    for event in events.of_type(session, record_id, RecordErased.TYPE):
        yield entries.get(session, event.index).record_id


def _named_records(record: Record | None) -> list[bytes]:
    """Ids of the records that a record cannot be judged without: what it was made from, or is about."""
    match record:
        case AssetRegistered():
            return [parent for parent, _ in references(record)]
        case AssetWithdrawn() | AssetDisputed() | AssetRevealed() | RecordErased():
            return [record.record]
        case DisputeAnswered():
            return [record.dispute]
        case VerdictRecorded():
            return list(record.records)
        case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() | None:
            return []
        case never:
            assert_never(never)


def _disputes_and_verdicts(session: Session, own: bytes, record: Record | None, size: int) -> Iterator[RecordGroup]:
    """What was answered to the disputes of a registration, or to a dispute, and what else was said about a record."""
    for each in disputes.of_record(session, record.record if isinstance(record, AssetDisputed) else own):
        if isinstance(record, AssetDisputed) and each.dispute.record_id != own:
            continue
        answers = tuple(answer.record_id for answer in each.answers if answer.index < size)
        if each.is_open(size):
            yield from (RecordGroup((answer,)) for answer in answers)
        else:
            yield RecordGroup((*answers, each.dispute.record_id))
    for event in events.about(session, own):
        if event.type not in (AssetDisputed.TYPE, DisputeAnswered.TYPE):
            affects_standing = event.type != VerdictRecorded.TYPE
            yield RecordGroup((entries.get(session, event.index).record_id,), affects_standing)
