"""Backup: a copy of a data folder that is whole in itself, made while the server goes on, and its way back.

The database is copied first, as one commit has left it. Blobs are durable before an entry names them, so those that
are copied afterwards are at least those that the copy names. Tiles, checkpoint and high-water file follow from the
copied entries, and are made from them. Then everything is recomputed from the copy, as fsck does.

A backup becomes the data folder again if that forks nothing: a log that signs from an older state than it has signed
before makes a second history of the same sizes. The high-water file, by preference on another disk than the data, says
what was signed last.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
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
from registry.storage.blobs import Blobs, blob_name
from registry.usecases.maintenance.fsck import Defect, Progress, check

DATABASE = "countermark.db"
HIGH_WATER = "high-water"


def back_up(
    folder: Path, blobs: Blobs, target: Path, log_key: VerifierKey, progress: Progress
) -> tuple[int, list[Defect]]:
    """Copy a data folder to `target`; nothing of it is there before all of it is.

    Args:
        folder, blobs: of the registry, which a server may have open.
        target: is made; may be there already if it is empty.
        log_key: the log's public key, named as its origin.
        progress: called now and then.

    Returns:
        the number of entries under the copy's checkpoint, and what is wrong with it; by rights nothing.

    Raises:
        Conflict: there is something at `target`.
        StoreCorrupt: the stored entries contradict the log, so that there is nothing sound to copy.
        StoreUnavailable: one of the two cannot be read or written.
    """
    refuse_full(target)
    with _available(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with _available(draft):
            copy_database(folder / DATABASE, draft / DATABASE, lambda done, all_: progress("database", done, all_))
            shutil.copytree(folder / "keys", draft / "keys", symlinks=True)
            with closing(Store.open(draft)) as store:
                size = _write_log(store, draft, log_key, progress)
                damaged = list(_copy_blobs(blobs, draft, progress))
                os.sync()
                findings = list(check(store, Blobs.open(draft / "objects"), log_key, progress=progress))
            draft.replace(target)
            os.sync()
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return size, damaged + findings


def refuse_full(folder: Path) -> None:
    """Accepts a folder that is missing or empty. Raises Conflict."""
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
    for done, sha256 in enumerate(blobs):
        if done % MAX_COMMIT_JOBS == 0:
            progress("copying blobs", done, 0)
        try:
            _write(draft / "objects" / blob_name(sha256), blobs.get(sha256))
        except NotFound:  # deleted since
            continue
        except StoreCorrupt as error:
            yield Defect("blob", sha256.hex(), f"not copied: {error}")


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
    """What came back: its number of entries, and the size that the high-water file states (None: there was no file)."""

    size: int
    signed: int | None


def restore(
    backup: Path, folder: Path, high_water: Path | str, log_key: VerifierKey, progress: Progress, *, discard_newer: bool
) -> Restored:
    """Copy a backup into an empty data folder, after it was recomputed and compared with the high-water file.

    Args:
        backup: a folder that `back_up` has made; it stays as it is.
        folder: the data folder, missing or empty.
        high_water: the high-water mark; where there is none, it is made from the backup.
        log_key: the log's public key, named as its origin.
        progress: called now and then.
        discard_newer: restore although newer entries were signed; the file that says so is kept beside the new one.

    Raises:
        Conflict: the folder is not empty, or the log has signed more entries than the backup has.
        StoreCorrupt: the backup is not sound, or its log is not the one of the high-water file.
        StoreUnavailable: something cannot be read or written.
    """
    refuse_full(folder)
    draft = folder / _DRAFT
    water = HighWater(high_water)
    held = water.read()
    signed = None if held is None else _stated_size(held, log_key.name, water.place)
    if not (backup / DATABASE).is_file():
        raise StoreUnavailable(f"{backup} holds no backup")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(backup, draft, symlinks=True)
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
        if high_water != folder / HIGH_WATER and (signed is None or older):
            if held is not None:
                beside = high_water if isinstance(high_water, Path) else folder / HIGH_WATER
                beside.with_name(f"{beside.name}.{signed}").write_bytes(held)
            water.expect(held)
            water.advance(note)
        os.sync()
    except OSError as error:
        raise StoreUnavailable(f"the backup cannot be copied: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Restored(size, signed)


def _move_in(draft: Path, folder: Path) -> None:
    """Everything of the draft into the folder, the database last: without it, nothing is there."""
    (draft / "lock").unlink(missing_ok=True)
    for part in sorted(draft.iterdir(), key=lambda path: path.name == DATABASE):
        part.rename(folder / part.name)
    draft.rmdir()


def _stated_size(held: bytes, origin: str, place: str) -> int:
    """What the high-water mark states. `check` verifies it where the backup has that tree.

    A backup from before a change of the log's keys cannot: it does not know the key that signed the mark, and is older.

    Raises StoreCorrupt: no checkpoint, or one of another log.
    """
    try:
        checkpoint = SignedCheckpoint.parse(held).checkpoint
    except MalformedNote as error:
        raise StoreCorrupt(f"{place} holds no checkpoint: {error}") from error
    if checkpoint.origin != origin:
        raise StoreCorrupt(f"{place} is of another log, {checkpoint.origin}")
    return checkpoint.size


def _older(size: int, signed: int, high_water: Path | str) -> str:
    return (
        f"this backup is an older copy: it has {size} entries, and {high_water} says that the log has signed {signed}, "
        f"so that {signed - size} that were acknowledged would be gone. Look for a newer backup. If there is none, the "
        "log is best ended: keep this backup to read from, and begin a new log with another origin and key. With "
        "--discard-newer it is restored and will sign a second history: whoever holds a receipt or checkpoint of the "
        "first can prove that the log forked"
    )
