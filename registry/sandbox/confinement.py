"""Confinement: the rights that a worker process drops for good before it reads untrusted bytes.

prctl(2), seccomp(2) with a classic BPF filter, landlock(7) and setrlimit(2), called through ctypes;
the system call numbers are those of <asm/unistd.h> for x86-64 and aarch64. If the kernel lacks a
layer, the worker goes on without it and reports that in its `Confinement`.
"""

import ctypes
import math
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

MEMORY_BYTES = 1536 * 1024 * 1024
"""Bytes of address space beyond what the warm worker maps: one decode of `limits.MAX_DECODE_BYTES` (800 MiB), a
second copy of its pixels while they are rotated or converted (600 MiB as RGB), and slack for the allocator's arenas."""

MAX_OPEN_FILES = 64
"""Descriptors: a job opens its input and perhaps three temporary files."""

MAX_FILE_BYTES = 128 * 1024 * 1024
"""Bytes of one file that a worker writes: a signed copy of the largest upload (50 MiB), twice."""

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2


@dataclass(frozen=True)
class Confinement:
    """Which of the kernel's optional protections hold in a worker (the resource limits always do).

    Attributes:
        network_blocked: no socket can be made, no program or process started, no other process touched.
        writes_blocked: nothing outside the worker's own temporary folder can be written or removed.
    """

    network_blocked: bool
    writes_blocked: bool


def confine(scratch: Path) -> Confinement:
    """Drop, for this process and all its threads, every right but reading files and computing.

    Call it while the process has one thread: later threads inherit the restrictions, earlier ones do not.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    if sys.platform != "linux":
        return Confinement(network_blocked=False, writes_blocked=False)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confinement(network_blocked=False, writes_blocked=False)
    _drop_capabilities(libc)
    writes_blocked = _block_writes(libc, scratch)
    return Confinement(network_blocked=_block_system_calls(libc), writes_blocked=writes_blocked)


def limit_memory() -> None:
    """Allow `MEMORY_BYTES` of address space more than is mapped now: call it when the imports are warm."""
    if sys.platform != "linux":
        return
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))


def limit_cpu(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) after so many more seconds of CPU time, rounded up to a whole second.

    The soft limit moves with each job, and a compromised worker can move it itself: the parent's clock ends such a
    worker, and a decoder that waits forever.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(usage.ru_utime + usage.ru_stime + seconds), hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread of process `parent` that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)  # it ended before we asked


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop the capabilities of a server that runs as root (capabilities(7), version 3 of the structures)."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(2 * 3 * 4)
    libc.capset(header, none)  # cannot fail: a process may always have less


# seccomp ----------------------------------------------------------------------------------------

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # <linux/audit.h>

_REFUSED = {  # name: (x86_64, aarch64); None where the machine has no such call
    # The network. io_uring too: its operations are not seen by a filter.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Other programs and other processes.
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    # Parts of the kernel that no picture needs and that exploits like.
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
_CLONE, _CLONE3, _TGKILL, _PRLIMIT64 = (56, 220), (435, 435), (234, 131), (302, 261)
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

_EPERM, _ENOSYS = 1, 38
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # <linux/bpf_common.h>
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data (little-endian low words)


def system_call_filter(machine: str, pid: int) -> bytes | None:
    """The BPF program (array of struct sock_filter) for `machine` ("x86_64", "aarch64"), None for any other.

    Threads may be made, processes not; clone3, whose flags a filter cannot see, is "not implemented", so
    that the C library falls back to clone. Signals and limits reach process `pid` itself only.
    """
    if machine not in _AUDIT_ARCHITECTURE:
        return None
    column = 0 if machine == "x86_64" else 1

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    refuse = step(_RETURN, _ERRNO | _EPERM)
    program = [
        step(_LOAD, _ARCHITECTURE),
        step(_JUMP_EQUAL, _AUDIT_ARCHITECTURE[machine], 1, 0),
        step(_RETURN, _KILL_PROCESS),  # a 32-bit call: its numbers mean something else
        step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [step(_JUMP_AT_LEAST, _X32_BIT, 0, 1), refuse]
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            program += [step(_JUMP_EQUAL, number, 0, 1), refuse]
    program += [step(_JUMP_EQUAL, _CLONE3[column], 0, 1), step(_RETURN, _ERRNO | _ENOSYS)]
    argument = step(_LOAD, _FIRST_ARGUMENT)
    allow = step(_RETURN, _ALLOW)
    own = step(_JUMP_EQUAL, pid, 1, 0)
    program += [step(_JUMP_EQUAL, _TGKILL[column], 0, 4), argument, own, refuse, allow]
    program += [
        step(_JUMP_EQUAL, _PRLIMIT64[column], 0, 5),
        argument,
        step(_JUMP_EQUAL, 0, 2, 0),
        own,
        refuse,
        allow,
    ]
    program += [
        step(_JUMP_EQUAL, _CLONE[column], 0, 3),
        argument,
        step(_JUMP_BITS, _CLONE_THREAD, 1, 0),
        refuse,
        allow,
    ]
    return b"".join(program)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _block_system_calls(libc: ctypes.CDLL) -> bool:
    program = system_call_filter(platform.machine(), os.getpid())
    if program is None or struct.calcsize("P") != 8:
        return False
    compiled = _Program(len(program) // 8, program)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(compiled), 0, 0) == 0)


# landlock ---------------------------------------------------------------------------------------

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446  # the same on both machines
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_WRITE_FILE, _REMOVE_AND_MAKE, _REFER, _TRUNCATE = 1 << 1, 0x1FF0, 1 << 13, 1 << 14


def _block_writes(libc: ctypes.CDLL, scratch: Path) -> bool:
    """Allow writing, making and removing files under `scratch` only. Reading stays free.

    Landlock also hides the memory and environment (/proc/<pid>/environ) of processes outside, now that
    CAP_PERFMON is dropped.
    """
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1 or platform.machine() not in _AUDIT_ARCHITECTURE:
        return False
    handled = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("=Q", handled)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for descriptor, access in ((folder, handled), (null, _WRITE_FILE)):
            rule = struct.pack("=Qi", access, descriptor)
            if libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0) != 0:
                return False
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        for descriptor in (folder, null, ruleset):
            os.close(descriptor)
