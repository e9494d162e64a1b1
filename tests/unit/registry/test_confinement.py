"""The filter of system calls, run on paper: what it refuses, by machine."""

import os

import numpy as np
import pytest

from registry.sandbox.confinement import system_call_filter

_ALLOWED, _REFUSED_EPERM, _NOT_IMPLEMENTED, _KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


def run_filter(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What classic BPF makes of one system call."""
    words = [word for each in (*arguments, 0, 0, 0)[:3] for word in (each, 0)]
    data = np.array([number, architecture, 0, 0, *words], dtype="<u4").tobytes()
    steps = np.frombuffer(program, dtype=[("code", "<u2"), ("yes", "u1"), ("no", "u1"), ("k", "<u4")])
    accumulator, position = 0, 0
    while True:
        code, yes, no, k = (int(each) for each in steps[position])
        position += 1
        if code == 0x06:
            return k
        if code == 0x20:
            accumulator = int.from_bytes(data[k : k + 4], "little")
            continue
        holds = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}[code]
        position += yes if holds else no


@pytest.mark.parametrize(
    ("machine", "number", "arguments", "outcome"),
    [
        ("x86_64", 41, 2, _REFUSED_EPERM),  # socket
        ("aarch64", 198, 2, _REFUSED_EPERM),
        ("x86_64", 42, 3, _REFUSED_EPERM),  # connect
        ("aarch64", 203, 3, _REFUSED_EPERM),
        ("x86_64", 425, 8, _REFUSED_EPERM),  # io_uring_setup
        ("x86_64", 41 | 0x40000000, 2, _REFUSED_EPERM),  # socket, by its x32 number
        ("x86_64", 59, 0, _REFUSED_EPERM),  # execve
        ("aarch64", 221, 0, _REFUSED_EPERM),
        ("x86_64", 56, 0x11, _REFUSED_EPERM),  # clone of a process
        ("x86_64", 56, 0x3D0F00, _ALLOWED),  # clone of a thread
        ("aarch64", 220, 0x11, _REFUSED_EPERM),
        ("aarch64", 220, 0x3D0F00, _ALLOWED),
        ("x86_64", 435, 0, _NOT_IMPLEMENTED),  # clone3
        ("x86_64", 234, 77, _ALLOWED),  # tgkill of itself: abort()
        ("x86_64", 234, 78, _REFUSED_EPERM),
        ("aarch64", 131, 78, _REFUSED_EPERM),
        ("x86_64", 302, 0, _ALLOWED),  # prlimit64
        ("x86_64", 302, 77, _ALLOWED),
        ("x86_64", 302, 78, _REFUSED_EPERM),
        ("x86_64", 0, 3, _ALLOWED),  # read
        ("x86_64", 9, 0, _ALLOWED),  # mmap
        ("aarch64", 63, 3, _ALLOWED),  # read
        ("aarch64", 222, 0, _ALLOWED),  # mmap
        ("x86_64", 257, (-100 % 2**32, 0, os.O_RDONLY | os.O_CLOEXEC), _ALLOWED),  # openat
        ("x86_64", 257, (-100 % 2**32, 0, os.O_RDWR), _REFUSED_EPERM),
        ("x86_64", 257, (-100 % 2**32, 0, os.O_TRUNC), _REFUSED_EPERM),
        ("aarch64", 56, (-100 % 2**32, 0, os.O_WRONLY | os.O_CREAT), _REFUSED_EPERM),
        ("x86_64", 2, (0, os.O_CREAT), _REFUSED_EPERM),  # open
        ("x86_64", 72, (5, 1), _ALLOWED),  # fcntl F_GETFD
        ("x86_64", 72, (5, 1030), _ALLOWED),  # F_DUPFD_CLOEXEC
        ("x86_64", 72, (5, 4), _REFUSED_EPERM),  # F_SETFL
        ("x86_64", 72, (5, 8), _REFUSED_EPERM),  # F_SETOWN
        ("x86_64", 72, (5, 10), _REFUSED_EPERM),  # F_SETSIG
        ("aarch64", 25, (5, 8), _REFUSED_EPERM),
        ("aarch64", 25, (5, 3), _ALLOWED),  # F_GETFL
        ("x86_64", 16, (1, 0x5401), _ALLOWED),  # ioctl TCGETS
        ("x86_64", 16, (1, 0x8901), _REFUSED_EPERM),  # FIOSETOWN
        ("x86_64", 157, 15, _ALLOWED),  # prctl PR_SET_NAME
        ("x86_64", 157, 1, _REFUSED_EPERM),  # PR_SET_PDEATHSIG
        ("aarch64", 167, 4, _REFUSED_EPERM),  # PR_SET_DUMPABLE
        ("x86_64", 73, (5, 2), _REFUSED_EPERM),  # flock
        ("x86_64", 90, 0, _REFUSED_EPERM),  # chmod
        ("x86_64", 500, 0, _NOT_IMPLEMENTED),
        ("aarch64", 1000, 0, _NOT_IMPLEMENTED),
    ],
)
def test_the_filter_refuses_and_allows_by_machine(
    machine: str, number: int, arguments: int | tuple[int, ...], outcome: int
) -> None:
    program = system_call_filter(machine, 77)
    assert program is not None
    of_machine = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    assert run_filter(program, of_machine, number, *given) == outcome


def test_the_filter_kills_who_calls_by_the_numbers_of_another_machine() -> None:
    program = system_call_filter("x86_64", 77)
    assert program is not None
    assert run_filter(program, 0x40000003, 102) == _KILLED  # i386 socketcall


def test_an_unknown_machine_has_no_filter() -> None:
    assert system_call_filter("riscv64", 77) is None
