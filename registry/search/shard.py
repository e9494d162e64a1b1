"""Shard: the local features of the registrations of one store, on one host, in files that all its processes share.

What a registry asks of it is `propose`, `add` and `erase`. Registrations stand in the order in which they became
public, so that a segment (`registry.search.segment`) has those of a range of log entries, and no range is added to. The
newest are in the memory of each process, the *tail*. One process at a time, which has the folder's lease, writes its
tail into a file and merges files, while searches go on with the files from before. A file is complete under its name or
not there: it is renamed into place, and what it replaces is deleted afterwards. A process that was suspended loses the
lease, and what it was writing: whoever takes the lease deletes the drafts of all others. Should it go on just then, it
deletes at most what it has seen to be replaced.

Every file can be made again from the store: one that is damaged, or of another store, is logged and deleted, and leaves
a hole until then, whether that shows when it is opened, read by a search, or read through; one of a newer version is
left alone. Erased registrations are never proposed, from the moment that
`erase` is told; files that have them are written anew at once.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from provenance.media.local_features import LocalFeatures, as_codes
from registry.search import column_file
from registry.search import segment as segments
from registry.search.column_file import Damaged, Newer
from registry.search.segment import About, Segment
from registry.search.voting import Proposal, propose
from registry.storage import files

RATIO = 2
"""How many times as long as the next a file is at least: a million registrations lie in nine at most, and each was
written nine times."""

TAIL = 2_048
"""Registrations in the tail from which on they are written into a file: 0.6 million features, 9 MB."""

MERGED_IN_MEMORY = 1_024
"""Registrations that are merged in the tail at most, 10 to 30 ms, for which the search waits that adds the last."""

SUSPENDED_SECONDS = 15.0
"""How long the process that writes files shows no progress until another one goes on with it: from one sign of progress
to the next is less than a second, and what was erased is to leave the files within a minute."""

_LOOKED_AT_ONCE = 1 << 22
"""Features among which erased ones are looked for at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _State:
    """Files and tail in the order of the log, and the log indices of what was erased, up to the erasure at an index."""

    files: tuple[Segment, ...] = ()
    tail: tuple[Segment, ...] = ()
    erased: frozenset[int] = frozenset()
    erased_until: int = -1

    @property
    def all(self) -> tuple[Segment, ...]:
        return (*self.files, *self.tail)

    @property
    def end(self) -> int:
        return max((each.about.end for each in self.all), default=0)


