"""Frames: length-prefixed messages over pipes, and answers as plain data.

A request is a pickle, because the server writes it: a `Path` in it reaches the worker as an `InputFile`, of which the
server sends the descriptor (SCM_RIGHTS, unix(7)). An answer is never unpickled: a worker with an
exploited decoder may have written it, and unpickling can call anything. It is CBOR (RFC 8949)
that spells out a few kinds of value, from which the server builds its own frozen classes.

A composite value is a CBOR array whose first element names its kind:
``["tuple", […]]``, ``["list", […]]``, ``["map", [[key, value], …]]``, ``["array", dtype, shape, bytes]``,
``["time", ISO 8601]``, ``["member", class, name]`` (of an Enum), ``["value", class, [fields…]]`` (of a
dataclass) and ``["error", class, message]`` (of our exception tree); a class is ``module:name``.
"""

import dataclasses
import errno
import importlib
import io
import os
import pickle
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import cbor2
import numpy as np

from provenance import limits
from provenance.errors import CountermarkError

MAX_ANSWER_BYTES = 160 * 1024 * 1024
"""Bytes of an answer: a signed copy (50 MiB) and a large picture's thumbnail sources; bounds what a worker can send."""

MAX_MESSAGE_CHARACTERS = 500
"""Characters of an exception's message that cross: it may quote a stranger's file."""

WATCH_SECONDS = 1.0
"""Seconds of silence between two calls of `watch`."""

MAX_FILES = limits.MAX_PARENTS + 16
"""Files of a request: a picture, a sidecar, the candidates, or the signed copies of all parents."""

_HEADER = struct.Struct(">Q")
_CHUNK = 1024 * 1024
_ARRAY_KINDS = "biuf"  # numpy: booleans, integers, floats


class AnswerError(Exception):
    """An answer that is too long or malformed."""


# Frames -----------------------------------------------------------------------------------------


def write_frame(
    descriptor: int, payload: bytes, deadline: float | None = None, watch: Callable[[], None] | None = None
) -> None:
    """Write one frame. With a `deadline` (`time.monotonic` seconds) the descriptor must be non-blocking.

    Raises TimeoutError at the deadline, BrokenPipeError when nobody reads, and what `watch` raises, which is called
    while nothing is read.
    """
    for part in (_HEADER.pack(len(payload)), payload):
        rest = memoryview(part)
        while rest:
            _wait(descriptor, select.POLLOUT, deadline, watch)
            try:
                rest = rest[os.write(descriptor, rest[:_CHUNK]) :]
            except BlockingIOError:
                continue


def read_frame(
    descriptor: int,
    deadline: float | None = None,
    *,
    limit: int | None = None,
    watch: Callable[[], None] | None = None,
) -> bytes:
    """Read one frame of at most `limit` bytes.

    Raises TimeoutError at the deadline, EOFError when the other side has closed, AnswerError
    for a longer frame, and what `watch` raises, which is called while nothing comes.
    """
    (length,) = _HEADER.unpack(_read_exactly(descriptor, _HEADER.size, deadline, watch))
    if limit is not None and length > limit:
        raise AnswerError(f"an answer of {length} bytes")
    return _read_exactly(descriptor, length, deadline, watch)


def _read_exactly(descriptor: int, length: int, deadline: float | None, watch: Callable[[], None] | None) -> bytes:
    data = io.BytesIO()  # gives its bytes away without a copy
    while (missing := length - data.tell()) > 0:
        _wait(descriptor, select.POLLIN, deadline, watch)
        try:
            part = os.read(descriptor, min(_CHUNK, missing))
        except BlockingIOError:
            continue
        if not part:
            raise EOFError("the other side has closed")
        data.write(part)
    return data.getvalue()


def _wait(descriptor: int, event: int, deadline: float | None, watch: Callable[[], None] | None) -> None:
    """Wait until the descriptor is ready; a hang-up counts as ready, and the call that follows says what it is."""
    if deadline is None:
        return
    poll = select.poll()
    poll.register(descriptor, event)
    while not poll.poll(min(WATCH_SECONDS, max(0.0, deadline - time.monotonic())) * 1000):
        if watch is not None:
            watch()
        if time.monotonic() >= deadline:
            raise TimeoutError("no time left")


# Requests ---------------------------------------------------------------------------------------


class Readable(Protocol):
    """A file to examine: a path, or in a worker an `InputFile`."""

    def read_bytes(self) -> bytes: ...


