"""A storage step that fails before it is done, or is done and fails all the same: no entry twice, none lost."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

import pytest

from provenance.errors import StoreUnavailable
from registry.log.high_water import HighWater
from registry.usecases.maintenance import fsck
from tests.patience import HUNG_SECONDS
from tests.unit.registry.newsroom import Newsroom


class Steps:
    """Counts the storage steps of a newsroom, and makes one of them fail."""

    def __init__(self, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        self._gate = threading.Lock()
        self._fails: tuple[int, str] | None = None
        for holder, name in (
            (newsroom.blobs.objects, "put"),
            (newsroom.blobs.objects, "delete"),
            (HighWater, "advance"),
        ):
            monkeypatch.setattr(holder, name, self._step(getattr(holder, name)))
        monkeypatch.setattr(newsroom.store, "write", self._write(newsroom.store.write))

    def fail(self, step: int, when: Literal["before", "after"]) -> None:
        """Make the step of this number from now on fail, before or after it is done."""
        self.taken, self._fails = 0, (step, when)

    def _next(self) -> int:
        with self._gate:
            self.taken += 1
            return self.taken - 1

    def _step(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any) -> Any:
            number = self._next()
            if self._fails == (number, "before"):
                raise StoreUnavailable("failed, as this test wanted")
            result = function(*arguments)
            if self._fails == (number, "after"):
                raise StoreUnavailable("done, and failed, as this test wanted")
            return result

        return step

    def _write(self, function: Callable[..., "Future[Any]"]) -> Callable[..., "Future[Any]"]:
        def write(job: Callable[..., Any]) -> "Future[Any]":
            number = self._next()
            failed: Future[Any] = Future()
            failed.set_exception(StoreUnavailable("as this test wanted"))
            if self._fails == (number, "before"):
                return failed
            future = function(job)
            if self._fails == (number, "after"):
                future.result()
                return failed
            return future

        return write


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that is one entry short of a full tile, so that the next append takes every kind of step."""
    folder = tmp_path_factory.mktemp("founded") / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        picture = newsroom.register("harbour").result()
        for waiting in [newsroom.withdraw(picture.record_id, f"reason {number}") for number in range(252)]:
            waiting.result()
        assert newsroom.sequencer.size == 255
    return folder


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_fails_costs_no_entry_and_makes_none_twice(
    founded: Path, tmp_path: Path, when: Literal["before", "after"]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shutil.copytree(founded, tmp_path / "counted")
        with Newsroom(tmp_path / "counted") as newsroom:
            steps = Steps(newsroom, monkeypatch)
            newsroom.register("market").result()
            count = steps.taken
    assert count >= 12
    for step in range(count):
        folder = tmp_path / f"{when}-{step}"
        shutil.copytree(founded, folder)
        with pytest.MonkeyPatch.context() as monkeypatch, Newsroom(folder) as newsroom:
            steps = Steps(newsroom, monkeypatch)
            steps.fail(step, when)
            try:
                first = newsroom.register("market").result(HUNG_SECONDS)
            except StoreUnavailable:
                first = None
            again = newsroom.register("market").result(HUNG_SECONDS)
            other = newsroom.register("station").result(HUNG_SECONDS)
            assert first is None or (first.index, first.record_id) == (again.index, again.record_id), step
            assert (again.index, other.index) == (255, 256), step
            assert newsroom.sequencer.size == 257
            for each in (again, other):
                assert newsroom.proofs.tlog_proof(each.record_id).index == each.index
        with Newsroom(folder) as newsroom:
            assert newsroom.sequencer.size == 257
            assert list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key)) == [], step
        shutil.rmtree(folder)
