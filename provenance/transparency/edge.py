"""The edge of a tree: what is needed to go on making its tiles, and its root, from the entries that come.

C2SP tlog-tiles. A log writes its tiles with it; an auditor makes them again and compares.
"""

from collections.abc import Iterable, Iterator
from typing import Self

from provenance.errors import MalformedTile
from provenance.limits import TILE_WIDTH
from provenance.transparency.merkle import Frontier, NodeReader, leaf_hash
from provenance.transparency.tiles import TILE_HEIGHT, TilePath, entry_bundle


class Edge:
    """The right edge of the tree: its frontier, and the tiles and bundle that are not full yet.

    It holds at most 255 hashes a level and 255 entries, whatever the size of the log.
    """

    def __init__(self) -> None:
        self._frontier = Frontier()
        self._hashes: list[list[bytes]] = []
        self._entries: list[bytes] = []

    @classmethod
    def load(cls, size: int, read: NodeReader) -> Self:
        """The edge of the tree of `size` entries, a multiple of 256, from stored nodes; compare its root.

        Raises MalformedTile, ProofInvalid.
        """
        if size % TILE_WIDTH:
            raise MalformedTile("an edge is loaded where a bundle ends")
        edge = cls()
        edge._frontier = Frontier.from_reader(size, read)
        count = size
        while count:
            first = count - count % TILE_WIDTH
            level = TILE_HEIGHT * len(edge._hashes)
            edge._hashes.append([read(level, index) for index in range(first, count)])
            count //= TILE_WIDTH
        return edge

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._frontier.size

    def root(self) -> bytes:
        """The root hash of the tree."""
        return self._frontier.root()

    def frontier(self) -> Frontier:
        """A copy of the frontier."""
        return self._frontier.copy()

    def copy(self) -> "Edge":
        """An independent edge of the same tree."""
        edge = Edge()
        edge._frontier = self._frontier.copy()
        edge._hashes = [hashes.copy() for hashes in self._hashes]
        edge._entries = self._entries.copy()
        return edge

    def extend(self, entries: Iterable[bytes]) -> Iterator[tuple[TilePath, bytes]]:
        """Add entries in order; yields the tiles and bundles that they fill, as they do. Run it to its end."""
        for entry in entries:
            yield from self.append(entry, leaf_hash(entry))

    def append(self, entry: bytes, leaf: bytes) -> Iterator[tuple[TilePath, bytes]]:
        """As `extend`, for one entry whose leaf hash is known."""
        self._frontier.extend((leaf,), self._visit)
        self._entries.append(entry)
        if len(self._entries) == TILE_WIDTH:
            yield TilePath(None, self.size // TILE_WIDTH - 1), entry_bundle(self._entries)
            self._entries = []
        for level, hashes in enumerate(self._hashes):
            if len(hashes) < TILE_WIDTH:
                break
            yield TilePath(level, (self.size >> TILE_HEIGHT * level) // TILE_WIDTH - 1), b"".join(hashes)
            hashes.clear()

    def partial(self) -> Iterator[tuple[TilePath, bytes]]:
        """The tiles and the bundle that are not full."""
        if self._entries:
            yield TilePath(None, self.size // TILE_WIDTH, len(self._entries)), entry_bundle(self._entries)
        for level, hashes in enumerate(self._hashes):
            if hashes:
                index = (self.size >> TILE_HEIGHT * level) // TILE_WIDTH
                yield TilePath(level, index, len(hashes)), b"".join(hashes)

    def _visit(self, level: int, _index: int, node: bytes) -> None:
        tile_level, rest = divmod(level, TILE_HEIGHT)
        if rest == 0:
            if tile_level == len(self._hashes):
                self._hashes.append([])
            self._hashes[tile_level].append(node)
