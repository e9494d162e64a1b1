"""Each file system call of one append fails, or is the last: what is stored stays sound, and the next append works.

strace counts the calls of each thread apart, so that a case is the Nth such call of every thread; each call of an
append is in exactly one.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.usecases.maintenance import fsck
from tests.patience import HUNG_SECONDS
from tests.unit.registry.newsroom import Newsroom

ROOT = Path(__file__).parents[2]
CALLS = ("openat", "write", "pwrite64", "pread64", "fsync", "fdatasync", "rename", "mkdir", "unlink", "ftruncate")
FAULTS = ("KILL", "EIO", "ENOSPC")
PART = int(os.environ.get("FAULT_CALLS_PART", "1"))  # every PARTth case is tried


class Appender:
    """The process that appends, and the strace that makes it fail."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.one_append"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        self._process.communicate(timeout=HUNG_SECONDS)

    def trace(self, folder: Path, output: Path, *options: str) -> tuple[str, str]:
        """(answer to an append under strace, answer to the next one); "ended …" where the process was killed."""
        opened = self.ask(f"open {folder}")
        assert opened.startswith("opened "), opened
        assert self.ask("append pier").startswith("logged")  # so that all modules and threads are there
        strace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "0", "-o", str(output), *options, "-p", opened.split()[1]],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert strace.stderr is not None
            assert "attached" in strace.stderr.readline()
            first = self.ask("append market")
        finally:
            strace.send_signal(signal.SIGTERM)
            strace.communicate(timeout=HUNG_SECONDS)
        if first.startswith("ended"):
            return first, ""
        second = self.ask("append station")
        assert self.ask("close") == "ended 0"
        return first, second


@pytest.fixture(scope="module")
def appender() -> Iterator[Appender]:
    appender = Appender()
    yield appender
    appender.end()


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with two entries and a picture, closed."""
    folder = tmp_path_factory.mktemp("founded") / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        newsroom.register("harbour").result()
    return folder


@pytest.fixture(scope="module")
def calls(appender: Appender, founded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """The ordinals within their threads, by name, of the calls that touch the data folder in one append."""
    scratch = tmp_path_factory.mktemp("calls")
    shutil.copytree(founded, scratch / "data")
    first, second = appender.trace(scratch / "data", scratch / "trace", "-e", f"trace={','.join(CALLS)}")
    assert (first.split()[0], second.split()[0]) == ("logged", "logged")
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[str, set[int]] = defaultdict(set)
    for line in (scratch / "trace").read_text().splitlines():
        call = re.match(r"(\d+) +(\w+)\(", line)
        if call:
            thread, name = call.groups()
            seen[thread, name] += 1
            if str(scratch / "data") in line:
                found[name].add(seen[thread, name])
    return {name: sorted(ordinals) for name, ordinals in found.items()}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_append_whose_system_call_fails_leaves_a_sound_log(
    appender: Appender, founded: Path, calls: dict[str, list[int]], tmp_path: Path, fault: str
) -> None:
    tried = 0
    every = [(name, ordinal) for name, ordinals in sorted(calls.items()) for ordinal in ordinals]
    assert len(every) >= 30
    for name, ordinal in every[::PART]:
        case = f"{fault} at {name} {ordinal}"
        folder = tmp_path / f"{name}-{ordinal}"
        shutil.copytree(founded, folder)
        inject = "signal=KILL" if fault == "KILL" else f"error={fault}"
        options = ["-e", f"trace={name}", "-e", f"inject={name}:{inject}:when={ordinal}"]
        first, second = appender.trace(folder, tmp_path / "trace", *options)
        hits = [line for line in (tmp_path / "trace").read_text().splitlines() if "INJECTED" in line]
        tried += bool(hits) or first.startswith("ended")
        if not first.startswith("ended"):
            assert second.startswith("logged"), f"{case}: {first}; then {second}"
        acknowledged = [answer.split()[1:] for answer in (first, second) if answer.startswith("logged")]
        _check(folder, case, acknowledged)
        shutil.rmtree(folder)
    assert tried >= 0.9 * len(every[::PART]) - 1  # one that this run does not reach is not a tenth of a small part


def _check(folder: Path, case: str, acknowledged: list[list[str]]) -> None:
    """What was acknowledged is there, nothing is twice or unsound, and one more append works."""
    with Newsroom(folder) as newsroom:
        for index, record in acknowledged:
            assert newsroom.proofs.tlog_proof(bytes.fromhex(record)).index == int(index), case
        names = [newsroom.register(name).result().index for name in ("market", "station", "square")]
        assert len(set(names)) == 3, case
        assert newsroom.sequencer.size == 7, case
        findings = list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))
        assert findings == [], case
