"""A file is replaced by compare-and-swap, whoever is suspended in the middle of it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.storage import files

SUSPENDED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from registry.storage import files

path = Path(sys.argv[1])
read = files.read

def suspended(path):
    found = read(path)
    if not told:
        told.append(True)
        print("read", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return found

told = []
files.read = suspended
print(files.swap(path, b"by the suspended one", {b"at first"}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mark"
    path.write_bytes(b"at first")
    return path


def test_a_process_that_is_suspended_while_it_replaces_a_file_holds_nobody_up_and_replaces_nothing_later(
    path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUSPENDED_IN_THE_MIDDLE, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "read\n"
            os.waitid(os.P_PID, other.pid, os.WSTOPPED | os.WNOWAIT)
            assert files.swap(path, b"by another", {b"at first"})
            os.kill(other.pid, signal.SIGCONT)
            assert other.stdout.readline() == "False\n"
        finally:
            other.kill()
    assert path.read_bytes() == b"by another"
    assert [each.name for each in path.parent.iterdir()] == ["mark"]


def test_of_many_who_replace_the_same_bytes_at_once_exactly_one_does(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for round_ in range(20):
            before = path.read_bytes()
            swaps = [threads.submit(files.swap, path, f"{round_} by {n}".encode(), {before}) for n in range(8)]
            assert [swap.result() for swap in swaps].count(True) == 1


def test_each_of_many_replacements_is_counted_once(path: Path) -> None:
    path.write_bytes(b"0")

    def count_up(_: int) -> None:
        while not files.swap(path, str(int(seen := path.read_bytes()) + 1).encode(), {seen}):
            pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_up, range(40)))
    assert path.read_bytes() == b"40"


def test_the_draft_of_a_process_that_crashed_is_removed(path: Path) -> None:
    path.with_name("mark.0123456789abcdef.new").write_bytes(b"left")
    files.swap(path, b"next", {b"at first"})
    assert [each.name for each in path.parent.iterdir()] == ["mark"]


def test_files_with_other_names_are_left_alone(path: Path) -> None:
    other = path.with_name("mark.old.new")
    other.write_bytes(b"an operator's")
    files.swap(path, b"next", {b"at first"})
    assert other.read_bytes() == b"an operator's"
