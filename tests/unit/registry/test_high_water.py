"""The high-water mark moves from what this process has seen to what it signs, and over nothing else."""

from collections.abc import Collection
from pathlib import Path

import pytest

from provenance.errors import Conflict, StoreUnavailable
from registry.log.high_water import HighWater
from tests.unit.registry.newsroom import high_water_obstacle


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "high-water"


@pytest.fixture
def mark(place: Path) -> HighWater:
    """Opened on "1", which was found to be of this history."""
    place.write_bytes(b"1")
    opened = HighWater(place)
    opened.expect(opened.read())
    return opened


def test_a_mark_that_somebody_sets_back_is_noticed(mark: HighWater, place: Path) -> None:
    mark.advance(b"2")
    place.write_bytes(b"1")
    with pytest.raises(Conflict):
        mark.advance(b"3")
    assert place.read_bytes() == b"1"


@pytest.mark.parametrize("done", [True, False])
def test_after_a_write_of_which_nobody_knows_whether_it_was_done_the_next_is_taken(
    mark: HighWater, place: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    swap = mark._slot.swap

    def cut_off(note: bytes, expected: Collection[bytes | None]) -> bool:
        if done:
            swap(note, expected)
        raise StoreUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(mark._slot, "swap", cut_off)
        with pytest.raises(StoreUnavailable):
            mark.advance(b"2")
    mark.advance(b"3")
    assert place.read_bytes() == b"3"


def test_what_was_refused_is_not_taken_for_our_own_when_another_writes_the_same(mark: HighWater, place: Path) -> None:
    place.write_bytes(b"another's")
    with pytest.raises(Conflict):
        mark.advance(b"2")
    place.write_bytes(b"2")
    with pytest.raises(Conflict):
        mark.advance(b"3")


def test_a_mark_of_which_nothing_was_read_yet_is_not_written_over(place: Path) -> None:
    place.write_bytes(b"1")
    with pytest.raises(Conflict):
        HighWater(place).advance(b"2")
    place.unlink()
    with pytest.raises(Conflict):
        HighWater(place).advance(b"2")


def test_a_disk_that_refuses_is_unavailable_and_the_mark_as_it_was(mark: HighWater, place: Path) -> None:
    obstacle = high_water_obstacle(place.parent)
    obstacle.mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        mark.advance(b"2")
    assert mark.read() == b"1"
    obstacle.rmdir()
    mark.advance(b"2")
    assert mark.read() == b"2"


def test_a_mark_that_cannot_be_read_is_not_taken_for_a_missing_one(place: Path) -> None:
    place.mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        HighWater(place).read()
