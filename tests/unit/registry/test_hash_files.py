"""The files of hashes: a start that reads one finds what a start without finds, and nothing that was erased."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from registry.database import Session, Store, assets, entries, events
from registry.database.entries import NewEntry
from registry.search import hash_file, multi_index
from registry.search.codes import PDQ, Candidate, Codes
from registry.search.hash_file import HashFiles
from registry.search.multi_index import MultiIndex
from tests.damage import cut, cut_to_nothing, flip
from tests.patience import eventually
from tests.unit.registry.test_multi_index import CODES, asset, digest, register

ROOT = Path(__file__).resolve().parents[3]
HELD, SHORT = 300, 8


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables and a file from few registrations on, and short chunks, of which tables are small."""
    make_small(monkeypatch.setattr)


def make_small(patch: Callable[[ModuleType, str, object], None]) -> None:
    patch(hash_file, "FIRST", 100)
    patch(multi_index, "MAX_TAIL", 20)
    patch(multi_index, "CHUNK_BITS", SHORT)
    patch(multi_index, "_FLIPS", multi_index._FLIPS[multi_index._FLIPS < 1 << SHORT])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    opened.write(lambda session: begin(session)).result()
    yield opened
    opened.close()


def begin(session: Session, name: str = "a log") -> None:
    """A log of `HELD` entries, each a registration."""
    logged = [NewEntry(index, b"", b"", 0, record(index, name), "asset.registered", b"{}") for index in range(HELD)]
    entries.append(session, logged)
    register(session, *(asset(index, CODES[index]) for index in range(HELD)))


def record(index: int, name: str = "a log") -> bytes:
    return digest(index) if name == "a log" else digest(10**6 + index)


def add(store: Store, first: int, end: int) -> None:
    def rows(session: Session) -> None:
        logged = [NewEntry(index, b"", b"", 0, digest(index), "asset.registered", b"{}") for index in range(first, end)]
        entries.append(session, logged)
        register(session, *(asset(index, CODES[index]) for index in range(first, end)))

    store.write(rows).result()


def erase(store: Store, index: int, by: int) -> None:
    def rows(session: Session) -> None:
        assets.delete(session, assets.get(session, digest(index)))
        events.add(session, digest(index), by, "record.erased")

    store.write(rows).result()


def started(folder: Path) -> MultiIndex:
    """The index of a process that has just begun."""
    return MultiIndex(Codes(PDQ, HashFiles(folder / "hashes")))


def saved(store: Store, folder: Path) -> MultiIndex:
    index = started(folder)
    index.tend(store)
    assert len(paths(folder)) == 1
    return index


def paths(folder: Path) -> list[Path]:
    return sorted((folder / "hashes").glob(f"*{hash_file.SUFFIX}"))


def answers(store: Store, index: MultiIndex, asked: Sequence[int] = range(0, 400, 3)) -> list[list[Candidate]]:
    with store.read() as session:
        return [index.candidates(session, [CODES[each]], 100) for each in asked]


def test_a_start_takes_hashes_and_tables_from_the_file_and_reads_what_came_since(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(store, tmp_path)
    add(store, HELD, HELD + 10)
    read, real = list[int](), assets.hashes_after

    def counted(session: Session, after: int, *kind: object) -> Iterator[list[tuple[int, bytes]]]:
        for batch in real(session, after, *kind):  # type: ignore[arg-type]
            read.extend(index for index, _ in batch)
            yield batch

    monkeypatch.setattr(assets, "hashes_after", counted)
    index = started(tmp_path)
    assert answers(store, index) == answers(store, MultiIndex(Codes()))
    assert sorted(read) == sorted([*range(HELD, HELD + 10), *range(HELD + 10)])  # the second one has no file
    assert index._tables.size >= HELD - multi_index.MAX_TAIL


def flip_a_hash(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(CODES[30], bytes(32), 1))


def older_version(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b'{"version":1', b'{"version":0'))


