"""The sandbox: hostile jobs cost one job, and nothing gets out of a worker."""

import ctypes
import os
import pickle
import platform
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
    SettingsInvalid,
    StoreUnavailable,
    UndecodableMedia,
)
from provenance.statement.keys import Algorithm
from registry.sandbox import Confinement, Sandbox
from registry.sandbox.confinement import MAX_OPEN_FILES
from registry.sandbox.frames import MAX_FILES, AnswerError, decode_answer, encode_answer
from registry.sandbox.process import WorkerProcess
from tests.patience import HUNG_SECONDS
from tests.unit.registry import sandbox_jobs as jobs
from tests.unit.registry.pools import COSTLY, LOST, a_pool, assert_serves_again

SECCOMP = Path("/proc/sys/kernel/seccomp/actions_avail").exists() and platform.machine() in ("x86_64", "aarch64")
LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) if sys.platform == "linux" else 0  # its version


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only processor time ends a job: on a busy machine half a second of that can take longer than a job may."""
    monkeypatch.setattr("registry.sandbox.slot.WALL_CLOCK_FACTOR", HUNG_SECONDS)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


# Ordinary jobs ----------------------------------------------------------------------------------


def test_a_job_returns_what_the_function_returns(sandbox: Sandbox) -> None:
    assert sandbox.run(jobs.add, 2, 3) == 5
    assert sandbox.run(jobs.process_id) != os.getpid()


def test_jobs_come_from_several_threads(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(6) as callers:
        assert list(callers.map(lambda each: sandbox.run(jobs.add, each, 1), range(6))) == [1, 2, 3, 4, 5, 6]


def test_a_file_can_be_read_again_and_is_closed_after_its_job(sandbox: Sandbox, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(b"a picture")
    for _ in range(100):  # more than a worker has descriptors
        assert sandbox.run(jobs.read_twice, upload) == (b"a picture", b"a picture")


def test_a_job_gets_the_files_of_as_many_parents_as_a_picture_may_have(sandbox: Sandbox, tmp_path: Path) -> None:
    uploads = [tmp_path / str(each) for each in range(MAX_FILES)]
    for each in uploads:
        each.write_bytes(each.name.encode())
    assert sandbox.run(jobs.read_all, uploads) == [each.name.encode() for each in uploads]
    with pytest.raises(ValueError, match="81 files"):
        sandbox.run(jobs.read_all, [*uploads, tmp_path])


def test_a_large_input_travels_as_a_path(sandbox: Sandbox, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3_000_000))
    assert sandbox.run(jobs.size_of, upload) == 3_000_000


def test_values_of_our_own_classes_and_arrays_cross(sandbox: Sandbox) -> None:
    value = {
        "digest": b"\x00\xff",
        "axis": Algorithm.ES256,
        "held": Confinement(system_calls=True, files=False, signals=False, own_user=None),
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
@pytest.mark.usefixtures("unhurried")
def test_an_infinite_loop_is_ended_when_its_processor_time_is_used_up(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTooCostly, match=COSTLY):
        sandbox.run(jobs.loop_for_ever, cpu_seconds=0.5)
    assert_serves_again(sandbox)


@pytest.mark.timing
@pytest.mark.usefixtures("unhurried")
def test_each_job_has_the_processor_time_to_itself() -> None:
    with a_pool() as pool:
        for _ in range(3):
            pool.run(jobs.compute, 0.8, cpu_seconds=1.5)


@pytest.mark.timing
def test_a_job_that_has_to_wait_for_the_processor_is_not_given_up(sandbox: Sandbox) -> None:
    began, ended = sandbox.run(jobs.nap, 2.5, cpu_seconds=1)
    assert ended - began >= 2.5


# Hostile jobs -----------------------------------------------------------------------------------


def test_the_pool_says_what_the_kernel_gives(sandbox: Sandbox) -> None:
    assert sandbox.wait_until_ready()
    held = sandbox.confinement
    assert held is not None
    assert (held.system_calls, held.files, held.signals) == (SECCOMP, LANDLOCK >= 1, LANDLOCK >= 6)
    assert (held.own_user is None) == (os.geteuid() != 0)


class TestWithoutALayer:
    """The kernel's answers are replaced: this machine has all of them, or lacks one for good."""

    @pytest.fixture(autouse=True)
    def _without_landlock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        held = Confinement(system_calls=True, files=False, signals=False, own_user=None)
        honest = WorkerProcess.wait_until_confined
        monkeypatch.setattr(WorkerProcess, "wait_until_confined", lambda worker: honest(worker) and held)

    def test_a_pool_that_needs_it_gives_no_worker_a_job_and_says_how_to_go_on(self) -> None:
        with a_pool(required=("files",)) as pool:
            with pytest.raises(SettingsInvalid, match=r"files: landlock .* COUNTERMARK_SANDBOX_WITHOUT=files"):
                pool.check_confinement()
            pool._busy_seconds = 0.05
            with pytest.raises(Overloaded):
                pool.run(jobs.add, 1, 1)

    def test_a_pool_that_may_do_without_serves(self) -> None:
        with a_pool(required=("system_calls", "own_user")) as pool:
            pool.check_confinement()
            assert pool.run(jobs.add, 1, 1) == 2


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


def test_a_worker_does_not_see_the_servers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "secret")
    with a_pool() as pool:
        assert not any("COUNTERMARK" in name for name in pool.run(jobs.environment))


@pytest.mark.skipif(not SECCOMP, reason="this kernel has no seccomp filters")
def test_a_worker_makes_no_file_nor_core_even_where_the_kernel_confines_no_files(sandbox: Sandbox) -> None:
    for each in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        assert list(sandbox.run(resource.getrlimit, each)) == [0, 0]
    assert sandbox.run(resource.getrlimit, resource.RLIMIT_NOFILE)[1] == MAX_OPEN_FILES


def test_nothing_can_be_written(sandbox: Sandbox) -> None:
    with pytest.raises(UndecodableMedia, match="PermissionError"):
        sandbox.run(jobs.write_file_in_memory)


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
