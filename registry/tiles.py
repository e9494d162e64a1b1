"""Tiles: the public shape of the log on object storage, written from its entries.

C2SP tlog-tiles under "log/". Tiles may be lost: `Edge` makes them again from the entries, which are the truth. All that
is in a tile follows from the entries, so that writing one twice is harmless.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from provenance.errors import MalformedTile, StoreUnavailable
from provenance.limits import MAX_TILE_WRITERS, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES, Frontier, NodeReader, leaf_hash
from provenance.transparency.tiles import TILE_HEIGHT, TilePath, TileReader, entry_bundle
from registry.objects import Objects

_LOG = "log/"
_CHECKPOINT = "checkpoint"


class Tiles:
    """The published files of the log, by their C2SP paths ("checkpoint", "tile/0/000", "tile/entries/000.p/3")."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def fetch(self, path: str) -> bytes | None:
        """A file's bytes, or None where the log has none. Raises StoreUnavailable."""
        return self._objects.get(_LOG + path)

    def checkpoint(self) -> bytes | None:
        """The signed note of the published tree. Raises StoreUnavailable."""
        return self.fetch(_CHECKPOINT)

    def reader(self, size: int) -> TileReader:
        """Reads the nodes of the tree of `size` entries; what it reads is not verified."""
        return TileReader(self.fetch, size)

    def write(self, tiles: Iterable[tuple[TilePath, bytes]]) -> None:
        """Store tiles, durably, several at a time: their flushes then share the disk's. Raises StoreUnavailable."""
        with ThreadPoolExecutor(MAX_TILE_WRITERS, "countermark-tiles") as writers:
            for written in [writers.submit(self._objects.put, _LOG + str(path), data) for path, data in tiles]:
                written.result()

    def publish(self, note: bytes, may: Callable[[], bool] = lambda: True) -> None:
        """Store the checkpoint, durably: from here on it is public.

        `may` is asked between looking at the old one and replacing it, so that a process which was stopped there, and
        replaced as the leader, cannot put an older one over a newer. Raises StoreUnavailable, also where it may not.
        """
        swapped = False
        while not swapped:
            held = self.checkpoint()
            if not may():
                raise StoreUnavailable("another process has taken over the log")
            swapped = self._objects.swap(_LOG + _CHECKPOINT, note, {held})

    def prune(self, full: TilePath) -> None:
        """Drop the partial tiles that a full one has taken the place of: clients fall back. Raises StoreUnavailable."""
        for name, _ in list(self._objects.names(f"{_LOG}{full}.p")):
            self._objects.delete(name)

    def names(self) -> Iterator[str]:
        """The paths of all stored tiles and bundles, in no order. Raises StoreUnavailable."""
        for name, _ in self._objects.names(_LOG + "tile"):
            yield name.removeprefix(_LOG)

    def complete(self, size: int) -> bool:
        """Whether all full tiles of a tree of `size` entries are there, hash tiles at their full length."""
        lengths = {name.removeprefix(_LOG): length for name, length in self._objects.names(_LOG + "tile")}
        return all(
            str(path) in lengths and (path.level is None or lengths[str(path)] == TILE_WIDTH * HASH_BYTES)
            for path in full_tiles(size)
        )


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


def full_tiles(size: int) -> Iterator[TilePath]:
    """The full tiles and bundles of a tree of `size` entries."""
    for index in range(size // TILE_WIDTH):
        yield TilePath(None, index)
    level, count = 0, size // TILE_WIDTH
    while count:
        yield from (TilePath(level, index) for index in range(count))
        level, count = level + 1, count // TILE_WIDTH
