"""Backup, restore and migrate-store, killed at any step: run again, they do what they would have done."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from provenance.errors import Conflict
from provenance.transparency.note import VerifierKey
from registry.database import Store
from registry.storage import files
from registry.storage.blobs import Blobs
from registry.usecases.maintenance.backup import back_up, restore
from registry.usecases.maintenance.fsck.check import no_progress
from registry.usecases.maintenance.migration import migrate
from tests.postgres import PostgresServer
from tests.steps import before_step, kill_this_process
from tests.unit.registry.log_folder import Log

Progress = Callable[[str, int, int], None]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VerifierKey]:
    """A closed data folder of four entries with a blob, and its key."""
    folder = tmp_path_factory.mktemp("log") / "data"
    with Log(folder) as opened:
        for _ in range(3):
            opened.grow()
        opened.blobs.put(b"a sketch")
        return folder, opened.sequencer.key


@pytest.fixture(autouse=True)
def unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it has written: other tests' files need not be flushed for that."""
    monkeypatch.setattr(os, "sync", lambda: None)


def killed(step: int, work: Callable[[Progress], object]) -> bool:
    """Whether `work` was killed in a process of its own, before its `step`th rename, flush or sign of progress."""
    process = multiprocessing.get_context("forkserver").Process(target=_run, args=(step, work))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def backed_up(folder: Path, target: Path, key: str, progress: Progress) -> object:
    return back_up(folder, Blobs.open(folder / "objects"), target, VerifierKey.parse(key), progress)


def restored(backup: Path, folder: Path, mark: Path, key: str, progress: Progress) -> object:
    return restore(backup, folder, mark, VerifierKey.parse(key), progress, discard_newer=False)


def migrated(folder: Path, url: str, key: str, progress: Progress) -> object:
    with closing(Store.open(folder)) as source, closing(Store.open(folder, url)) as target:
        return migrate(source, target, VerifierKey.parse(key), progress)


def _run(step: int, work: Callable[[Progress], object]) -> None:
    stepped = before_step(step, kill_this_process)
    os.sync = stepped(lambda: None)
    Path.rename, Path.replace = stepped(Path.rename), stepped(Path.replace)  # type: ignore[method-assign]
    work(stepped(no_progress))


def test_a_backup_that_is_killed_leaves_no_backup_and_nothing_behind_the_next_one(
    log: tuple[Path, VerifierKey], tmp_path: Path
) -> None:
    folder, key = log

    work = partial(backed_up, folder, tmp_path / "backups" / "today", str(key))
    step = 0
    while killed(step, work) and not (tmp_path / "backups" / "today").exists():
        step += 4  # to try each takes a minute
    assert step > 4
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["today"]
    with pytest.raises(Conflict):
        work(no_progress)


def test_a_backup_that_is_being_made_is_not_taken_for_one_that_was_killed(
    log: tuple[Path, VerifierKey], tmp_path: Path
) -> None:
    folder, key = log
    other = tmp_path / ".today-another"
    other.mkdir()
    with files.locked(other / "making", 0):
        assert back_up(folder, Blobs.open(folder / "objects"), tmp_path / "today", key, no_progress) == (4, [])
    assert other.is_dir()


@pytest.mark.parametrize("apart", [False, True], ids=["high-water mark inside", "high-water mark elsewhere"])
def test_a_restoration_that_is_killed_is_begun_anew_by_the_next_one(
    log: tuple[Path, VerifierKey], tmp_path: Path, apart: bool
) -> None:
    (folder, key), again = log, tmp_path / "again"
    back_up(folder, Blobs.open(folder / "objects"), tmp_path / "backup", key, no_progress)
    mark = tmp_path / "elsewhere" / "high-water" if apart else again / "high-water"
    mark.parent.mkdir(exist_ok=True)

    work = partial(restored, tmp_path / "backup", again, mark, str(key))
    step = 0
    while killed(step, work) and not (again / "countermark.db").exists():
        step += 4
    assert step > 4
    assert mark.read_bytes() == (folder / "high-water").read_bytes()
    with pytest.raises(Conflict):
        work(no_progress)
    left = {path.name for path in again.iterdir()} - {".restoring", "high-water"}
    assert left == {path.name for path in (tmp_path / "backup").iterdir()} - {"high-water"}
    with Log(again, high_water=mark) as opened:
        opened.grow()
        assert opened.sequencer.size == 5


def test_two_restorations_into_one_folder_do_not_empty_it_under_each_other(
    log: tuple[Path, VerifierKey], tmp_path: Path
) -> None:
    (folder, key), again = log, tmp_path / "again"
    back_up(folder, Blobs.open(folder / "objects"), tmp_path / "backup", key, no_progress)
    refused = []

    def beside(*_: object) -> None:
        with pytest.raises(Conflict, match="another process restores into") as error:
            restore(tmp_path / "backup", again, again / "high-water", key, no_progress, discard_newer=False)
        refused.append(error)

    restore(tmp_path / "backup", again, again / "high-water", key, beside, discard_newer=False)
    assert refused
    with Log(again) as opened:
        opened.grow()
        assert opened.sequencer.size == 5


def test_a_restoration_that_fails_leaves_an_empty_folder(log: tuple[Path, VerifierKey], tmp_path: Path) -> None:
    folder, key = log
    back_up(folder, Blobs.open(folder / "objects"), tmp_path / "backup", key, no_progress)

    def unplugged(stage: str, _done: int, _all: int) -> None:
        if stage == "blobs":
            raise OSError("pulled the plug")

    again = tmp_path / "again"
    with pytest.raises(Exception, match="pulled the plug"):
        restore(tmp_path / "backup", again, again / "high-water", key, unplugged, discard_newer=False)
    assert list(again.iterdir()) == []


def test_a_migration_that_is_killed_leaves_an_empty_target_and_can_be_repeated(
    log: tuple[Path, VerifierKey], postgres: PostgresServer
) -> None:
    (folder, key), url = log, postgres.new_database()

    work = partial(migrated, folder, url, str(key))
    for step in (0, 9, 30):
        assert killed(step, work)
    assert getattr(work(no_progress), "size", 0) == 4
