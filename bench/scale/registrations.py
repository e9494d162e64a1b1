"""Registrations: a registry of as many as are asked for, so that the whole route can be measured in it.

The photographs that report are registered by the use case that the API calls. All others enter as rows (`distractors`):
an entry with a signed statement, a record, a row of the asset with random digests and hashes, and local features of
the model, which are written into one file as the registry would have merged them. They look like one of a few
pictures: what is proposed is compared with its sketch and thumbnail. Nothing else of the registry is left out, so that
`fsck` finds it sound. SQLite alone: statements without its ORM, secondary indices made at the end.
"""

import base64
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from bench.matching.observed import bench_registry
from bench.photographs import photographs
from bench.scale.distractors import MODELS
from provenance.claims import Claims
from provenance.media import Media, draw_sketch, draw_thumbnail
from provenance.media.fingerprints import PDQ, PHASH, PIXELS_SHA256
from provenance.media.local_features import Codes
from provenance.statement.canonical_json import Json
from provenance.statement.keys import Signer
from provenance.statement.record import AssetRegistered, SketchFacts, parse_record, record_id, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.merkle import HASH_BYTES, Frontier, leaf_hash
from provenance.verification.findings import resemblance
from registry.database import Session, assets, entries, records
from registry.database.assets import AssetBlobs
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.log.sequencer import WriteViews
from registry.registry import Registry
from registry.search import segment as segments
from registry.search.segment import About, Segment
from registry.storage.blobs import digest_file
from registry.times import to_milliseconds
from registry.usecases.append import publisher_signer
from registry.usecases.register import publish, register

LOOKS = 16
"""Fitting photographs that all distractors look like, where the photographs are there."""

OF_A_PIECE = 50_000
"""Registrations of one transaction, whose features are sorted in memory: 1.5 GB. Then all are merged into one file."""

_QUALITY = 100
_SALT, _SHA256, _PIXELS, _PDQ, _PHASH = (bytes([number]) * size for number, size in enumerate((32, 32, 32, 32, 8), 65))
_SECRETS = tuple(map(len, (_SALT, _SHA256, _PIXELS, _PDQ, _PHASH)))


@dataclass(frozen=True)
class Look:
    """SHA-256 digests of the sketch and the thumbnail that a distractor has."""

    sketch: bytes
    thumbnail: bytes


@dataclass(frozen=True)
class Template:
    """The record of a distractor with placeholders in it, and what else its rows have."""

    canonical: bytes
    record: AssetRegistered
    look: Look


@dataclass(frozen=True)
class Distractors:
    """What it takes to add rows to a registry that nobody has open.

    Attributes:
        pool: local features of real pictures, of which the models draw.
        templates: one for each look.
        signer: the publisher's key.
        store: which store's features they are (`About`).
    """

    pool: Sequence[Codes]
    templates: Sequence[Template]
    signer: Signer
    store: str

    @classmethod
    def of(cls, registry: Registry, pool: Sequence[Codes], looks: Sequence[bytes]) -> Self:
        """For a registry with a registration or more; `looks`: the files of pictures that they look like."""
        record, _ = _newest(registry)
        with registry.store.read() as session:
            store = entries.get(session, 0).record_id.hex()
        templates = [_template(record, look) for look in _stored(registry, looks)]
        return cls(pool, templates, publisher_signer(registry, DEFAULT_PUBLISHER), store)

    def grow(self, folder: Path, model: str, registrations: int) -> None:
        """Add rows to the registry in `folder` until it has so many; `published` opens it then.

        Where this was killed, the next call goes on.
        """
        with _bulk(folder / "countermark.db") as database:
            pieces = _Pieces(folder / "pieces", About(self.store, 0, 0, 0, 0, -1))
            size, nodes, there = database.execute("SELECT size, frontier, registrations FROM log_head").fetchone()
            pieces.begin(database, size)
            hashes = [nodes[start : start + HASH_BYTES] for start in range(0, len(nodes), HASH_BYTES)]
            frontier = Frontier.from_nodes(size, hashes)
            while there < registrations:
                number = min(OF_A_PIECE, registrations - there)
                rows = [row for batch in _batches(self.pool, model, number, frontier.size) for row in batch]
                pieces.write(rows)
                database.execute("BEGIN")
                self._insert(database, frontier, rows)
                there += number
                database.execute(
                    "UPDATE log_head SET size = ?, logged_at_ms = ?, frontier = ?, registrations = ?",
                    (frontier.size, _now_ms(), b"".join(frontier.nodes), there),
                )
                database.execute("COMMIT")
            pieces.merge(folder / "features" / "0", frontier.size)

    def _insert(self, database: sqlite3.Connection, frontier: Frontier, rows: Sequence[tuple[int, bytes]]) -> None:
        made = [_rows_of(self.templates[index % len(self.templates)], self.signer, index) for index, _ in rows]
        frontier.extend(entry[1] for entry, _, _ in made)
        database.executemany(
            'INSERT INTO entry ("index", leaf_hash, statement, record_id, logged_at_ms) VALUES (?, ?, ?, ?, ?)',
            [entry for entry, _, _ in made],
        )
        database.executemany(
            'INSERT INTO record (record_id, "index", type, canonical) VALUES (?, ?, ?, ?)',
            [record for _, record, _ in made],
        )
        names = ", ".join(f'"{name}"' for name in made[0][2])
        database.executemany(
            f"INSERT INTO asset ({names}) VALUES ({', '.join('?' * len(made[0][2]))})",
            [tuple(asset.values()) for _, _, asset in made],
        )
        database.executemany("INSERT INTO local_features (asset, codes) VALUES (?, ?)", rows)
        database.executemany(
            "INSERT INTO compared_asset (asset, whole, method, left_out, claimed_until_ms) VALUES (?, ?, ?, '[]', 0)",
            [(index, index, resemblance.METHOD) for index, _ in rows],
        )


