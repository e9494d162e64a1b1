"""Items: the files that an audit asks about, and what this machine finds in the bytes of one.

`examine` is a plain function of entries, so that a process of this machine and a worker of a cluster run the same. A
stranger's file is bounded before it is read, and an error is what came of its item, never the end of the audit.
"""

import contextlib
import hashlib
import io
import lzma
import os
import signal
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, Protocol, Self

from countermark.audit.buckets import Reason, of_error
from countermark.content import CHUNK_BYTES
from countermark.digests import look_at
from provenance.errors import CountermarkError, FetchTooLarge, InvalidRequest, MediaError, MissingExtra
from provenance.limits import MAX_MEDIA_BYTES

Kind = Literal["file", "zip", "tar", "stream", "address", "s3", "digest", "failed"]
"""Where the bytes are: a file, or a member of a zip, of a tar, or of a compressed tar (`stream`), which is read from
its start; an address, an object; nowhere (`digest`); or the item is known to be of no use (`failed`)."""

ITEM_SECONDS = 120.0
"""Seconds in which one file must be read, hashed and decoded: the largest take five, a dead network drive for ever."""

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)
"""What damaged and encrypted archives raise."""

MAX_TAR_HEADER_BYTES = 1024 * 1024
"""Bytes of a member's long name or extended header: paths have at most 4,096; tarfile reads it whole."""

_EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


@dataclass(frozen=True)
class Entry:
    """An item as a source lists it.

    Attributes:
        name: what the report calls it, unique within an audit: a path or an address, as octets.
        kind: where its bytes are.
        at: the path of the file or archive, or the address.
        place: within an archive: where the member's header or its bytes begin, or its number.
        size: in bytes; None where only reading tells.
        stamp: other text, if the bytes may have changed; "" where nothing tells.
        digest: SHA-256 in hex, where a list states it.
        failure: why it cannot be read, for `failed`.
    """

    name: bytes
    kind: Kind
    at: bytes
    place: int = 0
    size: int | None = None
    stamp: str = ""
    digest: str | None = None
    failure: tuple[Reason, str] | None = None


@dataclass(frozen=True)
class Examined:
    """What was found in the bytes of an entry. Digests and fingerprints are lowercase hex.

    Attributes:
        stamp: of the file that was read.
        failure: why there is no digest, or none of the picture.
        pdq: with its quality, 0 to 100.
    """

    name: bytes
    stamp: str
    sha256: str | None = None
    failure: tuple[Reason, str] | None = None
    pixels_sha256: str | None = None
    pdq: tuple[str, int] | None = None
    phash: str | None = None


Look = Literal["bytes", "pixels", "fingerprints"]
"""How closely an entry is looked at: the SHA-256 of its bytes; decoded, also that of its pixels; also PDQ and pHash."""


@dataclass(frozen=True)
class Reading:
    """How entries are read. `private`: addresses of private networks may be fetched."""

    look: Look = "bytes"
    private: bool = False


def can_decode() -> bool:
    """Whether the extra `pictures` is installed."""
    return all(find_spec(name) for name in ("cv2", "defusedxml", "numpy", "PIL", "pillow_heif"))


def stamp_of(status: os.stat_result) -> str:
    """Other text, if a file may have changed."""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def examine(entries: Sequence[Entry], reading: Reading) -> list[Examined]:
    """What is found in the bytes of entries, in their order: of one archive, if they are of an archive."""
    if entries and entries[0].kind == "stream":
        return _examine_stream(entries, reading)
    return [_examine(entry, reading) for entry in entries]


def read(entry: Entry, reading: Reading) -> bytes:
    """The bytes of an entry, at most `MAX_MEDIA_BYTES`. Raises InvalidRequest, MediaTooLarge."""
    try:
        if entry.kind == "stream":
            return next(data for _, data in _members([entry]))
        with _opened(entry, reading) as file:
            return b"".join(_chunks(file))
    except (OSError, StopIteration, *DAMAGED) as error:
        raise InvalidRequest(why(error)) from error
    except _TooLargeError as error:
        raise InvalidRequest(str(error)) from error


class Member(tarfile.TarInfo):
    """A member of a tar as tarfile reads it, unless its size would have tarfile read for ever, or into all memory."""

    _bytes = 0

    @property
    def size(self) -> int:
        """In bytes. Setting it raises tarfile.ReadError below zero: tarfile would go back, to the same member again."""
        return self._bytes

    @size.setter
    def size(self, value: int) -> None:
        if value < 0:
            raise tarfile.ReadError("a member has a size below zero")
        self._bytes = value

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As of `TarInfo`. Raises tarfile.TarError."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in _EXTENDED and member.size > MAX_TAR_HEADER_BYTES:
            raise tarfile.ReadError(f"a member's header has more than {MAX_TAR_HEADER_BYTES:,} bytes")
        return member


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...


class _TooLargeError(Exception):
    """More bytes than are taken in."""


class _LateError(Exception):
    """Reading took too long."""


def _examine(entry: Entry, reading: Reading) -> Examined:
    if entry.failure is not None:
        return Examined(entry.name, entry.stamp, failure=entry.failure)
    if entry.kind == "digest":
        return Examined(entry.name, entry.stamp, entry.digest)
    if entry.size == 0:
        return Examined(entry.name, entry.stamp, failure=("empty", "it has no bytes"))
    if entry.size is not None and entry.size > MAX_MEDIA_BYTES:
        return Examined(entry.name, entry.stamp, failure=("too_large", _too_large(entry.size)))
    try:
        with _deadline(ITEM_SECONDS), _opened(entry, reading) as file:
            number = file.fileno() if isinstance(file, io.FileIO) else None
            before = entry.stamp if number is None else stamp_of(os.fstat(number))
            found = _of_bytes(entry.name, before, _chunks(file), reading)
            if number is not None and stamp_of(os.fstat(number)) != before:
                return Examined(entry.name, before, failure=("unreadable", "it changed while it was read"))
            return found
    except (_TooLargeError, FetchTooLarge) as error:
        return Examined(entry.name, entry.stamp, failure=("too_large", str(error)))
    except _LateError as error:
        return Examined(entry.name, entry.stamp, failure=("not_in_time", str(error)))
    except MissingExtra:
        raise
    except CountermarkError as error:
        return Examined(entry.name, entry.stamp, failure=("unreadable", str(error)))
    except (OSError, *DAMAGED) as error:
        return Examined(entry.name, entry.stamp, failure=("unreadable", why(error)))


