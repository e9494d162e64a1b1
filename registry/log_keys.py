"""The log's keys as its own entries have them: the genesis, and each change behind it, verified."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from provenance.errors import CountermarkError, NotFound, SignatureInvalid, StoreCorrupt
from provenance.limits import MAX_TREE_SIZE
from provenance.statement.record import LogGenesis, LogKey, parse_record
from provenance.statement.statement import parse_statement
from provenance.transparency.key_history import verify_operator_statement
from provenance.transparency.log_keys import LogKeys, Sign
from provenance.transparency.note import VerifierKey
from registry.store import Session, Store, entries, log_keys


@dataclass(frozen=True)
class StatedKeys:
    """What a log's entries state of its keys.

    Attributes:
        keys: by size of tree.
        genesis: names the first ones; None in a log whose first entry is not there, or is none: its keys are then those
            it was opened with.
    """

    keys: LogKeys
    genesis: LogGenesis | None = None

    @classmethod
    def load(cls, session: Session, opened_with: VerifierKey) -> Self:
        """Read them from the store. `opened_with` has the log's name, and is the key of a log that states none.

        Raises:
            StoreCorrupt: the log has another name, or what changes its keys is not signed as it has to be.
        """
        stated = cls(LogKeys(opened_with.name, ((0, (opened_with,)),)))
        try:
            first = entries.get(session, 0)
            canonical = entries.record(session, first.record_id).canonical
        except NotFound:
            return stated
        try:
            stated = stated.after(0, first.statement, canonical)
            for index, statement, changed in log_keys.changes(session):
                stated = stated.after(index, statement, changed)
        except StoreCorrupt:
            raise
        except CountermarkError as error:
            raise StoreCorrupt(f"what the store says of the log's keys does not hold: {error}") from error
        return stated

    def after(self, index: int, statement: bytes, canonical: bytes) -> Self:
        """What is stated when the entry at `index` is counted in; most entries state nothing of the log's keys.

        Raises:
            StoreCorrupt: a genesis of another log.
            CountermarkError: the operator, an old key or a new one has not signed it.
        """
        record = parse_record(canonical)
        if index == 0 and isinstance(record, LogGenesis):
            if record.origin != self.keys.origin:
                raise StoreCorrupt(
                    f"this data folder holds the log {record.origin!r}, and the settings name {self.keys.origin!r}: "
                    "set COUNTERMARK_ORIGIN to the former, or use another folder"
                )
            verify_operator_statement(parse_statement(statement), canonical, record)
            return type(self)(LogKeys.founded(record), record)
        if isinstance(record, LogKey):
            if self.genesis is None:
                raise SignatureInvalid("no genesis record names the operator's keys")
            verify_operator_statement(parse_statement(statement), canonical, self.genesis)
            return type(self)(self.keys.follow(index, record), self.genesis)
        return self


def held_key(store: Store, opened_with: VerifierKey, held: Callable[[VerifierKey], Sign | None]) -> VerifierKey:
    """The Ed25519 key that the log signs with: what its entries say, where that key is held; else `opened_with`.

    A store that says otherwise than the keys at hand is not to be believed.
    """
    try:
        with store.read() as session:
            key = StatedKeys.load(session, opened_with).keys.signing_key(MAX_TREE_SIZE)
    except StoreCorrupt:
        return opened_with
    return opened_with if held(key) is None else key
