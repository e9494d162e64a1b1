"""Bits that flip in rows, tiles and blobs: fsck names each of them, and nothing damaged is handed out as good."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from provenance.errors import CountermarkError
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.tiles import TilePath
from registry.database import Store
from registry.log.served_log import ServedLog
from registry.storage.blobs import Blobs
from registry.usecases.maintenance import fsck
from tests.unit.registry.newsroom import Newsroom
from tests.unit.registry.test_fsck import KEY

FLIPS = int(os.environ.get("FAULT_BIT_FLIPS", "1000"))
TOGETHER = 10
"""Flips that one fsck has to name at once, each in another row or file."""

ROWS = {
    "entry": ('"index"', ("leaf_hash", "statement", "record_id")),
    "record": ("record_id", ("index", "type", "canonical")),
    "checkpoint": ("size", ("note",)),
    "publisher": ("id", ("name", "established", "detail")),
    "publisher_key": ("kid", ("algorithm", "public_raw", "enrolled_index", "ended_index")),
    "withdrawal": ('"index"', ("target", "reason")),
    "asset": (
        "record_id",
        (
            *("index", "media_sha256", "pixels_sha256", "manifest_id", "title", "width", "phash", "pdq"),
            *("sketch_sha256", "thumbnail_sha256", "signed_blob_sha256", "logged_at_ms"),
        ),
    ),
}
"""The rows that follow from the log. API keys, kept answers and reports are of the service alone, and no record tells
of them; `claims_digest` only serves to find a registration that is sent again; and an entry's time is in no other
place: fsck sees that it does not decrease, and no more."""


@dataclass(frozen=True)
class Flip:
    """One bit to flip, with words of which one is in what fsck says."""

    place: str
    words: tuple[str, ...]
    do: Callable[[Path], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with full and partial tiles, pictures, withdrawals and two keys."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        pictures = [newsroom.register(f"picture {number}").result() for number in range(12)]
        waiting = [newsroom.withdraw(pictures[0].record_id, f"reason {number}") for number in range(260)]
        for each in waiting:
            each.result()
        newsroom.state_key("rotate", "second key")
        newsroom.register("last", key="second key").result()
    return folder


def flips(folder: Path, chance: random.Random) -> list[Flip]:
    """A flip in a third of the cases each: of a row, a tile, a blob."""
    tiles = [path for path in (folder / "objects/log").rglob("*") if path.is_file()]
    blobs = [path for path in (folder / "objects/blobs").rglob("*") if path.is_file()]
    chosen: dict[str, Flip] = {}
    while len(chosen) < TOGETHER:
        kind = chance.choice(("row", "tile", "blob"))
        flip = (
            _row(folder, chance)
            if kind == "row"
            else _file(chance.choice(tiles if kind == "tile" else blobs), folder, chance)
        )
        chosen.setdefault(flip.place, flip)
    return list(chosen.values())


def _file(path: Path, folder: Path, chance: random.Random) -> Flip:
    name = str(path.relative_to(folder))
    size = path.stat().st_size
    at, bit = chance.randrange(size), 1 << chance.randrange(8)

    def do(damaged: Path) -> None:
        data = bytearray((damaged / name).read_bytes())
        data[at] ^= bit
        (damaged / name).write_bytes(data)

    return Flip(name, (name.removeprefix("objects/log/") if "/log/" in name else path.name,), do)


def _row(folder: Path, chance: random.Random) -> Flip:
    table = chance.choice(list(ROWS))
    key, columns = ROWS[table]
    column = chance.choice(columns)
    with closing(sqlite3.connect(folder / "countermark.db")) as database:
        keys = database.execute(f'SELECT {key} FROM "{table}" WHERE "{column}" IS NOT NULL').fetchall()
        identity = chance.choice(keys)[0]
        (value,) = database.execute(f'SELECT "{column}" FROM "{table}" WHERE {key} = ?', (identity,)).fetchone()
    new = _flipped(value, chance)

    def do(damaged: Path) -> None:
        with closing(sqlite3.connect(damaged / "countermark.db")) as database, database:
            done = database.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {key} = ?', (new, identity))
            assert done.rowcount == 1

    shown = identity.hex() if isinstance(identity, bytes) else str(identity)
    return Flip(f"{table} {shown}", (shown, value.hex() if isinstance(value, bytes) else str(value)), do)


def _flipped(value: object, chance: random.Random) -> object:
    match value:
        case int():
            return value ^ (1 << chance.randrange(10))
        case str():
            at = chance.randrange(len(value))
            return value[:at] + chr(ord(value[at]) ^ 1 << chance.randrange(4)) + value[at + 1 :]
        case bytes():
            at = chance.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
    raise AssertionError(value)


def took_place(flip: Flip, folder: Path) -> bool:
    """Flip it; False where SQLite refuses a value that another row has."""
    try:
        flip.do(folder)
    except sqlite3.IntegrityError:
        return False
    return True


@pytest.mark.timeout(1800)
def test_each_flipped_bit_is_named(sound: Path, tmp_path: Path) -> None:
    chance = random.Random(20260301)
    missed = []
    for _ in range(FLIPS // TOGETHER):
        folder = tmp_path / "data"
        shutil.copytree(sound, folder)
        done = [flip for flip in flips(folder, chance) if took_place(flip, folder)]
        store = Store.open(folder)
        try:
            said = "\n".join(
                f"{each.kind} {each.name} {each.detail}"
                for each in fsck.check(store, Blobs.open(folder / "objects"), KEY)
            )
        finally:
            store.close()
        missed += [flip.place for flip in done if not any(word in said for word in flip.words)]
        shutil.rmtree(folder)
    assert missed == []


@pytest.mark.timeout(1800)
def test_nothing_damaged_is_handed_out_as_good(sound: Path, tmp_path: Path) -> None:
    chance = random.Random(20260302)
    with Newsroom(sound) as newsroom:
        before = handed_out(newsroom, sound)
    refused = 0
    for _ in range(max(1, FLIPS // TOGETHER // 10)):
        folder = tmp_path / "data"
        shutil.copytree(sound, folder)
        with Newsroom(folder) as newsroom:  # damaged while it is open: a start would mend the tiles
            for flip in flips(folder, chance):
                took_place(flip, folder)
            after = handed_out(newsroom, folder)
        assert {name: data for name, data in after.items() if data not in (None, before[name])} == {}
        refused += list(after.values()).count(None)
        shutil.rmtree(folder)
    assert refused > 0


def handed_out(newsroom: Newsroom, folder: Path) -> dict[str, bytes | None]:
    """All tiles, blobs and records as they are served; None for what is refused."""
    served = ServedLog(
        newsroom.sequencer.tiles, lambda: SignedCheckpoint.parse(newsroom.sequencer.checkpoint()).checkpoint
    )
    answers: dict[str, Callable[[], bytes | None]] = {}
    for path in (folder / "objects/log/tile").rglob("*"):
        if path.is_file():
            name = str(path.relative_to(folder / "objects/log"))
            answers[name] = lambda name=name: served.tile(TilePath.parse(name))  # type: ignore[misc]
    for sha256 in list(newsroom.blobs):
        answers[sha256.hex()] = lambda sha256=sha256: newsroom.blobs.get(sha256)  # type: ignore[misc]
    found: dict[str, bytes | None] = {}
    for name, answer in answers.items():
        try:
            found[name] = answer()
        except CountermarkError:
            found[name] = None
    return found
