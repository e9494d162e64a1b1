"""SQL of the similarity index: the rows of `PdqChunk`."""

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from sqlalchemy import text
from sqlmodel import Session

from registry.database.signals import on_postgresql

_BATCH = 5_000
"""Assets whose chunks are written at once while rebuilding: 80,000 rows, some 10 MB of memory."""

# One JSON array instead of 2,176 parameters: SQLite compiles the statement once, and has no limit to meet.
# The CROSS JOINs keep SQLite's planner from scanning a table to save look-ups. No DISTINCT: its temporary tree
# costs more than the few assets that are found twice.
_SQLITE_CANDIDATES = text(
    """
    SELECT a."index", a.record_id, a.pdq
    FROM json_each(:keys) AS k
    CROSS JOIN pdq_chunk AS c ON c.chunk_key = k.value
    CROSS JOIN asset AS a ON a."index" = c.asset
    """
)
# From the keys too: `chunk_key = ANY(…)` has PostgreSQL read all assets to join them. Of 50,000 this took 39 ms for 8
# orientations, that 132 ms, and a GIN index over the chunks of each asset 85 ms (SQLite: 32 ms).
_POSTGRESQL_CANDIDATES = text(
    """
    SELECT a."index", a.record_id, a.pdq
    FROM unnest(CAST(:keys AS bigint[])) AS k
    JOIN pdq_chunk AS c ON c.chunk_key = k
    JOIN asset AS a ON a."index" = c.asset
    """
)
# One statement for all pairs, in place of one each.
_POSTGRESQL_ADD = text(
    """
    INSERT INTO pdq_chunk (chunk_key, asset)
    SELECT * FROM unnest(CAST(:keys AS bigint[]), CAST(:assets AS bigint[]))
    ON CONFLICT DO NOTHING
    """
)
_SQLITE_ADD = text("INSERT INTO pdq_chunk (chunk_key, asset) VALUES (:key, :asset) ON CONFLICT DO NOTHING")
_REMOVE = text("DELETE FROM pdq_chunk WHERE chunk_key = :key AND asset = :asset")
_CLEAR = text("DELETE FROM pdq_chunk")
_COUNT = text("SELECT count(*) FROM pdq_chunk WHERE chunk_key < 65536")  # every asset has one chunk at position 0
_HASHES = {
    column: text(
        f"""
        SELECT "index", {column} FROM asset
        WHERE "index" > :after AND pdq_quality >= :quality ORDER BY "index" LIMIT :limit
        """  # noqa: S608  # two names of columns
    )
    for column in ("pdq", "phash")
}


def assets_by_chunks(session: Session, keys: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
    """(record id, PDQ) of each asset that has one of the chunk keys, by its index."""
    if on_postgresql(session):
        result = session.connection().execute(_POSTGRESQL_CANDIDATES, {"keys": list(keys)})
    else:
        result = session.connection().execute(_SQLITE_CANDIDATES, {"keys": json.dumps(keys, separators=(",", ":"))})
    return {index: (record_id, pdq) for index, record_id, pdq in result.all()}


def add_chunks(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    """Add (chunk key, asset index) pairs; those that are there already stay."""
    if on_postgresql(session):
        keys, assets = [key for key, _ in pairs], [asset for _, asset in pairs]
        session.connection().execute(_POSTGRESQL_ADD, {"keys": keys, "assets": assets})
    else:
        session.connection().execute(_SQLITE_ADD, [{"key": key, "asset": asset} for key, asset in pairs])


def remove_chunks(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    """Remove (chunk key, asset index) pairs."""
    session.connection().execute(_REMOVE, [{"key": key, "asset": asset} for key, asset in pairs])


def clear_chunks(session: Session) -> None:
    """Remove every pair."""
    session.connection().execute(_CLEAR)


def count_indexed(session: Session) -> int:
    """How many assets have chunks."""
    return int(session.connection().execute(_COUNT).scalar_one())


def hashes_of_assets(
    session: Session, quality: int, after: int = -1, column: Literal["pdq", "phash"] = "pdq"
) -> Iterator[list[tuple[int, bytes]]]:
    """(index, hash) of every asset of at least this PDQ quality behind index `after`, in log order, in batches."""
    while True:
        parameters = {"after": after, "quality": quality, "limit": _BATCH}
        batch = [(index, code) for index, code in session.connection().execute(_HASHES[column], parameters)]
        if not batch:
            return
        yield batch
        after = batch[-1][0]
