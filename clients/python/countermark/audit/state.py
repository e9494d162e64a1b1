"""The state of an audit: a `StateFile` beside the report. A batch is one transaction."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from countermark.audit.buckets import Bucket, Outcome
from countermark.audit.items import Entry, Examined
from countermark.state_file import StateFile

NAME = "state.sqlite"
VERSION = 1
_PAGE = 500
"""Rows that are read at once: a list that is being worked on is never held as a whole."""

_SCHEMA = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, at BLOB NOT NULL, place INTEGER NOT NULL,
    size INTEGER, stamp TEXT NOT NULL, digest TEXT, failure TEXT, seen INTEGER NOT NULL, stage INTEGER NOT NULL,
    sha256 TEXT, bucket TEXT, also TEXT, reason TEXT, detail TEXT, record TEXT, idx INTEGER, others INTEGER,
    report TEXT);
CREATE INDEX item_by_stage ON item (stage, sha256);
CREATE INDEX item_by_record ON item (record) WHERE record IS NOT NULL;
CREATE TABLE report (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE picture (of TEXT NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (of, kind));
CREATE TABLE record (
    id TEXT PRIMARY KEY, outcome TEXT NOT NULL, detail TEXT NOT NULL, keys TEXT NOT NULL, pinned INTEGER NOT NULL,
    facts TEXT NOT NULL) WITHOUT ROWID;
"""


class Stage(IntEnum):
    """How far an item is: only listed; looked up, and to be sent; settled."""

    LISTED = 0
    TO_SEND = 1
    SETTLED = 2


@dataclass(frozen=True)
class Item:
    """A settled item: its name in octets, SHA-256 in hex, what came of it, and the id of its report, if it was sent."""

    name: bytes
    sha256: str | None
    outcome: Outcome
    report: str | None = None


@dataclass(frozen=True)
class CheckedRecord:
    """What checking a record's receipt came to.

    Attributes:
        outcome: holds, fails, or missing (the service has none to give).
        keys: digest of the keys and policy that it was checked under.
        pinned: the log's key is one that the auditor trusts.
        facts: of a receipt that holds: publisher, title, digests (of bytes) and standing.
    """

    id: str
    outcome: str
    detail: str
    keys: str
    pinned: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Settled:
    """What came of an examined item; None: it is to be sent."""

    examined: Examined
    outcome: Outcome | None


