"""fsck: a sound store has no findings, and whatever is damaged is named."""

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Integer
from sqlmodel import SQLModel

from provenance.errors import StoreCorrupt, StoreUnavailable
from provenance.statement.statement import sign_statement
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.note import ED25519, VerifierKey
from registry.database import Store
from registry.database.audit import DigestSet
from registry.storage.blobs import Blobs, blob_name
from registry.storage.objects import LocalObjects
from registry.usecases.maintenance import fsck
from tests.logs.records import ORIGIN, digest, signer
from tests.unit.registry.newsroom import Newsroom, high_water_obstacle

KEY = VerifierKey(ORIGIN, ED25519, signer("log").public_key.raw)
HARBOUR = 'WHERE "index" = 2'

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight entries: genesis, a key, three pictures, a withdrawal, another key, a picture signed with it."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        harbour = newsroom.register("harbour").result()
        newsroom.register("market", parents=(harbour.record_id,)).result()
        newsroom.register("station").result()
        newsroom.withdraw(harbour.record_id).result()
        newsroom.state_key("rotate", "second key")
        newsroom.register("square", key="second key").result()
    return folder


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a full tile and bundle, and a partial one behind them."""
    folder = tmp_path_factory.mktemp("long") / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        harbour = newsroom.register("harbour").result()
        for waiting in [newsroom.withdraw(harbour.record_id, f"reason {number}") for number in range(300)]:
            waiting.result()
    return folder


def examine(folder: Path) -> list[fsck.Defect]:
    store = Store.open(folder)
    try:
        return list(fsck.check(store, Blobs.open(folder / "objects"), KEY))
    finally:
        store.close()


def edit(sql: str, *values: object) -> Damage:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "countermark.db")) as database, database:
            assert database.execute(sql, values).rowcount > 0

    return damage


def flip(name: str) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)

    return damage


def remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def swap_statement(folder: Path) -> None:
    """What an intruder would do who knows how leaf hashes are made."""
    other = sign_statement(b"{}", signer("daily key"))
    edit(f"UPDATE entry SET statement = ?, leaf_hash = ? {HARBOUR}", other, leaf_hash(other))(folder)


def older_checkpoint(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "countermark.db")) as database:
        (note,) = database.execute("SELECT note FROM checkpoint WHERE size = 4").fetchone()
    (folder / "objects/log/checkpoint").write_bytes(note)


def moved_checkpoint(folder: Path) -> None:
    edit("DELETE FROM checkpoint WHERE size = 5")(folder)
    edit("UPDATE checkpoint SET size = 5 WHERE size = 4")(folder)


def stray_tile(folder: Path) -> None:
    (folder / "objects/log/tile/0/007").write_bytes(bytes(8192))


def sketch(name: str) -> str:
    return "objects/" + blob_name(digest(f"sketch of {name}"))


DAMAGES: list[tuple[str, Damage, str, str]] = [
    ("statement", edit(f"UPDATE entry SET statement = zeroblob(192) {HARBOUR}"), "entry", "entry 2: the statement"),
    ("leaf hash", edit(f"UPDATE entry SET leaf_hash = zeroblob(32) {HARBOUR}"), "entry", "entry 2: the leaf hash"),
    ("both", swap_statement, "statement", "entry 2: is about another record"),
    ("both, in the tile", swap_statement, "tile", "tile/0/000.p/8: differs"),
    ("both, in the bundle", swap_statement, "tile", "tile/entries/000.p/8: differs"),
    ("both, at the root", swap_statement, "checkpoint", "checkpoint 8: the entries do not lead to the root"),
    ("record id", edit(f"UPDATE entry SET record_id = zeroblob(32) {HARBOUR}"), "record", "the record of entry 2"),
    ("last row", edit('DELETE FROM entry WHERE "index" = 7'), "entry", "entry 7: the row is missing"),
    ("a row", edit(f"DELETE FROM entry {HARBOUR}"), "entry", "entry 2: the row is missing"),
    ("time", edit(f"UPDATE entry SET logged_at_ms = 5 {HARBOUR}"), "time", "entry 2: logged before"),
    ("a column's type", edit(f"UPDATE entry SET leaf_hash = 'text' {HARBOUR}"), "database", "entry 2: has a value of"),
    ("record", edit(f"UPDATE record SET canonical = CAST(replace(canonical, 'A. Ph', 'B. Ph') AS BLOB) {HARBOUR}"),
     "record", "the canonical bytes have changed"),
    ("record row", edit(f"DELETE FROM record {HARBOUR}"), "record", "the record of entry 2 is missing"),
    ("record type", edit(f"UPDATE record SET type = 'asset.withdrawn' {HARBOUR}"), "record", "its row has the type"),
    ("record index", edit(f'UPDATE record SET "index" = 3 {HARBOUR}'), "record", "its row names entry 3"),
    ("smuggled record", edit("INSERT INTO record VALUES (zeroblob(32), 9, 'x', zeroblob(2))"), "record", "no entry"),
    ("hash tile", flip("objects/log/tile/0/000.p/8"), "tile", "tile/0/000.p/8: differs"),
    ("old hash tile", flip("objects/log/tile/0/000.p/5"), "tile", "tile/0/000.p/5: differs"),
    ("bundle", flip("objects/log/tile/entries/000.p/8"), "tile", "tile/entries/000.p/8: differs"),
    ("lost tile", remove("objects/log/tile/0/000.p/8"), "tile", "tile/0/000.p/8: missing"),
    ("lost bundle", remove("objects/log/tile/entries/000.p/8"), "tile", "tile/entries/000.p/8: missing"),
    ("stray tile", stray_tile, "tile", "tile/0/007: not a tile of this log"),
    ("checkpoint row", edit("UPDATE checkpoint SET note = zeroblob(99) WHERE size = 4"), "checkpoint", "checkpoint 4"),
    ("checkpoint size", moved_checkpoint, "checkpoint", "is for 4 entries, not 5"),
    ("checkpoint file", flip("objects/log/checkpoint"), "checkpoint", "log/checkpoint"),
    ("older checkpoint", older_checkpoint, "checkpoint", "log/checkpoint: is for 4 entries, not 8"),
    ("lost checkpoint", remove("objects/log/checkpoint"), "checkpoint", "log/checkpoint: missing"),
    ("high-water", flip("high-water"), "high-water", "high-water"),
    ("lost high-water", remove("high-water"), "high-water", "missing"),
    ("sketch", flip(sketch("harbour")), "blob", f"{digest('sketch of harbour').hex()}: the bytes have changed"),
    ("lost sketch", remove(sketch("harbour")), "blob", "missing, although it is sketch_sha256 of asset"),
    ("thumbnail", flip("objects/" + blob_name(digest("thumbnail of market"))), "blob", "the bytes have changed"),
    ("signed copy", remove("objects/" + blob_name(digest("signed copy of market"))), "blob", "signed_blob_sha256"),
    ("manifest", remove("objects/" + blob_name(digest("manifest of market"))), "blob", "manifest_blob_sha256"),
    ("publisher name", edit("UPDATE publisher SET name = 'The Dally'"), "publisher", "name: not as in the records"),
    ("key", edit("UPDATE publisher_key SET public_raw = zeroblob(32) WHERE enrolled_index = 1"), "key", "public_raw"),
    ("key's end", edit("UPDATE publisher_key SET ended_index = NULL WHERE enrolled_index = 1"), "key", "ended_index"),
    ("lost key", edit("DELETE FROM publisher_key WHERE enrolled_index = 6"), "key", "the row is missing"),
    ("withdrawal", edit("UPDATE withdrawal SET reason = 'none'"), "withdrawal", "withdrawal 5: target or reason"),
    ("lost withdrawal", edit("DELETE FROM withdrawal"), "withdrawal", "withdrawal 5: the row is missing"),
    ("false withdrawal", edit("INSERT INTO withdrawal VALUES (3, zeroblob(32), 'x')"), "withdrawal", "withdrawal 3"),
    ("lost asset", edit(f"DELETE FROM asset {HARBOUR}"), "asset", "the row is missing"),
    *(
        (column, edit(f"UPDATE asset SET {column} = ? {HARBOUR}", value), "asset", f"{column}: not as in the record")
        for column, value in {
            "media_sha256": bytes(32),
            "signed_sha256": bytes(32),
            "pixels_sha256": bytes(32),
            "signed_pixels_sha256": None,
            "manifest_id": "urn:c2pa:other",
            "title": "Harbor",
            "credit": "B. Photographer",
            "media_type": "image/png",
            "width": 641,
            "height": 479,
            "phash": bytes(8),
            "pdq": bytes(32),
            "pdq_quality": 1,
            "sketch_sha256": bytes(32),
            "signed_blob_sha256": bytes(32),
            "logged_at_ms": 1,
        }.items()
    ),
]  # fmt: skip


def test_a_sound_store_has_no_findings(sound: Path, long: Path) -> None:
    assert examine(sound) == []
    assert examine(long) == []


@pytest.mark.parametrize(("damage", "kind", "words"), [each[1:] for each in DAMAGES], ids=[each[0] for each in DAMAGES])
def test_damage_is_found_and_named(sound: Path, tmp_path: Path, damage: Damage, kind: str, words: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    damage(folder)
    findings = examine(folder)
    assert any(each.kind == kind and words in f"{each.name}: {each.detail}" for each in findings), findings


@pytest.mark.parametrize(
    "damage",
    [
        edit(f"UPDATE entry SET leaf_hash = zeroblob(32) {HARBOUR}"),
        flip("objects/log/tile/0/000.p/8"),
        flip("objects/log/tile/entries/000.p/8"),
        flip(sketch("harbour")),
        edit("UPDATE asset SET title = 'x' WHERE \"index\" = 3"),
    ],
)
def test_one_damage_is_one_finding(sound: Path, tmp_path: Path, damage: Damage) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    damage(folder)
    assert len(examine(folder)) == 1


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1", "tile/0/001.p/47"])
def test_damage_to_any_tile_of_a_long_log_is_named(long: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(long, folder)
    flip(f"objects/log/{name}")(folder)
    assert [(each.kind, each.name) for each in examine(folder)] == [("tile", name)]


# Columns of another type: SQLite keeps a text where bytes or a number belong, if it is told to.


def columns() -> list[tuple[str, str, str]]:
    """Table, column, and the type that SQLite keeps its values in."""
    kinds = {
        "LargeBinary": "blob",
        "Bytes": "blob",
        "BigInteger": "integer",
        "Integer": "integer",
        "Boolean": "integer",
    }
    return [
        (table.name, column.name, kinds.get(type(column.type).__name__, "text"))
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if not (column.primary_key and isinstance(column.type, BigInteger | Integer) and len(table.primary_key) == 1)
    ]  # SQLite refuses another type in the key of its B-tree alone


def filled(folder: Path, table: str) -> bool:
    with closing(sqlite3.connect(folder / "countermark.db")) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0


@pytest.mark.parametrize("value", ["'text'", "2.5", "zeroblob(3)", "7"])
def test_a_value_of_another_type_in_any_column_is_a_finding_and_not_the_end(
    sound: Path, tmp_path: Path, value: str
) -> None:
    kinds = {"'text'": "text", "2.5": "real", "zeroblob(3)": "blob", "7": "integer"}
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    whole = (folder / "countermark.db").read_bytes()
    tried = 0
    for table, column, own in columns():
        if not filled(sound, table) or kinds[value] == own:
            continue
        (folder / "countermark.db").write_bytes(whole)
        with closing(sqlite3.connect(folder / "countermark.db")) as database, database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            rowid = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
            database.execute(f'UPDATE {table} SET "{column}" = {value} WHERE rowid = {rowid}')
            after = database.execute(f'SELECT typeof("{column}") FROM {table} WHERE rowid = {rowid}').fetchone()[0]
        if after != kinds[value]:
            continue  # a column of text makes a text of a number
        tried += 1
        findings = examine(folder)
        where = f"{table}.{column}"
        assert any(each.kind == "database" and f"another type in {column}" in each.detail for each in findings), where
        assert len(findings) < 12, (where, findings)
        assert not any("the row is missing" in each.detail and each.kind == "entry" for each in findings), where
    assert tried >= {"'text'": 20, "2.5": 20, "zeroblob(3)": 20, "7": 10}[value]


@pytest.mark.parametrize("name", [b"bad\xff", b"two\nlines", b"\x1b[31mred", b"000#1", b"000~", "\u202e000".encode()])
@pytest.mark.parametrize(("kind", "place"), [("tile", "log/tile/0"), ("blob", "blobs"), ("blob", "blobs/aa/bb")])
def test_a_file_of_an_impossible_name_is_a_finding_and_not_the_end(
    sound: Path, tmp_path: Path, name: bytes, kind: str, place: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    strange = folder / "objects" / place / os.fsdecode(name)
    strange.parent.mkdir(parents=True, exist_ok=True)
    strange.write_bytes(b"?")
    (folder / "objects/log/checkpoint").unlink()
    findings = examine(folder)
    assert sorted(each.kind for each in findings) == sorted(["checkpoint", kind])
    assert any(os.fsdecode(name) in each.name for each in findings)


def test_what_lies_in_the_place_of_a_folder_or_leads_around_is_not_the_end(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    tiles = folder / "objects/log/tile"
    (tiles / "0/around").symlink_to("..")
    (tiles / "0/nowhere").symlink_to("nowhere")
    assert {(each.kind, each.name) for each in examine(folder)} == {("tile", "tile/0/nowhere")}
    shutil.rmtree(tiles / "0")
    (tiles / "0").write_bytes(b"no folder")
    assert {each.kind for each in examine(folder)} == {"tile"}
    first = min((folder / "objects/blobs").iterdir())
    shutil.rmtree(first)
    first.write_bytes(b"no folder")
    assert ("blob", f"blobs/{first.name}") in {(each.kind, each.name) for each in examine(folder)}


def test_one_checkpoint_of_another_type_leaves_the_other_rows_sound(long: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(long, folder)
    edit("UPDATE checkpoint SET note = 'text' WHERE size = 2")(folder)
    (finding,) = examine(folder)
    assert (finding.kind, finding.name) == ("database", "checkpoint 2")


@pytest.mark.parametrize("table", ["checkpoint", "entry", "record"])
def test_a_damaged_page_of_a_table_leaves_the_rows_of_the_others_sound(long: Path, tmp_path: Path, table: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(long, folder)
    path = folder / "countermark.db"
    with closing(sqlite3.connect(path)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (held,) = database.execute(HELD[table]).fetchone()
    data = bytearray(path.read_bytes())
    start = data.index(held[-64:]) // size * size
    assert data[start] == 0x0D  # a leaf of a table (SQLite file format §1.6)
    data[start : start + size] = b"\xa5" * size
    path.write_bytes(data)
    findings = examine(folder)
    assert any(each.kind == "database" and f"of {table} cannot be read" in each.detail for each in findings), findings
    assert [each for each in findings if "missing" in each.detail or each.kind not in ("database", "record")] == []
    assert len(findings) < 8


HELD = {
    "checkpoint": "SELECT note FROM checkpoint ORDER BY size LIMIT 1 OFFSET 3",
    "entry": 'SELECT statement FROM entry WHERE "index" = 150',
    "record": 'SELECT canonical FROM record WHERE "index" = 150',
}


def test_an_entry_whose_signer_had_no_key_in_force_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        newsroom.state_key("rotate", "second key")
        newsroom.register("late", key="daily key").result()
    (finding,) = examine(folder)
    assert (finding.kind, finding.name) == ("statement", "entry 3")
    assert "replaced" in finding.detail


def test_the_key_of_another_log_finds_every_checkpoint_wrong(sound: Path) -> None:
    store = Store.open(sound)
    other = VerifierKey(ORIGIN, ED25519, signer("another log").public_key.raw)
    findings = list(fsck.check(store, Blobs.open(sound / "objects"), other))
    store.close()
    assert {each.kind for each in findings} == {"checkpoint", "high-water"}


def test_progress_is_told(sound: Path) -> None:
    told: list[tuple[str, int, int]] = []
    store = Store.open(sound)
    list(fsck.check(store, Blobs.open(sound / "objects"), KEY, progress=lambda *each: told.append(each)))
    store.close()
    assert told == [("blobs", 0, 0), ("log", 0, 8), ("log", 8, 8)]


def test_each_blob_is_asked_for_once_however_many_rows_name_it(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    for name in ("get", "__contains__"):
        monkeypatch.setattr(LocalObjects, name, counting(asked, getattr(LocalObjects, name)))
    with closing(Store.open(sound)) as store:
        blobs = Blobs.open(sound / "objects")
        assert not list(fsck.check(store, blobs, KEY))
        assert {name: times for name, times in asked.items() if name.startswith("blobs/")} == {
            blob_name(sha256): 1 for sha256 in blobs
        }


def test_a_blob_that_is_stored_while_others_are_read_is_there(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    late = folder / sketch("harbour")
    content = late.read_bytes()
    late.unlink()

    def progress(stage: str, _done: int, _total: int) -> None:
        if stage == "log":
            late.write_bytes(content)

    with closing(Store.open(folder)) as store:
        assert not list(fsck.check(store, Blobs.open(folder / "objects"), KEY, progress=progress))


def test_a_full_disk_of_temporary_files_ends_the_check_with_a_clear_error() -> None:
    listed = DigestSet()
    listed._rows.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StoreUnavailable, match="temporary file: database or disk is full"):
        list(map(listed.add, (number.to_bytes(32) for number in range(1_000))))
    listed.close()


def counting(asked: Counter[str], real: Callable[[LocalObjects, str], Any]) -> Callable[[LocalObjects, str], Any]:
    def ask(objects: LocalObjects, name: str) -> Any:
        asked[name] += 1
        return real(objects, name)

    return ask


def test_a_column_that_goes_by_another_name_is_a_finding(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    data = (folder / "countermark.db").read_bytes()
    (folder / "countermark.db").write_bytes(data.replace(b"expires_at_ms", b"expires_at_mz"))
    assert "database" in {finding.kind for finding in examine(folder)}


def test_fsck_itself_survives_any_flipped_byte_of_the_database(sound: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = (sound / "countermark.db").read_bytes()
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    found = 0
    written = [place for place, byte in enumerate(whole) if byte]  # most of the pages are empty
    for _ in range(40):
        data = bytearray(whole)
        data[chance.choice(written)] ^= 1 << chance.randrange(8)
        (folder / "countermark.db").write_bytes(data)
        try:
            found += bool(examine(folder))
        except (StoreCorrupt, StoreUnavailable):
            found += 1
    assert found > 0  # much belongs to tables that no record speaks of


def test_a_schema_that_is_no_text_is_damage(sound: Path, tmp_path: Path) -> None:
    """SQLite quotes it in its error message, which Python then cannot read."""
    shutil.copytree(sound, tmp_path / "data")
    database = tmp_path / "data" / "countermark.db"
    database.write_bytes(database.read_bytes().replace(b"CREATE TABLE asset", b"CREATE T\xe4BLE asset"))
    with pytest.raises(StoreCorrupt, match="damaged"):
        examine(tmp_path / "data")


def test_fsck_survives_any_page_of_the_database_being_zeroed_and_finds_most(sound: Path, tmp_path: Path) -> None:
    whole = (sound / "countermark.db").read_bytes()
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    pages = len(whole) // 4096
    found = 0
    for page in range(0, pages, 3):
        data = bytearray(whole)
        data[page * 4096 : (page + 1) * 4096] = bytes(4096)
        (folder / "countermark.db").write_bytes(data)
        try:
            found += bool(examine(folder))
        except (StoreCorrupt, StoreUnavailable):
            found += 1
    assert found >= pages // 3 * 0.9


def test_entries_that_are_published_while_it_looks_are_no_finding(tmp_path: Path) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
        obstacle = high_water_obstacle(newsroom.folder)
        obstacle.mkdir()  # so that nothing can be published
        newsroom.register("harbour", wait="sequenced").result()

        def publish(stage: str, done: int, total: int) -> None:
            if stage == "log" and done == total and obstacle.is_dir():
                obstacle.rmdir()
                newsroom.register("harbour").result()

        assert newsroom.sequencer.size == 2
        assert list(fsck.check(newsroom.store, newsroom.blobs, KEY, progress=publish)) == []
        assert newsroom.sequencer.size == 3
