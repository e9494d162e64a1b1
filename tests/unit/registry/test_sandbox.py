"""The sandbox: hostile jobs cost one job, and nothing gets out of a worker."""

import ctypes
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import (
    ExaminationUnavailable,
    MediaTooCostly,
    MediaTooLarge,
    Overloaded,
    StoreUnavailable,
    UndecodableMedia,
)
from provenance.statement.keys import Algorithm
from registry.sandbox import Confinement, Sandbox
from registry.sandbox.confinement import MAX_FILE_BYTES
from registry.sandbox.frames import AnswerError, decode_answer, encode_answer
from registry.sandbox.pool import ABSENT_SECONDS
from registry.sandbox.quarantine import QUARANTINE_SECONDS
from tests.patience import HUNG_SECONDS, eventually
from tests.unit.registry import sandbox_jobs as jobs

COSTLY = "used up the processor time or the memory"
LOST = "says nothing about the picture"
SECCOMP = Path("/proc/sys/kernel/seccomp/actions_avail").exists() and platform.machine() in ("x86_64", "aarch64")
LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1  # its version


@contextmanager
def a_pool(
    workers: int = 1, *modules: str, busy_seconds: float = HUNG_SECONDS, clock: Callable[[], float] = time.monotonic
) -> Iterator[Sandbox]:
    pool = Sandbox(workers, modules=modules, busy_seconds=busy_seconds, clock=clock)
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with a_pool(2, "tests.unit.registry.sandbox_jobs") as pool:
        assert pool.wait_until_ready(HUNG_SECONDS)
        yield pool


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def assert_serves_again(sandbox: Sandbox) -> None:
    assert [sandbox.run(jobs.add, 2, each) for each in range(4)] == [2, 3, 4, 5]


# Ordinary jobs ----------------------------------------------------------------------------------


def test_a_job_returns_what_the_function_returns(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.add, 2, 3) == 5
    assert sandbox.run(jobs.process_id) != os.getpid()


def test_jobs_come_from_several_threads(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(6) as callers:
        assert list(callers.map(lambda each: sandbox.run(jobs.add, each, 1), range(6))) == [1, 2, 3, 4, 5, 6]


def test_a_large_input_travels_as_a_path(sandbox: Sandbox, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3_000_000))
    assert sandbox.run(jobs.size_of, upload) == 3_000_000


def test_values_of_our_own_classes_and_arrays_cross(sandbox: Sandbox) -> None:
    value = {
        "digest": b"\x00\xff",
        "axis": Algorithm.ES256,
        "held": Confinement(network_blocked=True, writes_blocked=False),
        "when": datetime(2026, 11, 22, tzinfo=UTC),
        "shape": (1, [2.5, None]),
        7: np.float64(0.25),
    }
    assert sandbox.run(jobs.echo, value) == value
    heat = np.arange(12, dtype=np.uint8).reshape(3, 4)
    returned = sandbox.run(jobs.echo, heat)
    assert isinstance(returned, np.ndarray)
    np.testing.assert_array_equal(returned, heat)


def test_a_megabyte_goes_both_ways(sandbox: Sandbox) -> None:
    data = os.urandom(5_000_000)
    assert sandbox.run(jobs.echo, data) == data


@pytest.mark.timing
def test_two_workers_work_at_the_same_time(sandbox: Sandbox) -> None:
    both_at_work = threading.Barrier(2, timeout=HUNG_SECONDS)

    def meet(_question: bytes) -> bytes:
        both_at_work.wait()
        return b"met"

    with ThreadPoolExecutor(2) as callers:
        met = [callers.submit(sandbox.run, jobs.ask_with_process_id, answer=meet) for _ in range(2)]
        assert [each.result() for each in met] == [b"met", b"met"]


def test_what_a_decoder_prints_does_not_reach_the_answers(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.print_and_answer) == "clean"


def test_a_worker_computes_on_one_thread(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.threads_of_opencv) == 1


# Failing jobs -----------------------------------------------------------------------------------


def test_an_exception_of_our_tree_comes_back_as_itself(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooLarge, match="9,000 megapixels"):
        sandbox.run(jobs.take_too_large)


