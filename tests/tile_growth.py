"""The tiles that a log publishes as it grows, as the specification has them: to compare with what is written."""

from provenance.transparency.merkle import NodeReader
from provenance.transparency.tiles import TILE_HEIGHT, TILE_WIDTH, TilePath


def tiles_between(old_size: int, new_size: int) -> list[TilePath]:
    """The hash tiles to write when a log grows from `old_size` to `new_size` entries and publishes that size.

    The entry bundles to write have the index and width of the tiles of level 0.
    """
    tiles = []
    level, old, new = 0, old_size, new_size
    while new > old:
        tiles += [TilePath(level, index) for index in range(old // TILE_WIDTH, new // TILE_WIDTH)]
        if new % TILE_WIDTH:
            tiles.append(TilePath(level, new // TILE_WIDTH, new % TILE_WIDTH))
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH
    return tiles


def hash_tile(tile: TilePath, read: NodeReader) -> bytes:
    """The bytes of a hash tile, its hashes taken from the tree."""
    assert tile.level is not None
    first = tile.index * TILE_WIDTH
    return b"".join(read(tile.level * TILE_HEIGHT, first + offset) for offset in range(tile.width))
