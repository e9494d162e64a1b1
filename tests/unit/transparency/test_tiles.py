"""Tiles, their paths, and reading a tree from them."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import EntryTooLarge, MalformedTile
from provenance.limits import MAX_CACHED_TILES, MAX_ENTRY_BYTES, MAX_TREE_SIZE
from provenance.transparency.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from provenance.transparency.tiles import (
    TilePath,
    TileReader,
    entries_path,
    entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
)
from tests.logs.log import Tree
from tests.tile_growth import hash_tile, tiles_between

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency" / "tile_paths.json").read_text())


class Log:
    """A log in memory that publishes tiles, as a server would."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.files: dict[str, bytes] = {}
        self.roots: dict[int, bytes] = {0: self.tree.root(0)}
        self.fetched: list[str] = []

    def grow(self, new_size: int) -> None:
        old_size = max(self.roots)
        self.tree.extend(str(number).encode() for number in range(old_size, new_size))
        for tile in tiles_between(old_size, new_size):
            self.files[str(tile)] = hash_tile(tile, self.tree.node)
        self.roots[new_size] = self.tree.root(new_size)

    def fetch(self, path: str) -> bytes | None:
        self.fetched.append(path)
        return self.files.get(path)


@pytest.fixture(scope="module")
def log() -> Log:
    log = Log()
    for size in (1, 2, 200, 256, 257, 700, 65_536, 65_537, 70_000):
        log.grow(size)
    return log


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: case["path"])
def test_a_tile_path_is_read_and_written_as_the_shared_vectors_state(case: dict[str, object]) -> None:
    level = None if case["level"] is None else int(str(case["level"]))
    tile = TilePath(level, int(str(case["index"])), int(str(case["width"])))
    assert parse_tile_path(str(case["path"])) == tile
    assert str(tile) == case["path"]


@pytest.mark.parametrize("path", VECTORS["refused"])
def test_every_other_spelling_of_a_tile_path_is_refused(path: str) -> None:
    with pytest.raises(MalformedTile):
        parse_tile_path(path)


def test_an_index_is_grouped_by_three_digits() -> None:
    assert str(TilePath(0, 1_234_067)) == "tile/0/x001/x234/067"
    assert str(TilePath(1, 5, 7)) == "tile/1/005.p/7"
    assert entries_path(1000, 1) == "tile/entries/x001/000.p/1"


