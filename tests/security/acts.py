"""What a taken-over decoder would try: acts, each of which raises when it is refused. They run inside a worker.

`was` says why an act came to nothing before the second layer of the sandbox (ADR 47); it is empty where the act
succeeded.
"""

import ctypes
import fcntl
import mmap
import os
import platform
import signal
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.sandbox import InputFile


@dataclass(frozen=True)
class Targets:
    """Of the acts: a data folder, a process of the server's user, and what the job was handed.

    `victim` is asleep, and looks at none of its descriptors.
    """

    folder: str
    victim: int
    mine: InputFile

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}"


@dataclass(frozen=True)
class Act:
    name: str
    run: Callable[[Targets], object]
    was: str


ACTS: list[Act] = []
FILES = ("database", "keys", "upload", "lock")
"""What `Targets.folder` holds."""

_FILTERED = "the filter refused the call"
_LANDLOCK = "landlock refused writes"
_CAPABILITY = "it takes a capability, and those were dropped"
_VICTIM = "the process was root's, and no other user's"
_AT_FDCWD = -100


def act(name: str, was: str = "") -> Callable[[Callable[[Targets], object]], Callable[[Targets], object]]:
    def add(function: Callable[[Targets], object]) -> Callable[[Targets], object]:
        ACTS.append(Act(name, function, was))
        return function

    return add


def outcomes(targets: Targets) -> dict[str, str]:
    """What each act came to: "done", or the name of its exception and the number of its error."""
    results = {}
    for each in ACTS:
        try:
            each.run(targets)
        except OSError as error:
            results[each.name] = f"{type(error).__name__} {error.errno}"
        else:
            results[each.name] = "done"
    return results


def call(number: int, *arguments: int | bytes | None) -> int:
    """A system call by its number on x86-64. Raises OSError."""
    if platform.machine() != "x86_64":
        raise OSError(0, "the numbers are those of x86-64")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def simple(name: str, number: int, *arguments: int | bytes | None, was: str = "") -> None:
    ACTS.append(Act(name, lambda _: call(number, *arguments), was))


# Reading ----------------------------------------------------------------------------------------

ACTS += [
    Act("read the database", lambda t: Path(t.path("database")).read_bytes(), ""),
    Act("read the keys", lambda t: Path(t.path("keys")).read_bytes(), ""),
    Act("read another's upload", lambda t: Path(t.path("upload")).read_bytes(), ""),
    Act("list the data folder", lambda t: os.listdir(t.folder), ""),
    Act("read /etc/passwd", lambda _: Path("/etc/passwd").read_bytes(), ""),
    Act("list the temporary folder", lambda _: os.listdir("/tmp"), ""),
    Act("list the processes", lambda _: os.listdir("/proc"), ""),
    Act("read the command line of a process", lambda t: Path(f"/proc/{t.victim}/cmdline").read_bytes(), ""),
    Act("read its environment", lambda t: Path(f"/proc/{t.victim}/environ").read_bytes(), _LANDLOCK),
    Act("read its memory", lambda t: Path(f"/proc/{t.victim}/mem").open("rb").close(), _LANDLOCK),
    Act("list its descriptors", lambda t: os.listdir(f"/proc/{t.victim}/fd"), ""),
    Act("read the mounts", lambda _: Path("/proc/self/mountinfo").read_bytes(), ""),
    Act("read the addresses of this machine", lambda _: Path("/proc/net/fib_trie").read_bytes(), ""),
]


@act("watch the data folder")
def _watch(targets: Targets) -> None:
    descriptor = call(294, 0)  # inotify_init1
    call(254, descriptor, targets.folder.encode(), 0xFFF)


@act("ask for a handle of a file")
def _handle(targets: Targets) -> None:
    buffer = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    libc = ctypes.CDLL(None, use_errno=True)
    mount = ctypes.c_int()
    result = libc.syscall(303, _AT_FDCWD, targets.path("keys").encode(), buffer, ctypes.byref(mount), 0)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


