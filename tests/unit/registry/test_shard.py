"""The files of local features: they find what a fresh build does, whatever happened, and nothing that was erased."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.media.local_features import CODE, LocalFeatures
from registry.search import column_file
from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.shard import Shard
from tests.damage import cut, cut_to_nothing, flip
from tests.patience import EXPIRING_SECONDS, eventually

FEATURES = 60
ROOT = Path(__file__).resolve().parents[3]

Row = tuple[int, bytes]


def codes(seed: int, number: int = FEATURES) -> np.ndarray:
    random = np.random.default_rng(seed)
    made = np.empty(number, CODE)
    made["word"] = random.integers(0, 128 * 128, number) % 40  # few words, so that lists are long
    made["signs"] = random.integers(0, 2**64, number, dtype=np.uint64)
    made["direction"], made["size"] = random.integers(0, 256, number), random.integers(60, 100, number)
    return made


def row(index: int) -> Row:
    return index, codes(index).tobytes()


def query(index: int) -> LocalFeatures:
    return LocalFeatures(codes(index)[:30].tobytes(), codes(10**6).tobytes())


def answers(shard: Shard, asked: Sequence[int] = range(40)) -> list[object]:
    return [shard.propose(query(index)) for index in asked]


def fresh(folder: Path, indices: Sequence[int], end: int) -> Shard:
    made = Shard(folder)
    made.add(0, end, [row(index) for index in indices])
    return made


def tend(shard: Shard) -> None:
    with shard.tending() as mine:
        assert mine
        while shard.tend():
            pass


def refill(shard: Shard) -> None:
    """What `InvertedFile` does for holes and behind the end, of forty registrations."""
    while shard.holes:
        hole = shard.holes[0]
        with shard.tending() as mine:
            assert mine
            shard.add(hole.start, hole.stop, [row(index) for index in hole])
    shard.add(shard.end, 40, [row(index) for index in range(shard.end, 40)])


def paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{segments.SUFFIX}"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files from five registrations on, keys of several bits, and blocks of few features."""
    monkeypatch.setattr(shards, "TAIL", 5)
    monkeypatch.setattr(segments, "LIST", 4)
    monkeypatch.setattr(segments, "MERGED_AT_ONCE", 200)
    monkeypatch.setattr(column_file, "PAGE", 256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty registrations in a few files and a tail."""
    made = tmp_path / "features"
    shard = Shard(made)
    for start in range(0, 36, 6):
        shard.add(start, start + 6, [row(index) for index in range(start, start + 6)])
        tend(shard)
    assert len(paths(made)) > 1
    return made


@pytest.fixture
def expected(tmp_path: Path) -> list[object]:
    return answers(fresh(tmp_path / "fresh", range(40), 40))


def test_what_is_asked_for_is_found(expected: list[object]) -> None:
    assert [found[0].index for found, _ in expected] == list(range(40))  # type: ignore[index, misc]


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=8), tended=st.lists(st.booleans(), min_size=8, max_size=8)
)
def test_the_answers_do_not_depend_on_how_the_files_grew(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], tended: list[bool]
) -> None:
    base = tmp_path_factory.mktemp("shards")
    grown, end = Shard(base / "grown"), 0
    for size, now in zip(batches, tended, strict=False):
        grown.add(end, end + size, [row(index) for index in range(end, end + size)])
        end += size
        if now:
            tend(grown)
    asked = range(0, end, 3)
    assert answers(grown, asked) == answers(fresh(base / "fresh", range(end), end), asked)
    tend(grown)
    again = Shard(base / "grown")
    again.add(again.end, end, [row(index) for index in range(again.end, end)])
    assert answers(again, asked) == answers(grown, asked)


def flip_in_the_footer(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 4
    path.write_bytes(data)


def replace_by_another_stores(path: Path) -> None:
    other = Shard(path.parent.parent / "other", store="another")
    entries = segments.entries_in_name(path)
    assert entries is not None
    other.add(0, entries.stop, [row(index + 500) for index in range(entries.stop)])
    tend(other)
    (made,) = paths(path.parent.parent / "other")
    path.unlink()
    shutil.move(made, path.parent / made.name)


@pytest.mark.parametrize("damage", [cut, cut_to_nothing, flip, flip_in_the_footer, replace_by_another_stores])
@pytest.mark.parametrize("which", [0, -1])
def test_a_damaged_file_is_told_once_and_made_again(
    folder: Path, damage: Callable[[Path], None], which: int, expected: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    damage(paths(folder)[which])
    shard = Shard(folder)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "is deleted, and made again from the store" in caplog.text
    refill(shard)
    assert answers(shard) == expected
    tend(shard)
    again = Shard(folder)
    refill(again)
    assert answers(again) == expected
    assert len(caplog.records) == 1


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is so large that it is opened before it is read through."""
    monkeypatch.setattr(column_file, "READ_AT_OPENING", 0)


def flip_in(path: Path, column: str, place: int) -> None:
    """Change the byte of a column that is at a place, a number of 0 to 99, of its length."""
    held = getattr(segments.load(path, whole=False), column).tobytes()
    data = bytearray(path.read_bytes())
    data[data.index(held) + place * len(held) // 100] ^= 4
    path.write_bytes(data)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("column", ["signs", "owners", "geometry"])
def test_a_large_file_is_opened_unread_and_damage_is_found_before_it_is_answered_from(
    folder: Path, column: str, expected: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    whole = {path: path.read_bytes() for path in paths(folder)}
    for place in range(0, 100, 7):
        for path, data in whole.items():
            path.write_bytes(data)
        flip_in(paths(folder)[0], column, place)
        caplog.clear()
        shard = Shard(folder)
        refill(shard)
        assert not caplog.records
        for index in range(40):  # each search finds all, or says that some are not there
            if shard.holes:
                break
            found = shard.propose(query(index))
            assert found == expected[index] or shard.holes
        assert shard.holes
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert f"of its {column} is not the one that was written" in caplog.text
        assert paths(folder) != sorted(whole)
        refill(shard)
        assert answers(shard) == expected
        for path in paths(folder):
            path.unlink()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("column", ["tables", "starts"])
def test_where_features_stand_is_compared_when_a_large_file_is_opened(
    folder: Path, column: str, caplog: pytest.LogCaptureFixture
) -> None:
    flip_in(paths(folder)[0], column, 60)
    shard = Shard(folder)
    assert "is deleted, and made again from the store" in caplog.text
    assert shard.holes


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("column", ["signs", "owners", "geometry"])
def test_nothing_is_made_of_a_large_file_that_has_changed(
    folder: Path, tmp_path: Path, column: str, caplog: pytest.LogCaptureFixture
) -> None:
    flip_in(paths(folder)[0], column, 50)
    shard = Shard(folder)
    refill(shard)
    shard.erase([3], until=50)
    tend(shard)  # writes files anew that have what was erased
    assert "is deleted, and made again from the store" in caplog.text
    refill(shard)
    tend(shard)
    left = [index for index in range(40) if index != 3]
    assert answers(shard, left) == answers(fresh(tmp_path / "left", left, 40), left)


@pytest.mark.usefixtures("large")
def test_what_was_read_through_once_is_not_compared_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(folder)
    shard.verify()
    monkeypatch.setattr(column_file.zlib, "crc32", None)
    monkeypatch.setattr(column_file.hashlib, "sha256", None)
    shard.verify()
    assert shard.propose(query(3))


def test_a_file_of_an_older_version_is_made_again(
    folder: Path, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    older = paths(folder)
    with monkeypatch.context() as newer:
        newer.setattr(segments, "KIND", replace(segments.KIND, version=segments.VERSION + 1))
        shard = Shard(folder)
        assert shard.registrations == 0
        refill(shard)
        tend(shard)
        assert answers(shard) == expected
    assert not any(path.exists() for path in older)


def test_a_file_of_a_newer_version_is_left_alone_and_not_read(
    folder: Path, expected: list[object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    newer = paths(folder)[0]
    with monkeypatch.context() as older:
        older.setattr(segments, "KIND", replace(segments.KIND, version=0))
        shard = Shard(folder)
        assert shard.registrations == 0
        assert "is left alone" in caplog.text
        refill(shard)
        tend(shard)
        assert answers(shard) == expected
    assert newer.exists()


def test_files_that_are_deleted_while_they_are_mapped_are_searched_on_and_made_again(
    folder: Path, expected: list[object]
) -> None:
    shard = Shard(folder)
    refill(shard)
    for path in paths(folder):
        path.unlink()
    assert answers(shard) == expected
    shard.refresh()
    refill(shard)
    assert answers(shard) == expected


def test_a_folder_that_is_deleted_while_its_files_are_mapped_is_made_again(
    folder: Path, expected: list[object]
) -> None:
    shard = Shard(folder)
    refill(shard)
    shutil.rmtree(folder)
    assert answers(shard) == expected
    tend(shard)
    shard.refresh()
    refill(shard)
    tend(shard)
    assert answers(shard) == answers(Shard(folder)) == expected


def test_one_process_at_a_time_writes_and_the_others_take_its_files(folder: Path, expected: list[object]) -> None:
    one, other = Shard(folder), Shard(folder)
    for shard in (one, other):
        refill(shard)
    with one.tending() as mine:
        assert mine
        with other.tending() as too:
            assert not too
    tend(one)
    other.refresh()
    assert {each.file for each in other._state.files} == set(paths(folder))
    refill(other)
    assert answers(one) == answers(other) == expected


def test_two_builders_make_the_same_file(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        shard = fresh(tmp_path / name, range(30), 30)
        tend(shard)
        made.append([path.name for path in paths(tmp_path / name)])
    assert made[0] == made[1]


@pytest.mark.parametrize("written", [0, 1, 5])
def test_a_disk_that_is_full_while_merging_leaves_the_files_as_they_were(
    folder: Path, written: int, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = Shard(folder)
    refill(shard)
    shard.add(40, 60, [row(index) for index in range(40, 60)])
    before, real, calls = paths(folder), column_file._put, []

    def full(*args: object) -> int:
        calls.append(1)
        if len(calls) > written:
            raise OSError(errno.ENOSPC, "no space left")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(column_file, "_put", full)
    with pytest.raises(OSError, match="no space left"):
        tend(shard)
    assert sorted(folder.iterdir()) == sorted([*before, folder / "lock"])
    assert [found[0].index for found, _ in answers(shard, range(60))] == list(range(60))  # type: ignore[index, misc]
    assert answers(Shard(folder), range(20))
    monkeypatch.undo()


def test_what_is_erased_is_found_no_more_and_is_soon_in_no_file(folder: Path, tmp_path: Path) -> None:
    shard, other = Shard(folder), Shard(folder)
    for each in (shard, other):
        refill(each)
    shard.erase([3, 38], until=50)
    assert all(found[0].index not in (3, 38) for found, _ in answers(shard) if found)  # type: ignore[index, misc]
    tend(shard)
    other.erase([3, 38], until=50)
    other.refresh()
    for each in (shard, other, Shard(folder)):
        assert all(not np.isin(segment.owners, [3, 38]).any() for segment in each._state.all)
    left = [index for index in range(40) if index not in (3, 38)]
    assert answers(shard, left) == answers(fresh(tmp_path / "left", left, 40), left)
    for path in folder.iterdir():
        assert codes(3)["signs"][:4].tobytes() not in path.read_bytes()


def test_what_is_erased_during_a_merge_is_in_no_file_afterwards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(folder)
    refill(shard)
    real = segments.write

    def erased_meanwhile(*args: object) -> segments.Segment:
        made = real(*args)  # type: ignore[arg-type]
        shard.erase([3, 20, 39], until=50)
        return made

    monkeypatch.setattr(segments, "write", erased_meanwhile)
    shard.add(40, 70, [row(index) for index in range(40, 70)])
    tend(shard)
    assert all(not np.isin(segment.owners, [3, 20, 39]).any() for segment in shard._state.all)


def test_what_was_erased_is_not_added_from_an_older_state_of_the_store(folder: Path) -> None:
    shard = Shard(folder)
    shard.erase([37], until=50)
    refill(shard)
    assert all(37 not in segment.owners for segment in shard._state.all)


@pytest.mark.parametrize("step", range(13))
def test_a_process_that_is_killed_at_any_step_leaves_files_that_can_be_used(
    folder: Path, step: int, expected: list[object]
) -> None:
    command = [sys.executable, "-m", "tests.unit.registry.killed_while_tending", str(folder), str(step)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    shard = Shard(folder)
    refill(shard)
    tend(shard)
    assert answers(shard) == expected
    assert not list(folder.glob(f"*{column_file.PARTIAL}"))
    assert {each.file for each in shard._state.files} == set(paths(folder))


@pytest.mark.parametrize("step", [0, 1, 2, 3, 6, 8, 9])
def test_a_process_that_is_suspended_at_any_step_keeps_nobody_from_writing_and_brings_nothing_back(
    folder: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SUSPENDED_SECONDS", EXPIRING_SECONDS)
    left = [index for index in range(40) if index not in (3, 20, 38)]
    expected = answers(fresh(tmp_path / "left", left, 40), left)
    command = [sys.executable, "-m", "tests.unit.registry.suspended_while_tending", str(folder), str(step)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "suspended\n"
            os.waitid(os.P_PID, other.pid, os.WSTOPPED | os.WNOWAIT)
            shard = Shard(folder)
            shard.erase([3, 20, 38], until=50)
            refill(shard)
            eventually(lambda: tended(shard))
            other.send_signal(signal.SIGCONT)
            assert "another process goes on with it" in other.stdout.read()
        finally:
            other.kill()
    for each in (shard, Shard(folder)):
        each.erase([3, 20, 38], until=50)
        refill(each)
        assert answers(each, left) == expected
    eventually(lambda: tended(shard))
    assert answers(shard, left) == expected
    assert {path for path in folder.iterdir() if path.name != "lock"} == {each.file for each in shard._state.files}
    for path in folder.iterdir():
        assert codes(3)["signs"][:4].tobytes() not in path.read_bytes()


def tended(shard: Shard) -> bool:
    """Whether this process could write the files, and did."""
    with shard.tending() as mine:
        shard.refresh()
        while mine and shard.tend():
            pass
        return mine


def test_the_index_says_how_many_features_it_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(folder)
    found, left_out = shard.propose(query(7))
    assert left_out == 0
    monkeypatch.setattr("registry.search.voting.propose.__defaults__", (50,))
    _, left_out = shard.propose(query(7))
    assert 0 < left_out <= 30 + FEATURES
    assert found[0].index == 7
