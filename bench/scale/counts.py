"""Counts: what grows with a registry, without a clock: pairs, statements, bytes. The same on every machine.

    python -m bench.scale.counts

A registry grows from a thousand registrations to ten thousand (`registrations`); the pictures are those of the
demonstration, so that nothing has to be fetched. `tests/unit/bench/test_growth.py` holds the counts to the laws.
"""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from bench.matching.observed import ObservedRegistry, bench_registry
from bench.scale.distractors import MODELS
from bench.scale.registrations import Distractors, appended, published, register_file
from provenance.media import Media, draw_thumbnail
from provenance.media.comparison.geometry import extract_sift
from provenance.media.local_features import MAX_FEATURES, MAX_QUERY_FEATURES, Codes, as_codes, describe
from registry.database import assets
from registry.registry import Registry
from registry.search.segment import prefixes
from registry.search.shard import Shard
from registry.search.voting import probe
from registry.usecases.erasure import erase
from registry.usecases.verify import verify_digests

PICTURES = Path(__file__).parents[2] / "demo" / "photos"
SIZES = (1_000, 4_000, 10_000)


@dataclass(frozen=True)
class Counts:
    """Of a registry of so many registrations.

    Attributes:
        pairs: of features that one search compares, in both mirror states.
        statements: that reading and writing take, by what is asked.
        database_bytes, feature_bytes: a registration, on disk.
    """

    registrations: int
    pairs: int
    statements: dict[str, int]
    database_bytes: int
    feature_bytes: int


def counted(model: str, sizes: Sequence[int] = SIZES) -> Iterator[Counts]:
    """The counts of one registry that grows."""
    files = sorted(path for path in PICTURES.iterdir() if path.suffix in {".jpg", ".png"})
    unknown, *known = files
    pool = [as_codes(_features(path)) for path in known]
    with tempfile.TemporaryDirectory(prefix="countermark-counts-") as scratch:
        folder = Path(scratch) / "data"
        with bench_registry(folder) as registry:
            for path in known:
                register_file(registry, path)
            distractors = Distractors.of(registry, pool, [known[0].read_bytes()])
        for size in sizes:
            distractors.grow(folder, model, size)
            database = (folder / "countermark.db").stat().st_size
            with published(folder) as registry:
                with registry.store.read() as session:
                    shard = registry.inverted_file.catch_up(session)
                features = sum(each.file.stat().st_size for each in shard.segments if each.file)
                yield Counts(
                    registrations=shard.registrations,
                    pairs=_pairs(shard, unknown),
                    statements=_statements(registry, folder, known[0].read_bytes(), unknown.read_bytes(), pool),
                    database_bytes=database // size,
                    feature_bytes=features // size,
                )


def _features(path: Path) -> bytes:
    thumbnail = draw_thumbnail(Media.from_bytes(path.read_bytes()).canonical)
    return describe(extract_sift(Media.from_bytes(thumbnail).pixels), MAX_FEATURES).upright


def _pairs(shard: Shard, path: Path) -> int:
    features = describe(extract_sift(Media.from_bytes(path.read_bytes()).canonical), MAX_QUERY_FEATURES)
    return sum(pairs_of(shard, as_codes(codes)) for codes in (features.upright, features.mirrored))


def pairs_of(shard: Shard, codes: Codes) -> int:
    """How many pairs of features a search compares in one mirror state, before `MAX_PAIRS` cuts them."""
    prefix = prefixes(codes["signs"])
    return sum(int(probe(each, codes, prefix)[2].sum()) for each in shard.segments)


def _statements(
    registry: Registry, folder: Path, known: bytes, unknown: bytes, pool: Sequence[Codes]
) -> dict[str, int]:
    observed = ObservedRegistry(registry)
    for data in (known, unknown):
        observed.verify(data)  # what is read once in a process
    (made,) = appended(registry, pool, 1)
    counts = {
        "a registered file": statements(lambda: observed.verify(known), folder),
        "an unknown picture": statements(lambda: observed.verify(unknown), folder),
        "an unknown digest": statements(lambda: verify_digests(registry, sha256=bytes(32)), folder),
        "a registration": statements(lambda: registry.sequencer.append(*made).result(), folder),
    }
    with registry.store.read() as session:
        (newest,) = assets.page(session, limit=1)
    counts["its erasure"] = statements(lambda: erase(registry, record=newest.record_id, reason="counted"), folder)
    return counts


def statements(ask: Callable[[], object], folder: Path | None = None) -> int:
    """How many statements a call takes, but for those that begin and end transactions; of a database in `folder`."""
    seen: list[str] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        of_it = folder is None or str(folder) in str(connection.engine.url)
        tends = threading.current_thread().name.startswith("countermark files of")  # it goes on beside the call
        if of_it and not tends and statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(seen)


def main() -> None:
    """Count, and print."""
    for model in MODELS:
        for each in counted(model):
            print(model, json.dumps(asdict(each)), flush=True)


if __name__ == "__main__":
    main()
