"""Migration: copying a registry's rows from one database to another, and checking the root of the log."""

import threading
from dataclasses import dataclass

from provenance.errors import Conflict, MalformedNote, StoreCorrupt, StoreUnavailable, UntrustedNote
from provenance.limits import MAX_COMMIT_JOBS
from provenance.transparency.merkle import EMPTY_ROOT, Frontier, leaf_hash
from provenance.transparency.note import VerifierKey
from registry.database import Session, Store, checkpoints, copying, entries, heads
from registry.database.copying import Progress
from registry.log.log_keys import StatedKeys


@dataclass(frozen=True)
class Migrated:
    """The result of a migration: number of entries, root of their tree, total number of rows."""

    size: int
    root: bytes
    rows: int


def migrate(source: Store, target: Store, log_key: VerifierKey, progress: Progress) -> Migrated:
    """Copy all rows into an empty target, recompute the root from the copies, and commit only then.

    An interrupted migration leaves the target empty, and can be repeated.

    Args:
        source, target: open; no other process may write to them.
        log_key: the log's public key, named as its origin. The keys before it are those that the entries lead from.
        progress: called for each table as it is copied, and for the "root".

    Raises:
        Conflict: the target holds rows, or another process leads it.
        StoreCorrupt: the source's entries do not lead to the root that its log has signed.
        StoreUnavailable: source or target cannot be used now.
    """
    term = target.leadership.term
    if term is None:
        raise Conflict("another process runs on the target")

    stopped = threading.Event()

    def told(stage: str, done: int, all_: int) -> None:
        if stopped.is_set():
            raise StoreUnavailable("the migration was interrupted")
        progress(stage, done, all_)

    def move(session: Session) -> Migrated:
        target.leadership.confirm(session, term)
        with source.read() as reading:
            copying.copy_rows(reading, session, told)
            expected, found = copying.counts(reading), copying.counts(session)
            if expected != found:
                raise StoreCorrupt(f"the target has {found} rows, but the source has {expected}")
        root = _verify(session, log_key, told)
        return Migrated(heads.read(session).size, root, sum(found.values()))

    try:
        return target.write(move).result()
    except BaseException:
        stopped.set()  # the writer's thread does not get the KeyboardInterrupt
        raise


def _verify(session: Session, log_key: VerifierKey, progress: Progress) -> bytes:
    """Recompute the tree from the copied statements; returns its root."""
    head, latest = heads.read(session), checkpoints.latest(session)
    signed_size, signed_root = 0, EMPTY_ROOT
    if latest is not None:
        try:
            checkpoint, _ = StatedKeys.load(session, log_key).keys.open(latest.note)
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"the last checkpoint is not a checkpoint of the log {log_key.name}: {error}") from error
        signed_size, signed_root = checkpoint.size, checkpoint.root
    frontier = Frontier()
    while frontier.size < head.size:
        stop = min(frontier.size + MAX_COMMIT_JOBS, head.size)
        if frontier.size < signed_size:
            stop = min(stop, signed_size)
        rows = entries.leaves(session, frontier.size, stop)
        if [index for index, _, _ in rows] != list(range(frontier.size, stop)):
            raise StoreCorrupt(f"an entry between {frontier.size} and {stop} is missing")
        frontier.extend(leaf_hash(statement) for _, _, statement in rows)
        if frontier.size == signed_size and frontier.root() != signed_root:
            raise StoreCorrupt("the entries do not lead to the root that the log has signed: run fsck on the source")
        progress("root", frontier.size, head.size)
    if signed_size > head.size or frontier.root() != head.frontier.root():
        raise StoreCorrupt("the entries are not those that were written: run fsck on the source")
    return frontier.root()
