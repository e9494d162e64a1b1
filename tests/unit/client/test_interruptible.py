"""Ctrl-C while something runs in an event loop: it is never forgotten."""

import os
import signal
from collections.abc import Iterator

import pytest
from countermark.interruptible import InterruptibleRunner

from provenance.errors import StoreUnavailable
from tests.unit.client.story import hearing_ctrl_c


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    with hearing_ctrl_c():
        yield


@pytest.fixture
def runner() -> Iterator[InterruptibleRunner]:
    with InterruptibleRunner() as opened:
        yield opened


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_arrives_where_what_runs_fails_at_that_moment(runner: InterruptibleRunner) -> None:
    async def fails() -> None:
        press()
        raise StoreUnavailable("the service has gone away")

    with pytest.raises(KeyboardInterrupt):
        runner.run(fails())


def test_ctrl_c_arrives_where_what_runs_ends_at_that_moment(runner: InterruptibleRunner) -> None:
    async def ends() -> int:
        press()
        return 1

    with pytest.raises(KeyboardInterrupt):
        runner.run(ends())


def test_without_it_what_runs_answers_and_fails_as_ever(runner: InterruptibleRunner) -> None:
    async def answers() -> int:
        return 1

    async def fails() -> None:
        raise StoreUnavailable("the service has gone away")

    assert runner.run(answers()) == 1
    with pytest.raises(StoreUnavailable):
        runner.run(fails())
    assert runner.run(answers()) == 1, "what was run before does not matter"
