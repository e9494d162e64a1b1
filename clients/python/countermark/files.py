"""Files to send: hashed and streamed in chunks, with the progress told as it happens."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import InvalidRequest

CHUNK_BYTES = 256 * 1024
"""Bytes read and sent at once: small enough for a smooth progress bar, large enough to cost nothing."""

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all)."""


@dataclass(frozen=True)
class FileToSend:
    """A picture, as a path or as bytes."""

    source: Path | bytes
    size: int

    @classmethod
    def of(cls, source: Path | str | bytes) -> "FileToSend":
        """Raises InvalidRequest when there is no such file."""
        if isinstance(source, bytes):
            return cls(source, len(source))
        path = Path(source)
        try:
            return cls(path, path.stat().st_size)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error

    def chunks(self, progress: Progress | None = None) -> Iterator[bytes]:
        """The bytes, from the start, each time it is called: a retry sends them again."""
        sent = 0
        for chunk in self._read():
            sent += len(chunk)
            yield chunk
            if progress:
                progress(sent, self.size)

    def sha256(self) -> str:
        """SHA-256 of the bytes, lowercase hex."""
        digest = hashlib.sha256()
        for chunk in self._read():
            digest.update(chunk)
        return digest.hexdigest()

    def _read(self) -> Iterator[bytes]:
        if isinstance(self.source, bytes):
            for start in range(0, len(self.source), CHUNK_BYTES):
                yield self.source[start : start + CHUNK_BYTES]
            return
        try:
            with self.source.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise InvalidRequest(f"{self.source} cannot be read: {error.strerror}") from error
