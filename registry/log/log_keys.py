"""The log's keys as its entries state them: the genesis record and each later change, verified."""

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
    """The keys that a log's entries state.

    Attributes:
        keys: by size of tree.
        genesis: the record that names the first keys; None if the log has none: its keys are then those it was opened
            with.
    """

    keys: LogKeys
    genesis: LogGenesis | None = None

    @classmethod
    def load(cls, session: Session, opened_with: VerifierKey) -> Self:
        """Read the keys from the store. `opened_with`: named as the log, its key if it has no genesis record.

        Raises:
            StoreCorrupt: the log has another name, or a change of its keys is not signed as required.
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
            raise StoreCorrupt(f"the log's keys in the store are not valid: {error}") from error
        return stated

    def after(self, index: int, statement: bytes, canonical: bytes) -> Self:
        """The stated keys after the entry at `index`; most entries do not change them.

        Raises:
            StoreCorrupt: a genesis of another log.
            CountermarkError: a signature by the operator, an old key or a new key is missing or invalid.
        """
        record = parse_record(canonical)
        if index == 0 and isinstance(record, LogGenesis):
            if record.origin != self.keys.origin:
                raise StoreCorrupt(
                    f"this data folder holds the log {record.origin!r}, but the settings name {self.keys.origin!r}: "
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
"""Finds the signer of a key of the log other than the one it was opened with; None if its private key is not here."""


def no_other_keys(_key: VerifierKey) -> Sign | None:
    """The `OtherKeys` of a log with one key."""
    return None


class KnownKeys:
    """The log's keys as far as this process has read them, and their signers. For any thread."""

    def __init__(self, name: str, signer: Signer, other_keys: OtherKeys) -> None:
        """`signer`: of the key of a log that states no other; `other_keys`: finds the signers of other keys."""
        self._own = VerifierKey(name, ED25519, signer.public_key.raw)
        self._signer = signer
        self._other_keys = other_keys
        self._gate = threading.Lock()
        self._changes = 0
        self._stated = StatedKeys(LogKeys(name, ((0, (self._own,)),)))

    @property
    def keys(self) -> LogKeys:
        """All present and past keys of the log, by size of tree."""
        return self._stated.keys

    def refresh(self, session: Session) -> None:
        """Read new changes of the keys from the store. Raises StoreCorrupt."""
        changes = len(log_keys.indices(session))
        if changes <= self._changes and self._stated.genesis is not None:
            return
        stated = StatedKeys.load(session, self._own)
        with self._gate:
            if changes >= self._changes:  # else another thread has read a newer snapshot
                self._stated, self._changes = stated, changes

    def stated(self, session: Session) -> StatedKeys:
        """The keys that the entries in the store state. Raises StoreCorrupt."""
        return StatedKeys.load(session, self._own)

    def require_signers(self, keys: Iterable[VerifierKey]) -> None:
        """Raises StoreCorrupt for a key without a signer."""
        for key in keys:
            self.signer_for(key)

    def signer_for(self, key: VerifierKey) -> Sign:
        """The signer of a key. Raises StoreCorrupt if there is none."""
        sign = self._signer.sign if key == self._own else self._other_keys(key)
        if sign is None:
            raise StoreCorrupt(
                f"the log's current key {key.key_id.hex()} is neither in the keys folder nor in the settings: "
                "restore it from a backup, or set COUNTERMARK_LOG_SIGNER to it"
            )
        return sign


def current_key(
    store: Store, opened_with: VerifierKey, find_signer: Callable[[VerifierKey], Sign | None]
) -> VerifierKey:
    """The Ed25519 key that the log signs with: the one its entries state, if its signer is here, else `opened_with`.

    A store that names a key without a signer is not trusted.
    """
    try:
        with store.read() as session:
            key = StatedKeys.load(session, opened_with).keys.signing_key(MAX_TREE_SIZE)
    except StoreCorrupt:
        return opened_with
    return opened_with if find_signer(key) is None else key
