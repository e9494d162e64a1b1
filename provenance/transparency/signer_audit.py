"""Who signed the entries of a log: every statement checked with the keys that the log's own records name.

The genesis record names the operator's keys, the operator's `publisher.key` records those of publishers, from one index
to another (`key_history`). Only those records are needed, each under the digest that its entry holds; of all others the
statement's signature is checked, and not what they say.
"""

import hashlib
from collections.abc import Callable, Iterable

from provenance.errors import SignatureInvalid, StatementError
from provenance.limits import MAX_COUNTED_KEYS, MAX_RECORD_BYTES
from provenance.statement.keys import PublicKey
from provenance.statement.record import LogGenesis, PublisherKey, Record, parse_record
from provenance.statement.statement import Statement, verify_statement
from provenance.transparency.key_history import KeyEvent, KeyHistory, verify_key_record

FetchRecord = Callable[[bytes], bytes | None]
"""record id (32 bytes) -> the record's canonical bytes, or None where they are withheld: sealed, or erased."""


class SignerAudit:
    """Takes the statements of one log in log order. `verified` and `unchecked` count them, those of this run alone.

    A statement is unchecked if no available record names its key and a record of the operator's was withheld, which may
    name it.
    """

    def __init__(self, origin: str, fetch: FetchRecord, known: Iterable[tuple[int, bytes]] = ()) -> None:
        """Start, or go on where an earlier audit left off.

        Args:
            origin: the log's name.
            fetch: gets records; what it raises ends `check`.
            known: `key_records` of the earlier audit.

        Raises:
            SignatureInvalid: one of the known records is served with other bytes.
        """
        self.verified = 0
        self.unchecked = 0
        self._origin = origin
        self._fetch = fetch
        self._genesis: LogGenesis | None = None
        self._history = KeyHistory(())
        self._publishers: dict[bytes, set[str]] = {}
        self._found: dict[int, bytes] = {}
        self._withheld = 0
        for index, record_id in known:
            self._take(index, record_id, self._record(record_id))

    @property
    def key_records(self) -> tuple[tuple[int, bytes], ...]:
        """(index, record id) of the genesis record and the key records so far, and of those that were withheld."""
        return tuple(sorted(self._found.items()))

    def check(self, index: int, statement: Statement) -> None:
        """Check the signature of entry `index`.

        Raises:
            SignatureInvalid: not signed with a key that was in force at that index; or an operator's record is
                malformed.
        """
        if index == 0:
            self._read_genesis(statement)
        operator = self._operator_key(statement.kid)
        if operator is not None:
            verify_statement(statement, operator)
            if index > 0:
                self._read_operators(index, statement)
        elif not self._verify_publishers(index, statement):
            self.unchecked += 1
            return
        self.verified += 1

    def _read_genesis(self, statement: Statement) -> None:
        record = self._record(statement.record_id)
        if not isinstance(record, LogGenesis) or record.origin != self._origin:
            raise SignatureInvalid("the record of entry 0 is withheld, or not the genesis record of this log")
        self._take(0, statement.record_id, record)
        if self._operator_key(statement.kid) is None:
            raise SignatureInvalid("the genesis record is not signed with an operator key that it names")

    def _operator_key(self, kid: bytes) -> PublicKey | None:
        if self._genesis is None:
            raise SignatureInvalid("without the genesis record, nothing says who may sign")
        return next((key for key in self._genesis.operator_keys if key.thumbprint == kid), None)

    def _read_operators(self, index: int, statement: Statement) -> None:
        """Take in what an operator stated about keys."""
        if index in self._found:
            return
        record = None if len(self._found) > MAX_COUNTED_KEYS else self._record(statement.record_id)
        if isinstance(record, PublisherKey) and self._genesis is not None:
            verify_key_record(record, self._genesis)
        if record is None or isinstance(record, PublisherKey):
            self._take(index, statement.record_id, record)

    def _verify_publishers(self, index: int, statement: Statement) -> bool:
        """Whether a publisher's key signed; False where that is not known. Raises SignatureInvalid if no key did."""
        publishers = self._publishers.get(statement.kid, set())
        refusal = SignatureInvalid(f"no record before it enrols key {statement.kid.hex()}")
        for publisher in sorted(publishers):
            try:
                verify_statement(statement, self._history.key_in_force(publisher, statement.kid, index))
            except SignatureInvalid as cause:
                refusal = cause
            else:
                return True
        if not publishers and self._withheld:
            return False
        raise refusal

    def _take(self, index: int, record_id: bytes, record: Record | None) -> None:
        if record is None:
            self._withheld += 1
        elif isinstance(record, LogGenesis):
            self._genesis = record
        elif isinstance(record, PublisherKey):
            self._history = KeyHistory.of([*self._history.events, KeyEvent(index, record)])
            self._publishers.setdefault(record.key.thumbprint, set()).add(record.publisher)
        if len(self._found) <= MAX_COUNTED_KEYS:
            self._found[index] = record_id

    def _record(self, record_id: bytes) -> Record | None:
        """The record; None if it is withheld, or of a later version. Raises SignatureInvalid for another digest."""
        data = self._fetch(record_id)
        if data is None:
            return None
        if len(data) > MAX_RECORD_BYTES or hashlib.sha256(data).digest() != record_id:
            raise SignatureInvalid(f"another record is served in the place of {record_id.hex()}")
        try:
            return parse_record(data)
        except StatementError:
            return None
