"""History: everything that the log holds about a registration, in its order."""

from provenance import answers
from provenance.quotation import quote
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
    RecordErased,
    VerdictRecorded,
    parse_record,
    record_urn,
)
from provenance.statement.statement import parse_statement
from registry.reading.readers import ANYBODY, Reader, held
from registry.registry import Registry
from registry.store import Session, assets, entries, events, publishers
from registry.times import from_milliseconds

_WHAT_IT_WAS = {
    AssetRegistered.TYPE: "Registered",
    AssetWithdrawn.TYPE: "Withdrawn",
    AssetDisputed.TYPE: "Disputed",
    DisputeAnswered.TYPE: "A dispute answered",
    VerdictRecorded.TYPE: "A verification put on record",
}
"""What may be said of an erased record, by its type."""


def history(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> list[answers.Event]:
    """What happened to an asset, in log order; of an erased one without its content. Raises NotFound, Sealed."""
    with registry.store.read() as session:
        if not events.is_erased(session, record_id):
            held(session, record_id, reader)
        elif not events.is_registration(session, record_id):
            assets.get(session, record_id)  # raises Erased: another kind of record has no history
        indices = {
            entries.of_record(session, record_id).index,
            *(event.index for event in events.about(session, record_id)),
            *(row.index for row in assets.withdrawals_of(session, record_id)),
        }
        return [_event(session, index) for index in sorted(indices)]


def _event(session: Session, index: int) -> answers.Event:
    entry = entries.get(session, index)
    kind = entries.type_of(session, entry.record_id)
    key = publishers.find_key(session, parse_statement(entry.statement).kid)
    by = "" if key is None else publishers.get(session, key.publisher_id).name
    return answers.Event(
        index=index,
        type=kind,
        record_id=record_urn(entry.record_id),
        logged_at=from_milliseconds(entry.logged_at_ms),
        summary=(
            f"{_WHAT_IT_WAS.get(kind, kind)} by {quote(by)}; the content was erased."
            if events.is_erased(session, entry.record_id)
            else _summary(session, entry.record_id, by)
        ),
    )


def _summary(session: Session, record_id: bytes, by: str) -> str:
    match parse_record(entries.record(session, record_id).canonical):
        case AssetRegistered(visibility="sealed"):
            return f"Registered by {quote(by)}, sealed."
        case AssetRegistered():
            return f"Registered by {quote(by)}."
        case AssetWithdrawn() as record:
            return f"Withdrawn by {quote(by)}: {quote(record.reason)}."
        case AssetDisputed() as record:
            return f"Disputed by {quote(by)}: {quote(record.reason)}."
        case DisputeAnswered() as record:
            dispute = entries.of_record(session, record.dispute).index
            return f"{quote(by)} answers the dispute of entry {dispute}, {record.outcome}: {quote(record.reason)}."
        case AssetRevealed():
            return f"Revealed by {quote(by)}; until then it was sealed."
        case VerdictRecorded() as record:
            return f"{quote(by)} put a verification on record: {quote(record.headline)}."
        case RecordErased() as record:
            return f"Content erased: {quote(record.reason)}."
        case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() as record:
            return record.TYPE
