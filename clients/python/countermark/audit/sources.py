"""Sources: what an audit is asked about, listed as entries.

Files, folders (whole, also what is hidden; links within them are not followed), zip and tar files without unpacking
them, lists of paths or addresses, columns of a CSV, lists as `sha256sum` writes them, and `s3://bucket/prefix`. Globs
are those of .gitignore, as ripgrep has them, by pathspec.
"""

import csv
import os
import re
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, TextIO

from countermark.audit.items import DAMAGED, Entry, Member, stamp_of, why
from provenance.errors import InvalidRequest

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_ARCHIVE_RATIO = 100
"""How many times its own size an archive may unpack to: pictures hardly shrink, zeros to a thousandth."""

FREE_ARCHIVE_BYTES = 64 * 1024 * 1024
"""Bytes that any archive may unpack to, however small it is."""

MAX_LINE_BYTES = 64 * 1024
"""Bytes of a line of a list: a path has at most 4,096, an address 8,000 or so."""

_ARCHIVES = re.compile(rb"\.(?:zip|(tar)|(tgz|tbz2?|txz|tar\.(?:gz|bz2|xz)))$", re.IGNORECASE)
_NO_CONTENT = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
"""Members of a tar that have no bytes of their own."""

_ADDRESS = re.compile(rb"https?://[!-~]+", re.IGNORECASE)
_SUM = re.compile(rb"\\?([0-9a-fA-F]{64})[ \t][ *]?(.+)", re.DOTALL)