@pytest.mark.parametrize(
    ("job", "name"), [(jobs.divide_by_zero, "ZeroDivisionError"), (jobs.answer_with_a_function, "TypeError")]
)
def test_a_foreign_exception_is_logged_whole_and_answered_briefly(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, job: object, name: str
) -> None:
    with pytest.raises(UndecodableMedia) as caught:
        sandbox.run(job)  # type: ignore[arg-type] # one of two functions
    assert str(caught.value) == f"the file could not be examined ({name})"
    assert "Traceback" in caplog.text
    assert job.__name__ in caplog.text  # type: ignore[attr-defined] # a function


def test_a_decoder_that_calls_exit_does_not_end_the_worker(sandbox: Sandbox) -> None:
    with pytest.raises(UndecodableMedia):
        sandbox.run(jobs.leave)
    assert_serves_again(sandbox)


# Costly jobs -------------------------------------------------------------------------------------


def test_a_memory_bomb_costs_one_job(sandbox: Sandbox) -> None:
    for bomb in (partial(jobs.take_memory, 4096), jobs.take_memory_of_opencv):
        with pytest.raises(MediaTooCostly, match=COSTLY):
            sandbox.run(bomb)
    assert_serves_again(sandbox)


def test_a_native_memory_bomb_costs_one_job(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooCostly, match=COSTLY):
        sandbox.run(jobs.take_memory_natively)
    assert_serves_again(sandbox)


def test_the_largest_decode_that_limits_allow_fits(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.take_memory, 1200) == 1200 * 1024 * 1024


@pytest.mark.timing
def test_an_infinite_loop_is_ended_when_its_processor_time_is_used_up(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooCostly, match=COSTLY):
        sandbox.run(jobs.loop_for_ever, cpu_seconds=0.5)
    assert_serves_again(sandbox)


@pytest.mark.timing
def test_each_job_has_the_processor_time_to_itself() -> None:
    with a_pool() as pool:
        for _ in range(3):
            pool.run(jobs.compute, 0.8, cpu_seconds=1.5)


@pytest.mark.timing
def test_a_job_that_has_to_wait_for_the_processor_is_not_given_up(sandbox: Sandbox) -> None:
    began, ended = sandbox.run(jobs.nap, 2.5, cpu_seconds=1)
    assert ended - began >= 2.5


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
    clock = Clock()
    with a_pool(clock=clock) as pool:
        with pytest.raises(ExaminationUnavailable) as first:
            pool.run(jobs.crash_unless, mended, digest=b"bad")
        mended.touch()
        with pytest.raises(ExaminationUnavailable, match=LOST) as second:
            pool.run(jobs.crash_unless, mended, digest=b"bad")
        assert first.value.retry_after == second.value.retry_after == QUARANTINE_SECONDS
        assert pool.run(jobs.crash_unless, mended, digest=b"another") == "done"
        assert pool.run(jobs.size_of, mended, digest=b"bad") == 0
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


# Hostile jobs -----------------------------------------------------------------------------------


def test_the_pool_says_what_the_kernel_gives(sandbox: Sandbox) -> None:
    assert sandbox.wait_until_ready()
    assert (sandbox.network_blocked, sandbox.writes_blocked) == (SECCOMP, LANDLOCK)


@pytest.mark.skipif(not SECCOMP, reason="this kernel has no seccomp filters")
def test_no_connection_leaves_a_worker(sandbox: Sandbox, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(UndecodableMedia, match="PermissionError"):
        sandbox.run(jobs.call_home, port)
    assert sandbox.run(jobs.call_home_from_a_thread, port) == "PermissionError"
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_the_listener_of_the_test_before_would_have_seen_a_connection(listener: socket.socket) -> None:
    jobs.call_home(listener.getsockname()[1])
    listener.accept()[0].close()


@pytest.mark.skipif(not (SECCOMP and LANDLOCK), reason="this kernel has no seccomp filters or no landlock")
def test_a_worker_can_touch_neither_the_server_nor_its_files(sandbox: Sandbox, tmp_path: Path) -> None:
    database = tmp_path / "countermark.db"
    database.write_bytes(b"rows")
    outcomes = sandbox.run(jobs.outcomes_of_escapes, os.getpid(), database)
    assert set(outcomes.values()) == {"PermissionError"}, outcomes
    assert database.read_bytes() == b"rows"


def test_a_worker_does_not_see_the_servers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "secret")
    with a_pool() as pool:
        assert not any("COUNTERMARK" in name for name in pool.run(jobs.environment))


