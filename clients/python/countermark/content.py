"""Content: the bytes of a request body, from a file or from memory, hashed and streamed in chunks."""

import hashlib
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import InvalidRequest

CHUNK_BYTES = 256 * 1024
"""Bytes read and sent at once: small enough for a smooth progress bar, large enough for a negligible overhead."""

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all) after each chunk. A retry starts from the first chunk again."""

Source = Path | str | bytes
"""A file by its path, or bytes."""


@dataclass(frozen=True)
class Content:
    """Bytes that can be read again for each attempt of a request. `size` is in bytes."""

    source: Path | bytes
    size: int

    @classmethod
    def of(cls, source: Source) -> "Content":
        """The content of a source. Raises InvalidRequest if there is no such file."""
        if isinstance(source, bytes):
            return cls(source, len(source))
        path = Path(source)
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise InvalidRequest(f"{path} is not a file")
        return cls(path, status.st_size)

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
            with self.source.open("rb", buffering=0) as file:
                while chunk := file.read(CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except OSError as error:
            raise _unreadable(self.source, error) from error
        if left:
            raise InvalidRequest(f"{self.source} changed while it was read")

    def sha256(self) -> str:
        """SHA-256 of the bytes, lowercase hex. Raises InvalidRequest as `chunks` does."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, limit: int) -> bytes:
        """All bytes, at most `limit`. Raises InvalidRequest if there are more, or as `chunks` does."""
        if self.size > limit:
            name = "the content" if isinstance(self.source, bytes) else self.source
            raise InvalidRequest(f"{name} has {self.size:,} bytes; at most {limit:,} are read")
        return self.source if isinstance(self.source, bytes) else b"".join(self.chunks())


def _unreadable(path: Path, error: OSError | ValueError) -> InvalidRequest:
    return InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
