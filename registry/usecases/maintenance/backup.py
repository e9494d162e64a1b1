"""Backup: a complete copy of a data folder, made while the server runs, and its restoration.

The database is copied first, in the state of one commit. Blobs are durable before an entry names them, so the blobs
copied afterwards include all that the copy names. Tiles, checkpoint and high-water file are made from the copied
entries. Then the copy is checked as fsck does.

Both leave nothing half done: a backup is renamed into place when it is complete, and a restored folder gets its
database last. What a killed one has left is removed by the next one, which begins anew.

A backup is restored only if that forks nothing: a log that signs from an older state makes a second history of the
same sizes. The high-water file, preferably on another disk than the data, holds the checkpoint that was signed last.
"""

import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from provenance.errors import Conflict, MalformedNote, NotFound, StoreCorrupt, StoreUnavailable, UntrustedNote
from provenance.limits import MAX_COMMIT_JOBS
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.note import VerifierKey
from registry.database import Store, checkpoints, entries
from registry.database.sqlite import copy_database
from registry.log.high_water import HighWater
from registry.log.log_keys import StatedKeys
from registry.log.tiles import Edge
from registry.storage import files
from registry.storage.blobs import Blobs, blob_name
from registry.usecases.maintenance.fsck import Defect, Progress, check

DATABASE = "countermark.db"
HIGH_WATER = "high-water"
_MAKING = "making"
"""The file in a draft that its maker has locked."""


