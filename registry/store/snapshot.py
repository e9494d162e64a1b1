"""Snapshots: a copy of a database that a server may be writing, as one of its commits has left it.

SQLite's online backup, over a connection that can neither write nor checkpoint, inside one read transaction: the
server goes on, and only its WAL grows until the copy is whole.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from provenance.errors import StoreUnavailable
from registry.store.failures import translated

_PAGES = 4_096
"""Pages copied between two reports of progress: 16 MB."""


def copy_database(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy one database file to another, which is made.

    Args:
        source, target: database files.
        progress: called with the pages that are copied, and how many there are.

    Raises:
        StoreUnavailable: one of them cannot be read or written, StoreCorrupt: the source is damaged.
    """
    if not source.is_file():
        raise StoreUnavailable(f"there is no database {source}")
    with translated(), closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reader:
        reader.isolation_level = None
        reader.execute("PRAGMA busy_timeout = 5000").close()
        reader.execute("BEGIN").close()
        reader.execute("SELECT count(*) FROM sqlite_master").close()  # the transaction's snapshot begins here
        with closing(sqlite3.connect(target)) as writer:
            reader.backup(
                writer, pages=_PAGES, progress=lambda _status, left, total: progress(total - left, total), sleep=0
            )