@dataclass(frozen=True)
class Globs:
    """Which files of a folder or archive count.

    Attributes:
        include: what is looked at; empty: everything.
        exclude: what is left out, also a folder with all that is in it.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, path: bytes) -> bool:
        """Whether a file counts, by its path below the folder that was named."""
        name = os.fsdecode(path)
        if self.exclude and self._exclude.match_file(name):
            return False
        return not self.include or self._include.match_file(name)

    def enters(self, path: bytes) -> bool:
        """Whether a folder is not left out as a whole."""
        return not (self.exclude and self._exclude.match_file(f"{os.fsdecode(path)}/"))

    @cached_property
    def _include(self) -> "GitIgnoreSpec":
        return _spec(self.include)

    @cached_property
    def _exclude(self) -> "GitIgnoreSpec":
        return _spec(self.exclude)


def _spec(globs: Sequence[str]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(globs)
    except ValueError as error:
        raise InvalidRequest(f"a glob is malformed: {error}") from error


@dataclass
class Sources:
    """All that one audit is asked about.

    Attributes:
        paths: files, folders, archives, addresses, and `s3://bucket/prefix`.
        lists: files with a path or an address a line, or separated by NUL.
        tables: CSV files, each with the name of its column of paths or addresses.
        digests: files with lines as `sha256sum` writes them.
        globs: of folders and archives.
        links: how many links within folders were not followed; counted while listing.
    """

    paths: Sequence[str | os.PathLike[str]] = ()
    lists: Sequence[BinaryIO] = ()
    nul: bool = False
    tables: Sequence[tuple[TextIO, str]] = ()
    digests: Sequence[BinaryIO] = ()
    globs: Globs = field(default_factory=Globs)
    links: int = 0

    def described(self) -> dict[str, object]:
        """What was named, as text: the same for the same command."""
        return {
            "paths": [os.fsencode(path).decode("utf-8", "backslashreplace") for path in self.paths],
            "lists": [str(getattr(file, "name", "")) for file in self.lists],
            "tables": [[str(getattr(table, "name", "")), column] for table, column in self.tables],
            "digests": [str(getattr(file, "name", "")) for file in self.digests],
            "include": list(self.globs.include),
            "exclude": list(self.globs.exclude),
        }

    def entries(self) -> Iterator[Entry]:
        """Every entry. A name may come twice. Raises InvalidRequest for a list that is none; MissingExtra."""
        for path in self.paths:
            yield from self._named(os.fsencode(path))
        for file in self.lists:
            for name in _lines(file, b"\0" if self.nul else b"\n"):
                yield from self._named(name)
        for table, column in self.tables:
            for value in _column(table, column):
                yield from self._named(os.fsencode(value))
        for file in self.digests:
            for number, line in enumerate(_lines(file, b"\n"), 1):
                yield _of_sum(line, number)

    def _named(self, name: bytes) -> Iterator[Entry]:
        """What somebody named: a link is followed, and what is missing is an item."""
        if _ADDRESS.fullmatch(name):
            yield Entry(name, "address", name)
        elif name.startswith(b"s3://"):
            from countermark.audit.objects import listed

            yield from listed(name.decode(), self.globs)
        else:
            try:
                status = os.stat(name)  # noqa: PTH116  # a path of octets
            except (OSError, ValueError) as error:
                yield _failed(name, getattr(error, "strerror", None) or str(error))
                return
            if stat.S_ISDIR(status.st_mode):
                yield from self._below(name)
            else:
                yield from self._file(name, status, b"")

    def _below(self, folder: bytes) -> Iterator[Entry]:
        """The files of a folder in the order of their names, so that two listings are alike."""
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as found:
                    inside = sorted(found, key=lambda each: each.name)
            except OSError as error:
                yield _failed(here, error.strerror or str(error))
                continue
            folders = []
            for each in inside:
                below = os.path.relpath(each.path, folder)
                try:
                    if each.is_symlink():
                        self.links += self.globs.takes(below)
                    elif each.is_dir(follow_symlinks=False):
                        if self.globs.enters(below):
                            folders.append(each.path)
                    elif each.is_file(follow_symlinks=False):
                        yield from self._file(each.path, each.stat(follow_symlinks=False), below)
                except OSError as error:
                    yield _failed(each.path, error.strerror or str(error))
            waiting.extend(reversed(folders))

    def _file(self, path: bytes, status: os.stat_result, below: bytes) -> Iterator[Entry]:
        """A file, or the members of an archive. `below` is its path in the folder that was named; b"": itself was."""
        archive = _ARCHIVES.search(path)
        if not stat.S_ISREG(status.st_mode):
            yield _failed(path, "it is not a file")
        elif archive is None:
            if not below or self.globs.takes(below):
                yield Entry(path, "file", path, size=status.st_size, stamp=stamp_of(status))
        elif not below or self.globs.enters(below):
            members = _in_zip if archive.lastindex is None else _in_tar
            yield from self._members(path, below, members(path, stamp_of(status)), status.st_size)

    def _members(self, path: bytes, below: bytes, members: Iterator[Entry], size: int) -> Iterator[Entry]:
        unpacked = 0
        try:
            for entry in members:
                unpacked += entry.size or 0
                if unpacked > MAX_ARCHIVE_RATIO * size + FREE_ARCHIVE_BYTES:
                    detail = f"it unpacks to more than {MAX_ARCHIVE_RATIO} times its size: the rest was left out"
                    yield Entry(path, "failed", path, failure=("too_large", detail))
                    return
                member = entry.name.removeprefix(path + b"!/")
                if self.globs.takes(os.path.join(below, member) if below else member):  # noqa: PTH118  # octets
                    yield entry
        except (OSError, *DAMAGED) as error:
            yield _failed(path, f"the archive is damaged: {why(error)}")


def _in_zip(path: bytes, stamp: str) -> Iterator[Entry]:
    names: Counter[bytes] = Counter()
    with zipfile.ZipFile(os.fsdecode(path)) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                name = path + b"!/" + member.filename.encode("utf-8", "surrogateescape")
                names[name] += 1
                name += b"" if names[name] == 1 else b" (%d)" % names[name]
                yield Entry(name, "zip", path, member.header_offset, member.file_size, stamp)


def _in_tar(path: bytes, stamp: str) -> Iterator[Entry]:
    """Members of a tar; where one is compressed, their numbers stand for their places.

    Those of unknown kinds are one item at the end: what is read from a compressed tar is read without a gap.
    """
    unknown, others = b"", -1
    try:
        plain = tarfile.open(os.fsdecode(path), "r:", tarinfo=Member)  # noqa: SIM115
    except tarfile.ReadError:
        plain = None
    with plain or tarfile.open(os.fsdecode(path), "r|*", tarinfo=Member) as archive:
        for number, member in enumerate(archive):
            archive.members = []  # type: ignore[attr-defined]  # they would be kept: a million of them
            if member.type in _NO_CONTENT:
                continue
            name = path + b"!/" + member.name.encode("utf-8", "surrogateescape")
            if not member.isreg():
                unknown, others = unknown or name, others + 1
            elif plain is None or member.issparse():
                yield Entry(name, "stream", path, number, member.size, stamp)
            else:
                yield Entry(name, "tar", path, member.offset_data, member.size, stamp)
    if unknown:
        more = f", and so are others: {others:,}" if others else ""
        yield _failed(unknown, f"it is a member of a kind that is not known here{more}")


def _failed(name: bytes, why: str) -> Entry:
    return Entry(name, "failed", name, failure=("unreadable", why))


def _lines(file: BinaryIO, end: bytes) -> Iterator[bytes]:
    """What a list holds between its separators, without empty ones. Raises InvalidRequest for what is too long."""
    rest = b""
    while chunk := file.read(MAX_LINE_BYTES):
        *whole, rest = (rest + chunk).split(end)
        yield from filter(None, (line.removesuffix(b"\r") if end == b"\n" else line for line in whole))
        if len(rest) > MAX_LINE_BYTES:
            raise InvalidRequest(f"a line of the list has more than {MAX_LINE_BYTES:,} bytes")
    if rest:
        yield rest


def _column(table: TextIO, column: str) -> Iterable[str]:
    """The values of a column, without empty ones. Raises InvalidRequest."""
    try:
        reader = csv.DictReader(table, strict=True)
        if column not in (reader.fieldnames or ()):
            named = ", ".join(reader.fieldnames or ())
            raise InvalidRequest(f"the CSV has no column {column!r}; its columns are: {named}")
        yield from (value for row in reader if (value := row[column]))
    except (csv.Error, UnicodeError) as error:
        raise InvalidRequest(f"the CSV cannot be read: {error}") from error


def _of_sum(line: bytes, number: int) -> Entry:
    """An entry of a line such as `sha256sum` writes. Raises InvalidRequest."""
    match = _SUM.fullmatch(line)
    if match is None:
        raise InvalidRequest(f"line {number} of the list of digests is not as sha256sum writes it")
    digest, name = match[1].decode().lower(), match[2]
    if line.startswith(b"\\"):
        name = name.replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b"\\\\", b"\\")
    return Entry(name, "digest", b"", digest=digest, stamp=digest)
