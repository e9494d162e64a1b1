"""Blobs: content-addressed bytes on object storage, each under its SHA-256."""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from provenance.errors import NotFound, StoreCorrupt, StoreUnavailable
from provenance.limits import MAX_COMMIT_JOBS
from registry.storage.objects import Objects, open_objects

__all__ = ["Blobs", "Objects", "blob_name"]

T = TypeVar("T")

VISITORS = 8
"""Blobs that are read at once where all are: a bucket answers each after a round trip."""


class Blobs:
    """Bytes under their SHA-256."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @classmethod
    def open(cls, place: Path | str) -> "Blobs":
        """The blobs in a folder, or under "s3://BUCKET/PREFIX". Raises SettingsInvalid, StoreUnavailable."""
        return cls(open_objects(place))

    def put(self, content: bytes | Path) -> bytes:
        """Store bytes, or the bytes of a file, and return their SHA-256. Equal content is one blob.

        Raises StoreUnavailable; nothing was stored then.
        """
        if isinstance(content, Path):
            return self.objects.put_file(content, blob_name)
        sha256 = hashlib.sha256(content).digest()
        name = blob_name(sha256)
        if not self.objects.create(name, content):
            if self.objects.get(name) == content:
                self.objects.flush(name)
            else:  # damaged, and repaired so
                self.objects.put(name, content)
        return sha256

    def put_all(self, contents: Sequence[bytes | None]) -> list[bytes | None]:
        """As `put`, for several at the same time; None for None. Raises StoreUnavailable; some may be stored then."""
        with ThreadPoolExecutor(max(1, len(contents)), "countermark-blobs") as writers:
            return list(writers.map(lambda content: None if content is None else self.put(content), contents))

    def get(self, sha256: bytes) -> bytes:
        """The bytes with this SHA-256. Raises NotFound, StoreCorrupt when they have changed, StoreUnavailable."""
        data = self.objects.get(blob_name(sha256))
        if data is None:
            raise NotFound("no such blob")
        if hashlib.sha256(data).digest() != sha256:
            raise StoreCorrupt(f"the blob {sha256.hex()} has changed")
        return data

    @contextmanager
    def lend(self, sha256: bytes, folder: Path) -> Iterator[Path]:
        """A file in `folder` with these bytes, for a worker to read, while the context is open, so that a picture of
        50 MB is never in this process's memory. Raises as `get`."""
        path = folder / f"lent-{secrets.token_hex(16)}"
        try:
            if not self.objects.copy_to(blob_name(sha256), path):
                raise NotFound("no such blob")
            if digest_file(path) != sha256:
                raise StoreCorrupt(f"the blob {sha256.hex()} has changed")
            yield path
        finally:
            path.unlink(missing_ok=True)

    def delete(self, sha256: bytes) -> None:
        """Delete a blob; no error if there is none. Raises StoreUnavailable."""
        self.objects.delete(blob_name(sha256))

    def __contains__(self, sha256: bytes) -> bool:
        return blob_name(sha256) in self.objects

    def __iter__(self) -> Iterator[bytes]:
        """The digests of all blobs, in any order. Raises StoreUnavailable."""
        return (each for each in self.stored() if isinstance(each, bytes))

    def stored(self) -> Iterator[bytes | str]:
        """The digests of all blobs, and the names of stray files among them. Raises StoreUnavailable."""
        for name, _ in self.objects.names("blobs"):
            sha256 = None
            with suppress(ValueError):
                sha256 = bytes.fromhex(name.rpartition("/")[2])
            yield name if sha256 is None or name != blob_name(sha256) else sha256

    def visit(self, act: Callable[[bytes | str], T], progress: Callable[[int], None]) -> Iterator[T]:
        """What `act` gives of each that is `stored`, in the order of the list; some are at work at the same time.

        `progress` is called now and then, with the number of those that are done. Raises StoreUnavailable.
        """
        stored, done = self.stored(), 0
        with ThreadPoolExecutor(VISITORS, "countermark-blobs") as visitors:
            while batch := list(islice(stored, MAX_COMMIT_JOBS)):
                progress(done)
                yield from visitors.map(act, batch)
                done += len(batch)


def digest_file(path: Path) -> bytes:
    """The SHA-256 of a file. Raises StoreUnavailable."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise StoreUnavailable("a file of the spool cannot be read") from error


def blob_name(sha256: bytes) -> str:
    """The object name of a blob: blobs/ab/cd/abcd…"""
    name = sha256.hex()
    return f"blobs/{name[:2]}/{name[2:4]}/{name}"
