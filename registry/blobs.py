"""Blobs: content-addressed bytes on object storage, and the named objects beneath them.

`Objects` holds files under names ("log/checkpoint", "log/tile/0/000"), `Blobs` names them by their SHA-256. A put is
atomic, and durable before it returns: the bytes go to a staging name, are flushed, get their name, and then the folder
is flushed (fsync(2) of a file says nothing about its entry in the folder). What a crash leaves in staging never counts.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from provenance.errors import NotFound, StoreCorrupt, StoreUnavailable

_STAGING = "staging"
_LEFTOVER_SECONDS = 3600
"""Seconds after which no put can still be at work on a staged file; until then it may be another process's."""
_CHUNK_BYTES = 1024 * 1024


class Objects:
    """Named objects in a local folder, through the interface that S3 has as well."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it where it is missing. Raises StoreUnavailable."""
        with _available():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder = folder.resolve()
            self._store = LocalStore(self.folder)
            self._flushed = {self.folder}
            _flush(self.folder.parent)
            for leftover in (self.folder / _STAGING).glob("*"):
                with suppress(FileNotFoundError):
                    if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                        leftover.unlink()

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, in place of what was there. Raises StoreUnavailable; then nothing has changed."""
        with self._staging() as staged:
            obstore.put(self._store, staged, data, use_multipart=False)
            self._publish(staged, name)

    def put_file(self, path: Path, name: Callable[[bytes], str]) -> bytes:
        """Store a copy of a file under the name made of its SHA-256, which is returned. Raises StoreUnavailable."""
        digest = hashlib.sha256()
        with self._staging() as staged:
            with path.open("rb") as source, obstore.open_writer(self._store, staged) as writer:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    writer.write(chunk)
            self._publish(staged, name(digest.digest()))
        return digest.digest()

    def flush(self, name: str) -> None:
        """Make the name of a stored object durable, in case that its put was cut short. Raises StoreUnavailable."""
        with _available():
            self._flush_name(name)

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, or None. Raises StoreUnavailable."""
        with _available():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def delete(self, name: str) -> None:
        """Drop an object; it is no error if there is none. Raises StoreUnavailable."""
        with _available(), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, size in bytes) of the objects in the folder `prefix`, in no order. Raises StoreUnavailable."""
        with _available():
            for page in obstore.list(self._store, prefix):
                for found in page:
                    yield found["path"], found["size"]

    def __contains__(self, name: str) -> bool:
        with _available():
            try:
                obstore.head(self._store, name)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def _staging(self) -> Iterator[str]:
        """A name to write to, which holds nothing any more when the block ends."""
        staged = f"{_STAGING}/{secrets.token_hex(16)}"
        try:
            with _available():
                yield staged
        except StoreUnavailable:
            with suppress(FileNotFoundError, BaseError):
                obstore.delete(self._store, staged)
            raise

    def _publish(self, staged: str, name: str) -> None:
        _flush(self.folder / staged)
        obstore.rename(self._store, staged, name)
        self._flush_name(name)

    def _flush_name(self, name: str) -> None:
        folder = (self.folder / name).parent
        unflushed = []  # folders whose own names may not be durable yet
        while folder not in self._flushed:
            unflushed.append(folder)
            folder = folder.parent
        _flush((self.folder / name).parent)
        for each in unflushed:
            _flush(each.parent)
        self._flushed.update(unflushed)


class Blobs:
    """Bytes under their SHA-256."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @classmethod
    def open(cls, folder: Path) -> "Blobs":
        """The blobs of a local folder. Raises StoreUnavailable."""
        return cls(Objects(folder))

    def put(self, content: bytes | Path) -> bytes:
        """Store bytes, or the bytes of a file, and return their SHA-256. The same content twice is one blob.

        Raises StoreUnavailable, and then nothing was stored.
        """
        if isinstance(content, Path):
            return self.objects.put_file(content, blob_name)
        sha256 = hashlib.sha256(content).digest()
        name = blob_name(sha256)
        if self.objects.get(name) == content:
            self.objects.flush(name)
        else:  # missing, or damaged and thereby mended
            self.objects.put(name, content)
        return sha256

    def get(self, sha256: bytes) -> bytes:
        """The bytes with this SHA-256. Raises NotFound, StoreCorrupt when they have changed, StoreUnavailable."""
        data = self.objects.get(blob_name(sha256))
        if data is None:
            raise NotFound("no such blob")
        if hashlib.sha256(data).digest() != sha256:
            raise StoreCorrupt(f"the blob {sha256.hex()} has changed")
        return data

    def delete(self, sha256: bytes) -> None:
        """Drop a blob; it is no error if there is none. Raises StoreUnavailable."""
        self.objects.delete(blob_name(sha256))

    def __contains__(self, sha256: bytes) -> bool:
        return blob_name(sha256) in self.objects

    def __iter__(self) -> Iterator[bytes]:
        """The digests of all blobs, in no order. Raises StoreUnavailable."""
        for name, _ in self.objects.names("blobs"):
            with suppress(ValueError):
                sha256 = bytes.fromhex(name.rpartition("/")[2])
                if name == blob_name(sha256):
                    yield sha256


def blob_name(sha256: bytes) -> str:
    """Where a blob lies: blobs/ab/cd/abcd…"""
    name = sha256.hex()
    return f"blobs/{name[:2]}/{name[2:4]}/{name}"


def _flush(path: Path) -> None:
    """fsync(2) a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreUnavailable(f"the object storage failed: {reason}") from error
