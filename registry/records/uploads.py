"""Uploads: media that a newsroom brings before it registers it, kept for a day.

They lie under names of their own ("uploads/<hex>"), not among the blobs: a blob may also be a stored sketch or signed
copy, which must outlive an upload of the same bytes.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

from provenance.errors import NotFound, StoreCorrupt
from registry.registry import Registry
from registry.store import Session, rows, uploads
from registry.times import to_milliseconds

KEPT_FOR = timedelta(hours=24)
"""How long media waits for its registration."""

_BATCH = 100


def keep(registry: Registry, *, path: Path, sha256: bytes, size: int, key_id: str) -> bool:
    """Keep the file at `path` from now on; False where the same bytes were there already.

    Raises:
        StoreUnavailable: no room.
        StoreCorrupt: the file is not the one whose digest was given.
    """
    objects = registry.blobs.objects
    if upload_name(sha256) not in objects and objects.put_file(path, upload_name) != sha256:
        raise StoreCorrupt("a received file changed before it was stored")
    row = rows.upload(sha256=sha256, size=size, created_at_ms=to_milliseconds(registry.now()), api_key_id=key_id)

    def renew(session: Session) -> bool:
        known = uploads.find(session, sha256) is not None
        uploads.delete(session, sha256)
        uploads.insert(session, row)
        return not known

    return registry.store.write(renew).result()


def load(registry: Registry, sha256: bytes) -> bytes:
    """The bytes of an upload. Raises NotFound where there is none, or none any more."""
    data = registry.blobs.objects.get(upload_name(sha256))
    if data is None:
        raise NotFound("no such media: upload it first, and register it within a day")
    return data


def drop(registry: Registry, sha256: bytes) -> None:
    """Delete an upload before its time; it is no error if there is none. Raises StoreUnavailable."""
    registry.blobs.objects.delete(upload_name(sha256))
    registry.store.write(partial(uploads.delete, sha256=sha256)).result()


def forget(registry: Registry) -> None:
    """Delete the uploads that are older than `KEPT_FOR`."""
    before = to_milliseconds(registry.now() - KEPT_FOR)
    while True:
        with registry.store.read() as session:
            old = [row.sha256 for row in uploads.older(session, before, _BATCH)]
        for sha256 in old:
            registry.blobs.objects.delete(upload_name(sha256))
            registry.store.write(partial(uploads.delete, sha256=sha256)).result()
        if len(old) < _BATCH:
            return


def upload_name(sha256: bytes) -> str:
    """The name of the object that holds an upload."""
    return f"uploads/{sha256.hex()}"
