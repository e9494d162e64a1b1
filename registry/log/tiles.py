"""Tiles: the public shape of the log on object storage, written from its entries.

C2SP tlog-tiles under "log/". Lost tiles are made again from the entries (`Edge`), which are the source of truth. A tile
follows from the entries, so that writing one twice is harmless.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import MappingProxyType

from provenance.errors import MalformedTile, StoreUnavailable
from provenance.limits import MAX_CACHED_NODES, MAX_TILE_WRITERS, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES
from provenance.transparency.tiles import Edge, Fetch, TilePath, TileReader
from registry.storage.objects import Objects

__all__ = ["Edge", "Tiles", "full_tiles"]

_LOG = "log/"
_CHECKPOINT = "checkpoint"


class Tiles:
    """The published files of the log, by their C2SP paths ("checkpoint", "tile/0/000", "tile/entries/000.p/3")."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._published: bytes | None = None  # the last note that this process has published

    def fetch(self, path: str) -> bytes | None:
        """A file's bytes; None if there is none. Raises StoreUnavailable."""
        return self._objects.get(_LOG + path)

    def checkpoint(self) -> bytes | None:
        """The signed note of the published tree. Raises StoreUnavailable."""
        return self.fetch(_CHECKPOINT)

    def reader(self, size: int, held: Mapping[str, bytes | None] = MappingProxyType({})) -> TileReader:
        """Reads the nodes of the tree of `size` entries; what it reads is not verified. `held`: tiles, by path."""
        return TileReader(lambda path: held[path] if path in held else self.fetch(path), size)

    def shared_reader(self, size: int) -> "SharedReader":
        """As `reader`, for any thread."""
        return SharedReader(self.fetch, size)

    def write(self, tiles: Iterable[tuple[TilePath, bytes]]) -> dict[str, bytes | None]:
        """Store tiles, durably, and read them back: what is stored now, by path.

        Several at a time: flushes then share the disk's, and requests to a bucket do not wait for each other. Raises
        StoreUnavailable.
        """

        def write(tile: tuple[TilePath, bytes]) -> tuple[str, bytes | None]:
            path = str(tile[0])
            self._objects.put(_LOG + path, tile[1])
            return path, self.fetch(path)

        with ThreadPoolExecutor(MAX_TILE_WRITERS, "countermark-tiles") as writers:
            return dict(writers.map(write, tiles))

    def publish(self, note: bytes, leads: Callable[[], bool] = lambda: True) -> None:
        """Store the checkpoint, durably; it is public then.

        `leads` is called between learning of the old checkpoint and replacing it, so that a process that was suspended
        and replaced as the leader cannot overwrite a newer one. Raises StoreUnavailable, also if `leads` is False.
        """
        old = self._published or self.checkpoint()
        while True:
            if not leads():
                raise StoreUnavailable("another process has taken over the log")
            if self._objects.swap(_LOG + _CHECKPOINT, note, {old}):
                self._published = note
                return
            old = self.checkpoint()

    def prune(self, full: TilePath) -> None:
        """Delete the partial tiles that a full one has replaced: clients fall back. Raises StoreUnavailable."""
        for name, _ in list(self._objects.names(f"{_LOG}{full}.p")):
            with suppress(MalformedTile):  # not a tile of the log
                TilePath.parse(name.removeprefix(_LOG))
                self._objects.delete(name)

    def names(self) -> Iterator[str]:
        """The paths of all stored tiles and bundles, in any order. Raises StoreUnavailable."""
        for name, _ in self._objects.names(_LOG + "tile"):
            yield name.removeprefix(_LOG)

    def complete(self, size: int) -> bool:
        """Whether all full tiles of a tree of `size` entries are there, hash tiles at their full length."""
        lengths = {name.removeprefix(_LOG): length for name, length in self._objects.names(_LOG + "tile")}
        return all(
            str(path) in lengths and (path.level is None or lengths[str(path)] == TILE_WIDTH * HASH_BYTES)
            for path in full_tiles(size)
        )


class SharedReader:
    """Reads the nodes of one tree, for any thread: proofs in it have most of their tiles and hashes in common.

    It keeps the nodes that were asked for, where a `TileReader` keeps a few tiles: proofs of 200 entries, spread over a
    million and each asked for ten times, take 221 tiles and not 2,047.

    What was read is kept until it is forgotten: once a proof made of it does not hold.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._gate = threading.Lock()
        self._node = functools.lru_cache(MAX_CACHED_NODES)(self._read)
        self.forget()

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of node (level, index). Raises MalformedTile, StoreUnavailable."""
        return self._node(level, index)

    def forget(self) -> None:
        """Read everything anew."""
        with self._gate:
            self._tiles = TileReader(self._fetch, self._size)
            self._node.cache_clear()

    def _read(self, level: int, index: int) -> bytes:
        with self._gate:
            return self._tiles(level, index)


def full_tiles(size: int) -> Iterator[TilePath]:
    """The full tiles and bundles of a tree of `size` entries."""
    for index in range(size // TILE_WIDTH):
        yield TilePath(None, index)
    level, count = 0, size // TILE_WIDTH
    while count:
        yield from (TilePath(level, index) for index in range(count))
        level, count = level + 1, count // TILE_WIDTH