def _examine_stream(entries: Sequence[Entry], reading: Reading) -> list[Examined]:
    found: dict[bytes, Examined] = {}
    wanted = [entry for entry in entries if entry.size is not None and 0 < entry.size <= MAX_MEDIA_BYTES]
    try:
        for entry, data in _members(wanted):
            found[entry.name] = _of_bytes(entry.name, entry.stamp, iter((data,)), reading)
        lost = "it is gone from the archive"
    except (OSError, *DAMAGED) as error:
        lost = why(error)
    missing = {entry.name: Examined(entry.name, entry.stamp, failure=("unreadable", lost)) for entry in wanted}
    return [found.get(entry.name) or missing.get(entry.name) or _examine(entry, reading) for entry in entries]


def _of_bytes(name: bytes, stamp: str, chunks: Iterator[bytes], reading: Reading) -> Examined:
    digest, kept = hashlib.sha256(), []
    for chunk in chunks:
        digest.update(chunk)
        if reading.look != "bytes":
            kept.append(chunk)
    found = Examined(name, stamp, digest.hexdigest())
    if reading.look == "bytes":
        return found
    data = b"".join(kept)
    del kept  # the bytes are held once while they are decoded
    try:
        seen = look_at(data, sha256=digest.digest(), perceptual=reading.look == "fingerprints")
    except MediaError as error:
        outcome = of_error(error)
        return replace(found, failure=(outcome.reason or "unreadable", outcome.detail))
    return replace(found, pixels_sha256=seen.pixels_sha256, pdq=seen.pdq, phash=seen.phash)


def _chunks(file: Readable) -> Iterator[bytes]:
    """The bytes of a file; an archive may state less than it holds, so they are counted."""
    size = 0
    while chunk := file.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_MEDIA_BYTES:
            raise _TooLargeError(_too_large(size))
        yield chunk


@contextlib.contextmanager
def _opened(entry: Entry, reading: Reading) -> Iterator[Readable]:
    match entry.kind:
        case "file":
            # Without O_NONBLOCK a pipe that took the file's place would be waited for.
            with open(os.open(entry.at, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb", buffering=0) as file:  # noqa: PTH123
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError("it is not a file")
                yield file
        case "zip":
            _check_archive(os.stat(entry.at), entry)  # noqa: PTH116  # a path of octets
            archive, members = _zip(entry.at, entry.stamp)
            with archive.open(members[entry.place]) as member:
                yield member
        case "tar":
            with open(entry.at, "rb") as file:  # noqa: PTH123
                _check_archive(os.fstat(file.fileno()), entry)
                file.seek(entry.place)
                yield _Part(file, entry.size or 0)
        case "address":
            from countermark.fetching import Fetcher

            public = Fetcher(max_bytes=MAX_MEDIA_BYTES)
            anywhere = Fetcher(max_bytes=MAX_MEDIA_BYTES, ports=range(1, 2**16), check=_found)
            yield io.BytesIO((anywhere if reading.private else public).fetch(entry.at.decode()).data)
        case "s3":
            from countermark.audit.objects import opened

            with opened(entry.at.decode()) as body:
                yield body
        case _:
            raise OSError("its bytes are not at hand")


def _found(_host: str, found: Sequence[str]) -> Sequence[IPv4Address | IPv6Address]:
    """Whatever a host's name leads to, on this machine too."""
    return [ip_address(each.partition("%")[0]) for each in found]


def _check_archive(status: os.stat_result, entry: Entry) -> None:
    if stamp_of(status) != entry.stamp:
        raise OSError("its archive changed after it was listed")


class _Part:
    """The next bytes of a file, as a file that ends after them."""

    def __init__(self, file: Readable, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        if self._left and not data:
            raise EOFError("the archive is truncated")
        return data


@lru_cache(maxsize=1)
def _zip(path: bytes, stamp: str) -> tuple[zipfile.ZipFile, dict[int, zipfile.ZipInfo]]:
    """An archive and its members by where their headers are; kept, since a chunk has other members of the same one."""
    archive = zipfile.ZipFile(os.fsdecode(path))
    return archive, {each.header_offset: each for each in archive.infolist()}


def _members(entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """The bytes of members of one compressed tar, in its order."""
    wanted = {entry.place: entry for entry in entries}
    if not wanted:
        return
    with tarfile.open(os.fsdecode(entries[0].at), "r|*", tarinfo=Member) as archive:
        for number, member in enumerate(archive):
            if number in wanted and (file := archive.extractfile(member)) is not None:
                yield wanted[number], file.read(MAX_MEDIA_BYTES)
            if number >= max(wanted):
                return


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises _LateError within the block after so many seconds; only in a main thread can anything be interrupted."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def raise_late(*_: object) -> None:
        raise _LateError(f"it was not read and decoded within {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, raise_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_large(size: int) -> str:
    return f"it has {size:,} bytes or more; at most {MAX_MEDIA_BYTES:,} are read"


def why(error: BaseException) -> str:
    """An error in words."""
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
