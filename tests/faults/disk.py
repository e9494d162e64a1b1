"""A disk that loses power: what a folder can hold after a crash at any moment of a recorded run.

The run is an strace log with all bytes written. Nothing is durable but what fsync(2) or fdatasync(2) confirmed: the
bytes of a file by a flush of the file, its name by a flush of its folder. Of what was not flushed a crash may leave
nothing, the first part, any subset, and a last write that is torn at a multiple of 512 bytes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

SECTOR = 512
Mode = Literal["drop", "prefix", "subset", "tear", "all"]

CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,fallocate"
)

_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_RESULT = re.compile(r"\) += (-?\d+)")
_FD = re.compile(r"(\d+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Change:
    """One change that a crash may or may not leave: of a file's bytes, or of a folder's names."""

    kind: Literal["write", "truncate", "name"]
    offset: int = 0
    data: bytes = b""
    name: str = ""
    inode: "Inode | None" = None


@dataclass(eq=False)
class Inode:
    """A file or folder: what is durable of it, and the changes since."""

    is_folder: bool
    content: bytes = b""
    names: dict[str, "Inode"] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    live: dict[str, "Inode"] = field(default_factory=dict)  # of a folder: as the running system sees it
    length: int = 0  # of a file: as the running system sees it


@dataclass(frozen=True)
class Event:
    """A call that has returned: its name, its arguments as strace wrote them, and the result."""

    call: str
    arguments: str
    result: int


def events(log: Path) -> list[Event]:
    """The calls of an strace log (`-f -y -xx -s LARGE`), in the order in which they returned."""
    begun: dict[tuple[str, str], str] = {}
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1], unfinished[2]] = unfinished[3]
            continue
        if resumed := _RESUMED.match(line):
            call, arguments = resumed[2], begun.pop((resumed[1], resumed[2])) + resumed[3]
        elif whole := _LINE.match(line):
            call, arguments = whole[2], whole[3]
        else:
            continue
        results = _RESULT.findall(arguments)
        if results:
            found.append(Event(call, arguments, int(results[-1])))
    return found


class Disk:
    """The folder `root`, all of which is durable at first, with recorded calls applied one by one."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = _load(root)
        self._offsets: dict[tuple[str, str], int] = {}
        self.acknowledged: list[bytes] = []

    def apply(self, event: Event) -> None:
        """Follow one call; those that failed, or touch other folders, change nothing."""
        if event.result < 0:
            return
        match event.call:
            case "openat" | "creat":
                self._open(event)
            case "write":
                self._write(event)
            case "pwrite64":
                (_, path), data = self._descriptor(event), _bytes(event)
                offset = int(event.arguments.rpartition(")")[0].rpartition(", ")[2])
                self._change(path, Change("write", offset, data[: event.result]))
            case "ftruncate":
                path = self._descriptor(event)[1]
                self._change(path, Change("truncate", int(event.arguments.rpartition(")")[0].rpartition(", ")[2])))
            case "fsync" | "fdatasync":
                inode = self._find(self._descriptor(event)[1])
                if inode is not None:
                    _settle(inode, inode.pending)
                    inode.pending = []
            case "rename" | "renameat" | "renameat2":
                old, new = self._paths(event)
                moved = self._unlink(old)
                if moved is not None:
                    self._link(new, moved)
            case "unlink" | "unlinkat" | "rmdir":
                self._unlink(self._paths(event)[0])
            case "mkdir" | "mkdirat":
                self._link(self._paths(event)[0], Inode(is_folder=True))
            case _:
                touched = self._root in event.arguments
                if touched:
                    raise AssertionError(f"this test does not know {event.call}")

    def crash(self, target: Path, mode: Mode, chance: Random) -> None:
        """Write to `target` what may be left when the power fails now."""
        _image(self._top, target, mode, chance)

    # Calls --------------------------------------------------------------------------------------

    def _open(self, event: Event) -> None:
        path = self._paths(event)[0]
        if self._inside(path) is None:
            return
        inode = self._find(path)
        if inode is None and "O_CREAT" in event.arguments:
            inode = Inode(is_folder=False)
            self._link(path, inode)
        if inode is not None and "O_TRUNC" in event.arguments and inode.length:
            self._change(path, Change("truncate", 0))
        descriptor = re.findall(r"\) += (\d+)", event.arguments)[-1]
        self._offsets[descriptor, path] = 0

    def _write(self, event: Event) -> None:
        (descriptor, path), data = self._descriptor(event), _bytes(event)[: event.result]
        if descriptor == "1":
            self.acknowledged += [line for line in data.splitlines() if line.startswith(b"ack ")]
            return
        offset = self._offsets.get((descriptor, path), 0)
        self._change(path, Change("write", offset, data))
        self._offsets[descriptor, path] = offset + len(data)

    # Names --------------------------------------------------------------------------------------

    def _inside(self, path: str) -> list[str] | None:
        if path == self._root:
            return []
        return path.removeprefix(self._root + "/").split("/") if path.startswith(self._root + "/") else None

    def _find(self, path: str) -> Inode | None:
        steps, inode = self._inside(path), self._top
        if steps is None:
            return None
        for step in steps:
            if step not in inode.live:
                return None
            inode = inode.live[step]
        return inode

    def _folder(self, path: str) -> tuple[Inode, str] | None:
        if not self._inside(path):
            return None
        parent, _, name = path.rpartition("/")
        folder = self._find(parent)
        return None if folder is None else (folder, name)

    def _link(self, path: str, inode: Inode) -> None:
        place = self._folder(path)
        if place is not None:
            folder, name = place
            folder.live[name] = inode
            folder.pending.append(Change("name", name=name, inode=inode))

    def _unlink(self, path: str) -> Inode | None:
        place = self._folder(path)
        if place is None:
            return None
        folder, name = place
        folder.pending.append(Change("name", name=name))
        return folder.live.pop(name, None)

    def _change(self, path: str, change: Change) -> None:
        inode = self._find(path)
        if inode is None or path.endswith("-shm"):  # shared memory: made anew by who opens the database next
            return
        inode.pending.append(change)
        if change.kind == "truncate":
            inode.length = change.offset
        else:
            inode.length = max(inode.length, change.offset + len(change.data))

    def _descriptor(self, event: Event) -> tuple[str, str]:
        found = _FD.match(event.arguments)
        assert found is not None, event
        return found[1], _plain(found[2])

    def _paths(self, event: Event) -> list[str]:
        """The paths of a call, those relative to an open folder made whole."""
        found = []
        folder = ""
        for base, text in re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>)|"((?:\\x[0-9a-f]{2})*)"', event.arguments):
            if base:
                folder = _plain(base)
            elif text:
                path = _unhex(text).decode()
                found.append(path if path.startswith("/") else f"{folder}/{path}")
        return found


