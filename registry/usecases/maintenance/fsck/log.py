"""The audit of the log: entries, leaf hashes, tiles and checkpoints against each other.

An entry is stored three times: as its row, as the row's leaf hash, and in the tiles. If one copy differs from the other
two it is reported, and the audit goes on with those two, so that one flipped bit is one finding.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from provenance.errors import MalformedNote, MalformedTile, TransparencyError, UntrustedNote
from provenance.limits import TILE_WIDTH
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.merkle import HASH_BYTES, leaf_hash
from provenance.transparency.note import VerifierKey
from provenance.transparency.tiles import TilePath, parse_entry_bundle
from provenance.transparency.timestamp import TimestampAuthority, verify_timestamp
from registry.database.audit import Stretch
from registry.database.heads import Head
from registry.log.tiles import Edge, Tiles
from registry.usecases.maintenance.fsck.defect import Defect, Kind

_Place = tuple[int | None, int]


class LogAudit:
    """Follows the log from its first entry; give it every stretch in order, then `end` it."""

    def __init__(
        self,
        tiles: Tiles,
        keys: LogKeys,
        witness_keys: Sequence[VerifierKey],
        authorities: Sequence[TimestampAuthority],
    ) -> None:
        self._tiles = tiles
        self._keys = keys
        self._witness_keys = witness_keys
        self._authorities = authorities
        self._edge = Edge()
        self._roots: dict[int, bytes] = {}  # by the size of each checkpoint that was seen
        self._partial: dict[_Place, set[int]] = defaultdict(set)  # widths stored of each partial tile
        self._full: set[_Place] = set()
        self._bundle: list[bytes] = []  # the stored entries and leaf hashes beside the entry at hand
        self._leaves: bytes = b""
        self._fetched: dict[str, bytes | None] = {}  # the files of both

    def begin(self) -> Iterator[Defect]:
        """List the stored tiles."""
        for name in self._tiles.names():
            try:
                path = TilePath.parse(name)
            except MalformedTile as error:
                yield Defect("tile", name, str(error))
                continue
            place = path.level, path.index
            if path.width == TILE_WIDTH:
                self._full.add(place)
            else:
                self._partial[place].add(path.width)

    def follow(self, stretch: Stretch) -> Iterator[Defect]:
        """Check the entries of a stretch, and the tiles and checkpoints they complete."""
        for index in range(stretch.start, stretch.stop):
            if index % TILE_WIDTH == 0:
                self._load_neighbours(index)
            entry, leaf, defects = self._settle(stretch, index)
            yield from defects
            for path, data in self._edge.append(entry, leaf):
                self._full.discard((path.level, path.index))
                yield from self._compare(path, data, needed=True)
                yield from self._compare_partial(path, data)
            row = stretch.checkpoints.get(index + 1)
            if row is not None or stretch.lacks("checkpoint", index + 1):
                self._roots[index + 1] = self._edge.root()
            if row is not None:
                yield from self.check_note("checkpoint", f"checkpoint {row.size}", row.note, row.size)
                if row.timestamp is not None and self._authorities:
                    yield from self._check_stamp(row.size, row.note, row.timestamp)

    def end(self, published: int) -> Iterator[Defect]:
        """Check the unfinished tiles; `published` entries have a checkpoint. Tiles beyond the log are reported."""
        for path, data in self._edge.partial():
            needed = self._edge.size == published and (path.level, path.index) not in self._full
            yield from self._compare(path, data, needed=needed)
            yield from self._compare_partial(path, data)
        for level, index in self._full:
            yield Defect("tile", str(TilePath(level, index)), "not a tile of this log")
        for (level, index), widths in self._partial.items():
            for width in sorted(widths):
                yield Defect("tile", str(TilePath(level, index, width)), "not a tile of this log")

    def check_head(self, head: Head) -> Iterator[Defect]:
        """Check the stored head against the tree of all entries, at the end."""
        if head.size != self._edge.size or head.frontier.root() != self._edge.root():
            yield Defect("head", "log_head", f"states {head.size} entries with another root than the log's")

    def check_note(self, kind: Kind, name: str, note: bytes, size: int | None) -> Iterator[Defect]:
        """Check a stored signed note: its signature, size and root; the audit must have reached its size."""
        try:
            checkpoint, _ = self._keys.open(note, self._witness_keys)
        except (MalformedNote, UntrustedNote) as error:
            yield Defect(kind, name, str(error))
            return
        if size is not None and checkpoint.size != size:
            yield Defect(kind, name, f"is for {checkpoint.size} entries, not {size}")
            return
        root = self._edge.root() if checkpoint.size == self._edge.size else self._roots.get(checkpoint.size)
        if root is None:
            yield Defect(kind, name, f"states {checkpoint.size} entries, of which no checkpoint is stored")
        elif root != checkpoint.root:
            yield Defect(kind, name, "the entries do not lead to the root that it states")

    def _check_stamp(self, size: int, note: bytes, token: bytes) -> Iterator[Defect]:
        try:
            verify_timestamp(token, SignedCheckpoint.parse(note).note.text.encode(), self._authorities)
        except TransparencyError as error:
            yield Defect("checkpoint", f"checkpoint {size}", f"its time stamp is not valid: {error}")

    def _load_neighbours(self, start: int) -> None:
        index = start // TILE_WIDTH
        self._fetched = {}
        try:
            self._bundle = parse_entry_bundle(self._widest(None, index))
        except MalformedTile:
            self._bundle = []
        self._leaves = self._widest(0, index)

    def _widest(self, level: int | None, index: int) -> bytes:
        widths = {TILE_WIDTH} if (level, index) in self._full else self._partial.get((level, index), set())
        if not widths:
            return b""
        path = str(TilePath(level, index, max(widths)))
        self._fetched[path] = self._tiles.fetch(path)
        return self._fetched[path] or b""

    def _settle(self, stretch: Stretch, index: int) -> tuple[bytes, bytes, list[Defect]]:
        """(entry, leaf hash) as the majority of its copies has them, and defects about the row."""
        offset = index % TILE_WIDTH
        in_tile = self._leaves[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
        in_bundle = self._bundle[offset] if offset < len(self._bundle) else b""
        name = f"entry {index}"
        row = stretch.entries.get(index)
        if row is None:
            leaf = in_tile if len(in_tile) == HASH_BYTES else leaf_hash(in_bundle)
            told = stretch.lacks("entry", index)
            return in_bundle, leaf, [] if told else [Defect("entry", name, "the row is missing")]
        computed = leaf_hash(row.statement)
        leaf = row.leaf_hash if row.leaf_hash == in_tile else computed
        defects = []
        entry = row.statement
        if computed != leaf:
            defects.append(Defect("entry", name, "the statement has changed"))
            entry = in_bundle if leaf_hash(in_bundle) == leaf else entry
        if row.leaf_hash != leaf:
            defects.append(Defect("entry", name, "the leaf hash has changed"))
        return entry, leaf, defects

    def _compare(self, path: TilePath, data: bytes, *, needed: bool) -> Iterator[Defect]:
        self._partial[path.level, path.index].discard(path.width)
        name = str(path)
        stored = self._fetched[name] if name in self._fetched else self._tiles.fetch(name)
        if stored is None:
            if needed:
                yield Defect("tile", name, "missing")
        elif stored != data:
            yield Defect("tile", name, "differs from the entries")

    def _compare_partial(self, path: TilePath, data: bytes) -> Iterator[Defect]:
        """Compare older, narrower versions of a tile with its beginning."""
        widths = self._partial[path.level, path.index]
        for width in sorted(each for each in widths if each < path.width):
            widths.discard(width)
            narrower = TilePath(path.level, path.index, width)
            if path.level is None:
                beginning = data[: sum(2 + len(entry) for entry in parse_entry_bundle(data)[:width])]
            else:
                beginning = data[: width * HASH_BYTES]
            yield from self._compare(narrower, beginning, needed=False)
