"""HashFile: the hashes of one kind with their tables, in a file of this host, so that a start reads columns, not rows.

It holds what the store had at one moment, and says which: a process takes it as it is, and reads what came since. Its
tables are mapped, and shared by the processes. One process at a time, which has the folder's lease, writes the next
one, and deletes those before. A registration that was erased is in no file that is written afterwards, and the erasure
has one written at once. Where there is no file, or a damaged one, all is read from the store.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from provenance.statement.record import RecordErased
from registry.database import Session, entries, events
from registry.search import column_file
from registry.search.column_file import ColumnFile, Damaged, Draft, Kind, Newer
from registry.storage import files

VERSION = 1
KIND: Final = Kind(
    b"countermark hashes\n\0\0\0\0\0", VERSION, {"codes": "<u1", "indices": "<i8", "rows": "<u4", "starts": "<u4"}
)
SUFFIX = ".hashes"

FIRST = 50_000
"""Log entries from which on there is a file, which has 92 MB of where each value begins (of pHash 25): as many hashes
are read from the store, and put into tables, within a second."""

GROWTH = 4
"""A file is written anew when the log has grown by one part in so many: a hash is written some five times."""

SUSPENDED_SECONDS = 15.0
"""How long the process that writes shows no progress until another one goes on with it."""

_NAME = re.compile(r"(\d{12})-(\d{12})-[0-9a-f]{64}\.hashes")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """Up to which state of the store hashes were read, by log indices; -1 for nothing.

    Attributes:
        after: the newest registration that was read in log order.
        revealed, erased: the newest reveal, and the newest erasure.
    """

    after: int = -1
    revealed: int = -1
    erased: int = -1


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file holds.

    Attributes:
        position: of which state of the store.
        codes, indices: n hashes and log indices, as in `CodeMatrix`.
        rows, starts: tables over the first rows, chunks × rows and chunks × values, as in `MultiIndex`.
    """

    position: Position
    codes: NDArray[np.uint8]
    indices: NDArray[np.int64]
    rows: NDArray[np.uint32]
    starts: NDArray[np.uint32]


NOWHERE: Final = Position()


class _Listed(NamedTuple):
    after: int
    erased: int
    path: Path


class HashFiles:
    """The files of one kind of hash in one folder. Thread-safe but for `write`, which one thread calls."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of all processes of the host; made when a file is written."""
        self._folder = folder
        self._lease = files.Lease(folder / "lock", SUSPENDED_SECONDS)

    @property
    def exist(self) -> bool:
        """Whether there is a file."""
        return bool(self._listed())

    def load(self, session: Session, width: int) -> Saved | None:
        """The newest file that is of this store, of hashes of `width` bytes; None where there is none."""
        for each in self._listed():
            try:
                opened = ColumnFile.open(each.path, KIND)
                about = opened.about
                if self._name_of(session, about["position"]["after"]) != about["newest"]:
                    raise Damaged("it is of another store, or of a later state of this one")
            except (FileNotFoundError, Newer):  # replaced; or of a newer version, which may be in use
                continue
            except Damaged as error:
                log.warning("%s is deleted, and made again from the store: %s", each.path, error)
                column_file.delete([each.path])
                continue
            columns, chunks = opened.columns, about["chunks"]
            return Saved(
                Position(**about["position"]),
                columns["codes"].reshape(-1, width),
                columns["indices"],
                columns["rows"].reshape(chunks, -1),
                columns["starts"].reshape(chunks, -1),
            )
        return None

    def is_due(self, position: Position) -> bool:
        """Whether what was read up to there is worth a file: much is new, or something was erased."""
        listed = self._listed()
        if not listed:
            return position.after + 1 >= FIRST
        newest = listed[0]
        if position.erased < newest.erased:  # another process knows more
            return False
        grown = position.after - newest.after
        return position.erased > max(each.erased for each in listed) or grown >= max(FIRST, newest.after // GROWTH)

    def write(self, session: Session, saved: Saved, rows: Sequence[NDArray[np.uint32]]) -> None:
        """Write the file that follows, unless another process does; `rows`: those of `saved`, chunk by chunk.

        Raises OSError, also where this process stood still and another one goes on.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lease.taking() as mine:
            if not mine or not self.is_due(saved.position):
                return
            column_file.delete_drafts(self._folder)
            before = self._listed()
            columns: dict[str, Any] = {"codes": saved.codes, "indices": saved.indices, "starts": saved.starts}
            sizes = {name: column.size for name, column in columns.items()} | {"rows": sum(map(len, rows))}
            position = saved.position
            about = {
                "position": asdict(position),
                "newest": self._name_of(session, position.after),
                "chunks": len(saved.starts),
            }
            with column_file.draft(self._folder) as (file, temporary):
                made = Draft(KIND, file, sizes)
                for name, column in [*columns.items(), *(("rows", each) for each in rows)]:
                    self._lease.renew()
                    made.put(name, column)
                    made.flush()
                name = f"{position.after + 1:012d}-{position.erased + 1:012d}-{made.end(about)}{SUFFIX}"
                self._lease.renew()
                column_file.move_into_place(temporary, self._folder / name)
            column_file.delete([each.path for each in before if each.path.name != name])

    def erased(self, session: Session, indices: NDArray[np.int64]) -> NDArray[np.intp]:
        """The places of what was erased."""
        gone = [asset for _, asset in events.newer(session, RecordErased.TYPE, -1)]
        return np.flatnonzero(np.isin(indices, gone))

    @staticmethod
    def _name_of(session: Session, index: int) -> str | None:
        """What tells one log's entry from another's at that index; None where the store has none."""
        return entries.get(session, index).record_id.hex() if 0 <= index < entries.size(session) else None

    def _listed(self) -> list[_Listed]:
        """The newest first."""
        found = ((_NAME.fullmatch(path.name), path) for path in self._folder.glob(f"*{SUFFIX}"))
        listed = [_Listed(int(name[1]) - 1, int(name[2]) - 1, path) for name, path in found if name is not None]
        return sorted(listed, reverse=True)
