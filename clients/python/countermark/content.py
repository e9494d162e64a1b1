"""Content: the bytes of a request body, from a file or from memory, hashed and streamed in chunks."""

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from provenance.errors import InvalidRequest
from provenance.limits import MAX_MEDIA_BYTES

CHUNK_BYTES = 256 * 1024
"""Bytes read and sent at once: small enough for a smooth progress bar, large enough for a negligible overhead."""

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all) after each chunk. A retry starts from the first chunk again."""

Source = Path | str | bytes | bytearray | memoryview | BinaryIO
"""A file by its path, bytes, or an open file in binary mode: what it has from its position on."""


@dataclass(frozen=True)
class Content:
    """Bytes that can be read again for each attempt of a request. `size` is in bytes, `start` where they begin."""

    source: Path | bytes | BinaryIO
    size: int
    start: int = 0

    @classmethod
    def of(cls, source: Source) -> "Content":
        """The content of a source. Raises InvalidRequest if there is no such file."""
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(bytes(source), len(bytes(source)))
        if not isinstance(source, str | Path):
            return cls._of_file(source)
        path = Path(source)
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise InvalidRequest(f"{path} is not a file")
        return cls(path, status.st_size)

    @classmethod
    def _of_file(cls, file: BinaryIO) -> "Content":
        try:
            if not file.seekable():
                data = file.read(MAX_MEDIA_BYTES + 1)
                return cls(data, len(data))
            start = file.tell()
            size = file.seek(0, os.SEEK_END) - start
            file.seek(start)
        except (OSError, ValueError) as error:
            raise _unreadable(_name(file), error) from error
        return cls(file, size, start)

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the start, never empty ones.

        Raises:
            InvalidRequest: the file cannot be read, or its size has changed.
        """
        if isinstance(self.source, bytes):
            for start in range(0, self.size, CHUNK_BYTES):
                yield self.source[start : start + CHUNK_BYTES]
            return
        left = self.size
        try:
            with self._opened() as file:
                while chunk := file.read(CHUNK_BYTES):
                    if not isinstance(chunk, bytes):
                        raise InvalidRequest(f"{_name(self.source)} is not open in binary mode")
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except (OSError, ValueError) as error:
            raise _unreadable(_name(self.source), error) from error
        if left:
            raise InvalidRequest(f"{_name(self.source)} changed while it was read")

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO | FileIO]:
        """The file at its start; one that the caller has opened stays open."""
        if isinstance(self.source, Path):
            with self.source.open("rb", buffering=0) as file:
                yield file
        elif not isinstance(self.source, bytes):
            self.source.seek(self.start)
            yield self.source

    def sha256(self) -> str:
        """SHA-256 of the bytes, lowercase hex. Raises InvalidRequest as `chunks` does."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, limit: int) -> bytes:
        """All bytes, at most `limit`. Raises InvalidRequest if there are more, or as `chunks` does."""
        if self.size > limit:
            raise InvalidRequest(f"{_name(self.source)} has {self.size:,} bytes; at most {limit:,} are read")
        return self.source if isinstance(self.source, bytes) else b"".join(self.chunks())


@dataclass(frozen=True)
class Form:
    """Files by the names of their fields, as a form (RFC 7578), read again for each attempt as `Content` is."""

    files: Mapping[str, Content]
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def media_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def size(self) -> int:
        """Bytes."""
        heads = sum(len(self._head(name)) + file.size + len(_LINE) for name, file in self.files.items())
        return heads + len(self._end)

    def chunks(self) -> Iterator[bytes]:
        """The bytes from the start, never empty ones. Raises InvalidRequest as those of a file do."""
        for name, file in self.files.items():
            yield self._head(name)
            yield from file.chunks()
            yield _LINE
        yield self._end

    def _head(self, name: str) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}"'
        return f"--{self.boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()

    @property
    def _end(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode()


_LINE = b"\r\n"


def _name(source: Path | bytes | BinaryIO) -> str:
    return (
        "the content"
        if isinstance(source, bytes)
        else str(source if isinstance(source, Path) else getattr(source, "name", "the file"))
    )


def _unreadable(name: object, error: OSError | ValueError) -> InvalidRequest:
    return InvalidRequest(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")
