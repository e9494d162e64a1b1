"""The served log: tiles and bundles as anybody may have them, none of which has changed since it was signed for.

Whatever is handed out was compared with the root of a checkpoint first: a full tile through the hash of it in the tile
above, the tiles at the right edge through the root itself, a bundle through its leaf hashes. So rotten storage answers
with an error and never with another history.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from provenance.errors import MalformedTile, StoreCorrupt
from provenance.limits import MAX_CACHED_TILES, TILE_WIDTH
from provenance.transparency.checkpoint import Checkpoint
from provenance.transparency.merkle import HASH_BYTES, Frontier, leaf_hash, node_hash
from provenance.transparency.tiles import TILE_HEIGHT, TilePath, TileReader, entry_bundle, parse_entry_bundle
from registry.log.tiles import Tiles


class ServedLog:
    """Reads the published files of one log. All methods may be called from any thread."""

    def __init__(self, tiles: Tiles, published: Callable[[], Checkpoint]) -> None:
        """`published` gives the latest checkpoint, which is not verified again."""
        self._tiles = tiles
        self._published = published
        self._gate = threading.Lock()
        self._sound: OrderedDict[TilePath, bytes] = OrderedDict()  # full tiles that were compared

    def tile(self, path: TilePath) -> bytes | None:
        """A tile or bundle of the published tree, or None where that has none.

        Raises StoreCorrupt for one that is not as it was signed for, StoreUnavailable.
        """
        checkpoint = self._published()
        level = 0 if path.level is None else path.level
        if (path.index * TILE_WIDTH + path.width) << (TILE_HEIGHT * level) > checkpoint.size:
            return None
        data = self._fetch(path)
        if data is None:
            return None
        hashes = self._hashes(level, path.index, checkpoint)[: path.width * HASH_BYTES]
        if (data if path.level is not None else _leaves(data)) != hashes:
            raise StoreCorrupt(f"the stored {path} is not the one that was signed for")
        return data

    def _fetch(self, path: TilePath) -> bytes | None:
        """A stored file; of a partial one that is gone, the beginning of the full one that has taken its place.

        So whatever was published once is there for good, whoever reads with whichever checkpoint.
        """
        data = self._tiles.fetch(str(path))
        if data is not None or path.width == TILE_WIDTH:
            return data
        full = self._tiles.fetch(str(TilePath(path.level, path.index)))
        if full is None:
            return None
        if path.level is not None:
            return full[: path.width * HASH_BYTES]
        try:
            return entry_bundle(parse_entry_bundle(full)[: path.width])
        except MalformedTile:
            return full  # is found out when it is compared

    def _hashes(self, level: int, index: int, checkpoint: Checkpoint) -> bytes:
        """The hashes of a tile at its width in the published tree, compared with the root."""
        width = min((checkpoint.size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH, TILE_WIDTH)
        path = TilePath(level, index, width)
        with self._gate:
            known = self._sound.get(path)
        if known is not None:
            return known
        data = self._fetch(path)
        if data is None or len(data) != width * HASH_BYTES:
            raise StoreCorrupt(f"the stored {path} is missing or has another length")
        if width < TILE_WIDTH:
            self._compare_edge(checkpoint)
            return data
        above = self._hashes(level + 1, index // TILE_WIDTH, checkpoint)
        offset = index % TILE_WIDTH * HASH_BYTES
        if _root(data) != above[offset : offset + HASH_BYTES]:
            raise StoreCorrupt(f"the stored {path} is not the one that was signed for")
        with self._gate:
            self._sound[path] = data
            if len(self._sound) > MAX_CACHED_TILES:
                self._sound.popitem(last=False)
        return data

    def _compare_edge(self, checkpoint: Checkpoint) -> None:
        """Compare the tiles that are not full with the root: together they lead to it."""
        try:
            frontier = Frontier.from_reader(checkpoint.size, TileReader(self._tiles.fetch, checkpoint.size))
        except MalformedTile as error:
            raise StoreCorrupt(f"the tiles at the edge of the log are missing or damaged: {error}") from error
        if frontier.root() != checkpoint.root:
            raise StoreCorrupt("the tiles at the edge of the log are not those that were signed for")


def _root(hashes: bytes) -> bytes:
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _leaves(bundle: bytes) -> bytes | None:
    """The leaf hashes of a bundle's entries; None for bytes that are no bundle."""
    try:
        return b"".join(map(leaf_hash, parse_entry_bundle(bundle)))
    except MalformedTile:
        return None
