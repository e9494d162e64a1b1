"""Peers: what others search hashes with, on the same random codes in the same run.

A query is a code with some of its bits flipped, in one orientation; found is the code itself, within 31 bits where the
peer takes a radius. Milliseconds of processor time of this process, or of wall time where a server answers.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from numpy.typing import NDArray

from registry.database import Store
from registry.search.codes import BITS, PDQ, RADIUS, CodeMatrix
from registry.search.multi_index import MultiIndex

FLIPPED = (20, RADIUS)
"""Bits of a query that are flipped; all but 31 are found by guesswork more easily."""

ASKED = 60
MAX_SCANNED = 10_000
"""Codes up to which `imagehash` is asked, one comparison in Python each, and pgvector, whose index takes minutes."""

Codes = NDArray[np.uint8]
Search = Callable[[Codes], int | None]
"""The number of the code that a query leads to."""


@dataclass(frozen=True)
class Peer:
    """One engine at one size: seconds to build it, milliseconds of a search, and what it found of `asked`, by bits."""

    name: str
    codes: int
    built_seconds: float
    search_ms: float
    found: dict[str, int]
    asked: int


def measured(size: int, database: str = "") -> Iterator[Peer]:
    """Each engine that is installed. `database`: the URL of an empty one on PostgreSQL with pgvector."""
    codes = np.random.default_rng(size).integers(0, 256, (size, BITS // 8), np.uint8)
    engines: dict[str, Callable[[Codes, ExitStack], Search]] = {"Countermark": _ours}
    try:
        import faiss  # noqa: F401

        engines["FAISS IndexBinaryMultiHash"] = _faiss
    except ImportError:
        pass
    try:
        import duckdb  # noqa: F401

        engines["DuckDB, table of chunks"] = _duckdb
    except ImportError:
        pass
    if size <= MAX_SCANNED:
        engines["imagehash, scan"] = _imagehash
        if database:
            engines["pgvector HNSW (wall time)"] = lambda codes, held: _pgvector(codes, held, database)
    for name, build in engines.items():
        clock = time.monotonic if "wall" in name else time.process_time
        with ExitStack() as held:
            started = clock()
            search = build(codes, held)
            yield _asked(name, codes, search, clock() - started, clock)


def _asked(name: str, codes: Codes, search: Search, built: float, clock: Callable[[], float]) -> Peer:
    random, times, found = np.random.default_rng(2), [], {}
    for flipped in FLIPPED:
        hits = 0
        for _ in range(ASKED):
            wanted = int(random.integers(len(codes)))
            bits = np.unpackbits(codes[wanted])
            bits[random.choice(BITS, flipped, replace=False)] ^= 1
            query = np.packbits(bits)
            started = clock()
            hits += search(query) == wanted
            times.append((clock() - started) * 1000)
        found[str(flipped)] = hits
    return Peer(name, len(codes), built, statistics.median(times), found, ASKED)


def _ours(codes: Codes, held: ExitStack) -> Search:
    class Fixed:
        kind = PDQ

        def catch_up(self, _session: object) -> CodeMatrix:
            return CodeMatrix(codes, np.arange(len(codes)))

    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="countermark-bench-"))
    store = Store.open(Path(folder))
    held.callback(store.close)
    session = held.enter_context(store.read())
    index = MultiIndex(Fixed())  # type: ignore[arg-type]
    index.near_each(session, [bytes(BITS // 8)])

    def search(query: Codes) -> int | None:
        (found,) = index.near_each(session, [query.tobytes()])
        return found[0][0] if found else None

    return search


def _faiss(codes: Codes, _held: ExitStack) -> Search:
    """Sixteen chunks of sixteen bits, one flip: the same guarantee, 16 × 2 = 32 > 31."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryMultiHash(BITS, 16, 16)
    index.nflip = 1
    index.add(codes)

    def search(query: Codes) -> int | None:
        _, found = index.search(query[None], 1)
        return int(found[0, 0])

    return search


def _duckdb(codes: Codes, held: ExitStack) -> Search:
    """One table of (chunk, value, code) in order: sixteen chunks, each value with at most one bit flipped."""
    import duckdb

    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="countermark-bench-"))
    database: Any = held.enter_context(duckdb.connect(str(Path(folder) / "codes.db"), config={"threads": 1}))
    values = codes.view(">u2").astype(np.int32)
    flips = np.concatenate([[0], 1 << np.arange(16)])
    made = {  # noqa: F841  (read by its name)
        "place": np.repeat(np.arange(16, dtype=np.int32), len(codes)),
        "value": values.T.ravel(),
        "code": np.tile(np.arange(len(codes), dtype=np.int32), 16),
    }
    database.execute("CREATE TABLE chunk AS SELECT * FROM made ORDER BY place, value")

    def search(query: Codes) -> int | None:
        probes = query.view(">u2").astype(np.int64)[:, None] ^ flips
        places = np.repeat(np.arange(16), len(flips))
        probed = {"place": places.astype(np.int32), "value": probes.ravel().astype(np.int32)}  # noqa: F841
        found = database.execute("SELECT DISTINCT code FROM chunk JOIN probed USING (place, value)").fetchnumpy()
        near = found["code"]
        if not len(near):
            return None
        return int(near[np.bitwise_count(codes[near] ^ query).sum(1).argmin()])

    return search


def _imagehash(codes: Codes, _held: ExitStack) -> Search:
    hashes = [imagehash.ImageHash(np.unpackbits(each).reshape(16, 16).astype(bool)) for each in codes]

    def search(query: Codes) -> int | None:
        asked = imagehash.ImageHash(np.unpackbits(query).reshape(16, 16).astype(bool))
        return min(range(len(hashes)), key=lambda number: hashes[number] - asked)

    return search


def _pgvector(codes: Codes, held: ExitStack, url: str) -> Search:
    import psycopg

    database = held.enter_context(psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True))
    database.execute("CREATE EXTENSION IF NOT EXISTS vector")
    database.execute("CREATE TEMPORARY TABLE code (number int, bits bit(256))")
    with database.cursor().copy("COPY code FROM STDIN") as copy:
        for number, each in enumerate(codes):
            copy.write_row((number, "".join(map(str, np.unpackbits(each)))))
    database.execute("CREATE INDEX ON code USING hnsw (bits bit_hamming_ops)")
    database.execute("SET hnsw.ef_search = 100")

    def search(query: Codes) -> int | None:
        bits = "".join(map(str, np.unpackbits(query)))
        row = database.execute(f"SELECT number FROM code ORDER BY bits <~> B'{bits}' LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    return search
