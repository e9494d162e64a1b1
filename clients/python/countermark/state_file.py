"""The state of long work: one SQLite file beside what comes of it, so that the same command goes on where it was.

Its write-ahead log is not synchronised each time: what was committed outlives a killed process, and after a power cut
the file holds some earlier transaction. One command at a time has the file locked.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from provenance.errors import InvalidRequest, StoreLocked, StoreUnavailable

_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class StateFile:
    """A state file. Close it after use, or use it as a context manager."""

    def __init__(
        self, path: Path, work: str, version: int, schema: str, purpose: Mapping[str, Any], *, restart: bool = False
    ) -> None:
        """Opens the file, or makes it.

        Args:
            path: of the file; its folder is made.
            work: what is done, in a word, as "audit".
            version: of the schema.
            schema: statements that make its tables; `meta` is made beside them.
            purpose: what makes it the same work.
            restart: forget what is there.

        Raises:
            InvalidRequest: the folder has other work of the kind, or the file is none.
            StoreLocked: another command is at work in the folder.
            StoreUnavailable: disk full or read-only.
        """
        self.path = path
        self._work = work
        with self._explaining():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
                self.db.execute("PRAGMA journal_mode=WAL")
                self.db.execute("PRAGMA synchronous=NORMAL")
                self._begin(version, schema, json.dumps(purpose, sort_keys=True), restart)
            except BaseException:
                self.db.close()
                raise

    def _begin(self, version: int, schema: str, purpose: str, restart: bool) -> None:
        with self.transaction():
            made = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY type DESC"
            known = dict(self.db.execute(made).fetchall())
            if restart:
                for name, kind in known.items():
                    self.db.execute(f"DROP {kind} {name}")
                known = {}
            if not known:
                for statement in filter(str.strip, f"{_META};{schema}".split(";")):
                    self.db.execute(statement)
                self.put("work", self._work)
                self.put("version", str(version))
                self.put("purpose", purpose)
        if ("meta" not in known and known) or self.get("work") not in (None, self._work):
            raise InvalidRequest(f"{self.path} is not the state of this command: {self._work}")
        if self.get("version") != str(version):
            raise InvalidRequest(f"{self.path} is of another version: use --restart, or another folder")
        if self.get("purpose") != purpose:
            raise InvalidRequest(
                f"the folder has the state of another command ({self._work}): other sources, another service or other "
                "options. Use --restart to begin anew, or another folder"
            )

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, name: str) -> str | None:
        """A value that was put, such as a checkpoint."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, name: str, value: str) -> None:
        with self._explaining():
            self.db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written within is committed as a whole, or not at all."""
        with self._explaining():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreLocked(f"another command is at work in {self.path.parent}") from error
            raise StoreUnavailable(
                f"{self.path} cannot be written: {error}. Nothing that was committed is lost"
            ) from error
        except sqlite3.DatabaseError as error:
            raise InvalidRequest(f"{self.path} is not the state of this command, or is damaged: {error}") from error
        except OSError as error:
            raise InvalidRequest(f"{self.path.parent} cannot be used: {error.strerror or error}") from error
