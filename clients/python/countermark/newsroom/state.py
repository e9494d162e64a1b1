"""The state of registering folders: what was listed, and what came of each file. Each step is committed on its own."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from countermark.audit.items import Entry
from countermark.audit.report import printable, shown
from countermark.claims import Claims
from countermark.state_file import StateFile

NAME = "state.sqlite"
VERSION = 1
_SCHEMA = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, kept TEXT NOT NULL, stamp TEXT NOT NULL, claims TEXT NOT NULL,
    seen INTEGER NOT NULL, pixels INTEGER, sha256 TEXT, rendition_of TEXT, record TEXT, idx INTEGER, outcome TEXT,
    detail TEXT NOT NULL DEFAULT '');
CREATE INDEX item_by_sha256 ON item (sha256);
CREATE INDEX item_by_record ON item (record);
CREATE VIEW listed AS SELECT * FROM item WHERE seen = (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'runs');
"""


class Outcome(StrEnum):
    """What came of a file.

    `changed_claims`: it was registered before, and something else is stated now: nothing was registered again.
    `repeated`: another of the files has the same bytes. `left_out`: it was not recognised as a rendition.
    """

    REGISTERED = "registered"
    REGISTERED_BEFORE = "registered_before"
    REPEATED = "repeated"
    CHANGED_CLAIMS = "changed_claims"
    LEFT_OUT = "left_out"
    FAILED = "failed"


@dataclass(frozen=True)
class Item:
    """A file, and what came of it; None: nothing yet. `path` is safe to print, `name` the same in octets."""

    path: str
    name: bytes
    outcome: Outcome | None
    detail: str
    sha256: str | None
    record: str | None
    index: int | None


class Listed(StateFile):
    """The state file of a folder that keeps what comes of registrations."""

    def __init__(self, folder: Path, purpose: dict[str, Any], *, restart: bool) -> None:
        """As `StateFile`."""
        super().__init__(folder / NAME, "register", VERSION, _SCHEMA, purpose, restart=restart)

    def begin_run(self) -> int:
        """The number of this run; what it does not list no longer counts."""
        run = int(self.get("runs") or 0) + 1
        self.put("runs", str(run))
        return run

    def enter(self, entry: Entry, claims: Claims, kept: str, run: int) -> None:
        """Enters a file, or what has changed of it. What failed is tried again."""
        stated = json.dumps(claims, sort_keys=True, default=str)
        query = "SELECT stamp, claims, record, outcome, detail FROM item WHERE name = ?"
        stamp, before, record, earlier, said = self.db.execute(query, (entry.name,)).fetchone() or (None,) * 5
        outcome: Outcome | None = None
        detail = ""
        if entry.kind != "file":
            outcome, detail = Outcome.FAILED, entry.failure[1] if entry.failure else "it is in an archive: unpack that"
        if stamp != entry.stamp:
            self.db.execute(
                "INSERT OR REPLACE INTO item (name, kept, stamp, claims, seen, outcome, detail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (entry.name, os.fsencode(kept), entry.stamp, stated, run, outcome, printable(detail)),
            )
            return
        if record is not None:
            outcome, detail = (None if earlier is None else Outcome(earlier)), str(said)
            if outcome is Outcome.CHANGED_CLAIMS:
                outcome, detail = None, ""
            if before != stated and outcome is not Outcome.REPEATED:
                outcome, detail = Outcome.CHANGED_CLAIMS, f"it was registered with other claims, as {record}"
        self.db.execute(
            "UPDATE item SET seen = ?, claims = ?, outcome = ?, detail = ? WHERE name = ?",
            (run, stated if record is None else before, outcome, detail, entry.name),
        )

    def totals(self) -> dict[Outcome | None, int]:
        """How many files there are, by outcome."""
        query = "SELECT outcome, COUNT(*) FROM listed GROUP BY outcome"
        return {name and Outcome(name): number for name, number in self.db.execute(query)}

    def unmeasured(self) -> list[tuple[int, bytes]]:
        """Id and name of files whose `pixels` are not known."""
        return self.db.execute("SELECT id, name FROM listed WHERE pixels IS NULL").fetchall()

    def todo(self) -> Iterator[tuple[int, bytes, str, str | None]]:
        """What is not done: id, name, where it is kept, and the record that it is a rendition of ("": of none).

        The largest pictures come first, where that was measured.
        """
        query = "SELECT id, name, kept, rendition_of FROM listed WHERE outcome IS NULL"
        for identity, name, kept, of in self.db.execute(f"{query} ORDER BY COALESCE(pixels, 0) DESC, name").fetchall():
            yield identity, name, os.fsdecode(kept), of  # a name need not be UTF-8, as SQLite's texts are

    def same_bytes(self, identity: int, sha256: str) -> tuple[bytes, str, int] | None:
        """Another file of these bytes that is registered: its name, record and index."""
        query = "SELECT name, record, idx FROM listed WHERE sha256 = ? AND record IS NOT NULL AND id <> ?"
        found: tuple[bytes, str, int] | None = self.db.execute(query, (sha256, identity)).fetchone()
        return found

    def first_of(self, record: str) -> str | None:
        """The record that this one is a rendition of, or itself; None if it is of none of the files."""
        row = self.db.execute("SELECT rendition_of FROM listed WHERE record = ?", (record,)).fetchone()
        return None if row is None else str(row[0] or record)

    def put_item(self, identity: int, **values: object) -> None:
        """Commits columns of an item."""
        if "detail" in values:
            values["detail"] = printable(str(values["detail"]))  # it may name a file, whose name need not be UTF-8
        columns = ", ".join(f"{name} = ?" for name in values)
        with self.transaction():
            self.db.execute(f"UPDATE item SET {columns} WHERE id = ?", (*values.values(), identity))  # noqa: S608  # ours

    def items(self) -> Iterator[Item]:
        """All files that were listed, in the order of their names as octets."""
        query = "SELECT name, outcome, detail, sha256, record, idx FROM listed ORDER BY name"
        for name, outcome, detail, sha256, record, index in self.db.execute(query):
            done = None if outcome is None else Outcome(outcome)
            yield Item(shown(name), name, done, printable(detail), sha256, record, index)
