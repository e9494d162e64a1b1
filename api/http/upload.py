"""Uploads: a request's file, streamed into the spool folder, hashed meanwhile, bounded, and always removed afterwards.

The file's name is ignored. A body may be the file itself or `multipart/form-data` (RFC 7578) with the file in one part.
Reading stops with 413 once the file is over the limit, or the body `limits.MAX_BODY_OVERHEAD_BYTES` over it, whatever
the Content-Length says.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.http.bodies import Bodies
from provenance import limits
from provenance.errors import (
    InvalidRequest,
    MalformedRequest,
    PayloadTooLarge,
    StoreUnavailable,
    UnsupportedMedia,
)
from registry.stages import Stages

PREFIX = "upload-"
"""Prefix of every upload's file in the spool folder, by which leftovers of a killed process are recognised."""

_DRAIN_BYTES = 1024 * 1024
"""Bytes buffered before a thread hashes and writes them: a thread hop for each 64 KB packet costs more."""


@dataclass(frozen=True)
class Upload:
    """A received file. It exists until the context of `Spool.receive` closes.

    Attributes:
        path: in the spool folder.
        sha256: of its bytes, 32 bytes.
        size: in bytes.
    """

    path: Path
    sha256: bytes
    size: int


@dataclass(frozen=True)
class Received:
    """The received files and text fields by part name; a raw body is the file named "file"."""

    files: Mapping[str, Upload]
    fields: Mapping[str, str]

    @property
    def file(self) -> Upload:
        """The file that every upload must have. Raises: InvalidRequest."""
        upload = self.files.get("file")
        if upload is None or upload.size == 0:
            raise InvalidRequest("The request has no file, or an empty one.")
        return upload

    @property
    def reference(self) -> Upload:
        """The second file, that the first one is compared with. Raises: InvalidRequest."""
        upload = self.files.get("reference")
        if upload is None or upload.size == 0:
            raise InvalidRequest("The request has no reference to compare the file with, or an empty one.")
        return upload

    @property
    def sidecar(self) -> Upload | None:
        """The C2PA manifest uploaded beside the file; None if there is none. Raises: InvalidRequest."""
        upload = self.files.get("sidecar")
        if upload is not None and upload.size == 0:
            raise InvalidRequest("The sidecar is empty: omit the part if there is no sidecar.")
        return upload


class Spool:
    """The folder that uploads are received into.

    Args:
        folder: made if missing; leftovers of an earlier process are removed.
        max_file_bytes: of the part "file" or of a raw body.
        bodies: reads what arrives.
        stages: told how long a body took to arrive ("receive").
    """

    def __init__(self, folder: Path, *, max_file_bytes: int, bodies: Bodies, stages: Stages | None = None) -> None:
        self.folder = folder
        self.max_file_bytes = max_file_bytes
        self.bodies = bodies
        self.stages = stages or Stages()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in folder.glob(f"{PREFIX}*"):
            leftover.unlink(missing_ok=True)

    @asynccontextmanager
    async def receive(
        self,
        request: Request,
        *,
        multipart: bool = True,
        text: tuple[str, ...] = (),
        beside: Literal["sidecar", "reference"] | None = None,
    ) -> AsyncIterator[Received]:
        """Receives a body, raw or multipart.

        Args:
            multipart: whether a body of type multipart/form-data is parsed as such.
            text: names of the text fields a multipart body may have.
            beside: the second file that a multipart body may have.

        Raises: PayloadTooLarge, MalformedRequest, InvalidRequest (unexpected parts), UnsupportedMedia
        (a compressed body), RequestTimeout and Overloaded (as `Bodies.read`), StoreUnavailable (no room);
        ClientDisconnect is Starlette's.
        """
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise UnsupportedMedia("Content-Encoding is not supported: send the bytes uncompressed.")
        with ExitStack() as stack:
            second = {"sidecar": limits.MAX_SIDECAR_BYTES, "reference": self.max_file_bytes}
            names = {"file": self.max_file_bytes} | ({} if beside is None else {beside: second[beside]})
            body = self.bodies.read(request, sum(names.values()) + limits.MAX_BODY_OVERHEAD_BYTES)
            content_type, options = parse_options_header(request.headers.get("content-type"))
            async with aclosing(body):
                with self.stages.timed("receive"):
                    if multipart and content_type == b"multipart/form-data":
                        form = _Form(
                            options.get(b"boundary", b""), names, text, lambda n: stack.enter_context(self._sink(n))
                        )
                        received = await form.read(body)
                    else:
                        sink = stack.enter_context(self._sink(self.max_file_bytes))
                        async for chunk in body:
                            await sink.take(chunk)
                        received = Received({"file": await sink.finish()}, {})
            yield received

    @contextmanager
    def place(self) -> Iterator[Path]:
        """A path for a new file, which is removed when the context closes."""
        path = self.folder / f"{PREFIX}{secrets.token_hex(16)}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _sink(self, limit: int) -> "_Sink":
        return _Sink(self.folder, limit)


