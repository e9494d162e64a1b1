"""The sandbox: hostile jobs cost one job, and nothing gets out of a worker."""

import asyncio
import ctypes
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MediaTooLarge, StoreUnavailable, UndecodableMedia
from provenance.statement.keys import Algorithm
from registry.sandbox import Confinement, Sandbox
from registry.sandbox.confinement import MAX_FILE_BYTES
from registry.sandbox.frames import AnswerError, decode_answer, encode_answer
from tests.unit.registry import sandbox_jobs as jobs

LIMITS = "could not be examined within limits"
SECCOMP = Path("/proc/sys/kernel/seccomp/actions_avail").exists() and platform.machine() in ("x86_64", "aarch64")
LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1  # its version


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    pool = Sandbox(2, modules=["tests.unit.registry.sandbox_jobs"])
    assert pool.wait_until_ready()
    yield pool
    pool.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def assert_serves_again(sandbox: Sandbox) -> None:
    assert [sandbox.run(jobs.add, 2, each) for each in range(4)] == [2, 3, 4, 5]


def replace_a_worker(sandbox: Sandbox) -> None:
    """Kill a worker from outside, and call until the pool has found that out."""
    killed = sandbox.run(jobs.process_id)
    os.kill(killed, signal.SIGKILL)
    lost = 0
    for _ in range(20):
        try:
            sandbox.run(jobs.nap, 0.05)
        except UndecodableMedia:
            lost += 1
            break
    assert lost == 1


# Ordinary jobs ----------------------------------------------------------------------------------


def test_a_job_returns_what_the_function_returns(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.add, 2, 3) == 5
    assert sandbox.run(jobs.process_id) != os.getpid()


def test_a_job_can_be_awaited(sandbox: Sandbox) -> None:
    async def several() -> list[int]:
        return await asyncio.gather(*(sandbox.run_async(jobs.add, each, 1) for each in range(6)))

    assert asyncio.run(several()) == [1, 2, 3, 4, 5, 6]


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


def test_two_workers_work_at_the_same_time(sandbox: Sandbox) -> None:
    assert_serves_again(sandbox)
    assert sandbox.wait_until_ready()
    spans: list[tuple[float, float]] = []
    callers = [threading.Thread(target=lambda: spans.append(sandbox.run(jobs.nap, 0.5))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    (first_start, first_end), (second_start, second_end) = spans
    assert max(first_start, second_start) < min(first_end, second_end)


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


# Hostile jobs -----------------------------------------------------------------------------------


def test_a_memory_bomb_costs_one_job(sandbox: Sandbox) -> None:
    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.take_memory, 4096)
    assert_serves_again(sandbox)


def test_a_native_memory_bomb_costs_one_job(sandbox: Sandbox) -> None:
    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.take_memory_natively)
    assert_serves_again(sandbox)


def test_the_largest_decode_that_limits_allow_fits(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.take_memory, 1200) == 1200 * 1024 * 1024


def test_an_infinite_loop_is_ended_at_its_time(sandbox: Sandbox) -> None:
    started = time.monotonic()
    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.loop_for_ever, timeout=0.5)
    assert time.monotonic() - started < 5
    assert_serves_again(sandbox)


@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_exits_costs_one_job(sandbox: Sandbox, code: int) -> None:
    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.die, code)
    assert_serves_again(sandbox)


def test_a_crash_costs_one_job(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.crash)
    assert "SIGSEGV" in caplog.text
    assert_serves_again(sandbox)


def test_a_worker_killed_between_jobs_is_replaced(sandbox: Sandbox) -> None:
    replace_a_worker(sandbox)
    assert_serves_again(sandbox)


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


def test_a_worker_does_not_see_the_servers_secrets(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "secret")
    replace_a_worker(sandbox)  # the new one starts with this environment
    assert sandbox.wait_until_ready()
    names = {name for _ in range(4) for name in sandbox.run(jobs.environment)}
    assert not any("COUNTERMARK" in name for name in names)


def test_a_file_over_the_limit_cannot_be_written(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.write_temporary_file, 4) == 4 * 1024 * 1024
    with pytest.raises(UndecodableMedia):
        sandbox.run(jobs.write_temporary_file, MAX_FILE_BYTES // (1024 * 1024) + 1)
    assert_serves_again(sandbox)


class _Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_an_answer_is_never_unpickled(sandbox: Sandbox, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    with pytest.raises(UndecodableMedia, match=LIMITS):
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


def test_a_caller_who_waits_too_long_for_a_worker_is_told_that_it_is_busy() -> None:
    pool = Sandbox(1, busy_seconds=0.3)
    try:
        assert pool.wait_until_ready()
        occupied = threading.Thread(target=pool.run, args=(jobs.nap, 2.0))
        occupied.start()
        time.sleep(0.1)
        with pytest.raises(StoreUnavailable, match="busy"):
            pool.run(jobs.add, 1, 1)
        with pytest.raises(StoreUnavailable, match="busy"):
            asyncio.run(pool.run_async(jobs.add, 1, 1))
        occupied.join()
        assert pool.run(jobs.add, 1, 1) == 2
    finally:
        pool.close()


def test_closing_lets_the_running_job_end_and_leaves_no_process() -> None:
    pool = Sandbox(1)
    worker = pool.run(jobs.process_id)
    spans: list[tuple[float, float]] = []
    caller = threading.Thread(target=lambda: spans.append(pool.run(jobs.nap, 0.5)))
    caller.start()
    time.sleep(0.2)
    pool.close()
    caller.join()
    assert len(spans) == 1
    assert not is_alive(worker)
    with pytest.raises(StoreUnavailable, match="stopping"):
        pool.run(jobs.add, 1, 1)


def test_closing_does_not_wait_for_workers_that_are_still_starting() -> None:
    pool = Sandbox(2)
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 1


PARENT = """
import threading, time
from registry.sandbox import Sandbox
from tests.unit.registry import sandbox_jobs as jobs
pool = Sandbox(2)
assert pool.wait_until_ready()
for _ in range(2):
    threading.Thread(target=pool.run, args=(jobs.loop_for_ever,), kwargs={"timeout": 60}).start()
time.sleep(0.5)
print("ready", flush=True)
time.sleep(60)
"""


def children_of(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_workers_do_not_outlive_a_server_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path.cwd()) as server:
        assert server.stdout is not None
        server.stdout.readline()
        workers = children_of(server.pid)
        assert len(workers) == 2
        server.kill()
    deadline = time.monotonic() + 5
    while any(is_alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_alive(worker) for worker in workers)


def test_a_job_can_have_the_server_sign_for_it(sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return message[::-1] * 2

    assert sandbox.run(jobs.ask_and_measure, b"to be signed", answer=sign) == (b"dengis eb ot" * 2, 24)
    assert asked == [b"to be signed"]


def test_a_job_gets_no_second_signature(sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return b"signed"

    with pytest.raises(UndecodableMedia, match=LIMITS):
        sandbox.run(jobs.ask_twice, answer=sign)
    assert asked == [b"first"]
    assert_serves_again(sandbox)


def test_what_the_signer_raises_reaches_the_caller(sandbox: Sandbox) -> None:
    def refuse(_message: bytes) -> bytes:
        raise StoreUnavailable("the key store is away")

    with pytest.raises(StoreUnavailable, match="key store is away"):
        sandbox.run(jobs.ask_and_measure, b"to be signed", answer=refuse)
    assert_serves_again(sandbox)
