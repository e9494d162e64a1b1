"""Restoring: a backup becomes the data folder again, if that forks nothing.

A log that signs from an older state than it has signed before makes a second history of the same sizes: a fork. The
high-water file, by preference on another disk than the data, says what was signed last.
"""

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import Conflict, MalformedNote, StoreCorrupt, StoreUnavailable
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.note import VerifierKey
from registry.blobs import Blobs
from registry.log.high_water import HighWater
from registry.store import Store, entries
from registry.upkeep.backup import DATABASE, HIGH_WATER, refuse_full
from registry.upkeep.fsck import Progress, check

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
        (draft / "lock").unlink(missing_ok=True)
        for part in sorted(draft.iterdir(), key=lambda path: path.name == DATABASE):  # without it, nothing is there
            part.rename(folder / part.name)
        draft.rmdir()
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