def _load(path: Path) -> Inode:
    if path.is_dir():
        names = {each.name: _load(each) for each in path.iterdir()}
        return Inode(is_folder=True, names=names, live=dict(names))
    data = path.read_bytes()
    return Inode(is_folder=False, content=data, length=len(data))


def _settle(inode: Inode, changes: Iterable[Change]) -> None:
    for change in changes:
        if change.kind == "name":
            if change.inode is None:
                inode.names.pop(change.name, None)
            else:
                inode.names[change.name] = change.inode
        else:
            inode.content = _changed(inode.content, change)


def _changed(content: bytes, change: Change) -> bytes:
    if change.kind == "truncate":
        return content[: change.offset].ljust(change.offset, b"\0")
    content = content.ljust(change.offset, b"\0")
    return content[: change.offset] + change.data + content[change.offset + len(change.data) :]


def _survivors(pending: list[Change], mode: Mode, chance: Random) -> list[Change]:
    if not pending or mode == "drop":
        return []
    if mode == "all":
        return pending
    kept = pending[: chance.randint(0, len(pending))]
    if mode == "subset":
        kept = [change for change in pending if chance.random() < 0.5]
    if mode == "tear" and kept and kept[-1].kind == "write" and len(kept[-1].data) > SECTOR:
        last = kept.pop()
        cut = SECTOR * chance.randint(1, (len(last.data) - 1) // SECTOR)
        kept.append(Change("write", last.offset, last.data[:cut]))
    return kept


def _image(inode: Inode, target: Path, mode: Mode, chance: Random) -> None:
    survivors = _survivors(inode.pending, mode, chance)
    if inode.is_folder:
        left = Inode(is_folder=True, names=dict(inode.names))
        _settle(left, survivors)
        target.mkdir(mode=0o700)
        for name, each in left.names.items():
            if not name.endswith("-shm"):
                _image(each, target / name, mode, chance)
    else:
        content = inode.content
        for change in survivors:
            content = _changed(content, change)
        target.write_bytes(content)


def _bytes(event: Event) -> bytes:
    return b"".join(_unhex(text) for text in _TEXT.findall(event.arguments))


def _plain(path: str) -> str:
    return _unhex(path).decode() if path.startswith("\\x") else path


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
