"""The publication: what the log shows the world, brought forward from one signed checkpoint to the next.

Steps, in this order, so that a crash between any two of them loses and forks nothing:

1. audit: the stored rows are read back; they have to lead to the root that was signed last, and to the root that the
   sequencer computed from what it wrote.
2. tiles: the full and partial tiles of the new size are stored (C2SP tlog-tiles), and each new entry's inclusion proof
   is made from them and verified.
3. signature: the checkpoint is signed with the keys that its tree names (`log.genesis`, `log.key`), and verified.
4. high-water: the signed checkpoint goes to the high-water file, by compare-and-swap. A mark that an earlier leader
   wrote late is taken over where the stored entries lead to it.
5. record: the checkpoint goes to the database, in a transaction that confirms the term of this process as the leader.
6. publication: the checkpoint becomes `log/checkpoint`. When it is shown, the partial tiles that full ones replaced are
   dropped (`prune`).

A process that was stopped between any two of them, replaced as the leader and continued, is turned away at step 4, 5 or
6; what it does at step 2 follows from the entries, whoever does it.

What witnesses add to a published checkpoint comes later, from another thread (`attach`).
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from provenance.errors import (
    Conflict,
    MalformedNote,
    MalformedTile,
    ProofInvalid,
    StoreCorrupt,
    StoreUnavailable,
    UntrustedNote,
)
from provenance.limits import MAX_COMMIT_JOBS, TILE_WIDTH
from provenance.transparency.checkpoint import Checkpoint, stated_size
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.merkle import EMPTY_ROOT, Frontier, inclusion_proof, leaf_hash, verify_inclusion
from provenance.transparency.tiles import TilePath, entries_path, parse_entry_bundle
from registry.database import Session, Store, checkpoints, entries, heads
from registry.log.high_water import HighWater
from registry.log.log_keys import KnownKeys
from registry.log.tiles import Edge, Tiles
from registry.times import to_milliseconds

_RESTORE = (
    "Do not sign with it: that would fork the log. Restore a newer copy of the data folder; if there is none, the log "
    "has ended, and a new one needs another origin and key"
)


_LATE_MARKS = 3
"""Late marks that one checkpoint meets at most: an earlier leader writes one, and few leaders are replaced at once."""


class Publication:
    """The published tree of one log, for one term of the process that leads it.

    For the sequencer's thread; `attach`, `note` and `checkpoint` are for any.
    """

    def __init__(
        self,
        store: Store,
        tiles: Tiles,
        known_keys: KnownKeys,
        clock: Callable[[], datetime],
        high_water: HighWater,
        term: int,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """Take up where the last checkpoint was signed; missing or damaged tiles are written again.

        Args:
            moved: called after each piece of work, however long all of it takes: silence means that one piece hangs.

        Raises:
            StoreCorrupt: the store contradicts what this log has signed: rolled back, damaged, or of another log.
            StoreUnavailable: it cannot be read or written now, or another process leads.
        """
        self._store = store
        self._term = term
        self._tiles = tiles
        self._known = known_keys
        self._clock = clock
        self._high_water = high_water
        self._moved = moved
        self._replaced: list[TilePath] = []  # full tiles whose partial ones are still there
        self._showing = threading.Lock()  # held while `log/checkpoint` and `note` change
        self.origin = origin = known_keys.keys.origin
        with store.read() as session:
            latest = checkpoints.latest(session)
            sequenced = entries.size(session)
            known_keys.refresh(session)
        self.note = None if latest is None else latest.note
        self.checkpoint = Checkpoint(origin, 0, EMPTY_ROOT) if latest is None else self._open(latest.note, "the store")
        if sequenced < self.checkpoint.size:
            raise StoreCorrupt(
                f"the store has {sequenced} entries, and the log has signed {self.checkpoint.size}. {_RESTORE}"
            )
        known_keys.check_held(self.keys.at(sequenced))
        self._anchor = self._recover()  # the edge where the last full bundle ends: audits start from there
        self._check_high_water(sequenced)
        self._check_head()
        if self.note is not None and self._tiles.checkpoint() != self.note:
            self._tiles.publish(self.note, self._leads)

    @property
    def keys(self) -> LogKeys:
        """The log's keys, by size of tree."""
        return self._known.keys

    def _leads(self) -> bool:
        return self._store.leads(self._term)

    def advance(self, size: int, root: bytes) -> None:
        """Publish the tree of `size` entries, which has this root. May be tried again after a failure.

        Raises:
            StoreCorrupt: the stored rows lead to another root, or somebody else signs for this log.
            StoreUnavailable: a step could not be done now.
        """
        anchor, edge, filled = self._audit(size, root)
        self._tiles.write([*filled, *edge.partial()])
        self._moved()
        checkpoint = Checkpoint(self.origin, size, root)
        self._verify_inclusion(checkpoint)
        signed_at_ms = to_milliseconds(self._clock())
        with self._store.read() as session:
            self._known.refresh(session)
        note = self.keys.sign(checkpoint, self._known.sign_with, time=signed_at_ms // 1000)
        self.keys.open(note)
        self._raise_mark(note, size)
        self._moved()

        def keep(session: Session) -> None:
            self._store.leadership.confirm(session, self._term)
            checkpoints.insert(session, size=size, note=note, signed_at_ms=signed_at_ms)

        self._store.write(keep).result()
        self._moved()
        with self._showing:
            self._tiles.publish(note, self._leads)
            self.note, self.checkpoint, self._anchor = note, checkpoint, anchor
        self._replaced += [path for path, _ in filled]

    def prune(self) -> None:
        """Drop the partial tiles that full ones have replaced: once the checkpoint that has these is shown to all.

        Raises StoreUnavailable; what is left is dropped the next time.
        """
        while self._replaced:
            self._tiles.prune(self._replaced[0])
            self._replaced.pop(0)

    def renew(self) -> None:
        """Write what is published once more: whether the disks take it tells whether the log can grow again.

        Raises StoreUnavailable, StoreCorrupt.
        """
        if self.note is None:
            return
        self._raise_mark(self.note, self.checkpoint.size)

        def rewrite(session: Session) -> None:
            self._store.leadership.confirm(session, self._term)
            checkpoints.rewrite(session, self.checkpoint.size)

        self._store.write(rewrite).result()
        with self._showing:
            self._tiles.publish(self.note, self._leads)

    def attach(self, note: bytes) -> None:
        """Show a published checkpoint with more cosignatures, unless a newer one is shown. Raises StoreUnavailable."""
        checkpoint = self._open(note, "a round of cosigning")
        with self._showing:
            if checkpoint == self.checkpoint:
                self._tiles.publish(note, self._leads)
                self.note = note

    def _audit(self, size: int, root: bytes) -> tuple[Edge, Edge, list[tuple[TilePath, bytes]]]:
        """Step 1, over the stored rows: (the next anchor, the edge at `size`, the tiles that fill up on the way)."""
        anchor, edge = self._anchor, self._anchor.copy()
        filled: list[tuple[TilePath, bytes]] = []
        rows = self._stored(edge.size, size)
        for stop in sorted({self.checkpoint.size, size - size % TILE_WIDTH, size}):
            filled += edge.extend(islice(rows, stop - edge.size))
            if stop == self.checkpoint.size and edge.root() != self.checkpoint.root:
                raise StoreCorrupt("the stored entries do not lead to the root that was signed last")
            if stop % TILE_WIDTH == 0:
                anchor = edge.copy()
        if edge.root() != root:
            raise StoreCorrupt("the stored entries are not those that were written")
        return anchor, edge, filled

    def _verify_inclusion(self, checkpoint: Checkpoint) -> None:
        """Step 2: the new entries are in the tree, as anyone sees it who reads tiles and bundles back.

        All proofs in one bundle are made from one row of leaf hashes and the same hashes above it. So where the row is
        that of the entries, and the proof of one of them leads to the root, the proofs of all do.
        """
        read = self._tiles.reader(checkpoint.size)
        first, stop = self.checkpoint.size, checkpoint.size
        try:
            for bundle in range(first // TILE_WIDTH, -(-stop // TILE_WIDTH)):
                start, width = bundle * TILE_WIDTH, min(TILE_WIDTH, stop - bundle * TILE_WIDTH)
                read_back = parse_entry_bundle(self._tiles.fetch(entries_path(bundle, width)) or b"", width)
                for index in range(max(first, start), start + width):
                    if leaf_hash(read_back[index - start]) != read(0, index):
                        raise ProofInvalid(f"entry {index} is not the one that its tile names")
                proof = inclusion_proof(start, stop, read)
                verify_inclusion(read(0, start), start, stop, proof, checkpoint.root)
        except (MalformedTile, ProofInvalid) as error:
            raise StoreCorrupt(f"the object storage does not give back the tiles that were written: {error}") from error

    def _stored(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries with start ≤ index < stop, read back from the database. Raises StoreCorrupt for a bad row."""
        for page in range(start, stop, MAX_COMMIT_JOBS):
            with self._store.read() as session:
                rows = entries.leaves(session, page, min(stop, page + MAX_COMMIT_JOBS))
            self._moved()
            for expected, (index, stored, statement) in enumerate(rows, page):
                if index != expected or stored != leaf_hash(statement):
                    raise StoreCorrupt(f"the row of entry {expected} is missing or has changed")
                yield statement

    def _recover(self) -> Edge:
        """The edge at the last full bundle, from tiles that lead to the signed root, or else from the entries."""
        size, root = self.checkpoint.size, self.checkpoint.root
        boundary = size - size % TILE_WIDTH
        try:
            anchor = Edge.load(boundary, self._tiles.reader(boundary))
        except (MalformedTile, ProofInvalid):
            return self._rebuild(boundary)
        edge = anchor.copy()
        for _ in edge.extend(self._stored(boundary, size)):
            pass
        if edge.root() != root or not self._tiles.complete(size):
            return self._rebuild(boundary)
        self._mend(edge.partial())
        return anchor

    def _rebuild(self, boundary: int) -> Edge:
        """As `_recover`, from the entries alone: they are checked against the signed root before a tile is touched."""
        anchor = Edge()
        for _ in anchor.extend(self._stored(0, boundary)):
            pass
        edge = anchor.copy()
        for _ in edge.extend(self._stored(boundary, self.checkpoint.size)):
            pass
        if edge.root() != self.checkpoint.root:
            raise StoreCorrupt(f"the stored entries do not lead to the root that the log has signed. {_RESTORE}")
        self._mend(Edge().extend(self._stored(0, boundary)))
        self._mend(edge.partial())
        return anchor

    def _mend(self, tiles: Iterable[tuple[TilePath, bytes]]) -> None:
        for path, data in tiles:
            if self._tiles.fetch(str(path)) != data:
                self._tiles.write([(path, data)])
            self._moved()

    def _raise_mark(self, note: bytes, size: int) -> None:
        """Step 4. Raises StoreCorrupt where the mark is not of a tree that the stored entries lead to."""
        for _ in range(_LATE_MARKS):
            try:
                self._high_water.advance(note)
            except Conflict:
                if not self._leads():
                    raise StoreUnavailable("another process has taken over the log") from None
            else:
                return
            with self._store.read() as session:
                sequenced = entries.size(session)
            try:
                marked = self._check_high_water(sequenced)
            except StoreCorrupt as error:
                raise StoreCorrupt(
                    f"the high-water mark was changed, and not by this process: {error}. If another process signs for "
                    "this log, stop one of the two, and compare their stores before either is started again"
                ) from error
            if marked > size:  # of entries that came after those that were read for this checkpoint
                raise StoreUnavailable(f"{self._high_water.place} is at {marked} entries: the next checkpoint has them")
        raise StoreUnavailable(f"{self._high_water.place} is changed by another process again and again")

    def _check_high_water(self, sequenced: int) -> int:
        """Check that the store contains the tree that the high-water file states; the size of that tree."""
        place = self._high_water.place
        held = self._high_water.read()
        if held is None:
            if self.note is None:
                self._high_water.expect(None)
                return 0
            raise StoreCorrupt(
                f"the high-water mark {place} is missing, and the log has signed {self.checkpoint.size} entries. "
                "If this is the newest copy of the store, and no other process signs for it, copy the object "
                "log/checkpoint there"
            )
        size = stated_size(held)  # before its signature: an older copy may not know the keys of the newer tree
        if size > sequenced:
            raise StoreCorrupt(
                f"the store has {sequenced} entries, and {place} says that the log has signed {size}: "
                f"this is an older copy. {_RESTORE}"
            )
        checkpoint = self._open(held, place)
        if checkpoint.root != self._root_at(checkpoint.size):
            raise StoreCorrupt(
                f"the first {checkpoint.size} entries of the store are not those that {place} says were signed: "
                f"this is another history. {_RESTORE}"
            )
        self._high_water.expect(held)
        return checkpoint.size

    def _check_head(self) -> None:
        """Check that the stored entries, published or not, are those that were written."""
        with self._store.read() as session:
            head = heads.read(session)
        if head.size < self.checkpoint.size or head.frontier.root() != self._root_at(head.size):
            raise StoreCorrupt(f"the stored entries are not those that were written. {_RESTORE}")

    def _root_at(self, size: int) -> bytes:
        if size <= self.checkpoint.size:
            return Frontier.from_reader(size, self._tiles.reader(self.checkpoint.size)).root()
        edge = self._anchor.copy()
        for _ in edge.extend(self._stored(edge.size, size)):
            pass
        return edge.root()

    def _open(self, note: bytes, where: str) -> Checkpoint:
        try:
            return self.keys.open(note)[0]
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"the checkpoint in {where} is not one of the log {self.origin}: {error}") from error


@dataclass(frozen=True)
class SequencerState:
    """Whether the log can grow, and if not, why."""

    signing: bool
    reason: str = ""


@dataclass(frozen=True)
class Published:
    """The published tree: its size, and the signed note (None before the first)."""

    size: int
    note: bytes | None
