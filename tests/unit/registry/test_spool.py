"""The folder of one process, and what crashed ones have left."""

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.storage.spool import own_folder
from tests.patience import HUNG_SECONDS


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    opened: list[int] = []
    yield opened
    for each in opened:
        os.close(each)


def test_what_a_crashed_process_has_left_is_deleted_and_the_folder_of_a_running_one_is_not(tmp_path: Path) -> None:
    left = tmp_path / "process-left"
    left.mkdir()
    (left / "upload").touch()
    others = tmp_path / "letters"
    others.mkdir()
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert sorted(tmp_path.iterdir()) == sorted([first, second, others])
    assert list(tmp_path.iterdir()) == [others]


def test_a_link_is_neither_followed_nor_deleted(tmp_path: Path) -> None:
    spool, kept = tmp_path / "spool", tmp_path / "kept"
    kept.mkdir()
    (kept / "letter").touch()
    spool.mkdir()
    (spool / "process-link").symlink_to(kept)
    with own_folder(spool):
        pass
    assert [each.name for each in kept.iterdir()] == ["letter"]


@pytest.mark.timing
def test_a_process_that_is_suspended_while_it_sweeps_holds_up_no_start(
    tmp_path: Path, descriptors: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken a folder that was made a moment ago, and not locked yet, for a leftover."""
    make, started = tempfile.mkdtemp, threading.Event()

    def swept(prefix: str, dir: Path) -> str:  # noqa: A002
        made = make(prefix=prefix, dir=dir)
        if not descriptors:
            descriptors.append(os.open(made, os.O_RDONLY))
            fcntl.flock(descriptors[0], fcntl.LOCK_EX)
        return made

    def start() -> None:
        with own_folder(tmp_path):
            started.set()

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    assert started.wait(HUNG_SECONDS)
    thread.join()
