"""Confinement: the rights that a worker process drops for good before it reads untrusted bytes.

setresuid(2), landlock(7), seccomp(2) with a classic BPF filter, prctl(2) and setrlimit(2), called through ctypes; the
system call numbers are those of <asm/unistd.h> for x86-64 and aarch64. A worker reads the interpreter and libraries by
their paths and its job's files by descriptors that the server hands it, and writes nothing. If the kernel or the
machine lacks a layer, the worker's `Confinement` says so, and the pool decides whether to go on without it.
"""

import ctypes
import importlib.util
import math
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from registry.sandbox.frames import MAX_FILES

MEMORY_BYTES = 1536 * 1024 * 1024
"""Bytes of address space beyond what the warm worker maps: one decode of `limits.MAX_DECODE_BYTES` (800 MiB), a
second copy of its pixels while they are rotated or converted (600 MiB as RGB), and slack for the allocator's arenas."""

MAX_OPEN_FILES = MAX_FILES + 48
"""Descriptors: the files of a job, its two channels, and modules while they are imported."""

MAX_THREADS = 64
"""Threads of a worker that is a user of its own: one computes, and the C2PA library starts a few for a moment."""

NOBODYS = range(61_184, 65_520)
"""User ids that belong to nobody: those that systemd gives to services for as long as they run (DynamicUser=)."""

Layer = Literal["system_calls", "files", "own_user"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
"""The layers without which a server in production does not start, unless it is told to."""

_WITHOUT: dict[Layer, str] = {
    "system_calls": "seccomp cannot filter system calls here: a taken-over decoder can open connections",
    "files": "landlock cannot confine files here: a taken-over decoder can read keys, the database and uploads",
    "own_user": "started as root, but a worker cannot become a user of its own: that takes CAP_SETUID and CAP_SETGID, "
    "and an interpreter and libraries that every user may read",
}

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_VMA = 0x53564D41
_SECCOMP_MODE_FILTER = 2


@dataclass(frozen=True)
class Confinement:
    """Which of the optional protections hold in a worker (the resource limits always do).

    Attributes:
        system_calls: no calls but those of `_ALLOWED`: no socket, program, process, signal to others, lock or writing.
        files: nothing can be read by path but the interpreter and libraries, and nothing written.
        signals: the kernel scopes signals to the worker itself, whatever sends them (landlock ABI 6, Linux 6.12).
        own_user: it runs as a user that is nobody else; None if the server was not started as root.
    """

    system_calls: bool
    files: bool
    signals: bool
    own_user: bool | None

    def missing(self) -> dict[Layer, str]:
        """The layers that do not hold, and what follows from each."""
        return {each: _WITHOUT[each] for each in LAYERS if getattr(self, each) is False}


def confine(parent: int, modules: Sequence[str]) -> Confinement:
    """Drop, for this process and all its threads, every right but reading libraries and computing.

    Call it while the process has one thread: later threads inherit the restrictions, earlier ones do not.

    Args:
        parent: the process that started this one, with which it is to end.
        modules: what it may import afterwards; their packages are imported now.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "linux":
        _die_with(parent)
        return Confinement(system_calls=False, files=False, signals=False, own_user=None)
    libc = ctypes.CDLL(None, use_errno=True)
    readable = tuple(_readable(modules))
    own_user = _become_nobody(readable)
    _die_with(parent, libc)  # becoming another user has undone it
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confinement(system_calls=False, files=False, signals=False, own_user=own_user)
    _drop_capabilities(libc)
    files, signals = _confine_files(libc, readable)
    return Confinement(system_calls=_filter_system_calls(libc), files=files, signals=signals, own_user=own_user)


class Memory:
    """The memory of this process; made before it is confined, which takes /proc away."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC) if sys.platform == "linux" else None

    def limit(self) -> None:
        """Allow `MEMORY_BYTES` of address space more than is mapped now: call it when the imports are warm."""
        if self._statm is None:
            return
        mapped = int(os.pread(self._statm, 100, 0).split()[0]) * resource.getpagesize()
        os.close(self._statm)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))


