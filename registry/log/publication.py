"""The publication of the log: from one signed checkpoint to the next.

Its steps are in this order, so that a crash between any two of them loses no entry and forks nothing:

1. audit: the stored rows are read back; they must lead to the root that was signed last, and to the root that the
   sequencer computed from the entries it wrote.
2. tiles: the full and partial tiles of the new size are stored (C2SP tlog-tiles), and each new entry's inclusion proof
   is made from them and verified.
3. signature: the checkpoint is signed with the keys that its tree names (`log.genesis`, `log.key`), and verified.
4. high-water: the signed checkpoint goes to the high-water file, by compare-and-swap. A late mark of an earlier leader
   is accepted if the stored entries lead to it.
5. record: the checkpoint goes to the database, in a transaction that confirms the term of this process as the leader.
6. publication: the checkpoint becomes `log/checkpoint`. Then the partial tiles that full ones replaced are deleted
   (`prune`).

A process that was suspended between two steps, replaced as the leader and resumed, is refused at step 4, 5 or 6; what
it writes at step 2 follows from the entries alone.

Cosignatures are added to a published checkpoint later, from another thread (`attach`).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
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
"""Late marks that one checkpoint accepts at most: each earlier leader writes one, and few are replaced at once."""


class Publication:
    """The published tree of one log, for one term of its leader.

    For the sequencer's thread; `attach`, `note` and `checkpoint` may be used from any.
    """

    def __init__(
        self,
        store: Store,
        tiles: Tiles,
        known_keys: KnownKeys,
        clock: Callable[[], datetime],
        high_water: HighWater,
        term: int,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Resume from the last signed checkpoint; missing or damaged tiles are written again.

        Args:
            on_progress: called after each piece of work; no call for long means that a piece hangs.

        Raises:
            StoreCorrupt: the store contradicts a signed checkpoint: rolled back, damaged, or of another log.
            StoreUnavailable: the store cannot be read or written now, or another process leads.
        """
        self._store = store
        self._term = term
        self._tiles = tiles
        self._known = known_keys
        self._clock = clock
        self._high_water = high_water
        self._on_progress = on_progress
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
                f"the store has {sequenced} entries, but the log has signed {self.checkpoint.size}. {_RESTORE}"
            )
        known_keys.require_signers(self.keys.at(sequenced))
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
        """Publish the tree of `size` entries with this root. May be repeated after a failure.

        Raises:
            StoreCorrupt: the stored rows lead to another root, or another process signs for this log.
            StoreUnavailable: a step failed for now.
        """
        anchor, edge, filled = self._audit(size, root)
        read_back = self._tiles.write([*filled, *edge.partial()])
        self._on_progress()
        checkpoint = Checkpoint(self.origin, size, root)
        self._verify_inclusion(checkpoint, read_back)
        signed_at_ms = to_milliseconds(self._clock())
        with self._store.read() as session:
            self._known.refresh(session)
        note = self.keys.sign(checkpoint, self._known.signer_for, time=signed_at_ms // 1000)
        self.keys.open(note)
        self._raise_mark(note, size)
        self._on_progress()

        def keep(session: Session) -> None:
            self._store.leadership.confirm(session, self._term)
            checkpoints.insert(session, size=size, note=note, signed_at_ms=signed_at_ms)

        self._store.write(keep).result()
        self._on_progress()
        with self._showing:
            self._tiles.publish(note, self._leads)
            self.note, self.checkpoint, self._anchor = note, checkpoint, anchor
        self._replaced += [path for path, _ in filled]

    def prune(self) -> None:
        """Delete the partial tiles that full ones have replaced, after the checkpoint with the full ones is published.

        Raises StoreUnavailable; the rest is deleted at the next call.
        """
        while self._replaced:
            self._tiles.prune(self._replaced[0])
            self._replaced.pop(0)

    def renew(self) -> None:
        """Write the published checkpoint again, to find out whether the storage accepts writes again.

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
        """Publish the current checkpoint with more cosignatures; an older one is ignored. Raises StoreUnavailable."""
        checkpoint = self._open(note, "a round of cosigning")
        with self._showing:
            if checkpoint == self.checkpoint:
                self._tiles.publish(note, self._leads)
                self.note = note

    def _audit(self, size: int, root: bytes) -> tuple[Edge, Edge, list[tuple[TilePath, bytes]]]:
        """Step 1, over the stored rows: (the next anchor, the edge at `size`, the tiles filled in between)."""
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

    def _verify_inclusion(self, checkpoint: Checkpoint, read_back: Mapping[str, bytes | None]) -> None:
        """Step 2: the new entries are in the tree, as a client that reads tiles and bundles sees it: `read_back`.

        All proofs in one bundle are made from one row of leaf hashes and the same hashes above it. So if the row is
        that of the entries, and the proof of one entry leads to the root, the proofs of all do.
        """
        read = self._tiles.reader(checkpoint.size, read_back)
        first, stop = self.checkpoint.size, checkpoint.size
        try:
            for bundle in range(first // TILE_WIDTH, -(-stop // TILE_WIDTH)):
                start, width = bundle * TILE_WIDTH, min(TILE_WIDTH, stop - bundle * TILE_WIDTH)
                bundled = parse_entry_bundle(read_back.get(entries_path(bundle, width)) or b"", width)
                for index in range(max(first, start), start + width):
                    if leaf_hash(bundled[index - start]) != read(0, index):
                        raise ProofInvalid(f"entry {index} has another leaf hash than its tile")
                proof = inclusion_proof(start, stop, read)
                verify_inclusion(read(0, start), start, stop, proof, checkpoint.root)
        except (MalformedTile, ProofInvalid) as error:
            raise StoreCorrupt(f"the object storage does not give back the tiles that were written: {error}") from error

    def _stored(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries with start ≤ index < stop, read back from the database. Raises StoreCorrupt for a bad row."""
        for page in range(start, stop, MAX_COMMIT_JOBS):
            with self._store.read() as session:
                rows = entries.leaves(session, page, min(stop, page + MAX_COMMIT_JOBS))
            self._on_progress()
            for expected, (index, stored, statement) in enumerate(rows, page):
                if index != expected or stored != leaf_hash(statement):
                    raise StoreCorrupt(f"the row of entry {expected} is missing or has changed")
                yield statement

    def _recover(self) -> Edge:
        """The edge at the last full bundle, from tiles that lead to the signed root, otherwise from the entries."""
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
            self._on_progress()

    def _raise_mark(self, note: bytes, size: int) -> None:
        """Step 4. Raises StoreCorrupt if the mark is of a tree that the stored entries do not lead to."""
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
                    f"the high-water mark was changed by another process: {error}. If another process signs for "
                    "this log, stop one of the two, and compare their stores before either is started again"
                ) from error
            if marked > size:  # of entries that were appended after this checkpoint's
                raise StoreUnavailable(
                    f"{self._high_water.place} is at {marked} entries: the next checkpoint covers them"
                )
        raise StoreUnavailable(f"{self._high_water.place} is changed by another process again and again")

    def _check_high_water(self, sequenced: int) -> int:
        """Check that the store contains the tree of the high-water mark; returns its size."""
        place = self._high_water.place
        mark = self._high_water.read()
        if mark is None:
            if self.note is None:
                self._high_water.expect(None)
                return 0
            raise StoreCorrupt(
                f"the high-water mark {place} is missing, although the log has signed {self.checkpoint.size} entries. "
                "If this is the newest copy of the store, and no other process signs for it, copy the object "
                "log/checkpoint there"
            )
        size = stated_size(mark)  # before its signature: an older copy may not know the keys of the newer tree
        if size > sequenced:
            raise StoreCorrupt(
                f"the store has {sequenced} entries, but {place} says that the log has signed {size}: "
                f"this is an older copy. {_RESTORE}"
            )
        checkpoint = self._open(mark, place)
        if checkpoint.root != self._root_at(checkpoint.size):
            raise StoreCorrupt(
                f"the first {checkpoint.size} entries of the store are not those that {place} says were signed: "
                f"this is another history. {_RESTORE}"
            )
        self._high_water.expect(mark)
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
            raise StoreCorrupt(
                f"the checkpoint in {where} is not a checkpoint of the log {self.origin}: {error}"
            ) from error


@dataclass(frozen=True)
class SequencerState:
    """Whether the log can grow; if not, `reason` says why."""

    signing: bool
    reason: str = ""


@dataclass(frozen=True)
class Published:
    """The published tree: its size, and the signed note (None before the first)."""

    size: int
    note: bytes | None
