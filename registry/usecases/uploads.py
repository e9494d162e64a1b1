"""Uploads: media uploaded ahead of its registration, kept for a day.

Only the owner of an upload is told that it exists. Uploads are stored under names of their own
("uploads/<owner>/<hex>"), not among the blobs: a blob may also be a stored sketch or signed
copy, which must outlive an upload of the same bytes.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

from provenance.errors import NotFound, StoreCorrupt
from registry.database import Session, rows, uploads
from registry.registry import Registry
from registry.storage.blobs import digest_file
from registry.times import to_milliseconds

KEPT_FOR = timedelta(hours=24)
"""How long media waits for its registration."""

_BATCH = 100


def keep(registry: Registry, *, path: Path, sha256: bytes, size: int, owner: str) -> bool:
    """Store the file at `path` for `owner`; False if the owner has uploaded the same bytes already.

    Raises:
        StoreUnavailable: the file cannot be stored.
        StoreCorrupt: the file has another digest than `sha256`.
    """
    objects = registry.blobs.objects
    if upload_name(owner, sha256) not in objects and objects.put_file(path, partial(upload_name, owner)) != sha256:
        raise StoreCorrupt("a received file changed before it was stored")
    row = rows.upload(sha256=sha256, size=size, created_at_ms=to_milliseconds(registry.now()), owner=owner)

    def renew(session: Session) -> bool:
        known = uploads.find(session, owner, sha256) is not None
        uploads.delete(session, owner, sha256)
        uploads.insert(session, row)
        return not known

    return registry.store.write(renew).result()


def take(registry: Registry, owner: str, sha256: bytes, path: Path) -> int:
    """Copy an upload of this owner to a new file at `path`; returns its size in bytes.

    Raises:
        NotFound: there is no such upload, or it has expired.
        StoreCorrupt, StoreUnavailable: the upload has changed in the store, or cannot be read now.
    """
    if not registry.blobs.objects.copy_to(upload_name(owner, sha256), path):
        raise NotFound("no such media: upload it first, and register it within a day")
    if digest_file(path) != sha256:
        raise StoreCorrupt("uploaded media has changed in the store")
    return path.stat().st_size


def drop(registry: Registry, owner: str, sha256: bytes) -> None:
    """Delete an upload; no error if there is none. Raises StoreUnavailable."""
    registry.blobs.objects.delete(upload_name(owner, sha256))
    registry.store.write(partial(uploads.delete, owner=owner, sha256=sha256)).result()


def forget(registry: Registry) -> None:
    """Delete the uploads that are older than `KEPT_FOR`."""
    before = to_milliseconds(registry.now() - KEPT_FOR)
    while True:
        with registry.store.read() as session:
            old = [(row.owner, row.sha256) for row in uploads.older(session, before, _BATCH)]
        for owner, sha256 in old:
            drop(registry, owner, sha256)
        if len(old) < _BATCH:
            return


def upload_name(owner: str, sha256: bytes) -> str:
    """The name of the object that holds an upload. Uploads of an older version have no owner."""
    return "/".join(filter(None, ("uploads", owner, sha256.hex())))