def test_a_file_over_the_limit_cannot_be_written(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.write_temporary_file, 4) == 4 * 1024 * 1024
    with pytest.raises(MediaTooCostly):
        sandbox.run(jobs.write_temporary_file, MAX_FILE_BYTES // (1024 * 1024) + 1)
    assert_serves_again(sandbox)


class _Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_an_answer_is_never_unpickled(sandbox: Sandbox, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.forge_an_answer, pickle.dumps(_Exploit(trace)))
    assert not trace.exists()


@pytest.mark.parametrize(
    "forged",
    [
        ["value", "subprocess:Popen", [["touch"]]],
        ["value", "os:system", ["true"]],
        ["member", "http:HTTPStatus", "OK"],
        ["value", "provenance.errors:no_such_class", []],
        ["value", "registry.sandbox.confinement:Confinement", [True]],
        ["value", "registry.sandbox.confinement:os.system", []],
        ["error", "builtins:KeyboardInterrupt", "stop"],
        ["member", "provenance.errors:NotFound", "x"],
        ["array", "|O", [1], b"\0" * 8],
        ["array", "<f8", [10**9], b"\0" * 8],
        ["unheard of"],
        {"a": 1},
    ],
)
def test_only_known_kinds_of_value_are_taken_from_a_worker(forged: object) -> None:
    with pytest.raises(AnswerError):
        decode_answer(cbor2.dumps(forged))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_an_answer_survives_the_way(value: object) -> None:
    assert decode_answer(encode_answer(value)) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_an_answer_or_unreadable(data: bytes) -> None:
    with suppress(AnswerError):
        decode_answer(data)


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
    pool = Sandbox(1)
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
    pool = Sandbox(1)
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


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("countermark-sandbox-pool-*"))


def test_a_closed_sandbox_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with a_pool() as pool:
        pool.run(jobs.write_temporary_file, 1)
        assert len(folders()) == 1
    assert folders() == set()


PARENT = """
import threading, time
from registry.sandbox import Sandbox
from tests.unit.registry import sandbox_jobs as jobs
pool = Sandbox(2)
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
def test_a_server_that_is_killed_takes_its_workers_along_and_the_next_one_sweeps_up_after_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path.cwd(), env=environment
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        workers = children_of(server.pid)
        assert len(workers) == 2
        left = folders()
        with a_pool():
            assert left < folders()  # nobody sweeps what is in use
        server.kill()
    eventually(lambda: not any(is_alive(worker) for worker in workers))
    assert folders() == left
    with a_pool():
        assert folders().isdisjoint(left)


def test_a_job_can_have_the_server_sign_for_it(sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return message[::-1] * 2

    assert sandbox.run(jobs.ask_and_measure, b"to be signed", answer=sign) == (b"dengis eb ot" * 2, 24)
    assert asked == [b"to be signed"]


def test_a_job_gets_no_more_answers_than_two_signatures_and_their_stamps_take(sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return b"signed"

    with pytest.raises(ExaminationUnavailable, match=LOST):
        sandbox.run(jobs.ask_on_and_on, answer=sign)
    assert len(asked) == 4
    assert_serves_again(sandbox)


def test_what_the_signer_raises_reaches_the_caller(sandbox: Sandbox) -> None:
    def refuse(_message: bytes) -> bytes:
        raise StoreUnavailable("the key store is away")

    with pytest.raises(StoreUnavailable, match="key store is away"):
        sandbox.run(jobs.ask_and_measure, b"to be signed", answer=refuse)
    assert_serves_again(sandbox)