def limit_cpu(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) after so many more seconds of CPU time, rounded up to a whole second.

    The soft limit moves with each job, and a compromised worker can move it itself: the parent's clock ends such a
    worker, and a decoder that waits forever.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(usage.ru_utime + usage.ru_stime + seconds), hard))


def _die_with(parent: int, libc: ctypes.CDLL | None = None) -> None:
    """Have the kernel kill this process when the thread of process `parent` that started it ends."""
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)  # it ended before we asked


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop the capabilities of a server that runs as root (capabilities(7), version 3 of the structures)."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(2 * 3 * 4)
    libc.capset(header, none)  # cannot fail: a process may always have less


# The user ---------------------------------------------------------------------------------------


def _become_nobody(readable: Sequence[Path]) -> bool | None:
    """Change from root to a user of `NOBODYS`, if that one can read what a worker reads; None if this is not root."""
    if os.geteuid() != 0:
        return None
    nobody = NOBODYS[os.getpid() % len(NOBODYS)]
    try:
        os.setegid(nobody)
        os.seteuid(nobody)
        reachable = all(os.access(each, os.R_OK, effective_ids=True) for each in readable)
        os.seteuid(0)
        os.setegid(0)
        if reachable:
            resource.setrlimit(resource.RLIMIT_NPROC, (MAX_THREADS, MAX_THREADS))  # of a user, and never of root
            os.setgroups([])
            os.setresgid(nobody, nobody, nobody)
            os.setresuid(nobody, nobody, nobody)
    except OSError:  # no such capability, or no such user in this container
        return False
    return reachable