def back_up(
    folder: Path, blobs: Blobs, target: Path, log_key: VerifierKey, progress: Progress
) -> tuple[int, list[Defect]]:
    """Copy a data folder to `target`, which appears only when the copy is complete.

    Args:
        folder, blobs: of the registry, which a server may have open.
        target: is made; may exist if it is empty.
        log_key: the log's public key, named as its origin.
        progress: called now and then.

    Returns:
        the number of entries under the copy's checkpoint, and the findings of its check, normally none.

    Raises:
        Conflict: `target` is not empty.
        StoreCorrupt: the stored entries contradict the log.
        StoreUnavailable: the folder or `target` cannot be read or written.
    """
    require_empty(target)
    with _available(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(glob.escape(f".{target.name}-") + "*"):
            _remove_abandoned(left)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with _available(draft), files.locked(draft / _MAKING, 0):
            copy_database(folder / DATABASE, draft / DATABASE, lambda done, all_: progress("database", done, all_))
            shutil.copytree(folder / "keys", draft / "keys", symlinks=True)
            with closing(Store.open(draft)) as store:
                size = _write_log(store, draft, log_key, progress)
                damaged = list(_copy_blobs(blobs, draft, progress))
                os.sync()
                findings = list(check(store, Blobs.open(draft / "objects"), log_key, progress=progress))
            (draft / _MAKING).unlink()
            draft.replace(target)
            os.sync()
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return size, damaged + findings


def _remove_abandoned(draft: Path) -> None:
    """Remove the draft of a backup that was killed; one that is being made is left alone."""
    if (draft / _MAKING).exists():
        with suppress(OSError), files.locked(draft / _MAKING, 0):
            shutil.rmtree(draft, ignore_errors=True)


def require_empty(folder: Path) -> None:
    """Raises Conflict unless a folder is missing or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not an empty folder")


def _write_log(store: Store, draft: Path, log_key: VerifierKey, progress: Progress) -> int:
    """Make tiles, checkpoint and high-water file of the entries under the newest checkpoint; returns their number."""
    with store.read() as session:
        newest = checkpoints.latest(session)
        keys = StatedKeys.load(session, log_key).keys
    if newest is None:
        return 0
    try:
        checkpoint, _ = keys.open(newest.note)
    except (MalformedNote, UntrustedNote) as error:
        raise StoreCorrupt(f"the newest checkpoint has changed, run fsck: {error}") from error
    edge = Edge()
    for start in range(0, checkpoint.size, MAX_COMMIT_JOBS):
        progress("tiles", start, checkpoint.size)
        with store.read() as session:
            rows = entries.leaves(session, start, min(checkpoint.size, start + MAX_COMMIT_JOBS))
        for path, data in edge.extend(statement for _, _, statement in rows):
            _write(draft / "objects/log" / str(path), data)
    if edge.size != checkpoint.size or edge.root() != checkpoint.root:
        raise StoreCorrupt("the stored entries do not lead to the root that was signed last: run fsck")
    for path, data in edge.partial():
        _write(draft / "objects/log" / str(path), data)
    _write(draft / "objects/log/checkpoint", newest.note)
    _write(draft / HIGH_WATER, newest.note)
    return checkpoint.size


def _copy_blobs(blobs: Blobs, draft: Path, progress: Progress) -> Iterator[Defect]:
    def copy(sha256: bytes | str) -> Defect | None:
        if isinstance(sha256, str):  # no blob
            return None
        try:
            _write(draft / "objects" / blob_name(sha256), blobs.get(sha256))
        except NotFound:  # deleted since
            return None
        except StoreCorrupt as error:
            return Defect("blob", sha256.hex(), f"not copied: {error}")
        return None

    return filter(None, blobs.visit(copy, lambda done: progress("copying blobs", done, 0)))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def _available(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{place} cannot be written: {error.strerror or error}") from error


_DRAFT = ".restoring"


@dataclass(frozen=True)
class Restored:
    """The number of restored entries, and the size that the high-water file states (None: there was no file)."""

    size: int
    signed: int | None


def restore(
    backup: Path, folder: Path, high_water: Path | str, log_key: VerifierKey, progress: Progress, *, discard_newer: bool
) -> Restored:
    """Copy a backup into an empty data folder, after checking it and comparing it with the high-water file.

    Args:
        backup: a folder made by `back_up`; not changed.
        folder: the data folder, missing or empty.
        high_water: the high-water mark; made from the backup if missing.
        log_key: the log's public key, named as its origin.
        progress: called now and then.
        discard_newer: restore although newer entries were signed; the old mark is kept beside the new one.

    Raises:
        Conflict: the folder is not empty, another process restores into it, or the log has signed more entries than
            the backup has.
        StoreCorrupt: the backup is damaged, or of another log than the high-water file.
        StoreUnavailable: something cannot be read or written.
    """
    if not folder.is_dir():
        require_empty(folder)
    with _alone(folder):
        _empty(folder)
        require_empty(folder)
        return _restore(backup, folder, high_water, log_key, progress, discard_newer=discard_newer)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder if it is missing, and lock it: two would empty it under each other."""
    with ExitStack() as held:
        with _available(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                held.enter_context(files.locked(folder, 0))
            except TimeoutError as error:
                raise Conflict(f"another process restores into {folder}") from error
        yield


def _restore(
    backup: Path, folder: Path, high_water: Path | str, log_key: VerifierKey, progress: Progress, *, discard_newer: bool
) -> Restored:
    draft = folder / _DRAFT
    water = HighWater(high_water)
    newest = water.read()
    signed = None if newest is None else _stated_size(newest, log_key.name, water.place)
    if not (backup / DATABASE).is_file():
        raise StoreUnavailable(f"{backup} holds no backup")
    try:
        shutil.copytree(backup, draft, symlinks=True, copy_function=_copier(progress))
        os.sync()
        with closing(Store.open(draft)) as store:
            with store.read() as session:
                size = entries.size(session)
            older = signed is not None and signed > size
            if older and not discard_newer:
                raise Conflict(_older(size, signed or 0, high_water))
            mark = draft / HIGH_WATER if signed is None or older else high_water
            found = list(check(store, Blobs.open(draft / "objects"), log_key, high_water=mark, progress=progress))
        if found:
            first = found[0]
            raise StoreCorrupt(f"the backup has {len(found)} faults, the first: {first.name}: {first.detail}")
        note = (draft / HIGH_WATER).read_bytes()
        if high_water != folder / HIGH_WATER:
            (draft / HIGH_WATER).unlink()
        _move_in(draft, folder)
        os.sync()
        if high_water != folder / HIGH_WATER and (signed is None or older):
            if newest is not None:
                beside = high_water if isinstance(high_water, Path) else folder / HIGH_WATER
                beside.with_name(f"{beside.name}.{signed}").write_bytes(newest)
            water.expect(newest)
            water.advance(note)
        (draft / DATABASE).rename(folder / DATABASE)
        draft.rmdir()
        os.sync()
    except BaseException as error:
        _empty(folder)
        if isinstance(error, OSError):
            raise StoreUnavailable(f"the backup cannot be copied: {error}") from error
        raise
    return Restored(size, signed)


def _copier(progress: Progress) -> Callable[[str, str], str]:
    """What copies one file after the other, and says how many."""
    done = count()

    def copy(source: str, target: str) -> str:
        number = next(done)
        if number % MAX_COMMIT_JOBS == 0:
            progress("copying", number, 0)
        return shutil.copy2(source, target)

    return copy


def _move_in(draft: Path, folder: Path) -> None:
    """Move the draft's files into the folder, all but the database: without that, the folder counts as empty."""
    (draft / "lock").unlink(missing_ok=True)
    for part in sorted(draft.iterdir()):
        if part.name != DATABASE:
            part.rename(folder / part.name)


def _empty(folder: Path) -> None:
    """Remove what a restoration has brought that failed or was killed, if there was one: it began with an empty folder.

    Its draft goes last, which tells that folder from others. Raises StoreUnavailable.
    """
    if not (folder / _DRAFT).is_dir() or (folder / DATABASE).exists():
        return
    with _available(folder):
        for part in sorted(folder.iterdir(), key=lambda path: path.name == _DRAFT):
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()


def _stated_size(note: bytes, origin: str, place: str) -> int:
    """The size that the high-water mark states. `check` verifies the mark if the backup has its tree.

    A backup from before a change of the log's keys cannot verify it: it lacks the key that signed the mark.

    Raises StoreCorrupt for a malformed checkpoint, or one of another log.
    """
    try:
        checkpoint = SignedCheckpoint.parse(note).checkpoint
    except MalformedNote as error:
        raise StoreCorrupt(f"{place} holds a malformed checkpoint: {error}") from error
    if checkpoint.origin != origin:
        raise StoreCorrupt(f"{place} is of another log, {checkpoint.origin}")
    return checkpoint.size


def _older(size: int, signed: int, high_water: Path | str) -> str:
    return (
        f"this backup is an older copy: it has {size} entries, but {high_water} says that the log has signed {signed}, "
        f"so that {signed - size} acknowledged entries would be lost. Look for a newer backup. If there is none, it is "
        "best to end the log: keep this backup to read from, and begin a new log with another origin and key. With "
        "--discard-newer it is restored and will sign a second history: anybody with a receipt or checkpoint of the "
        "first can prove that the log forked"
    )