@contextmanager
def published(folder: Path) -> Iterator[Registry]:
    """The registry in `folder`, open, once all that was added to it is in a signed checkpoint."""
    with bench_registry(folder) as registry:
        with registry.store.read() as session:
            size = entries.size(session)
        while registry.sequencer.size < size:
            time.sleep(0.05)
        yield registry


def register_photographs(registry: Registry) -> None:
    """Register the photographs that report."""
    for each in photographs():
        if not each.fits:
            register_file(registry, each.path)


def photograph_records(registry: Registry) -> dict[str, bytes]:
    """The record's id of each photograph that reports, by the photograph's SHA-256."""
    found = {}
    with registry.store.read() as session:
        for each in photographs():
            if not each.fits:
                (found[each.sha256],) = assets.by_bytes(session, bytes.fromhex(each.sha256), 1)
    return found


def looks() -> list[bytes]:
    """The files of photographs that are not registered."""
    return [each.path.read_bytes() for each in photographs() if each.fits][:LOOKS]


def register_file(registry: Registry, path: Path) -> bytes:
    """Register a picture, have it compared with those before it, and return its record's id."""
    claims = Claims(title=path.name, credential="none")
    sha256 = digest_file(path)
    registered = register(registry, path=path, sha256=sha256, claims=claims, publisher=DEFAULT_PUBLISHER)
    if registered.compared is not None:
        registered.compared.result()
    return bytes.fromhex(registered.asset.id)


def appended(registry: Registry, pool: Sequence[Codes], number: int) -> Iterator[tuple[bytes, bytes, WriteViews]]:
    """What `Sequencer.append` takes, for so many distractors more that look like the newest registration."""
    record, thumbnail = _newest(registry)
    template = _template(record, Look(record.sketch.sha256, thumbnail))
    signer = publisher_signer(registry, DEFAULT_PUBLISHER)
    for batch in _batches(pool, "free", number, 0):
        for _, codes in batch:
            canonical, _ = _filled(template)
            yield sign_statement(canonical, signer), canonical, _views(registry, canonical, thumbnail, codes)


def _views(registry: Registry, canonical: bytes, thumbnail: bytes, codes: bytes) -> WriteViews:
    record = parse_record(canonical)
    assert isinstance(record, AssetRegistered)
    blobs, digest = AssetBlobs(thumbnail=thumbnail), secrets.token_bytes(32)

    def write_views(session: Session, index: int, logged_at: datetime) -> None:
        row = assets.asset_row(record_id(canonical), record, index, to_milliseconds(logged_at), digest, blobs)
        publish(registry, session, row, record, codes)

    return write_views


def _newest(registry: Registry) -> tuple[AssetRegistered, bytes]:
    """The newest registration's record, and the SHA-256 of its thumbnail."""
    with registry.store.read() as session:
        (row,) = assets.page(session, limit=1)
        record = records.get(session, row.record_id)
    assert isinstance(record, AssetRegistered)
    return record, row.thumbnail_sha256


def _stored(registry: Registry, pictures: Sequence[bytes]) -> Iterator[Look]:
    """The sketches and thumbnails of pictures, which are stored."""
    for data in pictures:
        canonical = Media.from_bytes(data).canonical
        sketch, thumbnail = registry.blobs.put_all((draw_sketch(canonical).data, draw_thumbnail(canonical)))
        assert sketch is not None and thumbnail is not None  # noqa: PT018
        yield Look(sketch, thumbnail)


