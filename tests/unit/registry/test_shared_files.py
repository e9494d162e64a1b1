"""Two processes on one PostgreSQL database share the files of local features, and find the same."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.database import Store
from registry.search import segment as segments
from tests.patience import eventually
from tests.postgres import PostgresServer
from tests.unit.registry.searching import Pictures, Searching, codes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def both(folder: Path, postgres: PostgresServer) -> Iterator[tuple[Searching, Searching]]:
    database = postgres.new_database()
    with ExitStack() as opened:
        store = Store.open(folder, database)
        opened.callback(store.close)
        Pictures(store).found()
        Pictures(store).register(1, 40)
        one, other = (opened.enter_context(Searching(folder, database)) for _ in range(2))
        yield one, other


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder / "features").rglob(f"*{segments.SUFFIX}"))


def share_all(both: tuple[Searching, Searching], folder: Path) -> bool:
    one, other = both
    return bool(one("all there") and other("all there") and one("files") == other("files") == files(folder))


def is_in_a_file(folder: Path, seed: int) -> bool:
    """Whether a file has features of it, or was replaced while they were looked through."""
    try:
        return any(codes(seed)["signs"][:1].tobytes() in Path(path).read_bytes() for path in files(folder))
    except FileNotFoundError:
        return True


def test_each_finds_what_the_other_registers_and_they_have_one_set_of_files(
    folder: Path, both: tuple[Searching, Searching]
) -> None:
    one, other = both
    for number, (registers, searches) in enumerate([(one, other), (other, one)]):
        registers("register", 50 + 10 * number, 60 + 10 * number)
        assert searches("proposed", 55 + 10 * number) == [55 + 10 * number]
    eventually(lambda: share_all(both, folder))
    assert len(files(folder)) >= 1
    for each in both:
        assert [each("proposed", index) for index in (1, 39, 50, 69)] == [[1], [39], [50], [69]]


def test_what_one_erases_the_other_finds_no_more_and_it_is_soon_in_no_file(
    folder: Path, both: tuple[Searching, Searching]
) -> None:
    one, _ = both
    eventually(lambda: share_all(both, folder) and is_in_a_file(folder, 7))
    one("erase", 7, 50)
    assert [each("proposed", 7) for each in both] == [[], []]
    eventually(lambda: not is_in_a_file(folder, 7))
    eventually(lambda: share_all(both, folder))
    assert [each("proposed", 7) for each in both] == [[], []]
    assert [each("proposed", 8) for each in both] == [[8], [8]]


def test_what_one_reveals_or_describes_anew_the_other_finds(folder: Path, both: tuple[Searching, Searching]) -> None:
    one, other = both
    eventually(lambda: share_all(both, folder))
    one("reveal", 45, 60)
    assert [each("proposed", 45) for each in both] == [[45], [45]]
    other("describe_anew", 9, 900)
    eventually(lambda: [each("proposed", 900) for each in both] == [[9], [9]])
    eventually(lambda: [each("proposed", 9) for each in both] == [[], []])
    assert [each("proposed", 45) for each in both] == [[45], [45]]


def test_one_that_is_suspended_or_killed_holds_the_other_up_in_nothing(
    folder: Path, both: tuple[Searching, Searching]
) -> None:
    one, other = both
    eventually(lambda: share_all(both, folder))
    for first in (100, 200, 300):
        one("register", first, first + 20)
        one.suspend()  # wherever it is
        other("erase", first, first + 20)
        other("register", first + 30, first + 50)
        other("reveal", first + 25, first + 50)
        eventually(lambda first=first: other("all there") and not is_in_a_file(folder, first))
        one.go_on()
        assert [each("proposed", first) for each in both] == [[], []]
        for index in (first + 1, first + 25, first + 31):  # what it read before may be taken in first
            eventually(lambda index=index: [each("proposed", index) for each in both] == [[index], [index]])
        eventually(lambda: share_all(both, folder))
        assert not is_in_a_file(folder, first)
    one.suspend()
    other("describe_anew", 9, 900)
    eventually(lambda: other("proposed", 900) == [9])
    one.go_on()
    eventually(lambda: one("proposed", 900) == [9])
    one.kill()
    other("erase", 5, 400)
    eventually(lambda: other("all there") and not is_in_a_file(folder, 5))
