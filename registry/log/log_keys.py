"""The log's keys as its own entries have them: the genesis, and each change behind it, verified."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from provenance.errors import CountermarkError, NotFound, SignatureInvalid, StoreCorrupt
from provenance.limits import MAX_TREE_SIZE
from provenance.statement.keys import Signer
from provenance.statement.record import LogGenesis, LogKey, parse_record
from provenance.statement.statement import parse_statement
from provenance.transparency.key_history import verify_operator_statement
from provenance.transparency.log_keys import LogKeys, Sign
from provenance.transparency.note import ED25519, VerifierKey
from registry.database import Session, Store, entries, log_keys


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
            for index, statement, record in [(0, first.statement, canonical), *log_keys.changes(session)]:
                if not (type(statement) is type(record) is bytes):  # SQLite keeps what it is given
                    raise StoreCorrupt(f"entry {index}, or its record, has a value of another type than its column's")
                stated = stated.after(index, statement, record)
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
            return type(self)(LogKeys.from_genesis(record), record)
        if isinstance(record, LogKey):
            if self.genesis is None:
                raise SignatureInvalid("no genesis record names the operator's keys")
            verify_operator_statement(parse_statement(statement), canonical, self.genesis)
            return type(self)(self.keys.follow(index, record), self.genesis)
        return self


OtherKeys = Callable[[VerifierKey], Sign | None]
"""Who signs with a key of the log other than the one it was opened with: None where its private half is not held."""


def no_other_keys(_key: VerifierKey) -> Sign | None:
    """The `OtherKeys` of a log that has one key for all its life."""
    return None


class KnownKeys:
    """The log's keys as far as this process has read of them, and who signs with them. For any thread."""

    def __init__(self, name: str, signer: Signer, other_keys: OtherKeys) -> None:
        """`signer` has the key that a log of this name states no other than; `other_keys` finds who has the others."""
        self._own = VerifierKey(name, ED25519, signer.public_key.raw)
        self._signer = signer
        self._other_keys = other_keys
        self._gate = threading.Lock()
        self._changes = 0
        self._stated = StatedKeys(LogKeys(name, ((0, (self._own,)),)))

    @property
    def keys(self) -> LogKeys:
        """All keys that the log has and had, by size of tree."""
        return self._stated.keys

    def refresh(self, session: Session) -> None:
        """Learn of what was added to the store, by whichever process. Raises StoreCorrupt."""
        changes = len(log_keys.indices(session))
        if changes <= self._changes and self._stated.genesis is not None:
            return
        stated = StatedKeys.load(session, self._own)
        with self._gate:
            if changes >= self._changes:  # else another thread has read a newer snapshot
                self._stated, self._changes = stated, changes

    def stated(self, session: Session) -> StatedKeys:
        """What the entries of the store state. Raises StoreCorrupt."""
        return StatedKeys.load(session, self._own)

    def check_held(self, keys: Iterable[VerifierKey]) -> None:
        """Raises StoreCorrupt for a key that nobody here can sign with."""
        for key in keys:
            self.sign_with(key)

    def sign_with(self, key: VerifierKey) -> Sign:
        """Who signs with the key. Raises StoreCorrupt for one that is not held here."""
        sign = self._signer.sign if key == self._own else self._other_keys(key)
        if sign is None:
            raise StoreCorrupt(
                f"the log names the key {key.key_id.hex()} as one that signs now, and neither the keys folder nor the "
                "settings have it: restore it from a backup, or set COUNTERMARK_LOG_SIGNER to it"
            )
        return sign


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
