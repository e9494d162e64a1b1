"""Objects: named bytes in a local folder, or in a bucket with the Amazon S3 protocol.

Both are accessed through obstore. A put is atomic, and durable when it returns; the bytes under a name never change,
except by a swap.
"""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, S3Store

from provenance.errors import SettingsInvalid, StoreUnavailable
from registry.storage import files

T = TypeVar("T")

_STAGING = "staging"
_LEFTOVER_SECONDS = 3600
"""Seconds after which no put can still be at work on a staged file; until then it may be another process's."""
_CHUNK_BYTES = 1024 * 1024

_SWAPPED = {"Cache-Control": "max-age=1"}
_LASTING = {"Cache-Control": "max-age=31536000, immutable"}


class Objects(Protocol):
    """Named objects ("log/checkpoint", "log/tile/0/000"). Every method raises StoreUnavailable."""

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, replacing any."""

    def create(self, name: str, data: bytes) -> bool:
        """Store bytes under a name that holds nothing; False if it holds something."""

    def put_file(self, path: Path, name: Callable[[bytes], str]) -> bytes:
        """Store a copy of a file under the name made of its SHA-256, which is returned."""

    def copy_to(self, name: str, path: Path) -> bool:
        """Copy an object to a new file, which must only be read; False if there is no object."""

    def swap(self, name: str, data: bytes, expected: Collection[bytes | None]) -> bool:
        """Replace one of `expected` (None: no object) with bytes; False if the object holds something else."""

    def flush(self, name: str) -> None:
        """Make the name of a stored object durable, in case its put was interrupted."""

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, or None."""

    def delete(self, name: str) -> None:
        """Delete an object; no error if there is none."""

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, size in bytes) of the objects in the folder `prefix`, in any order."""

    def __contains__(self, name: str) -> bool: ...


def open_objects(place: Path | str) -> Objects:
    """The objects in a folder, or under "s3://BUCKET/PREFIX". Raises SettingsInvalid, StoreUnavailable."""
    return BucketObjects(place) if isinstance(place, str) else LocalObjects(place)


class _Stored:
    """What folder and bucket have in common."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store: Any = store

    def get(self, name: str) -> bytes | None:
        """The bytes under a name, or None. Raises StoreUnavailable."""
        with _available():
            return self._found(name, lambda: bytes(obstore.get(self._store, name).bytes()))

    def delete(self, name: str) -> None:
        """Delete an object; no error if there is none. Raises StoreUnavailable."""
        with _available(), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, size in bytes) of the objects in the folder `prefix`, in any order. Raises StoreUnavailable."""
        with _available():
            for page in obstore.list(self._store, prefix):
                for found in page:
                    yield found["path"], found["size"]

    def __contains__(self, name: str) -> bool:
        with _available():
            return self._found(name, lambda: obstore.head(self._store, name)) is not None

    def _found(self, _name: str, ask: Callable[[], T]) -> T | None:
        """The result of a request about an object; None if there is no object."""
        try:
            return ask()
        except FileNotFoundError:
            return None


class LocalObjects(_Stored):
    """Objects in a local folder.

    The bytes of a put go to a staging name, are flushed, get their name, and then the folder is flushed (fsync(2) of a
    file says nothing about its entry in the folder). What a crash leaves in staging is ignored.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it where it is missing. Raises StoreUnavailable."""
        with _available():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder = folder.resolve()
            super().__init__(LocalStore(self.folder))
            self._flushed = {self.folder}
            files.flush(self.folder.parent)
            for leftover in (self.folder / _STAGING).glob("*"):
                with suppress(FileNotFoundError):
                    if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                        leftover.unlink()

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, replacing any. Raises StoreUnavailable; nothing has changed then."""
        with self._staging() as staged:
            obstore.put(self._store, staged, data, use_multipart=False)
            self._publish(staged, name)

    def create(self, name: str, data: bytes) -> bool:
        """Store bytes under a name that holds nothing; False if it holds something. Raises StoreUnavailable."""
        if name in self:
            return False
        self.put(name, data)
        return True

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

    def copy_to(self, name: str, path: Path) -> bool:
        """Copy an object to a new file, by a hard link where the file system has them: an object is never written in
        place. Raises StoreUnavailable."""
        source = self.folder / name
        with _available():
            if not source.is_file():
                return False
            try:
                os.link(source, path)
            except FileNotFoundError:  # deleted since, or the folder of `path` is
                return False
            except OSError:  # another file system, or one without links
                shutil.copyfile(source, path)
        return True

    def swap(self, name: str, data: bytes, expected: Collection[bytes | None]) -> bool:
        """Replace one of `expected` (None: no object) with bytes; False if the object holds something else."""
        path = self.folder / name
        with _available():
            path.parent.mkdir(parents=True, exist_ok=True)
            swapped = files.swap(path, data, expected)
            self._flush_name(name)
        return swapped

    def flush(self, name: str) -> None:
        """Make the name of a stored object durable, in case its put was interrupted. Raises StoreUnavailable."""
        with _available():
            self._flush_name(name)

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As of any objects; also of files whose names no object can have, which obstore's list ends at."""
        seen: set[str] = set()
        with _available():
            for place, inner, found in os.walk(self.folder / prefix, onerror=_unless_missing, followlinks=True):
                if (resolved := os.path.realpath(place)) in seen:  # a link to a folder around it
                    inner.clear()
                    continue
                seen.add(resolved)
                for path in (Path(place, name) for name in found):
                    with suppress(FileNotFoundError):  # deleted since
                        yield path.relative_to(self.folder).as_posix(), path.lstat().st_size

    def _found(self, name: str, ask: Callable[[], T]) -> T | None:
        try:
            return super()._found(name, ask)
        except BaseError:
            if (self.folder / name).parent.is_dir():
                raise
            return None  # a file lies in the place of a folder

    @contextmanager
    def _staging(self) -> Iterator[str]:
        """A staging name to write to; a failure of the block deletes it."""
        staged = f"{_STAGING}/{secrets.token_hex(16)}"
        try:
            with _available():
                yield staged
        except StoreUnavailable:
            with suppress(FileNotFoundError, BaseError):
                obstore.delete(self._store, staged)
            raise

    def _publish(self, staged: str, name: str) -> None:
        files.flush(self.folder / staged)
        obstore.rename(self._store, staged, name)
        self._flush_name(name)

    def _flush_name(self, name: str) -> None:
        folder = (self.folder / name).parent
        unflushed = []  # folders whose own names may not be durable yet
        while folder not in self._flushed:
            unflushed.append(folder)
            folder = folder.parent
        files.flush((self.folder / name).parent)
        for each in unflushed:
            files.flush(each.parent)
        self._flushed.update(unflushed)


