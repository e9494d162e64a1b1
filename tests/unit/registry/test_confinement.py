"""The filter of system calls, run on paper: what it refuses, by machine."""

import numpy as np
import pytest

from registry.sandbox.confinement import system_call_filter

_ALLOWED, _REFUSED_EPERM, _NOT_IMPLEMENTED, _KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


def run_filter(program: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """What classic BPF makes of one system call."""
    data = np.array([number, architecture, 0, 0, argument, 0], dtype="<u4").tobytes()
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
    ("machine", "number", "argument", "outcome"),
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
    ],
)
def test_the_filter_refuses_and_allows_by_machine(machine: str, number: int, argument: int, outcome: int) -> None:
    program = system_call_filter(machine, 77)
    assert program is not None
    assert run_filter(program, {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine], number, argument) == outcome


def test_the_filter_kills_who_calls_by_the_numbers_of_another_machine() -> None:
    program = system_call_filter("x86_64", 77)
    assert program is not None
    assert run_filter(program, 0x40000003, 102) == _KILLED  # i386 socketcall


def test_an_unknown_machine_has_no_filter() -> None:
    assert system_call_filter("riscv64", 77) is None
