"""Sandbox: the pool of confined worker processes, as the server sees it.

Each worker belongs to one thread of the server, which starts it, gives it one job at a time, ends it
when it overruns, and starts the next one. The thread lives as long as the pool, because the kernel
ties a worker's life (PR_SET_PDEATHSIG, prctl(2)) to the thread that started it.
"""

import asyncio
import logging
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast

from provenance.errors import CountermarkError, StoreUnavailable, UndecodableMedia
from registry.sandbox.confinement import Confinement
from registry.sandbox.frames import (
    MAX_ANSWER_BYTES,
    AnswerError,
    decode_answer,
    read_frame,
    write_frame,
)

JOB_SECONDS = 10.0
"""Seconds a job may take by the wall clock: the slowest honest picture within `limits` takes about 3."""

BUSY_SECONDS = 30.0
"""Seconds a caller waits for a free worker: beyond that its client has given up, and would only add load."""

START_SECONDS = 60.0
"""Seconds a worker has to import everything: about 1 on an idle machine."""

JOBS_PER_WORKER = 500
"""Jobs after which a worker is replaced: bounds what a leak, a fragmented heap or a taken-over worker can spoil."""

WARM_MODULES = ("cv2", "numpy", "PIL.Image", "pillow_heif", "c2pa")
"""What every worker imports before its first job: the libraries that take 0.1 s or more."""

_PASSED_ON = ("LD_LIBRARY_PATH", "LANG", "TZ")  # of the environment; never the server's secrets
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
_RETRY_SECONDS = 1.0
_PIPE_BYTES = 1024 * 1024  # as much as Linux gives without privilege

MAX_QUESTIONS = 1
"""Questions that one job may ask of the server: signing a claim takes one, and a taken-over worker gets no more."""

MAX_QUESTION_BYTES = 1024 * 1024
"""Bytes of a question: what is signed of a C2PA claim has under 10 KB."""

logger = logging.getLogger(__name__)
Answerer = Callable[[bytes], bytes]
P = ParamSpec("P")
T = TypeVar("T")


class _WorkerDeathError(Exception):
    """The process ended, overran its time or spoke nonsense: the text says which."""


class _Job:
    """One call that waits for a worker. Whoever claims it, a worker's thread or its expiry, must settle `future`."""

    def __init__(self, payload: bytes, name: str, timeout: float, answer: Answerer | None) -> None:
        self.payload = payload
        self.name = name
        self.timeout = timeout
        self.answer = answer
        self.future: Future[Any] = Future()
        self._unclaimed = threading.Lock()

    def claim(self) -> bool:
        return self._unclaimed.acquire(blocking=False) and self.future.set_running_or_notify_cancel()

    def expire(self, reason: str = "busy: no worker became free in time, try again later") -> None:
        if self.claim():
            self.future.set_exception(StoreUnavailable(reason))