@act("read an extended attribute", "the file has none")
def _attribute(targets: Targets) -> None:
    os.getxattr(targets.path("keys"), "user.origin")


# Writing ----------------------------------------------------------------------------------------

ACTS += [
    Act("overwrite the database", lambda t: Path(t.path("database")).write_bytes(b"x"), _LANDLOCK),
    Act("append to it", lambda t: os.close(os.open(t.path("database"), os.O_WRONLY | os.O_APPEND)), _LANDLOCK),
    Act("truncate it", lambda t: os.truncate(t.path("database"), 0), _LANDLOCK),
    Act("truncate it while opening", lambda t: os.close(os.open(t.path("lock"), os.O_TRUNC)), _LANDLOCK),
    Act("remove it", lambda t: os.unlink(t.path("database")), _LANDLOCK),
    Act("rename it", lambda t: os.rename(t.path("database"), t.path("moved")), _LANDLOCK),
    Act("link it", lambda t: os.link(t.path("database"), t.path("linked")), _LANDLOCK),
    Act("make a symbolic link", lambda t: os.symlink("/etc/passwd", t.path("symbolic")), _LANDLOCK),
    Act("make a folder", lambda t: os.mkdir(t.path("made")), _LANDLOCK),
    Act("make a pipe with a name", lambda t: os.mkfifo(t.path("pipe")), _LANDLOCK),
    Act("change a file's mode", lambda t: os.chmod(t.path("keys"), 0o666), ""),
    Act("change the data folder's mode", lambda t: os.chmod(t.folder, 0o777), ""),
    Act("change a file's owner", lambda t: os.chown(t.path("keys"), os.geteuid(), os.getegid()), ""),
    Act("change a file's times", lambda t: os.utime(t.path("keys"), (0, 0)), ""),
    Act("set an extended attribute", lambda t: os.setxattr(t.path("keys"), "user.left", b"x"), ""),
    Act("change the mode of what it was handed", lambda t: os.fchmod(t.mine.fileno(), 0o666), ""),
    Act("write to what it was handed", lambda t: os.write(t.mine.fileno(), b"x"), "it was opened for reading"),
    Act("map what it was handed to write", lambda t: mmap.mmap(t.mine.fileno(), 1), "it was opened for reading"),
    Act("open what it was handed again", lambda t: os.close(os.open(f"/proc/self/fd/{t.mine.fileno()}", 0)), ""),
]


@act("leave a file for the next job")
def _leave(_: Targets) -> None:
    folder = os.environ.get("TMPDIR", "/tmp")
    os.close(os.open(f"{folder}/countermark-left", os.O_CREAT | os.O_WRONLY))


@act("make a file without a name in memory")
def _memfd(_: Targets) -> None:
    os.close(os.memfd_create("left"))


# Locks ------------------------------------------------------------------------------------------


@act("hold another process's lock")
def _flock(targets: Targets) -> None:
    with Path(targets.path("lock")).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@act("lock what it was handed")
