"""A batch of entries: in the transaction that puts it into the log, and until a signed checkpoint covers it."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from provenance.errors import EntryTooLarge, FrozenLog, InvalidRequest, RegistryError, StoreUnavailable
from provenance.limits import MAX_ENTRY_BYTES, MAX_RECORD_BYTES
from provenance.statement.canonical_json import parse_canonical
from provenance.statement.record import LogFrozen, LogGenesis, LogKey, record_id
from provenance.statement.statement import parse_statement
from provenance.transparency.merkle import leaf_hash
from registry.database import Session, entries, heads, log_keys
from registry.database.failures import ends_transaction, translate
from registry.log.log_keys import KnownKeys
from registry.times import from_milliseconds

WriteViews = Callable[[Session, int, datetime], None]
"""Writes the rows that views have of a new entry: (session, index, logged_at). An exception refuses the entry."""

FindDuplicate = Callable[[Session], bytes | None]
"""The record id of an entry that says the same already, which is then not logged again; None if there is none."""


_KEY_TYPES = (LogGenesis.TYPE, LogKey.TYPE)


@dataclass(frozen=True)
class Appended:
    """Where an entry stands in the log. `created` is False for an entry that was logged before."""

    index: int
    record_id: bytes
    logged_at: datetime
    created: bool


@dataclass(frozen=True, eq=False)
class Pending:
    """A statement on its way into the log."""

    statement: bytes
    record: bytes | None
    record_id: bytes
    record_type: str
    leaf_hash: bytes
    write_views: WriteViews | None
    find_duplicate: FindDuplicate | None
    published: bool
    future: Future[Appended] = field(default_factory=Future)

    @classmethod
    def of(
        cls,
        statement: bytes,
        record: bytes | None,
        write_views: WriteViews | None,
        find_duplicate: FindDuplicate | None,
        *,
        published: bool,
    ) -> "Pending":
        """A statement to append, with the record that it is about, or None where its publisher keeps the record.

        Raises:
            EntryTooLarge: the statement or record is longer than the log takes.
            MalformedStatement, MalformedRecord: as the names say.
            InvalidRequest: the statement is about another record.
        """
        if len(statement) > MAX_ENTRY_BYTES or len(record or b"") > MAX_RECORD_BYTES:
            raise EntryTooLarge(f"a statement has at most {MAX_ENTRY_BYTES} bytes, a record {MAX_RECORD_BYTES}")
        identity = parse_statement(statement).record_id
        if record is not None and record_id(record) != identity:
            raise InvalidRequest("the statement is about another record")
        kind = "" if record is None else str(parse_canonical(record, limit=MAX_RECORD_BYTES).get("type"))
        return cls(statement, record, identity, kind, leaf_hash(statement), write_views, find_duplicate, published)


def insert(
    session: Session, *, batch: list[Pending], now_ms: int, again: bool, keys: KnownKeys
) -> list[Appended | Exception]:
    """Insert a batch inside the writer's transaction; the outcome of each entry.

    With `again`, entries that are found were inserted by an earlier attempt. An entry that changes the log's keys is
    checked against the keys stated in the store and earlier in the batch.
    """
    insertion = _Insertion(session, batch, now_ms, again, keys)
    outcomes: list[Appended | Exception] = []
    for pending in batch:
        try:
            outcomes.append(insertion.take(pending))
        except Exception as error:
            if ends_transaction(error):
                raise
            outcomes.append(translate(error))
    insertion.finish()
    return outcomes


class _Insertion:
    """The log while a batch goes into it: entry by entry, each seeing those before it."""

    def __init__(self, session: Session, batch: list[Pending], now_ms: int, again: bool, keys: KnownKeys) -> None:
        head = heads.lock(session)
        self._session = session
        self._keys = keys
        self._frontier = head.frontier
        self._logged_at_ms = max(head.logged_at_ms, now_ms)
        self._known = {
            identity: Appended(entry.index, identity, from_milliseconds(entry.logged_at_ms), created=again)
            for identity, entry in entries.with_records(session, [each.record_id for each in batch]).items()
        }
        self._frozen = entries.newest_type(session) == LogFrozen.TYPE
        self._stated = keys.stated(session) if any(_changes_keys(each) for each in batch) else None
        self._added: list[entries.NewEntry] = []

    def take(self, pending: Pending) -> Appended:
        """Give an entry the next index and write its rows, unless it is logged already; a refusal leaves no row."""
        session, index = self._session, self._frontier.size
        logged_at = from_milliseconds(self._logged_at_ms)
        earlier = self._known.get(pending.record_id) or self._earlier(pending)
        if earlier is not None:
            return earlier
        if self._frozen:
            raise FrozenLog("The log's last entry says that no other follows.")
        stated = self._stated
        if stated is not None and pending.record is not None and _changes_keys(pending):
            stated = stated.after(index, pending.statement, pending.record)
            if stated is not self._stated:
                self._keys.require_signers(stated.keys.current)
        if pending.write_views is not None:
            with session.begin_nested():
                pending.write_views(session, index, logged_at)
        if pending.record_type == LogKey.TYPE:
            log_keys.insert(session, index)
        self._added.append(
            entries.NewEntry(
                index=index,
                leaf_hash=pending.leaf_hash,
                statement=pending.statement,
                logged_at_ms=self._logged_at_ms,
                record_id=pending.record_id,
                record_type=pending.record_type,
                canonical=pending.record,
            )
        )
        self._stated = stated
        self._frontier.append(pending.leaf_hash)
        self._frozen = pending.record_type == LogFrozen.TYPE
        self._known[pending.record_id] = Appended(index, pending.record_id, logged_at, created=False)
        return Appended(index, pending.record_id, logged_at, created=True)

    def finish(self) -> None:
        """Write the entries that were taken, and the head that they lead to."""
        if self._added:
            entries.append(self._session, self._added)
            heads.write(self._session, self._frontier, self._logged_at_ms)

    def _earlier(self, pending: Pending) -> Appended | None:
        """The entry that `find_duplicate` names, in this batch or an older one."""
        identity = None if pending.find_duplicate is None else pending.find_duplicate(self._session)
        if identity is None or identity in self._known:
            return None if identity is None else self._known[identity]
        entry = entries.of_record(self._session, identity)
        return Appended(entry.index, identity, from_milliseconds(entry.logged_at_ms), created=False)


def _changes_keys(pending: Pending) -> bool:
    return pending.record_type in _KEY_TYPES


class Waiters:
    """Callers who wait for their entry to be published: the entry, its future, and a deadline in monotonic seconds."""

    def __init__(self) -> None:
        self._all: list[tuple[Appended, Future[Appended], float]] = []

    def add(self, appended: Appended, future: Future[Appended], deadline: float) -> None:
        """Add a caller."""
        self._all.append((appended, future, deadline))

    def settle(self, size: int, failure: RegistryError | None, *, overdue: bool, hopeless: bool) -> None:
        """Resolve the futures of the entries with an index below `size`, which are published.

        Args:
            failure: set on the other futures that are resolved now.
            overdue: whether to fail those whose deadline has passed.
            hopeless: whether to fail all others.
        """
        still_waiting = []
        now = time.monotonic()
        for appended, future, deadline in self._all:
            if appended.index < size:
                future.set_result(appended)
            elif hopeless or (overdue and now >= deadline):
                future.set_exception(failure or StoreUnavailable("sequenced, but not published yet"))
            else:
                still_waiting.append((appended, future, deadline))
        self._all = still_waiting