class State(StateFile):
    """The state file of the audit in a folder. Close it after use, or use it as a context manager."""

    def __init__(self, folder: Path, purpose: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens the file, or makes it; as `StateFile`."""
        super().__init__(folder / NAME, "audit", VERSION, _SCHEMA, purpose, restart=restart)

    # Listing --------------------------------------------------------------------------------------

    def list(self, batches: Iterable[Sequence[Entry]]) -> Iterator[int]:
        """Enters what the sources list, yields how many so far, and in the end forgets what they list no more.

        What has changed is examined again, and what earlier runs could not check for a reason that may have gone.
        """
        run = int(self.get("runs") or 0) + 1
        self.put("runs", str(run))
        number = 0
        for batch in batches:
            with self.transaction():
                self.db.executemany(
                    "INSERT INTO item (name, kind, at, place, size, stamp, digest, failure, seen, stage)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET"
                    " kind = excluded.kind, at = excluded.at, place = excluded.place, size = excluded.size,"
                    " digest = excluded.digest, failure = excluded.failure, seen = excluded.seen,"
                    " stage = CASE WHEN stamp = excluded.stamp AND kind = excluded.kind"
                    " AND (seen = excluded.seen OR COALESCE(reason, '') NOT IN"
                    " ('server', 'not_in_time', 'unreadable', 'not_asked')) THEN stage ELSE 0 END,"
                    " stamp = excluded.stamp",
                    ((*_columns(entry), run) for entry in batch),
                )
            number += len(batch)
            yield number
        with self.transaction():
            self.db.execute("DELETE FROM item WHERE seen <> ?", (run,))

    # Working --------------------------------------------------------------------------------------

    def listed(self) -> Iterator[Entry]:
        """What has not been examined, in the order in which it was listed."""
        last = 0
        query = (
            "SELECT id, name, kind, at, place, size, stamp, digest, failure FROM item"
            " WHERE stage = 0 AND id > ? ORDER BY id LIMIT ?"
        )
        while rows := self.db.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            yield from (_entry(row[1:]) for row in rows)

    def settle(self, settled: Sequence[Settled]) -> None:
        """Commits what came of examined items."""
        with self.transaction():
            self.db.executemany(
                "UPDATE item SET stamp = ?, sha256 = ?, stage = ?, bucket = ?, also = ?, reason = ?, detail = ?,"
                " record = ?, idx = ?, others = ?, report = NULL WHERE name = ?",
                (
                    (
                        each.examined.stamp,
                        each.examined.sha256,
                        Stage.TO_SEND if each.outcome is None else Stage.SETTLED,
                        *_outcome(each.outcome),
                        each.examined.name,
                    )
                    for each in settled
                ),
            )

    def to_send(self) -> Iterator[tuple[str, Entry]]:
        """What is to be sent, by SHA-256; of several files with the same bytes one."""
        last = ""
        query = (
            "SELECT sha256, name, kind, at, place, size, stamp, digest, failure, MIN(id) FROM item"
            " WHERE stage = 1 AND sha256 > ? GROUP BY sha256 ORDER BY sha256 LIMIT ?"
        )
        while rows := self.db.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            yield from ((row[0], _entry(row[1:-1])) for row in rows)

    def settle_sent(
        self, sha256: str, outcome: Outcome, report: str | None, body: str | None, pictures: Mapping[str, bytes]
    ) -> int:
        """Commits what a verification came to, for all files with these bytes; how many there are."""
        with self.transaction():
            settled = self.db.execute(
                "UPDATE item SET stage = 2, bucket = ?, also = ?, reason = ?, detail = ?, record = ?, idx = ?,"
                " others = ?, report = ? WHERE stage = 1 AND sha256 = ?",
                (*_outcome(outcome), report, sha256),
            )
            if report is not None and body is not None:
                self.db.execute("INSERT OR REPLACE INTO report VALUES (?, ?)", (report, body))
            self.db.executemany(
                "INSERT OR REPLACE INTO picture VALUES (?, ?, ?)",
                ((sha256, kind, data) for kind, data in pictures.items()),
            )
        return settled.rowcount

    def count_unchecked(self, keys: str) -> int:
        """How many `unchecked_records` there are."""
        query = "SELECT COUNT(DISTINCT record) FROM item LEFT JOIN record ON record.id = item.record WHERE stage = 2"
        (number,) = self.db.execute(f"{query} AND (record.keys IS NULL OR record.keys <> ?)", (keys,)).fetchone()
        return int(number)

    def unchecked_records(self, keys: str) -> Iterator[str]:
        """Records that items lead to, whose receipts have not been checked under these keys."""
        last = ""
        query = (
            "SELECT DISTINCT record FROM item WHERE record > ? AND stage = 2 AND NOT EXISTS"
            " (SELECT 1 FROM record WHERE record.id = item.record AND record.keys = ?) ORDER BY record LIMIT ?"
        )
        while rows := self.db.execute(query, (last, keys, _PAGE)).fetchall():
            last = rows[-1][0]
            yield from (row[0] for row in rows)

    def check_record(self, record: CheckedRecord) -> None:
        with self.transaction():
            self.db.execute(
                "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)",
                (record.id, record.outcome, record.detail, record.keys, record.pinned, json.dumps(record.facts)),
            )

    # Reading --------------------------------------------------------------------------------------

    def progress(self) -> tuple[int, int, dict[str, int]]:
        """How many items there are, how many are settled, and by bucket."""
        rows = self.db.execute("SELECT stage, bucket, COUNT(*) FROM item GROUP BY stage, bucket").fetchall()
        settled = {bucket: number for stage, bucket, number in rows if stage == Stage.SETTLED}
        return sum(row[2] for row in rows), sum(settled.values()), settled

    def items(self) -> Iterator[tuple[Item, CheckedRecord | None]]:
        """All settled items in the order of their names as octets, with the record that each leads to first."""
        rows = self.db.cursor().execute(
            "SELECT item.name, sha256, report, bucket, also, reason, item.detail, record, idx, others,"
            " record.id, record.outcome, record.detail, record.keys, record.pinned, record.facts"
            " FROM item LEFT JOIN record ON record.id = item.record WHERE stage = 2 ORDER BY item.name"
        )
        for row in rows:
            checked = None if row[10] is None else _record(row[10:])
            yield Item(row[0], row[1], _read_outcome(row[3:10]), row[2]), checked

    def record(self, identity: str) -> CheckedRecord | None:
        row = self.db.execute("SELECT * FROM record WHERE id = ?", (identity,)).fetchone()
        return None if row is None else _record(row)

    def records(self) -> Iterator[CheckedRecord]:
        """Records that items lead to and whose receipts were checked, in the order of their ids."""
        rows = self.db.cursor().execute(
            "SELECT * FROM record WHERE EXISTS (SELECT 1 FROM item WHERE item.record = record.id) ORDER BY id"
        )
        for row in rows:
            yield _record(row)

    def pictures(self, sha256: str) -> dict[str, bytes]:
        """Pictures of an item by kind: file, record, difference."""
        return dict(self.db.execute("SELECT kind, data FROM picture WHERE of = ?", (sha256,)).fetchall())

    def report(self, identity: str) -> str | None:
        """The whole report, as JSON on one line."""
        row = self.db.execute("SELECT body FROM report WHERE id = ?", (identity,)).fetchone()
        return None if row is None else str(row[0])


def _columns(entry: Entry) -> tuple[object, ...]:
    failure = None if entry.failure is None else json.dumps(entry.failure)
    return entry.name, entry.kind, entry.at, entry.place, entry.size, entry.stamp, entry.digest, failure


def _entry(row: Sequence[Any]) -> Entry:
    name, kind, at, place, size, stamp, digest, failure = row
    failed = None if failure is None else tuple(json.loads(failure))
    return Entry(name, kind, at, place, size, stamp, digest, failed)


def _record(row: Sequence[Any]) -> CheckedRecord:
    identity, outcome, detail, keys, pinned, facts = row
    return CheckedRecord(identity, outcome, detail, keys, bool(pinned), json.loads(facts))


def _outcome(outcome: Outcome | None) -> tuple[object, ...]:
    if outcome is None:
        return (None,) * 7
    also = json.dumps(outcome.also)
    return outcome.bucket.value, also, outcome.reason, outcome.detail, outcome.record, outcome.index, outcome.others


def _read_outcome(row: Sequence[Any]) -> Outcome:
    bucket, also, reason, *rest = row
    return Outcome(Bucket(bucket), tuple(json.loads(also)), reason, *rest)