class _Sink:
    """One spool file being written; removed when its context closes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        try:
            descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        except OSError as error:
            raise StoreUnavailable("The upload cannot be stored.") from error
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self.path = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        with suppress(OSError):  # the disk may have failed; the next start removes leftovers
            self.path.unlink(missing_ok=True)

    def gather(self, chunk: bytes) -> None:
        """Buffers bytes. Raises: PayloadTooLarge."""
        self.size += len(chunk)
        if self.size > self.limit:
            raise PayloadTooLarge(f"The file may have at most {self.limit} bytes.")
        self._pending += chunk

    async def take(self, chunk: bytes) -> None:
        self.gather(chunk)
        await self.drain(_DRAIN_BYTES)

    async def drain(self, at_least: int = 1) -> None:
        if len(self._pending) >= at_least:
            await anyio.to_thread.run_sync(self._write)

    async def finish(self) -> Upload:
        await self.drain()
        self._file.close()
        return Upload(self.path, self._hash.digest(), self.size)

    def _write(self) -> None:
        data, self._pending = self._pending, bytearray()
        self._hash.update(data)
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise StoreUnavailable("The upload cannot be stored.") from error


@dataclass
class _Part:
    name: str = ""
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""


class _Form:
    """A multipart body being parsed: each part is a known file or a known text field, at most once."""

    def __init__(
        self, boundary: bytes, files: Mapping[str, int], text: tuple[str, ...], open_sink: Callable[[int], _Sink]
    ) -> None:
        if not boundary:
            raise MalformedRequest("The multipart body has no boundary.")
        self._limits = files
        self._text = text
        self._open_sink = open_sink
        self._sinks: dict[str, _Sink] = {}
        self._values: dict[str, bytearray] = {}
        self._part = _Part()
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._part.header.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._part.value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise MalformedRequest("The multipart boundary is too long.") from error

    async def read(self, body: AsyncIterator[bytes]) -> Received:
        """Reads to the closing boundary. Raises: MalformedRequest, InvalidRequest, PayloadTooLarge."""
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise MalformedRequest("The multipart body is malformed.") from error
            for sink in self._sinks.values():
                await sink.drain(_DRAIN_BYTES)
        if not self._ended:
            raise MalformedRequest("The multipart body ends before its closing boundary.")
        files = {name: await sink.finish() for name, sink in self._sinks.items()}
        try:
            return Received(files, {name: value.decode("utf-8") for name, value in self._values.items()})
        except UnicodeDecodeError as error:
            raise MalformedRequest("A text field is not UTF-8.") from error

    def _begin_part(self) -> None:
        self._part = _Part()

    def _end_header(self) -> None:
        if bytes(self._part.header).lower() == b"content-disposition":
            self._part.disposition = bytes(self._part.value)
        self._part.header.clear()
        self._part.value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._part.disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name not in self._limits and name not in self._text:
            expected = ", ".join([*self._limits, *self._text])
            raise InvalidRequest(f"The body has an unexpected part; the expected parts are: {expected}.")
        if name in self._sinks or name in self._values:
            raise InvalidRequest(f"The part {name} is duplicated.")
        self._part.name = name
        if name in self._limits:
            self._sinks[name] = self._open_sink(self._limits[name])
        else:
            self._values[name] = bytearray()

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        name = self._part.name
        if name in self._sinks:
            self._sinks[name].gather(data[start:end])
            return
        self._values[name] += data[start:end]
        if len(self._values[name]) > limits.MAX_METADATA_BYTES:
            raise PayloadTooLarge(f"The field {name} may have at most {limits.MAX_METADATA_BYTES} bytes.")

    def _end(self) -> None:
        self._ended = True
