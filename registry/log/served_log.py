"""The served log: public tiles and entry bundles, verified against a signed checkpoint before they are served.

A full tile is compared with its hash in the tile above, the tiles at the right edge with the root itself, a bundle with
its leaf hashes. So damaged storage gives an error and never another history.
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
    """The published files of one log, verified. All methods may be called from any thread."""

    def __init__(self, tiles: Tiles, published: Callable[[], Checkpoint]) -> None:
        """`published` gives the latest checkpoint, which is not verified again."""
        self._tiles = tiles
        self._published = published
        self._gate = threading.Lock()
        self._sound: OrderedDict[TilePath, bytes] = OrderedDict()  # full tiles that were compared

    def tile(self, path: TilePath) -> bytes | None:
        """A tile or bundle of the published tree; None if the tree has no such tile.

        Raises StoreCorrupt if the stored bytes do not match the signed tree, StoreUnavailable.
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
            raise StoreCorrupt(f"the stored {path} does not match the signed tree")
        return data

    def _fetch(self, path: TilePath) -> bytes | None:
        """A stored file; for a deleted partial tile, the beginning of the full one that replaced it.

        So a published tile stays available to clients with any older checkpoint.
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
            return full  # the comparison finds the damage

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
            raise StoreCorrupt(f"the stored {path} does not match the signed tree")
        with self._gate:
            self._sound[path] = data
            if len(self._sound) > MAX_CACHED_TILES:
                self._sound.popitem(last=False)
        return data

    def _compare_edge(self, checkpoint: Checkpoint) -> None:
        """Compare the partial tiles with the root, to which they lead together."""
        try:
            frontier = Frontier.from_reader(checkpoint.size, TileReader(self._tiles.fetch, checkpoint.size))
        except MalformedTile as error:
            raise StoreCorrupt(f"the tiles at the edge of the log are missing or damaged: {error}") from error
        if frontier.root() != checkpoint.root:
            raise StoreCorrupt("the tiles at the edge of the log do not match the signed tree")


def _root(hashes: bytes) -> bytes:
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _leaves(bundle: bytes) -> bytes | None:
    """The leaf hashes of a bundle's entries; None for a malformed bundle."""
    try:
        return b"".join(map(leaf_hash, parse_entry_bundle(bundle)))
    except MalformedTile:
        return None
