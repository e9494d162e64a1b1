"""The audit of the entries' content: statements, records, signatures, times, and the succession of keys."""

from collections.abc import Iterator

from provenance.errors import MalformedRecord, SignatureInvalid, StatementError, UntrustedNote
from provenance.statement.record import (
    LogGenesis,
    LogKey,
    PublisherKey,
    Record,
    RecordErased,
    parse_record,
    record_id,
)
from provenance.statement.statement import Statement, parse_statement
from provenance.transparency.key_history import (
    KeyEvent,
    KeyHistory,
    publisher_of,
    verify_key_record,
    verify_operator_statement,
)
from provenance.transparency.log_keys import LogKeys
from registry.database.audit import Stretch
from registry.usecases.maintenance.fsck.defect import Defect
from registry.usecases.maintenance.fsck.signatures import SignatureAudit


class StatementAudit:
    """Follows the records from the log's first entry; give it every stretch in order."""

    def __init__(self, signatures: SignatureAudit) -> None:
        self._signatures = signatures
        self._genesis: LogGenesis | None = None
        self._log_keys: LogKeys | None = None
        self._history = KeyHistory(())
        self._logged_at_ms = 0
        self._emptied: dict[bytes, int] = {}  # records without content whose erasure was not seen yet
        self.records = 0  # number of stored records that entries state

    def follow(self, stretch: Stretch) -> Iterator[Defect | tuple[int, bytes, Record]]:
        """The defects of a stretch, and (index, record id, record) of each readable record."""
        for index in range(stretch.start, stretch.stop):
            row = stretch.entries.get(index)
            if row is None:
                continue
            if row.logged_at_ms < self._logged_at_ms:
                yield Defect("time", f"entry {index}", "logged before the entry in front of it")
            self._logged_at_ms = max(self._logged_at_ms, row.logged_at_ms)
            name = f"record {row.record_id.hex()}"
            if index in stretch.withheld:
                yield from self._check_withheld(index, row.statement, row.record_id, stretch.withheld[index])
                continue
            stored = stretch.records.get(row.record_id)
            if stored is None and stretch.lacks("record", row.record_id):
                self.records += 1
                continue
            if stored is None:
                yield Defect("record", name, f"the record of entry {index} is missing")
                continue
            self.records += 1
            if stored.index != index:
                yield Defect("record", name, f"its row names entry {stored.index}, but entry {index} states it")
            if not stored.canonical:
                self._emptied[row.record_id] = index
                continue
            if record_id(stored.canonical) != row.record_id:
                yield Defect("record", name, "the canonical bytes have changed")
                continue
            try:
                record = parse_record(stored.canonical)
            except MalformedRecord as error:
                yield Defect("record", name, str(error))
                continue
            if stored.type != record.TYPE:
                yield Defect("record", name, f"its row has the type {stored.type}, but it is {record.TYPE}")
            if index == 0 and isinstance(record, LogGenesis):
                self._genesis = record
            yield index, row.record_id, record
            if isinstance(record, RecordErased) and self._emptied.pop(record.record, index) >= index:
                erased = f"record {record.record.hex()}"
                yield Defect("record", erased, f"entry {index} says that it was erased, but its content is stored")
            try:
                statement = parse_statement(row.statement)
                if statement.record_id != row.record_id:
                    yield Defect("statement", f"entry {index}", "is about another record than its row says")
                else:
                    self._verify(index, statement, stored.canonical, record)
            except (StatementError, UntrustedNote) as error:
                yield Defect("statement", f"entry {index}", str(error))

    def end(self) -> Iterator[Defect]:
        """Report the records that are empty without having been erased."""
        for identity, index in self._emptied.items():
            yield Defect(
                "record", f"record {identity.hex()}", f"the content of entry {index} is missing without an erasure"
            )

    def _check_withheld(self, index: int, data: bytes, record_id: bytes, withheld: bytes) -> Iterator[Defect]:
        """Check an entry whose record its publisher withholds: only the statement is stored."""
        if withheld != record_id:
            yield Defect("record", f"entry {index}", "its row names another withheld record")
        try:
            statement = parse_statement(data)
            if statement.record_id != record_id:
                yield Defect("statement", f"entry {index}", "is about another record than its row says")
                return
            events = (each.record for each in self._history.events if each.record.key.thumbprint == statement.kid)
            publisher = next((record.publisher for record in events), "")
            self._signatures.add(index, statement, self._history.key_in_force(publisher, statement.kid, index))
        except StatementError as error:
            yield Defect("statement", f"entry {index}", str(error))

    def _verify(self, index: int, statement: Statement, canonical: bytes, record: Record) -> None:
        """Check a signature under the key that was in force. Raises SignatureInvalid, UntrustedNote."""
        publisher = publisher_of(record)
        if publisher is not None:
            key = self._history.key_in_force(publisher, statement.kid, index)
            self._signatures.add(index, statement, key)
            return
        if self._genesis is None:
            raise SignatureInvalid("no genesis record names the operator's keys")
        verify_operator_statement(statement, canonical, self._genesis)
        if isinstance(record, LogGenesis) and index == 0:
            self._log_keys = LogKeys.from_genesis(record)
        if isinstance(record, LogKey) and self._log_keys is not None:
            self._log_keys = self._log_keys.follow(index, record)
        if isinstance(record, PublisherKey):
            verify_key_record(record, self._genesis)
            event = KeyEvent(index, record)
            self._history = KeyHistory((*self._history.events, event))
            self._history.verify_handover(event)
