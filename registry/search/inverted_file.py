"""InvertedFile: which registrations share local features with a picture, or with a part of it.

It keeps the shard of this host (`registry.search.shard`) up to date with the store, which has the features of each
registration and what was revealed and erased. Each search first adds what is new, so that it finds all registrations. A
server calls `start`: a thread then opens the files, makes those that are missing, and keeps the rest of the work away
from the searches. Several answers are normal: a collage has several sources.
"""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from provenance.errors import StoreUnavailable
from provenance.media.local_features import LocalFeatures
from provenance.statement.record import AssetRevealed, RecordErased
from registry.database import Session, Store, entries, events
from registry.database import local_features as rows
from registry.database.snapshot import once
from registry.search.selection import EVERYTHING, choose
from registry.search.shard import Shard
from registry.search.tender import Tender
from registry.search.voting import Proposal

MAX_PROPOSED = 8
"""Registrations of one search. The right one is among the first four of 113 for 99.4 % of hard queries."""

WORTH = 0.05
"""Score, against the best, below which a registration is not proposed. Low, so that the picture around an inset does
not crowd it out; chosen by hand, not fitted."""

TEND_SECONDS = 1.0
"""Between two looks at the files, by which what another process has erased or merged reaches this one."""

OPENING_SECONDS = 1.0
"""How long a start waits for the files: a large store is ready later, and `/readyz` says so until then."""

AT_ONCE = 2_048
"""Registrations that are read at once: 7 MB."""

WAITED_FOR = 4 * AT_ONCE
"""New registrations that a search adds before it begins, where a thread adds them too: some 0.2 to 0.4 s."""


class Found(NamedTuple):
    """The answer to a search: registrations, the likeliest first; what was not looked at, None where all was."""

    proposals: Sequence[Proposal]
    left_out: str | None