class Shard:
    """The features of one store in one folder. Thread-safe."""

    def __init__(self, folder: Path, store: str = "", generation: int = 0) -> None:
        """Open the files of the folder, which is made.

        Args:
            folder: of all processes of the host.
            store, generation: as in `About`.

        Raises OSError.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.generation = generation
        self._folder, self._store = folder, store
        self._lock = threading.Lock()  # of changes to the state; whoever searches takes the state as it is
        self._refreshing = threading.Lock()
        self._state = _State()
        self._lease = files.Lease(folder / "lock", SUSPENDED_SECONDS)
        self._ignored: set[Path] = set()
        self._replaced: set[Path] = set()
        self._looked_at: dict[Path | None, int] = {}
        self.refresh()

    @property
    def end(self) -> int:
        """What became public by an earlier log entry is here, but for `holes`."""
        return self._state.end

    @property
    def registrations(self) -> int:
        """How many registrations a search covers."""
        return sum(each.about.registrations for each in self._state.all)

    @property
    def tail(self) -> int:
        """How many of them are in no file."""
        return sum(each.about.registrations for each in self._state.tail)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What a search covers: the files, and the tail."""
        return self._state.all

    @property
    def erased_until(self) -> int:
        """Index of the newest erasure that is known here; -1 if there is none."""
        return self._state.erased_until

    @property
    def holes(self) -> list[range]:
        """Log entries before `end` whose registrations are missing: a file was damaged or deleted."""
        place, found = 0, []
        for each in self._state.all:
            if each.about.first > place:
                found.append(range(place, each.about.first))
            place = each.about.end
        return found

    def propose(self, features: LocalFeatures) -> tuple[list[Proposal], int]:
        """Every registration that shares enough features, the likeliest first; how many features were left out."""
        while True:
            try:
                return self._proposed(self._state, features)
            except Damaged as error:
                self._drop(error)

    def _proposed(self, state: _State, features: LocalFeatures) -> tuple[list[Proposal], int]:
        left_out = 0
        best: dict[int, Proposal] = {}
        for codes in (features.upright, features.mirrored):
            found, cut = propose(state.all, as_codes(codes))
            left_out += cut
            for each in found:
                known = best.get(each.index)
                if each.index not in state.erased and (known is None or known.score < each.score):
                    best[each.index] = each
        return sorted(best.values(), key=lambda each: (-each.score, each.index)), left_out

    def add(self, first: int, end: int, rows: Sequence[tuple[int, bytes]]) -> None:
        """Take what became public by the log entries first ≤ index < end: (log index, features) each.

        `first` is the `end` of before, or that of one of the `holes`, whose registrations go into a file (within
        `tending`). Others have been added meanwhile, and are left out. Raises OSError.
        """
        with self._lock:
            state = self._state
            kept = [row for row in rows if row[0] not in state.erased]
            added = segments.in_memory(self._about(state, first, end, len(kept)), kept)
            if first == state.end:
                self._state = replace(state, tail=_compacted((*state.tail, added)))
                return
        if any(first == hole.start and end <= hole.stop for hole in self.holes):
            self._write(state, added.about, [added])

    def erase(self, indices: Collection[int], until: int) -> None:
        """Propose these registrations no more; `until`: index of the newest erasure."""
        with self._lock:
            state = self._state
            tail = tuple(_without(each, indices) for each in state.tail) if indices else state.tail
            erased = state.erased.union(indices)
            self._state = replace(state, tail=tail, erased=erased, erased_until=max(until, state.erased_until))

    def refresh(self, made: Segment | None = None) -> None:
        """Take the files that are there, in place of those they replace; `made` is one of them. Raises OSError."""
        with self._refreshing:
            known = {each.file: each for each in (*self._state.files, *([made] if made else ()))}
            chosen: list[Segment] = []
            replaced = set()
            for path, entries in self._listed():
                if entries.start >= (chosen[-1].about.end if chosen else 0):
                    held = known.get(path) or self._opened(path)
                    chosen += [held] if held is not None else []
                else:
                    replaced.add(path)
            covered = chosen[-1].about.end if chosen else 0
            with self._lock:
                state = self._state
                self._state = replace(state, files=tuple(chosen), tail=_behind(covered, state.tail))
                self._replaced = replaced - self._ignored

    def verify(self, going_on: Callable[[], None] = lambda: None) -> None:
        """Read files through that were opened without; those that have changed leave a hole. Raises what `going_on`
        raises, which is called now and then."""
        for each in self._state.files:
            try:
                each.verify(going_on)
            except Damaged as error:
                self._drop(error)

    @contextmanager
    def tending(self) -> Iterator[bool]:
        """Whether this process may write files in the block. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # somebody may have deleted it
        with self._lease.taking() as mine:
            if mine:
                column_file.delete_drafts(self._folder)
            yield mine

    def tend(self) -> bool:
        """Take one step of what is to be done, within `tending`: whether there was any.

        Raises OSError, also where this process stood still, and another one goes on.
        """
        self._lease.renew()
        self.verify(self._lease.renew)  # before anything is made of them
        state = self._state
        self._sweep()
        for each in state.files:  # before anything else
            if self._has_erased(each, state):
                about = replace(each.about, erased_until=state.erased_until)
                self._write(state, about, [each])
                return True
        for earlier, later in zip(state.files, state.files[1:], strict=False):
            adjoin = earlier.about.end == later.about.first
            if adjoin and len(earlier) < RATIO * len(later) and len(earlier) + len(later) < segments.MAX_FEATURES:
                self._write(state, self._joined(state, (earlier, later)), [earlier, later])
                return True
        if self.tail >= TAIL:
            self._write(state, self._joined(state, state.tail), state.tail)
            return True
        return False

    def _write(self, state: _State, about: About, of: Sequence[Segment]) -> None:
        try:
            made = segments.write(self._folder, about, of, state.erased, self._lease.renew)
        except FileNotFoundError:
            self._lease.renew()  # says who deleted the draft
            raise
        self._looked_at[made.file] = state.erased_until
        self.refresh(made)
        self._sweep()

    def _joined(self, state: _State, of: Sequence[Segment]) -> About:
        registrations = sum(each.about.registrations for each in of)
        return self._about(state, of[0].about.first, of[-1].about.end, registrations)

    def _about(self, state: _State, first: int, end: int, registrations: int) -> About:
        return About(self._store, self.generation, first, end, registrations, state.erased_until)

    def _has_erased(self, segment: Segment, state: _State) -> bool:
        """Whether a file has features of what was erased since it was written, or looked at."""
        looked_at = max(segment.about.erased_until, self._looked_at.get(segment.file, -1))
        if looked_at >= state.erased_until:
            return False
        gone = np.array(sorted(state.erased), np.uint32)
        starts = range(0, len(segment), _LOOKED_AT_ONCE)
        found = any(np.isin(segment.owners[start : start + _LOOKED_AT_ONCE], gone).any() for start in starts)
        if not found:
            self._looked_at[segment.file] = state.erased_until
        return found

    def _listed(self) -> list[tuple[Path, range]]:
        """The files in the order in which they are taken: of those that begin alike the longest, and the newest."""
        found = []
        for path in self._folder.glob(f"*{segments.SUFFIX}"):
            entries = segments.entries_in_name(path)
            with suppress(FileNotFoundError):  # another process has replaced it
                if entries is not None:
                    found.append((path, entries, path.stat().st_mtime_ns))
        found.sort(key=lambda each: (each[1].start, -each[1].stop, -each[2]))
        return [(path, entries) for path, entries, _ in found]

    def _opened(self, path: Path) -> Segment | None:
        """A file that this process has not opened yet; None where it is of no use."""
        if path in self._ignored:
            return None
        try:
            opened = segments.load(path)
            if (opened.about.store, opened.about.generation) != (self._store, self.generation):
                raise Damaged("it is of another store, or of features that were replaced")
        except FileNotFoundError:  # another process has replaced it
            return None
        except Newer as error:
            log.warning("%s is left alone: %s", path, error)
            self._ignored.add(path)
            return None
        except Damaged as error:
            _delete(path, error)
            return None
        return opened

    def _drop(self, error: Damaged) -> None:
        """Search a file no more that has turned out to be damaged, and delete it."""
        with self._lock:
            state = self._state
            kept = tuple(each for each in state.files if each.file != error.file)
            known = len(kept) < len(state.files)
            covered = kept[-1].about.end if kept else 0
            self._state = replace(state, files=kept, tail=_behind(covered, state.tail))
        if known and error.file is not None:  # and was not dropped by another search
            _delete(error.file, error)

    def _sweep(self) -> None:
        """Delete what was replaced, within `tending`."""
        column_file.delete(self._replaced)


def _behind(covered: int, tail: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """What of a tail follows files that end at an entry; nothing where there is a gap, which is read again."""
    rest = tuple(each for each in tail if each.about.first >= covered)
    return rest if rest and rest[0].about.first == covered else ()


def _delete(path: Path, error: Damaged) -> None:
    log.warning("%s is deleted, and made again from the store: %s", path, error)
    column_file.delete([path])


def _compacted(tail: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Merge the last two until each is at least twice as long as the next, so that a search covers few."""
    while len(tail) > 1 and len(tail[-2]) < 2 * len(tail[-1]):
        first, last = tail[-2:]
        registrations = first.about.registrations + last.about.registrations
        if registrations > MERGED_IN_MEMORY:
            break
        about = replace(last.about, first=first.about.first, registrations=registrations)
        tail = (*tail[:-2], segments.sort(about, [each.columns() for each in (first, last)]))
    return tail


def _without(segment: Segment, owners: Collection[int]) -> Segment:
    """New arrays without the erased features, which leave memory when the last search on the old arrays ends."""
    gone = np.isin(segment.owners, np.array(sorted(owners), np.uint32))
    if not gone.any():
        return segment
    words, signs, owner, geometry = segment.columns()
    return segments.sort(segment.about, [(words[~gone], signs[~gone], owner[~gone], geometry[~gone])])