class Sandbox:
    """Runs functions on a stranger's bytes in confined processes. Thread-safe.

    Args:
        workers: processes, at least 1; one per core is right, as each computes on one thread.
        modules: further modules that each worker imports before its first job.
        busy_seconds: how long a call waits for a free worker.
    """

    def __init__(self, workers: int, *, modules: Sequence[str] = (), busy_seconds: float = BUSY_SECONDS) -> None:
        if workers < 1:
            raise ValueError("a sandbox has at least one worker")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._busy_seconds = busy_seconds
        self._closing = threading.Event()
        self._slots = [_Slot(self._jobs, self._closing, (*WARM_MODULES, *modules)) for _ in range(workers)]
        for slot in self._slots:
            slot.thread.start()

    def run(
        self,
        function: Callable[..., T],
        *args: object,
        timeout: float = JOB_SECONDS,
        answer: Answerer | None = None,
    ) -> T:
        """What `function(*args)` returns, computed in a worker.

        The function is one that can be imported by name; arguments are picklable (large inputs travel as
        paths); the value is made of what `frames` lets cross. `timeout` is in seconds.

        With `answer` the function gets, before its other arguments, a function of its own that sends up to
        `MAX_QUESTIONS` questions (bytes) to `answer` in this process: so that a key can sign for a worker
        without ever being in it.

        Raises whatever the function raised of our exception tree; UndecodableMedia for any other
        exception, and when the worker died, ran out of memory or overran its time; StoreUnavailable
        when no worker became free in time or the sandbox is closing.
        """
        job = self._submit(function, args, timeout, answer)
        try:
            return cast(T, job.future.result(self._busy_seconds))
        except TimeoutError:
            job.expire()
            return cast(T, job.future.result())

    async def run_async(self, function: Callable[..., T], *args: object, timeout: float = JOB_SECONDS) -> T:
        """As `run`, without blocking the event loop. When cancelled, a job that has not begun is dropped."""
        job = self._submit(function, args, timeout)
        expiry = asyncio.get_running_loop().call_later(self._busy_seconds, job.expire)
        try:
            return cast(T, await asyncio.wrap_future(job.future))
        finally:
            expiry.cancel()

    def wait_until_ready(self, timeout: float = START_SECONDS) -> bool:
        """Whether every worker is warm, waiting up to `timeout` seconds for it."""
        deadline = time.monotonic() + timeout
        return all(slot.ready.wait(max(0.0, deadline - time.monotonic())) for slot in self._slots)

    @property
    def network_blocked(self) -> bool:
        """Whether the kernel refuses sockets to every worker. False while none has started."""
        return all(slot.confinement is not None and slot.confinement.network_blocked for slot in self._slots)

    @property
    def writes_blocked(self) -> bool:
        """Whether the kernel confines every worker's writing to its temporary folder. False while none has started."""
        return all(slot.confinement is not None and slot.confinement.writes_blocked for slot in self._slots)

    def close(self) -> None:
        """Let running jobs end, refuse waiting ones, and end the workers."""
        self._closing.set()
        for slot in self._slots:
            slot.stop_starting()
            self._jobs.put(None)
        for slot in self._slots:
            slot.thread.join()
        with suppress(queue.Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    job.expire("the service is stopping")

    def _submit(
        self, function: Callable[..., T], args: tuple[object, ...], timeout: float, answer: Answerer | None = None
    ) -> _Job:
        payload = pickle.dumps((function, args, timeout, answer is not None), protocol=pickle.HIGHEST_PROTOCOL)
        job = _Job(payload, getattr(function, "__qualname__", "a job"), timeout, answer)
        if self._closing.is_set():
            job.expire("the service is stopping")
        else:
            self._jobs.put(job)
        return job


class _Slot:
    """One place in the pool: a thread that always has, or is starting, one worker."""

    def __init__(
        self, jobs: "queue.SimpleQueue[_Job | None]", closing: threading.Event, modules: tuple[str, ...]
    ) -> None:
        self.ready = threading.Event()
        self.confinement: Confinement | None = None
        self.thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._jobs = jobs
        self._closing = closing
        self._modules = modules
        self._starting: _Worker | None = None

    def stop_starting(self) -> None:
        """End a worker that is not ready yet: closing does not wait for imports."""
        if (worker := self._starting) is not None:
            worker.kill()

    def _serve(self) -> None:
        while not self._closing.is_set():
            worker = self._start()
            if worker is None:
                self._closing.wait(_RETRY_SECONDS)
                continue
            try:
                self._give_jobs(worker)
            finally:
                self.ready.clear()
                worker.end()

    def _start(self) -> "_Worker | None":
        worker: _Worker | None = None
        try:
            worker = self._starting = _Worker(self._modules)
            if self._closing.is_set():
                worker.kill()
            self.confinement = worker.wait_until_ready()
        except (OSError, _WorkerDeathError) as error:
            if worker is not None:
                worker.end()
            if not self._closing.is_set():
                logger.error("a sandbox worker could not be started: %s", error)
            return None
        finally:
            self._starting = None
        _report_once(self.confinement)
        self.ready.set()
        return worker

    def _give_jobs(self, worker: "_Worker") -> None:
        """Until the worker has died or done its share, or the pool closes."""
        for _ in range(JOBS_PER_WORKER):
            job = self._jobs.get()
            if job is None:
                return
            if self._closing.is_set():
                job.expire("the service is stopping")
            elif job.claim() and not self._settle(job, worker):
                return

    def _settle(self, job: _Job, worker: "_Worker") -> bool:
        """Answer the job; whether the worker is fit for another."""
        try:
            answer = worker.perform(job)
        except _WorkerDeathError as death:
            logger.warning("a sandbox worker is replaced: %s: %s", job.name, death)
            job.future.set_exception(UndecodableMedia("the file could not be examined within limits"))
            return False
        except Exception as refusal:  # noqa: BLE001 (`answer` is the caller's: what it raises is for the caller)
            job.future.set_exception(refusal)
            return False  # the worker still waits for its reply
        match answer:
            case ("returned", value):
                job.future.set_result(value)
            case ("refused", CountermarkError() as error):
                job.future.set_exception(error)
            case ("failed", str(name), str(text)):
                logger.error("%s failed in the sandbox:\n%s", job.name, text)
                job.future.set_exception(UndecodableMedia(f"the file could not be examined ({name[:80]})"))
            case _:  # out of memory, or nonsense: neither worker is worth keeping
                logger.warning("a sandbox worker is replaced: %s: out of memory", job.name)
                job.future.set_exception(UndecodableMedia("the file could not be examined within limits"))
                return False
        return True


class _Worker:
    """One worker process and the two pipes to it."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self._scratch = tempfile.mkdtemp(prefix="countermark-sandbox-")
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= _ONE_THREAD | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": self._scratch,
            "HOME": self._scratch,
        }
        command = [sys.executable, "-P", "-s", "-m", "registry.sandbox.worker", str(os.getpid()), *modules]
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=_PIPE_BYTES,
                env=environment,
            )
        except OSError:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        assert self._process.stdin is not None  # noqa: S101 (both were asked for)
        assert self._process.stdout is not None  # noqa: S101
        self._requests = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)

    def wait_until_ready(self) -> Confinement:
        """Raises _WorkerDeathError when it does not come up within `START_SECONDS`."""
        match self._answer(time.monotonic() + START_SECONDS):
            case ("ready", Confinement() as confinement):
                return confinement
            case ("failed", _, str(text)):
                raise _WorkerDeathError(text)
            case _:
                raise _WorkerDeathError("it did not say that it is ready")

    def perform(self, job: _Job) -> Any:
        """The worker's answer to the job. Raises _WorkerDeathError when there is none within its time."""
        deadline = time.monotonic() + job.timeout
        self._send(job.payload, deadline)
        for _ in range(MAX_QUESTIONS):
            match answer := self._answer(deadline):
                case ("asks", bytes(question)) if job.answer is not None and len(question) <= MAX_QUESTION_BYTES:
                    self._send(job.answer(question), deadline)
                case _:
                    return answer
        return self._answer(deadline)

    def _send(self, payload: bytes, deadline: float) -> None:
        started = time.monotonic()
        try:
            write_frame(self._requests, payload, deadline)
        except TimeoutError:
            raise _WorkerDeathError(f"no answer within {deadline - started:.1f} s") from None
        except OSError:
            raise _WorkerDeathError(self._ending()) from None

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Close the pipes, kill the process and remove its temporary folder: it holds nothing worth a grace period."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _answer(self, deadline: float) -> Any:
        started = time.monotonic()
        try:
            return decode_answer(read_frame(self._answers, deadline, limit=MAX_ANSWER_BYTES))
        except TimeoutError:
            raise _WorkerDeathError(f"no answer within {deadline - started:.1f} s") from None
        except (EOFError, OSError):
            raise _WorkerDeathError(self._ending()) from None
        except AnswerError as error:
            raise _WorkerDeathError(str(error)) from None

    def _ending(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        with suppress(ValueError):
            if code < 0:
                return f"ended by {signal.Signals(-code).name}"
        return f"exited with {code}"


_reported = threading.Event()


def _report_once(confinement: Confinement) -> None:
    """Say once per process which protections this kernel does not give."""
    missing = [
        text
        for held, text in (
            (confinement.network_blocked, "seccomp (network access of decoders is not blocked)"),
            (confinement.writes_blocked, "landlock (file writes of decoders are not confined)"),
        )
        if not held
    ]
    if missing and not _reported.is_set():
        _reported.set()
        logger.warning("this kernel refuses the sandbox: %s", ", ".join(missing))