def _readable(modules: Sequence[str]) -> Iterator[Path]:
    """The files and folders that a worker reads by their paths: interpreter, libraries and packages.

    Packages that lie elsewhere are imported now: the folder around them, which may hold the data folder too, cannot be
    listed any more.
    """
    places = [sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [f"{prefix}/lib" for prefix in ("", "/usr", "/usr/local", sys.base_prefix)]
    places += ["/lib64", "/usr/lib64", *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    places += ["/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", os.devnull, "/dev/urandom"]
    found = {Path(each).resolve() for each in places if each}
    for name in {each.partition(".")[0] for each in ("provenance", "registry", *modules)}:
        spec = importlib.util.find_spec(name)
        origins = () if spec is None else spec.submodule_search_locations or (spec.origin or "",)
        own = {Path(each).resolve() for each in origins}
        if not all(any(each.is_relative_to(place) for place in found) for each in own):
            importlib.import_module(name)
            found |= own
    return (each for each in sorted(found) if each.exists() and each != Path("/"))


# seccomp ----------------------------------------------------------------------------------------

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # <linux/audit.h>

_ALLOWED = {  # name: (x86_64, aarch64); None where the machine has no such call
    # Reading.
    "read": (0, 63),
    "readv": (19, 65),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "close": (3, 57),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "fadvise64": (221, 223),
    # The channels to the server.
    "write": (1, 64),
    "writev": (20, 66),
    "recvmsg": (47, 212),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    # Its own memory.
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "brk": (12, 214),
    "mincore": (27, 232),
    # Its own threads and signals.
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "arch_prctl": (158, None),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    # What it is, and the time.
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "getrandom": (318, 278),
}
_OPEN, _OPENAT, _FCNTL, _IOCTL, _PRCTL = (2, None), (257, 56), (72, 25), (16, 29), (157, 167)
_TGKILL, _PRLIMIT64, _CLONE, _CLONE3 = (234, 131), (302, 261), (56, 220), (435, 435)
_UNKNOWN = 463
"""The first number that these lists do not know: "not implemented", so that a newer C library does without."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FCNTL_COMMANDS = (0, 1, 2, 3, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: no owner of signals, no lock, no lease."""

_IOCTL_COMMANDS = (0x5401, 0x5451)
"""TCGETS and FIOCLEX, with which Python asks for a terminal and closes a descriptor in other programs."""

_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

_EPERM, _ENOSYS = 1, 38
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # <linux/bpf_common.h>
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data (little-endian low words)


def system_call_filter(machine: str, pid: int) -> bytes | None:
    """The BPF program (array of struct sock_filter) for `machine` ("x86_64", "aarch64"), None for any other.

    Threads may be made, processes not; clone3, whose flags a filter cannot see, is "not implemented", so
    that the C library falls back to clone. Files are opened for reading. Signals and limits reach process `pid` itself
    only.
    """
    if machine not in _AUDIT_ARCHITECTURE:
        return None
    column = 0 if machine == "x86_64" else 1

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    allow, refuse, unknown = (step(_RETURN, each) for each in (_ALLOW, _ERRNO | _EPERM, _ERRNO | _ENOSYS))

    def on(call: tuple[int | None, int | None], *steps: bytes) -> list[bytes]:
        number = call[column]
        return [] if number is None else [step(_JUMP_EQUAL, number, 0, len(steps)), *steps]

    def among(argument: int, values: Sequence[int]) -> list[bytes]:
        """Allow a call whose argument is one of these."""
        jumps = [step(_JUMP_EQUAL, value, len(values) - place) for place, value in enumerate(values)]
        return [step(_LOAD, _ARGUMENTS + 8 * argument), *jumps, refuse, allow]

    def bits(argument: int, mask: int, if_any: bytes, if_none: bytes) -> list[bytes]:
        return [step(_LOAD, _ARGUMENTS + 8 * argument), step(_JUMP_BITS, mask, 0, 1), if_any, if_none]

    program = [
        step(_LOAD, _ARCHITECTURE),
        step(_JUMP_EQUAL, _AUDIT_ARCHITECTURE[machine], 1, 0),
        step(_RETURN, _KILL_PROCESS),  # a 32-bit call: its numbers mean something else
        step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [step(_JUMP_AT_LEAST, _X32_BIT, 0, 1), refuse]
    program += [step(_JUMP_AT_LEAST, _UNKNOWN, 0, 1), unknown]
    for call in _ALLOWED.values():
        program += on(call, allow)
    program += on(_OPEN, *bits(1, _WRITING, refuse, allow))
    program += on(_OPENAT, *bits(2, _WRITING, refuse, allow))
    program += on(_FCNTL, *among(1, _FCNTL_COMMANDS))
    program += on(_IOCTL, *among(1, _IOCTL_COMMANDS))
    program += on(_PRCTL, *among(0, (_PR_SET_NAME, _PR_SET_VMA)))
    program += on(_TGKILL, *among(0, (pid,)))
    program += on(_PRLIMIT64, *among(0, (0, pid)))
    program += on(_CLONE, *bits(0, _CLONE_THREAD, allow, refuse))
    program += on(_CLONE3, unknown)
    return b"".join((*program, refuse))


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _filter_system_calls(libc: ctypes.CDLL) -> bool:
    program = system_call_filter(platform.machine(), os.getpid())
    if program is None or struct.calcsize("P") != 8:
        return False
    compiled = _Program(len(program) // 8, program)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(compiled), 0, 0) == 0)


# landlock ---------------------------------------------------------------------------------------

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446  # the same on both machines
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILES = ((1, 0x1FFF), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""By the version that has them: to execute, read, write, make and remove; to move; to truncate; to use a device."""

_TCP, _LOCAL_SOCKETS_AND_SIGNALS = 0b11, 0b11  # from versions 4 and 6 on
_SIGNALS_SINCE = 6


def _confine_files(libc: ctypes.CDLL, readable: Sequence[Path]) -> tuple[bool, bool]:
    """Allow reading what is `readable`, and nothing else; whether that holds, and whether signals are scoped too.

    Landlock also hides the memory and environment (/proc/<pid>/environ) of processes outside.
    """
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1 or platform.machine() not in _AUDIT_ARCHITECTURE:
        return False, False
    attributes = struct.pack("=Q", sum(rights for since, rights in _FILES if version >= since))
    attributes += struct.pack("=Q", _TCP) if version >= 4 else b""
    attributes += struct.pack("=Q", _LOCAL_SOCKETS_AND_SIGNALS) if version >= _SIGNALS_SINCE else b""
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False, False
    try:
        for path in readable:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", _READ_FILE | (_READ_FOLDER if path.is_dir() else 0), descriptor)
                if libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0) != 0:
                    return False, False
            finally:
                os.close(descriptor)
        held = libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
        return held, held and version >= _SIGNALS_SINCE
    finally:
        os.close(ruleset)