def _flock_handed(targets: Targets) -> None:
    fcntl.flock(targets.mine.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@act("lock a range of what it was handed")
def _range(targets: Targets) -> None:
    fcntl.lockf(targets.mine.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)


@act("lock a range for as long as it is open")
def _open_file_lock(targets: Targets) -> None:
    fcntl.fcntl(targets.mine.fileno(), 37, struct.pack("=hhxxxxqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))


@act("take a lease on what it was handed")
def _lease(targets: Targets) -> None:
    fcntl.fcntl(targets.mine.fileno(), fcntl.F_SETLEASE, fcntl.F_RDLCK)


@act("be told of changes in a folder")
def _notify(targets: Targets) -> None:
    descriptor = os.open(targets.folder, os.O_RDONLY)
    fcntl.fcntl(descriptor, fcntl.F_NOTIFY, fcntl.DN_MODIFY)


# Signals ----------------------------------------------------------------------------------------


def _own(command: int, value: int | bytes) -> None:
    """Have the kernel signal somebody when a channel of this process has something to read: it may make no other."""
    fcntl.fcntl(next(each for each in range(3, 64) if _is_pipe(each) or _is_socket(each)), command, value)


ACTS += [
    Act("signal a process", lambda t: os.kill(t.victim, signal.SIGCONT), _FILTERED),
    Act("ask whether a process lives", lambda t: os.kill(t.victim, 0), _FILTERED),
    Act("signal its thread", lambda t: call(234, t.victim, t.victim, signal.SIGCONT), _FILTERED),
    Act("signal any thread", lambda t: call(200, t.victim, signal.SIGCONT), _FILTERED),
    Act("queue a signal", lambda t: call(129, t.victim, signal.SIGCONT, bytes(128)), _FILTERED),
    Act("open a process", lambda t: call(434, t.victim, 0), _FILTERED),
    Act("have the kernel signal it for a pipe", lambda t: _own(fcntl.F_SETOWN, t.victim), ""),
    Act("the same, by thread", lambda t: _own(15, struct.pack("=ii", 0, t.victim)), ""),
    Act("choose that signal", lambda _: _own(fcntl.F_SETSIG, signal.SIGKILL), ""),
]


@act("kill a process by a pipe")
def _kill_by_pipe(targets: Targets) -> None:
    """The attack itself: the victim's end is seen by the test."""
    ours = [each for each in range(3, 64) if _is_pipe(each)] or list(os.pipe())
    for each in ours:
        fcntl.fcntl(each, fcntl.F_SETOWN, targets.victim)
        fcntl.fcntl(each, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(each, fcntl.F_SETFL, fcntl.fcntl(each, fcntl.F_GETFL) | os.O_ASYNC)
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, targets.victim)
    fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


def _is_pipe(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_mode & 0o170000 == 0o010000
    except OSError:
        return False


@act("have a timer signal itself")
def _timer(_: Targets) -> None:
    call(38, 0, struct.pack("=qqqq", 0, 0, 1000, 0), None)  # setitimer


# Processes --------------------------------------------------------------------------------------


@act("start a process", _FILTERED)
def _fork(_: Targets) -> None:
    if os.fork() == 0:  # nothing waits for it: that is refused, too
        os._exit(0)


@act("become another program", _FILTERED)
def _exec(_: Targets) -> None:
    os.execve("/nowhere/at/all", ["true"], {})


@act("move a process to one processor", _VICTIM)
def _affinity(targets: Targets) -> None:
    os.sched_setaffinity(targets.victim, os.sched_getaffinity(0))


@act("make a process yield to others", _VICTIM)
def _priority(targets: Targets) -> None:
    os.setpriority(os.PRIO_PROCESS, targets.victim, 1)


ACTS += [
    Act("trace a process", lambda t: call(101, 16, t.victim, 0, 0), _FILTERED),
    Act("read another's memory", lambda t: call(310, t.victim, None, 0, None, 0, 0), _FILTERED),
    Act("write another's memory", lambda t: call(311, t.victim, None, 0, None, 0, 0), _FILTERED),
    Act("change a process's limits", lambda t: call(302, t.victim, 0, None, bytes(16)), _FILTERED),
    Act("change a process's scheduler", lambda t: call(144, t.victim, 3, bytes(4)), _VICTIM),
    Act("change a process's disk priority", lambda t: call(251, 1, t.victim, 0x6000), _VICTIM),
    Act("compare itself with a process", lambda t: call(312, os.getpid(), os.getpid(), 0, 0, 0), ""),
    Act("outlive the server", lambda _: call(157, 1, 0, 0, 0, 0), ""),  # PR_SET_PDEATHSIG
    Act("let itself be dumped and traced", lambda _: call(157, 4, 1, 0, 0, 0), ""),  # PR_SET_DUMPABLE
    Act("adopt orphans", lambda _: call(157, 36, 1, 0, 0, 0), ""),  # PR_SET_CHILD_SUBREAPER
    Act("change its user", lambda _: os.setuid(os.getuid()), ""),
    Act("leave its session", lambda _: os.setsid(), ""),
    Act("change its folder", lambda _: os.chdir("/"), ""),
    Act("change the mask of new files", lambda _: os.umask(0o077), ""),
    Act("change its root", lambda _: os.chroot("/"), _CAPABILITY),
]


# Connections ------------------------------------------------------------------------------------

ACTS += [
    Act("make a socket", lambda _: socket.socket(), _FILTERED),
    Act("make a local socket", lambda _: socket.socket(socket.AF_UNIX), _FILTERED),
    Act("make a raw socket", lambda _: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), _FILTERED),
    Act("make a netlink socket", lambda _: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), _FILTERED),
    Act("make a pair of sockets", lambda _: socket.socketpair(), _FILTERED),
]


@act("send a descriptor to the server", "its channels were pipes")
def _send_descriptor(targets: Targets) -> None:
    sockets = [each for each in range(3, 64) if _is_socket(each)]
    if not sockets:
        raise OSError(0, "there is none")
    for each in sockets:
        with socket.socket(fileno=os.dup(each), family=socket.AF_UNIX, type=socket.SOCK_STREAM) as channel:
            socket.send_fds(channel, [b"x"], [targets.mine.fileno()])


def _is_socket(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_mode & 0o170000 == 0o140000
    except OSError:
        return False


# The kernel -------------------------------------------------------------------------------------

simple("queue calls past the filter", 425, 8, bytes(120), was=_FILTERED)
simple("make a socket by its x32 number", 41 | 0x40000000, 2, 1, 0, was=_FILTERED)
simple("have a namespace of its own", 272, 0x10000000, was=_FILTERED)
simple("enter another namespace", 308, 0, 0, was=_FILTERED)
simple("mount", 165, None, b"/mnt", b"tmpfs", 0, None, was=_FILTERED)
simple("load a program into the kernel", 321, 0, bytes(120), 120, was=_FILTERED)
simple("count events of the processor", 298, bytes(128), 0, -1, -1, 0, was=_FILTERED)
simple("handle its own page faults", 323, 0, was=_FILTERED)
simple("add a key to the kernel", 248, b"user", b"left", b"x", 1, -2, was=_FILTERED)
simple("share memory with others", 29, 0x434D, 4096, 0o1666, was="")
simple("queue messages to others", 68, 0x434D, 0o1666, was="")
simple("share a semaphore with others", 64, 0x434D, 1, 0o1666, was="")
simple("open a message queue", 240, b"countermark-left", 0o102, 0o666, None, was=_LANDLOCK)
simple("change its personality", 135, 0x0400000, was="")
simple("restrict itself further", 317, 0, 0, None, was="the arguments are invalid")
simple("read the kernel's log", 103, 10, None, 0, was=_CAPABILITY)
simple("set the clock", 227, 0, bytes(16), was=_CAPABILITY)
simple("load a module", 175, None, 0, b"", was="this kernel loads none")
simple("lock all memory", 151, 1, was="there is a limit for that")
simple("use a call that is not made yet", 999, was="there is no such call")


@act("type into the server's terminal", "there was none")
def _type(_: Targets) -> None:
    for each in range(64):
        if os.isatty(each):
            fcntl.ioctl(each, 0x5412, b"x")
            return
    raise OSError(0, "there is none")


@act("have its channels' changes signalled", "its channels were pipes")
def _owner_by_ioctl(targets: Targets) -> None:
    for each in range(3, 64):
        if _is_socket(each):
            fcntl.ioctl(each, 0x8901, struct.pack("=i", targets.victim))  # FIOSETOWN
            return
    raise OSError(0, "there is none")


def count_threads(wanted: int) -> int:
    """How many idle threads can be started."""
    parked, started = threading.Event(), []
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=parked.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass
    parked.set()
    for each in started:
        each.join()
    return len(started)