class InvertedFile:
    """The local features of all registrations of one store. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for the files, of all processes of this host that serve this store."""
        self._folder = folder
        self._lock = threading.Lock()
        self._shard: Shard | None = None
        self._revealed: dict[int, int] = {}  # log index of a registration: that of the record that reveals it
        self._behind = True
        self._ready = threading.Event()
        self._tender: Tender | None = None

    @property
    def registrations(self) -> int:
        """Number of registrations that a search covers now."""
        return self._shard.registrations if self._shard is not None else 0

    @property
    def trouble(self) -> StoreUnavailable | None:
        """That the files are not there yet, so that a search may not cover all registrations; None once they were, or
        where `start` was not called."""
        if self._tender is None or self._ready.is_set():
            return None
        return StoreUnavailable(
            f"the index of local features is being made: {self.registrations:,} registrations so far"
        )

    def candidates(self, session: Session, features: LocalFeatures, within: range = EVERYTHING) -> Found:
        """At most `MAX_PROPOSED` registrations of those with these log indices, the likeliest first (`choose`).

        Raises StoreUnavailable where the folder cannot be used.
        """
        shard = self.catch_up(session)
        end = shard.end
        found, left_out = shard.propose(features)
        inside = [each for each in found if each.index in within]
        worth = [each for each in inside if each.score >= WORTH * inside[0].score]
        chosen = [worth[place] for place in choose(session, [each.index for each in worth], MAX_PROPOSED)]
        if self._behind or shard.holes or shard.end < end:
            return Found(chosen, f"the index is being made, and has {shard.registrations:,} registrations so far")
        if left_out:
            asked = 2 * features.count
            return Found(chosen, f"of {asked:,} local features the {left_out:,} commonest were not looked up")
        return Found(chosen, None)

    @once
    def catch_up(self, session: Session) -> Shard:
        """The shard with all that the store has as `session` sees it; at most `WAITED_FOR` more where a thread runs."""
        with self._lock:
            shard = self._shard = self._shard or self._opened(session)
            added = 0
            while self._add(session, shard):
                added += AT_ONCE
                if self._tender is not None and added >= WAITED_FOR:
                    break
            return shard

    def _opened(self, session: Session) -> Shard:
        generation = rows.generation(session)
        store = entries.get(session, 0).record_id.hex() if entries.size(session) else ""
        try:
            return Shard(self._folder / str(generation), store, generation)
        except OSError as error:
            raise StoreUnavailable(f"the folder {self._folder} cannot be used: {error.strerror}") from error

    def _add(self, session: Session, shard: Shard) -> bool:
        """Add the next registrations, within the lock; whether there are more."""
        newest = max(self._revealed.values(), default=-1)
        self._revealed |= {asset: event for event, asset in events.newer(session, AssetRevealed.TYPE, newest)}
        erased = events.newer(session, RecordErased.TYPE, shard.erased_until)
        if erased:
            shard.erase([asset for _, asset in erased], erased[-1][0])
        end, found, more = self._read(session, range(shard.end, EVERYTHING.stop))
        if end > shard.end:
            shard.add(shard.end, end, found)
        if shard is self._shard:
            self._behind = more
        return more

    def _read(self, session: Session, wanted: range) -> tuple[int, Sequence[tuple[int, bytes]], bool]:
        """What became public by the log entries of a range, the first `AT_ONCE` or more: up to which entry, of each
        registration its log index and its features, and whether there is more. What was revealed stands there."""
        own = rows.between(session, wanted.start, wanted.stop, AT_ONCE)
        if len(own) == AT_ONCE:
            end = own[-1][0] + 1
        else:
            newest = max([wanted.start - 1, *(index for index, _ in own), *self._revealed.values()])
            end = min(wanted.stop, newest + 1) if wanted.stop == EVERYTHING.stop else wanted.stop
        late = [asset for asset, event in self._revealed.items() if wanted.start <= event < end]
        found = [row for row in own if row[0] not in self._revealed] + rows.at(session, late)
        return end, found, len(own) == AT_ONCE

    def tend(self, store: Store) -> None:
        """Make what is missing, as far as no other process does: what the thread does each second.

        Raises StoreUnavailable, StoreCorrupt, OSError.
        """
        with store.read() as session:
            shard, generation = self.catch_up(session), rows.generation(session)
            new = shard if shard.generation == generation else self._opened(session)
        if self._made(store, new) and new is not shard:
            with self._lock:
                self._shard = new
            for path in self._folder.iterdir():  # others that have files of these mapped keep them until they are here
                if path.name.isdecimal() and int(path.name) < new.generation:
                    shutil.rmtree(path, ignore_errors=True)

    def _made(self, store: Store, shard: Shard) -> bool:
        """Whether all of a shard is there now; what cannot be written stays in memory, and is told at the end."""
        failure: OSError | None = None
        shard.refresh()
        with store.read() as session, self._lock:
            if not self._add(session, shard) and not shard.holes:
                self._ready.set()  # searches compare what they read
        shard.verify()  # can take long, before others wait
        with shard.tending() as mine:
            shard.refresh()
            while True:
                with store.read() as session, self._lock:
                    more = self._add(session, shard)
                try:
                    while mine and not self._is_stopping and (shard.tend() or self._filled(store, shard)):
                        pass
                except OSError as error:
                    failure, mine = error, False
                if not more or self._is_stopping or not (mine or shard.tail < WAITED_FOR):
                    break
        if not more and not shard.holes:
            self._ready.set()
        if failure is not None:
            raise failure
        return not more and not shard.holes

    def _filled(self, store: Store, shard: Shard) -> bool:
        """Whether there was a hole, of which a part is filled now."""
        for hole in shard.holes[:1]:
            with store.read() as session:
                end, found, _ = self._read(session, hole)
            shard.add(hole.start, end, found)
            return True
        return False

    def start(self, store: Store) -> None:
        """Tend the files in a thread, until `close`. Those of a small store are there when this returns."""
        self._tender = Tender("files of local features", lambda: self.tend(store), lambda: TEND_SECONDS)
        self._tender.start()
        self._ready.wait(OPENING_SECONDS)

    def wake(self, store: Store) -> None:
        """Have what was erased leave the files: by the thread at once, in this one where there is none.

        Raises StoreUnavailable, StoreCorrupt.
        """
        if self._tender is not None:
            self._tender.wake()
            return
        try:
            self.tend(store)
        except OSError as error:
            raise StoreUnavailable(f"the folder {self._folder} cannot be used: {error.strerror}") from error

    def close(self) -> None:
        """Stop the thread, after the step that it is in; a longer one ends with the process."""
        if self._tender is not None:
            self._tender.close()

    @property
    def _is_stopping(self) -> bool:
        return self._tender is not None and self._tender.stopping.is_set()