@given(st.none() | st.integers(0, 63), st.integers(0, MAX_TREE_SIZE // 256), st.integers(1, 256))
def test_a_path_comes_back_as_it_went(level: int | None, index: int, width: int) -> None:
    tile = TilePath(level, index, width)
    assert parse_tile_path(str(tile)) == tile


@given(st.text(alphabet="tile/x0123456789.pentris -+\n", max_size=40))
def test_a_path_that_is_accepted_is_the_one_we_write(text: str) -> None:
    try:
        tile = parse_tile_path(f"tile/{text}")
    except MalformedTile:
        return
    assert str(tile) == f"tile/{text}"


@pytest.mark.parametrize(
    ("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257), (0, 2**63, 1)]
)
def test_no_path_is_made_for_a_tile_that_cannot_be(level: int, index: int, width: int) -> None:
    with pytest.raises(MalformedTile):
        TilePath(level, index, width)


def test_70_000_entries_are_published_as_the_specification_counts_them() -> None:
    tiles = tiles_between(0, 70_000)
    assert [tile.width for tile in tiles if tile.level == 0] == [256] * 273 + [112]
    assert [tile.width for tile in tiles if tile.level == 1] == [256, 17]
    assert [tile.width for tile in tiles if tile.level == 2] == [1]
    assert len(tiles) == 277


def test_only_what_growth_changes_is_written() -> None:
    assert tiles_between(5, 5) == []
    assert tiles_between(5, 7) == [TilePath(0, 0, 7)]
    assert tiles_between(255, 256) == [TilePath(0, 0), TilePath(1, 0, 1)]
    assert tiles_between(256, 257) == [TilePath(0, 1, 1)]
    assert tiles_between(300, 600) == [TilePath(0, 1), TilePath(0, 2, 88), TilePath(1, 0, 2)]
    assert tiles_between(MAX_TREE_SIZE - 1, MAX_TREE_SIZE) == [
        TilePath(0, MAX_TREE_SIZE // 256, 255),
    ]


def test_proofs_read_from_tiles_lead_to_the_published_roots(log: Log) -> None:
    for size in (1, 2, 200, 256, 257, 700, 65_536, 65_537, 70_000):
        reader = TileReader(log.fetch, size)
        for index in {0, 1 % size, size // 2, size - 1}:
            proof = inclusion_proof(index, size, reader)
            verify_inclusion(leaf_hash(str(index).encode()), index, size, proof, log.roots[size])
        for old in (each for each in log.roots if each <= size):
            proof = consistency_proof(old, size, reader)
            verify_consistency(old, log.roots[old], size, log.roots[size], proof)


@given(st.integers(0, 69_999))
@settings(max_examples=40)
def test_every_entry_of_a_tiled_log_has_a_proof(log: Log, index: int) -> None:
    proof = inclusion_proof(index, 70_000, TileReader(log.fetch, 70_000))
    verify_inclusion(leaf_hash(str(index).encode()), index, 70_000, proof, log.roots[70_000])


def test_any_node_is_hashed_up_from_its_tile(log: Log) -> None:
    reader = TileReader(log.fetch, 70_000)
    for level, index in [(0, 0), (0, 69_999), (3, 17), (7, 400), (8, 272), (9, 3), (15, 1), (16, 0)]:
        assert reader(level, index) == log.tree.node(level, index)


@pytest.mark.parametrize(("level", "index"), [(0, 700), (8, 2), (10, 0), (-1, 0), (0, -1), (70, 0)])
def test_a_node_that_the_tree_does_not_have_is_refused(log: Log, level: int, index: int) -> None:
    with pytest.raises(MalformedTile):
        TileReader(log.fetch, 700)(level, index)


def test_a_partial_tile_that_is_gone_is_read_from_the_full_one(log: Log) -> None:
    reader = TileReader(lambda path: None if ".p/" in path else log.fetch(path), 200)
    assert inclusion_proof(150, 200, reader) == inclusion_proof(150, 200, TileReader(log.fetch, 200))


def test_a_tile_that_is_gone_is_named(log: Log) -> None:
    with pytest.raises(MalformedTile, match="tile/0/002"):
        TileReader(lambda path: None if "/002" in path else log.fetch(path), 700)(0, 600)


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\x00" * 32])
def test_a_tile_of_another_length_is_refused(log: Log, damage: bytes) -> None:
    with pytest.raises(MalformedTile):
        TileReader(lambda path: log.files[path] + damage if damage else log.files[path][:-1], 700)(0, 0)
    with pytest.raises(MalformedTile):
        TileReader(lambda path: None if ".p/" in path else log.files[path] + (damage or b"\x00"), 200)(0, 0)


def test_a_tile_is_fetched_once_and_the_cache_stays_small(log: Log) -> None:
    log.fetched.clear()
    reader = TileReader(log.fetch, 70_000)
    for _ in range(3):
        reader(0, 10)
    assert log.fetched == ["tile/0/000"]
    for index in range(0, 70_000, 256):
        reader(0, index)
    log.fetched.clear()
    reader(0, 69_999)
    reader(0, 69_000 - 256 * (MAX_CACHED_TILES + 1))
    assert len(log.fetched) == 1


def test_a_full_cache_forgets_the_tile_that_was_used_longest_ago(log: Log) -> None:
    reader = TileReader(log.fetch, 70_000)
    for tile in (
        *range(MAX_CACHED_TILES),
        0,
        MAX_CACHED_TILES,
    ):  # the first twice, before the cache is full
        reader(0, 256 * tile)
    log.fetched.clear()
    reader(0, 0)
    reader(0, 256 * MAX_CACHED_TILES)
    assert log.fetched == []
    reader(0, 256)
    assert log.fetched == ["tile/0/001"]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
@settings(max_examples=50)
def test_an_entry_bundle_comes_back_as_it_went(entries: list[bytes]) -> None:
    assert parse_entry_bundle(entry_bundle(entries), len(entries)) == entries


def test_an_entry_of_65_535_bytes_is_the_longest() -> None:
    longest = hashlib.shake_128(b"").digest(MAX_ENTRY_BYTES)
    assert parse_entry_bundle(entry_bundle([longest, b""])) == [longest, b""]
    with pytest.raises(EntryTooLarge):
        entry_bundle([longest + b"\x00"])


@pytest.mark.parametrize("entries", [[], [b""] * 257])
def test_a_bundle_of_no_entries_or_too_many_is_not_written(entries: list[bytes]) -> None:
    with pytest.raises(MalformedTile):
        entry_bundle(entries)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x01", b"\x00\x01a\x00", b"\x00\x02a", b"\x00\x00" * 257])
def test_a_damaged_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTile):
        parse_entry_bundle(data)


def test_a_bundle_of_another_width_is_refused() -> None:
    with pytest.raises(MalformedTile):
        parse_entry_bundle(entry_bundle([b"one", b"two"]), 3)
