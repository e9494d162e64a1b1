"""The pool of workers: what becomes of a job whose worker is lost, and of the workers when the pool closes."""

import os
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provenance.errors import (
    ExaminationUnavailable,
    MediaTooCostly,
    Overloaded,
    StoreUnavailable,
)
from registry.sandbox import Sandbox
from registry.sandbox.confinement import MEMORY_BYTES
from registry.sandbox.pool import ABSENT_SECONDS
from registry.sandbox.process import _death
from registry.sandbox.quarantine import QUARANTINE_SECONDS
from tests.patience import HUNG_SECONDS, eventually
from tests.unit.registry import sandbox_jobs as jobs
from tests.unit.registry.pools import COSTLY, LOST, a_pool, assert_serves_again

MODULES = ("tests.unit.registry.sandbox_jobs",)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# Workers that are lost ---------------------------------------------------------------------------


@pytest.mark.timing
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_worker_that_was_killed_or_stopped_between_two_jobs_costs_none(how: signal.Signals) -> None:
    with a_pool() as pool:
        for _ in range(3):
            os.kill(pool.run(jobs.process_id), how)
            assert pool.run(jobs.add, 1, 1) == 2


@pytest.mark.timing
def test_a_worker_that_nobody_needs_is_replaced_too() -> None:
    with a_pool() as pool:
        os.kill(pool.run(jobs.process_id), signal.SIGKILL)
        eventually(lambda: not pool.wait_until_ready(0))
        assert pool.wait_until_ready(HUNG_SECONDS)


@pytest.mark.timing
def test_lost_workers_are_counted_by_reason() -> None:
    with a_pool() as pool:
        os.kill(pool.run(jobs.process_id), signal.SIGKILL)
        eventually(lambda: pool.lost_workers["idle"] == 1)
        murderer = Murderer(signal.SIGSEGV, times=1)
        assert pool.run(jobs.ask_with_process_id, answer=murderer) == b"done"
        assert (pool.lost_workers["crashed"], pool.lost_workers["idle"]) == (1, 1)
        assert pool.ready_workers == 1


class Murderer:
    """Ends the worker that asks it, so many times."""

    def __init__(self, how: signal.Signals, times: int) -> None:
        self.how = how
        self.times = times
        self.asked: list[int] = []

    def __call__(self, question: bytes) -> bytes:
        self.asked.append(int(question))
        if len(self.asked) <= self.times:
            os.kill(int(question), self.how)
        return b"done"


LOSSES = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV, signal.SIGABRT)


@pytest.mark.timing
@pytest.mark.parametrize("how", LOSSES)
def test_a_job_whose_worker_is_lost_is_done_by_a_fresh_one(how: signal.Signals) -> None:
    with a_pool() as pool:
        murderer = Murderer(how, 1)
        assert pool.run(jobs.ask_with_process_id, answer=murderer) == b"done"
        assert len(set(murderer.asked)) == 2


@pytest.mark.timing
@pytest.mark.parametrize("how", LOSSES)
def test_a_job_that_loses_the_fresh_worker_as_well_says_nothing_about_the_file(how: signal.Signals) -> None:
    with a_pool() as pool:
        murderer = Murderer(how, 2)
        with pytest.raises(ExaminationUnavailable, match=LOST) as caught:
            pool.run(jobs.ask_with_process_id, answer=murderer)
        assert caught.value.retry_after >= 1
        assert len(set(murderer.asked)) == 2
        assert_serves_again(pool)


@pytest.mark.timing
def test_who_lost_workers_to_somebody_else_is_served_at_once_afterwards() -> None:
    with a_pool() as pool:
        murderer = Murderer(signal.SIGKILL, 2)
        with pytest.raises(ExaminationUnavailable):
            pool.run(jobs.ask_with_process_id, answer=murderer, digest=b"good")
        assert pool.run(jobs.ask_with_process_id, answer=murderer, digest=b"good") == b"done"


@pytest.mark.timing
def test_a_job_that_never_ends_without_computing_says_nothing_about_the_file(sandbox: Sandbox) -> None:
    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.nap, 3600, cpu_seconds=0.05)
    assert_serves_again(sandbox)


@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_exits_costs_one_job(sandbox: Sandbox, code: int) -> None:
    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.die, code)
    assert_serves_again(sandbox)


def test_a_crash_costs_one_job(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.crash)
    assert caplog.text.count("SIGSEGV") == 2
    assert_serves_again(sandbox)


def test_a_file_that_is_gone_or_a_disk_that_fails_is_no_damage_of_the_picture(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.size_of, tmp_path / "removed by somebody")
    assert_serves_again(sandbox)


