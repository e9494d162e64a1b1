"""Tiles: a log's tree and entries as immutable files that anyone can cache.

C2SP tlog-tiles with tiles of height 8: a hash tile holds up to 256 hashes of 32 bytes, those at tree level
8·L; an entry bundle holds the up to 256 entries below one tile of level 0, each after its length (u16be).
A path never says more than the tree's size implies, so every other spelling of it is refused.

A log writes its tiles from the right `Edge` of its tree; an auditor makes them again with the same class and compares.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from provenance.errors import EntryTooLarge, MalformedTile
from provenance.limits import MAX_CACHED_TILES, MAX_ENTRY_BYTES, MAX_TREE_SIZE, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES, Frontier, NodeReader, leaf_hash, node_hash

TILE_HEIGHT = 8
"""Tree levels between the hashes of a tile and those of the tile above."""

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)

Fetch = Callable[[str], bytes | None]
"""path -> the file's bytes, or None where the log has no such file."""


@dataclass(frozen=True, order=True)
class TilePath:
    """Names one tile or entry bundle.

    Attributes:
        level: 0 to 63 for hashes, None for entries.
        index: of the tile within its level.
        width: hashes or entries it holds: 256 when full, 1 to 255 when partial.

    Raises:
        MalformedTile: no tile can have this place or width.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= 63:
            raise MalformedTile("a tile's level is 0 to 63")
        if not 0 <= self.index <= MAX_TREE_SIZE // TILE_WIDTH:
            raise MalformedTile("a tile beyond the largest tree")
        if not 1 <= self.width <= TILE_WIDTH:
            raise MalformedTile(f"a tile's width is 1 to {TILE_WIDTH}")

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path relative to the log's prefix. Raises MalformedTile."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise MalformedTile("not a tile path")
        level, groups, width = match.groups()
        if width is not None and int(width) == TILE_WIDTH:
            raise MalformedTile("a full tile has no partial path")
        tile = cls(
            None if level == "entries" else int(level),
            int(groups.replace("x", "").replace("/", "")),
            TILE_WIDTH if width is None else int(width),
        )
        if str(tile) != path:
            raise MalformedTile("not the canonical path of this tile")
        return tile

    def __str__(self) -> str:
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *groups, last = (digits[start : start + 3] for start in range(0, len(digits), 3))
        place = "".join(f"x{group}/" for group in groups) + last
        kind = "entries" if self.level is None else self.level
        return f"tile/{kind}/{place}" + ("" if self.width == TILE_WIDTH else f".p/{self.width}")


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle. Raises MalformedTile."""
    return str(TilePath(None, index, width))


def parse_tile_path(path: str) -> TilePath:
    """Read the path of a tile or entry bundle. Raises MalformedTile."""
    return TilePath.parse(path)


def entry_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle of 1 to 256 entries.

    Raises:
        EntryTooLarge: an entry has more than 65,535 bytes.
        MalformedTile: no entries, or too many.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise MalformedTile(f"an entry bundle has 1 to {TILE_WIDTH} entries")
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise EntryTooLarge(f"a log entry has at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def parse_entry_bundle(data: bytes, width: int | None = None) -> list[bytes]:
    """Read an entry bundle, of exactly `width` entries where that is known. Raises MalformedTile."""
    entries: list[bytes] = []
    start = 0
    while start < len(data):
        if len(entries) == TILE_WIDTH:
            raise MalformedTile(f"an entry bundle has at most {TILE_WIDTH} entries")
        end = start + 2 + int.from_bytes(data[start : start + 2])
        if start + 2 > len(data) or end > len(data):
            raise MalformedTile("an entry bundle ends within an entry")
        entries.append(data[start + 2 : end])
        start = end
    if not entries:
        raise MalformedTile("an entry bundle without entries")
    if width is not None and len(entries) != width:
        raise MalformedTile(f"an entry bundle of {len(entries)} entries in the place of {width}")
    return entries


class TileReader:
    """Reads any node of a tree of `size` entries from its tiles: a `NodeReader`, for one thread.

    The tiles are not trusted: what is computed from them has to lead to the root of a checkpoint, and
    `size` has to come from one. The last tiles used are kept (at most `MAX_CACHED_TILES`), with the nodes above them.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._cache: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of node (level, index).

        Raises:
            MalformedTile: the tree has no such perfect subtree, or its tile is missing or of another length.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise MalformedTile(f"a tree of {self._size} entries has no node {index} on level {level}")
        tile_level, depth = divmod(level, TILE_HEIGHT)
        tile_index, offset = divmod(index << depth, TILE_WIDTH)
        return self._rows(tile_level, tile_index)[depth][offset >> depth]

    def _rows(self, level: int, index: int) -> list[list[bytes]]:
        """The hashes of a tile, and the rows of perfect subtrees above them, up to its own height."""
        if (level, index) in self._cache:
            self._cache.move_to_end((level, index))
            return self._cache[level, index]
        width = min((self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH, TILE_WIDTH)
        data = read_tile(self._fetch, TilePath(level, index, width))
        rows = [[data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]]
        for _ in range(1, TILE_HEIGHT):
            below = rows[-1]
            rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
        self._cache[level, index] = rows
        if len(self._cache) > MAX_CACHED_TILES:
            self._cache.popitem(last=False)
        return rows


def read_tile(fetch: Fetch, tile: TilePath) -> bytes:
    """The hashes of a tile as a log serves them: 32·width bytes, of which nothing is checked but the length.

    Raises MalformedTile where it is missing or of another length.
    """
    path, data, width = _read(fetch, tile)
    if len(data) != width * HASH_BYTES:
        raise MalformedTile(f"{path} has {len(data)} bytes")
    return data[: tile.width * HASH_BYTES]


def read_entries(fetch: Fetch, bundle: TilePath) -> list[bytes]:
    """The entries of a bundle as a log serves them: as many as it is wide, of which nothing is checked.

    Raises MalformedTile where it is missing, or does not parse.
    """
    path, data, width = _read(fetch, bundle)
    try:
        return parse_entry_bundle(data, width)[: bundle.width]
    except MalformedTile as cause:
        raise MalformedTile(f"{path}: {cause}") from cause


def _read(fetch: Fetch, tile: TilePath) -> tuple[TilePath, bytes, int]:
    """A file with its path and width: a log may drop a partial tile once the full one is there."""
    data = fetch(str(tile))
    if data is None and tile.width < TILE_WIDTH:
        full = TilePath(tile.level, tile.index)
        data = fetch(str(full))
        if data is not None:
            return full, data, TILE_WIDTH
    if data is None:
        raise MalformedTile(f"the log has no {tile}")
    return tile, data, tile.width


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