@pytest.mark.parametrize("damage", [cut, cut_to_nothing, flip, flip_a_hash, older_version])
def test_a_damaged_file_is_told_and_all_is_read_from_the_store(
    store: Store, tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    saved(store, tmp_path)
    damage(*paths(tmp_path))
    assert answers(store, started(tmp_path)) == answers(store, MultiIndex(Codes()))
    assert caplog.text.count("is deleted, and made again from the store") == 1
    saved(store, tmp_path)


def test_the_file_of_another_store_is_not_read(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Store.open(tmp_path / "other data")
    other.write(lambda session: begin(session, "another log")).result()
    saved(other, tmp_path)
    other.close()
    erase(store, 30, HELD)
    assert answers(store, started(tmp_path), [30]) == answers(store, MultiIndex(Codes()), [30])
    assert "it is of another store" in caplog.text


def test_a_file_of_a_newer_version_is_left_alone(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(hash_file, "KIND", replace(hash_file.KIND, version=hash_file.VERSION + 1))
        saved(store, tmp_path)
    (left,) = paths(tmp_path)
    assert answers(store, started(tmp_path)) == answers(store, MultiIndex(Codes()))
    assert left.exists()


def test_what_is_erased_is_found_no_more_and_leaves_the_file(store: Store, tmp_path: Path) -> None:
    index, code = saved(store, tmp_path), CODES[30]
    assert code in paths(tmp_path)[0].read_bytes()
    erase(store, 30, HELD)
    for each in (index, started(tmp_path)):
        assert digest(30) not in {found.record_id for found in answers(store, each, [30])[0]}
    index.wake(store)
    (path,) = paths(tmp_path)
    assert code not in path.read_bytes()
    assert answers(store, started(tmp_path)) == answers(store, MultiIndex(Codes()))


def test_what_one_process_erases_no_other_writes_again(store: Store, tmp_path: Path) -> None:
    one, other = saved(store, tmp_path), started(tmp_path)
    with store.read() as session:
        before = other._codes.catch_up(session)
    erase(store, 30, HELD)
    one.wake(store)
    assert other._codes.files is not None
    assert not other._codes.files.is_due(replace(before.position, after=10**6))
    other.tend(store)
    (path,) = paths(tmp_path)
    assert CODES[30] not in path.read_bytes()


def test_one_that_is_revealed_late_is_found_after_a_start(store: Store, tmp_path: Path) -> None:
    def seal(session: Session) -> None:
        session.delete(assets.get(session, digest(7)))

    def reveal(session: Session) -> None:
        session.add(asset(7, CODES[1_999]))
        events.add(session, digest(7), HELD, "asset.revealed")

    store.write(seal).result()
    saved(store, tmp_path)
    store.write(reveal).result()
    assert answers(store, started(tmp_path), [1_999]) == [[Candidate(digest(7), 0)]]


def test_the_file_follows_the_log_as_it_grows_and_there_is_one(store: Store, tmp_path: Path) -> None:
    index = saved(store, tmp_path)
    (first,) = paths(tmp_path)
    index.tend(store)
    assert paths(tmp_path) == [first]
    add(store, HELD, HELD + 120)
    index.start(store)
    try:
        eventually(lambda: paths(tmp_path) != [first] and len(paths(tmp_path)) == 1)
    finally:
        index.close()
    assert answers(store, started(tmp_path)) == answers(store, MultiIndex(Codes()))


@pytest.mark.parametrize("step", range(6))
def test_a_process_that_is_killed_at_any_step_leaves_one_that_can_be_used_or_none(
    store: Store, tmp_path: Path, step: int
) -> None:
    saved(store, tmp_path)
    erase(store, 30, HELD)
    store.close()
    command = [sys.executable, "-m", "tests.unit.registry.killed_while_saving", str(tmp_path), str(step)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    again = Store.open(tmp_path / "data")
    index = started(tmp_path)
    assert answers(again, index) == answers(again, MultiIndex(Codes()))
    index.tend(again)
    (path,) = paths(tmp_path)
    assert CODES[30] not in path.read_bytes()
    assert {each.name for each in path.parent.iterdir()} == {path.name, "lock"}
    again.close()
