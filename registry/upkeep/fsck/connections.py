"""The audit of what connects records: events, derivations, seals, and erasures that are not finished."""

from collections.abc import Iterator, Mapping

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
)
from registry.store import Session, events, remnants
from registry.store.audit import Stretch, shown
from registry.upkeep.fsck.finding import Finding


class ConnectionAudit:
    """Follows the records from the log's first entry; give it every stretch in order, then `end` it."""

    def __init__(self) -> None:
        self._disputed: dict[bytes, bytes] = {}  # registration by dispute
        self._unsealed: dict[bytes, str] = {}  # sealed records that are public, of which no reveal was seen yet
        self._kept_back: set[bytes] = set()
        self._derivations = 0
        self._unread = False  # whether something was left out, so that nothing follows from numbers

    def follow(self, stretch: Stretch, records: Mapping[int, tuple[bytes, Record]]) -> Iterator[Finding]:
        """Compare the rows of a stretch with its records, which are given by index."""
        for index, (record_id, record) in records.items():
            if isinstance(record, AssetRegistered):
                yield from self._seal(stretch, index, record_id, record)
                yield from self._derivation(stretch, index, record_id, record)
            elif isinstance(record, AssetDisputed):
                self._disputed[record_id] = record.record
            elif isinstance(record, AssetRevealed):
                self._unsealed.pop(record.record, None)
                if record.record in self._kept_back:
                    yield Finding("asset", f"asset {record.record.hex()}", f"kept back, and entry {index} reveals it")
            stored = {row.target for row in stretch.events.get(index, ()) if row.type == record.TYPE}
            if stretch.lacks("event", index):
                continue
            if stored != self._targets(record) or len(stored) != len(stretch.events.get(index, ())):
                yield Finding("event", f"events of entry {index}", "not as in the record")
        self._unread = self._unread or bool(stretch.unreadable) or any(stretch.left_out.values())
        for index in sorted(stretch.events.keys() - records.keys()):
            yield from _of_no_record(stretch, index)

    def end(self, session: Session) -> Iterator[Finding]:
        """What can be said only after the last entry."""
        for name in self._unsealed.values():
            yield Finding("asset", name, "its record is sealed, no record reveals it, and it is public")
        if not self._unread and events.derivation_count(session) != self._derivations:
            yield Finding("derivation", "derivations", "there are some that no public record states")
        for record in sorted({shown(record) for record, _ in remnants.all_of(session)}):
            yield Finding("record", f"record {record}", "its erasure is not finished: start the server")

    def _seal(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Finding]:
        name = f"asset {record_id.hex()}"
        if index in stretch.sealed:
            self._kept_back.add(record_id)
            if record.visibility != "sealed":
                yield Finding("asset", name, "it is kept back, and its record is public")
        elif record.visibility == "sealed" and not stretch.lacks("sealed_asset", index):
            self._unsealed[record_id] = name

    def _derivation(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Finding]:
        stated = events.derivations(record) if index in stretch.assets else {}
        self._derivations += len(stated)
        if stretch.derivations.get(record_id, {}) != stated and not stretch.lacks("derivation", record_id):
            yield Finding("derivation", f"derivations of {record_id.hex()}", "not as in the record")

    def _targets(self, record: Record) -> set[bytes]:
        """The records that a record is an event about."""
        match record:
            case AssetDisputed() | AssetRevealed() | RecordErased():
                return {record.record}
            case DisputeAnswered():
                return {self._disputed.get(record.dispute, b"")}
            case VerdictRecorded():
                return set(record.records)
            case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() | AssetRegistered() | AssetWithdrawn():
                return set()


def _of_no_record(stretch: Stretch, index: int) -> Iterator[Finding]:
    """An event of an erased record says no more than its type; any other needs a record."""
    entry = stretch.entries.get(index)
    stored = None if entry is None else stretch.records.get(entry.record_id)
    if stretch.is_unread(index):
        return
    if stored is None or stored.canonical or any(row.type != stored.type for row in stretch.events[index]):
        yield Finding("event", f"events of entry {index}", "no record states them")
