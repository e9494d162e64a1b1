"""Backup: a copy of a data folder that is whole in itself, made while the server goes on.

The database is copied first, as one commit has left it. Blobs are durable before an entry names them, so those that
are copied afterwards are at least those that the copy names. Tiles, checkpoint and high-water file follow from the
copied entries, and are made from them. Then everything is recomputed from the copy, as fsck does.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from provenance.errors import Conflict, MalformedNote, NotFound, StoreCorrupt, StoreUnavailable, UntrustedNote
from provenance.limits import MAX_COMMIT_JOBS
from provenance.transparency.note import VerifierKey
from registry.blobs import Blobs, blob_name
from registry.log.log_keys import StatedKeys
from registry.log.tiles import Edge
from registry.store import Store, checkpoints, entries
from registry.store.snapshot import copy_database
from registry.upkeep.fsck import Finding, Progress, check

DATABASE = "countermark.db"
HIGH_WATER = "high-water"


def back_up(
    folder: Path, blobs: Blobs, target: Path, log_key: VerifierKey, progress: Progress
) -> tuple[int, list[Finding]]:
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


def _copy_blobs(blobs: Blobs, draft: Path, progress: Progress) -> Iterator[Finding]:
    for done, sha256 in enumerate(blobs):
        if done % MAX_COMMIT_JOBS == 0:
            progress("copying blobs", done, 0)
        try:
            _write(draft / "objects" / blob_name(sha256), blobs.get(sha256))
        except NotFound:  # deleted since
            continue
        except StoreCorrupt as error:
            yield Finding("blob", sha256.hex(), f"not copied: {error}")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def _available(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{place} cannot be written: {error.strerror or error}") from error
