"""What the log serves: at every moment all that its checkpoint promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.tiles import TilePath, parse_entry_bundle
from registry.log.served_log import ServedLog
from registry.log.tiles import Tiles
from tests.unit.registry.newsroom import Newsroom

NEARLY_FULL, FULL = 254, 257


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        opened.found()
        harbour = opened.register("harbour").result()
        more = range(NEARLY_FULL - opened.sequencer.size)
        for waiting in [opened.withdraw(harbour.record_id, f"reason {number}") for number in more]:
            waiting.result()
        assert opened.sequencer.size == NEARLY_FULL
        yield opened


def served(newsroom: Newsroom) -> Checkpoint:
    return SignedCheckpoint.parse(newsroom.sequencer.checkpoint()).checkpoint


def missing(log: ServedLog, size: int) -> list[str]:
    """The files at the edge of a tree of `size` entries that are not to be had, neither partial nor full."""
    wanted = [TilePath(level, size // 256, size % 256) for level in (None, 0) if size % 256]
    wanted += [TilePath(level, 0) for level in (None, 0) if size >= 256]
    wanted += [TilePath(1, 0, size // 256)] if size >= 256 else []
    return [str(path) for path in wanted if not log.tile(path)]


def fill(newsroom: Newsroom) -> None:
    target = newsroom.register("harbour").result().record_id
    for number in range(FULL - NEARLY_FULL):
        newsroom.withdraw(target, f"one more {number}").result()


def test_while_partial_tiles_are_dropped_the_checkpoint_of_the_full_ones_is_shown(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ServedLog(newsroom.sequencer.tiles, lambda: served(newsroom))
    lacking: list[tuple[int, list[str]]] = []
    prune = Tiles.prune

    def look_and_prune(self: Tiles, full: TilePath) -> None:
        for when in ("before", "after"):
            if when == "after":
                prune(self, full)
            size = served(newsroom).size
            lacking.append((size, missing(log, size)))

    monkeypatch.setattr(Tiles, "prune", look_and_prune)
    fill(newsroom)
    assert len(lacking) == 4
    assert all(size >= 256 and not paths for size, paths in lacking)


def test_who_reads_with_an_older_checkpoint_finds_its_partial_tiles_when_they_are_full(newsroom: Newsroom) -> None:
    older = served(newsroom)
    fill(newsroom)
    tiles = newsroom.sequencer.tiles
    assert tiles.fetch(f"tile/0/000.p/{older.size}") is None  # it was dropped
    for checkpoint in (older, served(newsroom)):  # as another process, or a cache before it, may still have the older
        log = ServedLog(tiles, lambda checkpoint=checkpoint: checkpoint)  # type: ignore[misc]
        assert missing(log, older.size) == []
        hashes, bundle = (log.tile(TilePath(level, 0, older.size)) for level in (0, None))
        assert hashes is not None
        assert bundle is not None
        entries = parse_entry_bundle(bundle, older.size)
        assert hashes == b"".join(map(leaf_hash, entries))


def test_a_dropped_partial_tile_is_dropped_the_next_time_where_that_failed(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune, failures = Tiles.prune, [OSError("no")]

    def fail_once(self: Tiles, full: TilePath) -> None:
        if failures:
            raise failures.pop()
        prune(self, full)

    monkeypatch.setattr(Tiles, "prune", fail_once)
    fill(newsroom)
    newsroom.withdraw(newsroom.register("harbour").result().record_id, "the last").result()
    names = set(newsroom.sequencer.tiles.names())
    assert {"tile/0/000", "tile/entries/000"} <= names
    assert not [name for name in names if name.startswith(("tile/0/000.p", "tile/entries/000.p"))]