def _template(record: AssetRegistered, look: Look) -> Template:
    media = replace(record.media, sha256=_SHA256, pixels_sha256=_PIXELS, shown_sha256=None, shown_method=None)
    pdq: dict[str, Json] = {"value": _PDQ.hex(), "quality": _QUALITY}
    prints: dict[str, Json] = {PIXELS_SHA256: _PIXELS.hex(), PHASH: _PHASH.hex(), PDQ: pdq}
    sketch = SketchFacts(look.sketch, record.sketch.version)
    made = replace(record, salt=_SALT, media=media, fingerprints=prints, sketch=sketch, title="distractor")
    return Template(to_canonical(made), made, look)


def _filled(template: Template) -> tuple[bytes, tuple[bytes, ...]]:
    """The record of a distractor, and its digests of bytes and pixels, PDQ and pHash."""
    salt, *prints = (secrets.token_bytes(size) for size in _SECRETS)
    canonical = template.canonical.replace(_base64url(_SALT), _base64url(salt))
    for placeholder, value in zip((_SHA256, _PIXELS, _PDQ, _PHASH), prints, strict=True):
        canonical = canonical.replace(placeholder.hex().encode(), value.hex().encode())
    return canonical, tuple(prints)


def _rows_of(template: Template, signer: Signer, index: int) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
    """What an entry, its record and its asset have in their rows."""
    canonical, (sha256, pixels, pdq, phash) = _filled(template)
    statement = sign_statement(canonical, signer)
    record, identity, now_ms = template.record, record_id(canonical), _now_ms()
    return (
        (index, leaf_hash(statement), statement, identity, now_ms),
        (identity, index, record.TYPE, canonical),
        {
            "record_id": identity,
            "index": index,
            "publisher_id": record.publisher,
            "media_sha256": sha256,
            "pixels_sha256": pixels,
            "claims_digest": secrets.token_bytes(32),
            "title": record.title,
            "credit": record.credit,
            "media_type": record.media.media_type,
            "width": record.media.width,
            "height": record.media.height,
            "phash": phash,
            "pdq": pdq,
            "pdq_quality": _QUALITY,
            "sketch_sha256": template.look.sketch,
            "thumbnail_sha256": template.look.thumbnail,
            "copy_public": True,
            "logged_at_ms": now_ms,
        },
    )


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _batches(pool: Sequence[Codes], model: str, number: int, index: int) -> Iterator[list[tuple[int, bytes]]]:
    """(log index, local features), some thousand at a time."""
    for codes in MODELS[model](pool, number, seed=index):
        yield [(index + place, each.tobytes()) for place, each in enumerate(codes)]
        index += len(codes)


@contextmanager
def _bulk(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that waits for no disk; indices that are no constraints are made again at the end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode = TRUNCATE", "synchronous = OFF", "cache_size = -1000000"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE IF NOT EXISTS bench_dropped AS SELECT name, sql FROM sqlite_master WHERE 0")
        database.execute("BEGIN")
        database.execute(
            "INSERT INTO bench_dropped SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('asset', 'entry', 'record', 'compared_asset')"
        )
        for (name,) in database.execute("SELECT name FROM bench_dropped").fetchall():
            database.execute(f"DROP INDEX IF EXISTS {name}")
        database.execute("COMMIT")
        yield database
        database.execute("BEGIN")
        for (statement,) in database.execute("SELECT sql FROM bench_dropped").fetchall():
            database.execute(statement)
        database.execute("DROP TABLE bench_dropped")
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")


class _Pieces:
    """The features of all registrations on their way into one file: sorted some thousand at a time, then merged."""

    def __init__(self, folder: Path, about: About) -> None:
        self._folder, self._about = folder, about
        self._sorted: list[Segment] = []

    def begin(self, database: sqlite3.Connection, size: int) -> None:
        """Take those of entries below `size` from the files of before, and the rest from the database."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for path in sorted(self._folder.glob(f"*{segments.SUFFIX}")):
            entries_there = segments.entries_in_name(path)
            if entries_there is None or entries_there.stop > size:  # of a transaction that did not end
                path.unlink()
            else:
                self._sorted.append(segments.load(path, whole=False))
        read = self._sorted[-1].about.end if self._sorted else 0
        first = "SELECT asset, codes FROM local_features WHERE asset >= ? ORDER BY asset LIMIT ?"
        while rows := database.execute(first, (read, OF_A_PIECE)).fetchall():
            self.write(rows)
            read = rows[-1][0] + 1

    def write(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Sort those of one stretch."""
        about = replace(self._about, first=rows[0][0], end=rows[-1][0] + 1, registrations=len(rows))
        self._sorted.append(segments.write(self._folder, about, [segments.in_memory(about, rows)]))

    def merge(self, folder: Path, end: int) -> None:
        """Write the file that stands for all."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        registrations = sum(each.about.registrations for each in self._sorted)
        segments.write(folder, replace(self._about, end=end, registrations=registrations), self._sorted)
        shutil.rmtree(self._folder)