class InputFile:
    """A file that the server has opened for a job: it can be read, as often as one likes, and nothing else."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def read_bytes(self) -> bytes:
        """All of it. Raises OSError."""
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()


def encode_request(value: object) -> tuple[bytes, tuple[Path, ...]]:
    """The pickle of a request, and the paths in it. Raises ValueError for more than `MAX_FILES`."""
    buffer, paths = io.BytesIO(), list[Path]()

    class Pickler(pickle.Pickler):
        """Notes paths, and writes their places."""

        def persistent_id(self, part: object) -> int | None:
            if not isinstance(part, Path):
                return None
            paths.append(part)
            return len(paths) - 1

    Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    if len(paths) > MAX_FILES:
        raise ValueError(f"a request with {len(paths)} files")
    return buffer.getvalue(), tuple(paths)


def decode_request(data: bytes, descriptors: Sequence[int]) -> Any:
    """The value that `encode_request` was given, with files in place of its paths. Raises OSError if one is missing."""

    class Unpickler(pickle.Unpickler):
        """Puts files in their places."""

        def persistent_load(self, index: int) -> InputFile:
            if index >= len(descriptors):  # the kernel drops those that this process may not have (unix(7))
                raise OSError(errno.EMFILE, "a file did not arrive")
            return InputFile(descriptors[index])

    return Unpickler(io.BytesIO(data)).load()


def send_files(channel: socket.socket, paths: Sequence[Path]) -> None:
    """Open files for reading, and send their descriptors; none too. Raises OSError."""
    with ExitStack() as opened:
        files = [opened.enter_context(path.open("rb", buffering=0)).fileno() for path in paths]
        socket.send_fds(channel, [b"\0"], files)


def receive_files(channel: socket.socket) -> Sequence[int]:
    """The descriptors of the next request. Raises EOFError when the other side has closed."""
    data, descriptors, _, _ = socket.recv_fds(channel, 1, MAX_FILES)
    if not data:
        raise EOFError("the other side has closed")
    return descriptors


# Answers ----------------------------------------------------------------------------------------


def encode_answer(value: object) -> bytes:
    """CBOR of a value made of scalars, containers, numpy arrays, datetimes, Enums, dataclasses and our exceptions.

    Raises TypeError for anything else.
    """
    return cbor2.dumps(_flatten(value))


def decode_answer(data: bytes) -> Any:
    """The value that `encode_answer` was given; dataclasses are built through their constructor.

    Raises AnswerError for anything that `encode_answer` does not write.
    """
    try:
        return _build(cbor2.loads(data))
    except AnswerError:
        raise
    except Exception as error:  # a hostile worker chooses these bytes: whatever they break is the same to us
        raise AnswerError(f"not an answer: {type(error).__name__}") from error


def _flatten(value: object) -> object:
    if isinstance(value, Enum):  # before str and int: a StrEnum is both
        return ["member", _name(type(value)), value.name]
    if isinstance(value, np.generic):  # before float: np.float64 is one
        return _flatten(value.item())
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _ARRAY_KINDS:
            raise TypeError(f"arrays of {value.dtype} do not cross")
        return ["array", value.dtype.str, list(value.shape), value.tobytes()]
    if isinstance(value, datetime):
        return ["time", value.isoformat()]
    if isinstance(value, tuple | list):
        return ["tuple" if isinstance(value, tuple) else "list", [_flatten(each) for each in value]]
    if isinstance(value, dict):
        return ["map", [[_flatten(key), _flatten(each)] for key, each in value.items()]]
    if isinstance(value, CountermarkError):
        return ["error", _name(type(value)), str(value)[:MAX_MESSAGE_CHARACTERS]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [_flatten(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init]
        return ["value", _name(type(value)), fields]
    raise TypeError(f"{type(value).__qualname__} does not cross")


def _build(data: Any) -> Any:
    if data is None or type(data) in (bool, int, float, str, bytes):
        return data
    match data:
        case ["tuple", [*items]]:
            return tuple(_build(each) for each in items)
        case ["list", [*items]]:
            return [_build(each) for each in items]
        case ["map", [*items]]:
            return {_build(key): _build(each) for key, each in items}
        case ["array", str(dtype), [*shape], bytes(content)] if np.dtype(dtype).kind in _ARRAY_KINDS:
            return np.frombuffer(content, dtype=dtype).reshape(shape)
        case ["time", str(text)]:
            return datetime.fromisoformat(text)
        case ["member", str(name), str(member)] if issubclass(enumeration := _class(name), Enum):
            return enumeration[member]
        case ["error", str(name), str(message)] if issubclass(error := _class(name), CountermarkError):
            return error(message[:MAX_MESSAGE_CHARACTERS])
        case ["value", str(name), [*values]] if dataclasses.is_dataclass(frozen := _class(name)):
            fields = [field for field in dataclasses.fields(frozen) if field.init]
            return frozen(**{f.name: _build(value) for f, value in zip(fields, values, strict=True)})
    raise AnswerError("not a kind of value that crosses")


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(name: str) -> type:
    """The class called `module:name`, at the top level of a module of the core or the registry.

    The core is pure, so importing it does nothing; of the registry only what is already imported counts.
    """
    module_name, _, class_name = name.partition(":")
    match module_name.split(".")[0]:
        case "provenance":
            module: ModuleType | None = importlib.import_module(module_name)
        case "registry":
            module = sys.modules.get(module_name)
        case _:
            module = None
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or found.__module__ != module_name:
        raise AnswerError("a class that does not cross")
    return found
