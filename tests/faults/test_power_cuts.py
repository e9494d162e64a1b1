"""Power cuts, replayed from a recording: what was acknowledged is there, whatever was not flushed is lost or torn."""

import os
import shutil
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from provenance.errors import CountermarkError
from registry.usecases.maintenance import fsck
from tests.faults.disk import CALLS, Disk, Event, Mode, events
from tests.patience import HUNG_SECONDS
from tests.unit.registry.newsroom import Newsroom

ROOT = Path(__file__).parents[2]
CUTS = int(os.environ.get("FAULT_POWER_CUTS", "120"))
MODES: tuple[Mode, ...] = ("drop", "prefix", "subset", "tear")


def record(scratch: Path, synchronous: str) -> list[Event]:
    """The calls of a writer that begins with `scratch`/data."""
    with Newsroom(scratch / "data") as newsroom:
        newsroom.found()
    shutil.copytree(scratch / "data", scratch / "before")
    log = scratch / "strace"
    subprocess.run(
        [
            *("strace", "-f", "-y", "-xx", "-s", "2000000", "-e", f"trace={CALLS}", "-o", str(log)),
            *(sys.executable, "-m", "tests.faults.crash_writer", str(scratch / "data"), synchronous),
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=HUNG_SECONDS,
    )
    return events(log)


def losses(scratch: Path, calls: list[Event]) -> tuple[list[str], int]:
    """What was lost or corrupt after cuts at random moments, and how many of them came after an acknowledgement."""
    chance = Random(20260301)
    moments = sorted(chance.sample(range(len(calls)), min(CUTS, len(calls))))
    shutil.rmtree(scratch / "data")
    (scratch / "before").rename(scratch / "data")
    disk, modes, found, late = Disk(scratch / "data"), cycle(MODES), [], 0
    applied = 0
    for moment in moments:
        for event in calls[applied:moment]:
            disk.apply(event)
        applied = moment
        mode = next(modes)
        image = scratch / "image"
        disk.crash(image, mode, chance)
        late += bool(disk.acknowledged)
        fault = examine(image, disk.acknowledged)
        shutil.rmtree(image)
        if fault is not None:
            found.append(f"cut before call {moment}, {mode}: {fault}")
    return found, late


def examine(image: Path, acknowledged: list[bytes]) -> str | None:
    """What is wrong with a folder after a crash."""
    try:
        with Newsroom(image) as newsroom:
            for line in acknowledged:
                _, index, record = line.decode().split()
                if newsroom.proofs.tlog_proof(bytes.fromhex(record)).index != int(index):
                    return f"entry {index} has moved"
            newsroom.register("after the cut").result()
            findings = list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))
    except CountermarkError as error:
        return f"{type(error).__name__}: {error}"
    return str(findings[0]) if findings else None


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_recording_followed_to_its_end_leads_to_the_folder_that_it_is_of(tmp_path: Path) -> None:
    calls = record(tmp_path, "full")
    written = contents(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "before").rename(tmp_path / "data")
    disk = Disk(tmp_path / "data")
    for event in calls:
        disk.apply(event)
    disk.crash(tmp_path / "image", "all", Random(0))
    assert contents(tmp_path / "image") == written
    assert len(disk.acknowledged) == 24


@pytest.mark.timeout(1800)
def test_no_power_cut_loses_or_corrupts_what_was_acknowledged(tmp_path: Path) -> None:
    calls = record(tmp_path, "full")
    found, late = losses(tmp_path, calls)
    assert found == []
    assert late > CUTS / 3  # opening the folder takes nearly half of the recorded calls


@pytest.mark.timeout(1800)
def test_the_same_cuts_lose_entries_where_sqlite_is_told_not_to_flush_each_commit(tmp_path: Path) -> None:
    calls = record(tmp_path, "normal")
    found, _ = losses(tmp_path, calls)
    assert any("older copy" in each for each in found), "the test above would not notice"