def test_a_file_that_has_ended_two_workers_is_refused_at_once_for_a_while(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    mended.touch()
    clock = Clock()
    with a_pool(clock=clock) as pool:
        with pytest.raises(ExaminationUnavailable) as first:
            pool.run(jobs.crash_unless, mended, digest=b"bad")
        mended.write_bytes(b"mended")
        with pytest.raises(ExaminationUnavailable, match=LOST) as second:
            pool.run(jobs.crash_unless, mended, digest=b"bad")
        assert first.value.retry_after == second.value.retry_after == QUARANTINE_SECONDS
        assert pool.run(jobs.crash_unless, mended, digest=b"another") == "done"
        assert pool.run(jobs.size_of, mended, digest=b"bad") == 6
        clock.now += QUARANTINE_SECONDS
        assert pool.run(jobs.crash_unless, mended, digest=b"bad") == "done"


def test_a_file_that_was_too_costly_twice_is_refused_as_that_at_once(tmp_path: Path) -> None:
    with a_pool(clock=Clock()) as pool:
        for _ in range(2):
            with pytest.raises(MediaTooCostly, match=COSTLY):
                pool.run(jobs.take_memory, 4096, digest=b"bomb")
        with pytest.raises(MediaTooCostly, match=COSTLY):
            pool.run(jobs.take_memory, 1, digest=b"bomb")
        assert pool.run(jobs.take_memory, 1, digest=b"another") == 1024 * 1024


# The pool ---------------------------------------------------------------------------------------


class Occupation:
    """Keeps a worker at its job until it is released."""

    def __init__(self, pool: Sandbox) -> None:
        self.began = threading.Event()
        self.released = threading.Event()
        self.caller = ThreadPoolExecutor(1)
        self.answer = self.caller.submit(pool.run, jobs.ask_with_process_id, answer=self)
        assert self.began.wait(HUNG_SECONDS)

    def __call__(self, _question: bytes) -> bytes:
        self.began.set()
        assert self.released.wait(HUNG_SECONDS)
        return b"done"

    def end(self) -> bytes:
        self.released.set()
        with self.caller:
            return self.answer.result(HUNG_SECONDS)


@pytest.mark.timing
@pytest.mark.usefixtures("uncollected")
def test_an_answer_is_let_go_by_the_pool_without_a_next_job(sandbox: Sandbox) -> None:
    answer = weakref.ref(sandbox.run(jobs.draw))
    eventually(lambda: answer() is None)


def test_a_caller_who_waits_too_long_for_a_worker_is_told_that_it_is_busy() -> None:
    with a_pool() as pool:
        occupation = Occupation(pool)
        pool._busy_seconds = 0.05
        with pytest.raises(Overloaded, match="busy") as caught:
            pool.run(jobs.add, 1, 1)
        assert caught.value.retry_after >= 1
        assert occupation.end() == b"done"


@pytest.mark.timing
def test_closing_lets_the_running_job_end_and_leaves_no_process() -> None:
    pool = Sandbox(1, modules=MODULES)
    worker = pool.run(jobs.process_id)
    occupation = Occupation(pool)
    with ThreadPoolExecutor(1) as closer:
        closed = closer.submit(pool.close)
        eventually(pool._closing.is_set)
        assert occupation.end() == b"done"
        closed.result(HUNG_SECONDS)
    assert not is_alive(worker)
    with pytest.raises(StoreUnavailable, match="stopping"):
        pool.run(jobs.add, 1, 1)
    pool.close()  # again


@pytest.mark.timing
def test_closing_does_not_wait_for_ever_for_a_job_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.sandbox.pool.CLOSING_SECONDS", 0.1)
    pool = Sandbox(1, modules=MODULES)
    at_work = threading.Event()

    def note(_question: bytes) -> bytes:
        at_work.set()
        return b""

    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(pool.run, jobs.ask_with_process_id, 3600, answer=note)
        assert at_work.wait(HUNG_SECONDS)
        pool.close()
        with pytest.raises(StoreUnavailable, match="stopping"):
            answer.result(HUNG_SECONDS)


@pytest.mark.timing
def test_closing_does_not_wait_for_workers_that_are_still_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(3600)")
    monkeypatch.syspath_prepend(str(tmp_path))
    with a_pool(2, "slow_to_import"):
        pass


def test_a_sandbox_whose_workers_do_not_start_is_in_trouble_after_the_time_that_one_takes() -> None:
    clock = Clock()
    with a_pool(2, "no.such.module", clock=clock) as pool:
        assert pool.trouble is None
        clock.now += ABSENT_SECONDS + 0.5
        assert isinstance(pool.trouble, ExaminationUnavailable)
        assert pool.trouble.retry_after >= 1


@pytest.mark.timing
def test_a_sandbox_with_one_worker_that_lives_is_in_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with a_pool(clock=clock) as pool:
        worker = pool.run(jobs.process_id)
        clock.now += 10 * ABSENT_SECONDS
        assert pool.trouble is None
        monkeypatch.setattr("registry.sandbox.process.sys.executable", "/no/such/python")
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: not pool.wait_until_ready(0))
        assert pool.trouble is None
        clock.now += ABSENT_SECONDS + 0.5
        assert pool.trouble is not None


PARENT = """
import threading, time
from registry.sandbox import Sandbox
from tests.unit.registry import sandbox_jobs as jobs
pool = Sandbox(2, modules=("tests.unit.registry.sandbox_jobs",))
at_work = threading.Barrier(3)
def note(question):
    at_work.wait()
    return b""
for _ in range(2):
    threading.Thread(target=pool.run, args=(jobs.ask_and_loop_for_ever,), kwargs={"answer": note}).start()
at_work.wait()
print("ready", flush=True)
time.sleep(3600)
"""


def children_of(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.timing
@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_server_that_is_killed_takes_its_workers_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path.cwd()) as server:
        assert server.stdout is not None
        server.stdout.readline()
        workers = children_of(server.pid)
        assert len(workers) == 2
        server.kill()
    eventually(lambda: not any(is_alive(worker) for worker in workers))


LARGE = MEMORY_BYTES // 1024  # as getrusage(2) counts


@pytest.mark.parametrize(
    ("peak", "inherited", "large"),
    [(LARGE, 0, True), (LARGE, LARGE, False), (LARGE + 1, LARGE, True), (LARGE // 4, 0, False)],
)
def test_what_the_server_held_when_it_started_a_worker_is_not_what_the_worker_held(
    peak: int, inherited: int, large: bool
) -> None:
    crash = _death(-signal.SIGSEGV, peak, inherited)
    assert (crash.crashed_large, crash.foreign) == (large, False)
    killed = _death(-signal.SIGKILL, peak, inherited)
    assert killed.foreign is not large