class BucketObjects(_Stored):
    """Objects in a bucket. Keys, region and endpoint come from the environment, as every S3 client takes them (AWS_…).

    Objects carry how long they may be cached: for ever, but a second where they are swapped.
    """

    def __init__(self, url: str) -> None:
        """Open "s3://BUCKET/PREFIX". Raises SettingsInvalid, StoreUnavailable where it does not answer."""
        address = urlsplit(url)
        if address.scheme != "s3" or not address.hostname or address.query or address.username is not None:
            raise SettingsInvalid("an address of objects is a folder, or reads s3://BUCKET/PREFIX")
        with _available():
            store = S3Store(
                address.hostname,
                prefix=address.path.strip("/") or None,
                client_options={"connect_timeout": "3s", "timeout": "20s", "allow_http": _endpoint_is_local()},
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
            )
        super().__init__(store)
        self._swapped: dict[str, tuple[bytes, Any]] = {}  # what this process has swapped in, and its entity tag
        next(self.names("log/tile/0"), None)

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, replacing any. Raises StoreUnavailable."""
        with _available():
            obstore.put(self._store, name, data, attributes=_LASTING)

    def create(self, name: str, data: bytes) -> bool:
        """Store bytes under a name that holds nothing, by one request; False if it holds something: perhaps the same,
        of a first attempt whose response was lost. Raises StoreUnavailable."""
        with _available():
            try:
                obstore.put(self._store, name, data, attributes=_LASTING, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def put_file(self, path: Path, name: Callable[[bytes], str]) -> bytes:
        """Store a copy of a file under the name made of its SHA-256, which is returned. Raises StoreUnavailable."""
        with _available(), path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").digest()
            source.seek(0)
            obstore.put(self._store, name(digest), source, attributes=_LASTING)
        return digest

    def copy_to(self, name: str, path: Path) -> bool:
        """Copy an object to a new file; False if there is no object. Raises StoreUnavailable."""
        with _available():
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError:
                return False
            with path.open("xb") as file:
                for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                    file.write(chunk)
        return True

    def swap(self, name: str, data: bytes, expected: Collection[bytes | None]) -> bool:
        """Replace one of `expected` (None: no object) with bytes; False if the object holds something else.

        A conditional put (If-Match on the entity tag of what was read, If-None-Match where there was nothing). What
        this process has swapped in is not read again.
        """
        known = self._swapped.pop(name, None)
        with _available():
            tried = known is not None and known[0] in expected
            if known is not None and tried and self._put_over(name, data, known[1]):
                return True
            held: bytes | None = None
            mode: Any = "create"
            try:
                found = obstore.get(self._store, name)
                held = bytes(found.bytes())
                mode = _tags(found.meta)
            except FileNotFoundError:
                pass
            if held in expected:
                if self._put_over(name, data, mode):
                    return True
                held = self.get(name)
                tried = True
            return tried and held == data  # of an attempt of ours whose response was lost

    def _put_over(self, name: str, data: bytes, mode: Any) -> bool:
        """Whether the object was what `mode` says, and is replaced now."""
        try:
            put = obstore.put(self._store, name, data, attributes=_SWAPPED, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        self._swapped[name] = data, _tags(put)
        return True

    def flush(self, name: str) -> None:
        """Nothing to do: a bucket's put is durable."""


def _tags(stated: Any) -> dict[str, str]:
    """Entity tag and version of an object, as far as the bucket states them."""
    return {key: value for key in ("e_tag", "version") if (value := stated.get(key)) is not None}


def _endpoint_is_local() -> bool:
    """Whether the environment names a plain-http endpoint on this machine: elsewhere it has to be https."""
    address = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or "")
    return address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost", "::1")


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreUnavailable(f"the object storage failed: {reason}") from error
