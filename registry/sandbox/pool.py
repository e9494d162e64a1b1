"""Sandbox: the pool of confined worker processes, as the server sees it.

Each worker belongs to one thread of the server, which starts it, gives it one job at a time, ends it
when it overruns, and starts the next one. The thread lives as long as the pool, because the kernel
ties a worker's life (PR_SET_PDEATHSIG, prctl(2)) to the thread that started it.

A file is judged by the processor time and memory that it takes. If a worker ends otherwise, the job is tried
once more on a fresh one.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast, get_args

from provenance.errors import (
    CountermarkError,
    ExaminationUnavailable,
    MediaTooCostly,
    Overloaded,
    SettingsInvalid,
    StoreUnavailable,
    UndecodableMedia,
)
from registry.sandbox.confinement import Confinement, Layer
from registry.sandbox.frames import WATCH_SECONDS, encode_request
from registry.sandbox.process import START_SECONDS, Answerer, WorkerDeathError, WorkerProcess
from registry.sandbox.quarantine import Key, Quarantine, Refusal
from registry.sandbox.turns import LEAST_SECONDS, Budget, Turns
from registry.stages import Observe

JOB_SECONDS = 9.0
"""Seconds of processor time that a job may use, to which the kernel adds up to one: the slowest honest picture within
`limits` takes about 3."""

WALL_CLOCK_FACTOR = 12
"""Times its processor time that a job may take by the clock, on a machine that is busy with other things."""

BUSY_SECONDS = 30.0
"""Seconds that a caller waits for a free worker; a client gives up after that, and its job would only add load."""

ABSENT_SECONDS = 20.0
"""Seconds without any worker after which the sandbox is in trouble: one starts in about 1 on an idle machine, and in
less than this on one that ten others keep busy."""

CLOSING_SECONDS = 10.0
"""Seconds that a running job is given to end when the sandbox closes."""

RETRY_AFTER = 5.0
"""Seconds after which a retry makes sense when a worker was lost: a fresh one is warm by then."""

JOBS_PER_WORKER = 500
"""Jobs after which a worker is replaced: bounds the effect of a leak, a fragmented heap or a compromised worker."""

MAX_TRIES = 2
"""Workers that a job is given to: the second is a fresh one."""

WARM_MODULES = ("cv2", "numpy", "PIL.Image", "pillow_heif", "c2pa")
"""What every worker imports before its first job: the libraries that take 0.1 s or more."""

Loss = Literal["costly", "crashed", "foreign", "idle", "not_started"]
"""Why a worker was lost: it used up time or memory; it crashed, or broke off; something else ended or stopped it during
a job; or between two jobs; or none could be started."""
LOSSES: tuple[Loss, ...] = get_args(Loss)

_COSTLY = "examining it used up the processor time or the memory that one file is given"
_LOST = "no worker could finish looking at it, which says nothing about the picture: try again later"
_RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


def _nobody(_stage: str, _seconds: float) -> None:
    """The default of `observe`."""


class _Job:
    """One call that waits for a worker. The thread that claims it, a worker's or its timer's, must resolve `future`."""

    def __init__(
        self,
        payload: bytes,
        files: Sequence[Path],
        name: str,
        seconds: float,
        answer: Answerer | None,
        key: Key | None,
        budget: Budget,
    ) -> None:
        self.submitted = time.perf_counter()
        self.payload = payload
        self.files = files
        self.name = name
        self.seconds = seconds
        self.answer = answer
        self.key = key
        self.budget = budget
        self.tries = 0
        self.workers_ended = 0
        """By its own doing."""
        self.future: Future[Any] = Future()
        self._unclaimed = threading.Lock()

    def claim(self) -> bool:
        return self._unclaimed.acquire(blocking=False) and self.future.set_running_or_notify_cancel()

    def expire(self) -> None:
        if self.claim():
            busy = "all workers are busy, and none became free in time: try again later"
            self.future.set_exception(Overloaded(busy, retry_after=RETRY_AFTER))

    def reject_overload(self) -> None:
        if self.claim():
            self.reject_closing()

    def reject_closing(self) -> None:
        self.future.set_exception(StoreUnavailable("the service is stopping"))


class Sandbox:
    """Runs functions on untrusted bytes in confined processes. Thread-safe.

    Args:
        workers: processes, at least 1; one per core is right, as each computes on one thread.
        modules: further modules that each worker imports before its first job.
        required: layers of confinement without which no worker is given a job.
        busy_seconds: how long a call waits for a free worker.
        clock: monotonic seconds.
        observe: told how long each job waited for a worker ("wait"), and ran in one (by its function's name).
    """

    def __init__(
        self,
        workers: int,
        *,
        modules: Sequence[str] = (),
        required: Collection[Layer] = (),
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        observe: Observe = _nobody,
    ) -> None:
        if workers < 1:
            raise ValueError("a sandbox has at least one worker")
        self._jobs: Turns[_Job] = Turns(clock)
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._closing = threading.Event()
        self._quarantine = Quarantine(clock)
        wanted = (*WARM_MODULES, *modules)
        self._lost = _Losses()
        pool = _Pool(
            self._jobs, self._closing, self._quarantine, clock, wanted, frozenset(required), observe, self._lost
        )
        self._slots = [_Slot(pool) for _ in range(workers)]
        for slot in self._slots:
            slot.thread.start()

    def run(
        self,
        function: Callable[..., T],
        *args: object,
        cpu_seconds: float = JOB_SECONDS,
        answer: Answerer | None = None,
        digest: bytes | None = None,
        budget: Budget | None = None,
    ) -> T:
        """Run `function(*args)` in a worker and return its result.

        The function must be importable by name, its arguments picklable, its result of the types that `frames`
        encodes. For a `Path` among the arguments, or in one, the function gets an `InputFile` with `read_bytes()`: a
        worker opens no path of the server's.

        With `answer` the function gets, before its other arguments, a function of its own that sends up to
        `MAX_QUESTIONS` questions (bytes) to `answer` in this process: so that a worker never has
        the key that signs for it.

        With `digest`, the file's SHA-256, a file that has ended two workers is refused at once.

        With `budget` the function may use no more processor time than is left in it, and what it uses is noted there;
        the next free worker takes the job of the party that has had the least of the workers' time.

        Raises:
            CountermarkError: raised by the function.
            UndecodableMedia: the function raised any other exception.
            MediaTooCostly: the function used up `cpu_seconds`, the budget, or the memory of a worker.
            ExaminationUnavailable: two workers died otherwise, or it took more than `WALL_CLOCK_FACTOR` times
                its processor time by the clock; or no worker can be started.
            Overloaded: no worker became free in time.
            StoreUnavailable: the sandbox is closing.
        """
        if budget is None:
            budget = Budget(seconds=cpu_seconds)
        elif budget.left < LEAST_SECONDS:
            raise MediaTooCostly(_COSTLY)
        job = self._submit(function, args, cpu_seconds, answer, digest, budget)
        try:
            return cast(T, job.future.result(self._busy_seconds))
        except TimeoutError:
            job.expire()
            return cast(T, job.future.result())

    def wait_until_ready(self, timeout: float = START_SECONDS) -> bool:
        """Whether every worker is warm, waiting up to `timeout` seconds for it."""
        deadline = time.monotonic() + timeout
        return all(slot.ready.wait(max(0.0, deadline - time.monotonic())) for slot in self._slots)

    @property
    def waiting(self) -> int:
        """Number of jobs that wait for a worker."""
        return self._jobs.waiting

    @property
    def ready_workers(self) -> int:
        """Number of workers that can take a job."""
        return sum(slot.ready.is_set() for slot in self._slots)

    @property
    def lost_workers(self) -> Mapping[Loss, int]:
        """Number of workers that were replaced before their time, by reason."""
        return self._lost.counted()

    @property
    def trouble(self) -> ExaminationUnavailable | None:
        """Set if there was no worker for `ABSENT_SECONDS`: why nothing can be examined. A caller may raise it."""
        lost = [slot.lost_at for slot in self._slots]
        since = max((each for each in lost if each is not None), default=0.0)
        if None in lost or self._clock() - since <= ABSENT_SECONDS:
            return None
        return ExaminationUnavailable("no worker that examines pictures can be started", retry_after=RETRY_AFTER)

    @property
    def confinement(self) -> Confinement | None:
        """What holds in every worker; None while none has started."""
        held = [each for slot in self._slots if (each := slot.confinement) is not None]
        if not held:
            return None
        return Confinement(
            system_calls=all(each.system_calls for each in held),
            files=all(each.files for each in held),
            signals=all(each.signals for each in held),
            own_user=None if all(each.own_user is None for each in held) else all(each.own_user for each in held),
        )

    def check_confinement(self) -> None:
        """Wait until the first worker is confined. Raises SettingsInvalid if a required layer is missing in it.

        If none can be started, that shows in `trouble`.
        """
        slot = self._slots[0]
        slot.confined.wait(START_SECONDS)
        if slot.confinement is not None and (missing := slot.lacking(slot.confinement)):
            raise SettingsInvalid(
                f"pictures cannot be examined safely here. {'. '.join(f'{k}: {v}' for k, v in missing.items())}. Mend "
                f"that, or accept the risk with COUNTERMARK_SANDBOX_WITHOUT={','.join(missing)}"
            )

    def close(self) -> None:
        """Let running jobs end within `CLOSING_SECONDS`, refuse waiting ones, end the workers. Twice is no error."""
        self._closing.set()
        for slot in self._slots:
            slot.stop_starting()
        for waiting in self._jobs.close():
            waiting.reject_overload()
        deadline = time.monotonic() + CLOSING_SECONDS
        for slot in self._slots:
            slot.thread.join(max(0.0, deadline - time.monotonic()))
            slot.stop_working()
            slot.thread.join()

    def _submit(
        self,
        function: Callable[..., T],
        args: tuple[object, ...],
        cpu_seconds: float,
        answer: Answerer | None,
        digest: bytes | None,
        budget: Budget,
    ) -> _Job:
        name = getattr(function, "__qualname__", "a job")
        key = None if digest is None else (name, digest)
        if key is not None:
            self._quarantine.check(key)
        payload, files = encode_request((function, args, min(cpu_seconds, budget.left), answer is not None))
        job = _Job(payload, files, name, cpu_seconds, answer, key, budget)
        if not self._jobs.put(job):
            job.reject_overload()
        return job


class _Losses:
    """Counts workers that were lost. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Loss, int] = dict.fromkeys(LOSSES, 0)

    def count(self, loss: Loss) -> None:
        with self._lock:
            self._counts[loss] += 1

    def counted(self) -> dict[Loss, int]:
        with self._lock:
            return dict(self._counts)


@dataclass(frozen=True, eq=False)
class _Pool:
    """The state that the slots of a pool share."""

    jobs: Turns[_Job]
    closing: threading.Event
    quarantine: Quarantine
    clock: Callable[[], float]
    modules: tuple[str, ...]
    required: frozenset[Layer]
    observe: Observe
    lost: _Losses


class _Slot:
    """One slot of the pool: a thread that has, or is starting, one worker."""

    def __init__(self, pool: _Pool) -> None:
        self.ready = threading.Event()
        self.confined = threading.Event()
        self.lost_at: float | None = pool.clock()
        """The time since which there is no worker; None while there is one."""
        self.confinement: Confinement | None = None
        self.thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._pool = pool
        self._starting: WorkerProcess | None = None
        self._working: WorkerProcess | None = None

    def stop_starting(self) -> None:
        """End a worker that is not ready yet: closing does not wait for imports."""
        if (worker := self._starting) is not None:
            worker.kill()

    def stop_working(self) -> None:
        """End a worker whose job takes too long while the pool closes."""
        if (worker := self._working) is not None:
            worker.kill()

    def lacking(self, confinement: Confinement) -> dict[Layer, str]:
        """The required layers that do not hold, and what follows from each."""
        return {each: why for each, why in confinement.missing().items() if each in self._pool.required}

    def _serve(self) -> None:
        interrupted: _Job | None = None
        while not self._pool.closing.is_set():
            worker = self._start()
            if worker is None:
                if interrupted is not None and not self._pool.closing.is_set():
                    self._refuse(interrupted, ExaminationUnavailable(_LOST, retry_after=RETRY_AFTER))
                    interrupted = None
                self._pool.closing.wait(_RETRY_SECONDS)
                continue
            try:
                self._working = worker
                interrupted = self._run_jobs(worker, interrupted)
            finally:
                self.ready.clear()
                self.lost_at = self._pool.clock()
                self._working = None
                worker.end()
        if interrupted is not None:
            interrupted.reject_closing()

    def _start(self) -> WorkerProcess | None:
        worker: WorkerProcess | None = None
        try:
            worker = self._starting = WorkerProcess(self._pool.modules)
            if self._pool.closing.is_set():
                worker.kill()
            self.confinement = worker.wait_until_confined()
            self.confined.set()
            if missing := self.lacking(self.confinement):
                raise WorkerDeathError("; ".join(missing.values()))
            worker.wait_until_ready()
        except (OSError, WorkerDeathError) as error:
            if worker is not None:
                worker.end()
            if not self._pool.closing.is_set():
                self._pool.lost.count("not_started")
                logger.error("a sandbox worker could not be started: %s", error)
            return None
        finally:
            self._starting = None
        _report_once(self.confinement)
        self.lost_at = None
        self.ready.set()
        return worker

    def _run_jobs(self, worker: WorkerProcess, interrupted: _Job | None) -> _Job | None:
        """Run jobs until the worker dies or is to be replaced, or the pool closes. Returns a job to retry."""
        if interrupted is not None and not self._settle(interrupted, worker):
            return None if interrupted.future.done() else interrupted
        for _ in range(JOBS_PER_WORKER):
            job = self._next(worker)
            if job is None:
                return None
            if job.claim():
                self._pool.observe("wait", time.perf_counter() - job.submitted)
                if not self._settle(job, worker):
                    return None if job.future.done() else job
        return None

    def _next(self, worker: WorkerProcess) -> _Job | None:
        """The next job; None if the worker has died, or the pool closes."""
        while worker.lives():
            try:
                job = self._pool.jobs.get(timeout=WATCH_SECONDS)
            except queue.Empty:
                continue
            if job is None:
                return None
            if self._pool.closing.is_set():
                job.reject_overload()
            elif worker.lives():
                return job
            elif not self._pool.jobs.put_back(job):  # for the first free worker
                job.reject_overload()
        if not self._pool.closing.is_set():
            self._pool.lost.count("idle")
            logger.warning("a sandbox worker is replaced: it was ended or stopped between two jobs")
        return None

    def _settle(self, job: _Job, worker: WorkerProcess) -> bool:
        """Run a job and resolve it, unless it is to be retried; whether the worker can take another."""
        job.tries += 1
        started = time.perf_counter()
        try:
            answer = self._perform(job, worker)
            self._pool.observe(job.name, time.perf_counter() - started)
        except WorkerDeathError as death:
            self._handle_death(job, death)
            return False
        except Exception as refusal:  # noqa: BLE001 (`answer` is the caller's, and so are its exceptions)
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
            case ("hindered", str(text)):
                self._handle_death(job, WorkerDeathError(f"the machine refused it something: {text}", foreign=True))
                return False
            case ("exhausted",):
                self._handle_death(job, WorkerDeathError("out of memory", spent=True))
                return False
            case _:
                job.tries = MAX_TRIES  # an exploit gets no second worker
                self._handle_death(job, WorkerDeathError("its answer was malformed"))
                return False
        return True

    def _perform(self, job: _Job, worker: WorkerProcess) -> Any:
        """The worker's answer to a job, whose costs are noted. Raises as `WorkerProcess.perform`."""
        used, began = worker.processor_seconds(), self._pool.clock()
        try:
            return worker.perform(job.payload, job.files, job.seconds * WALL_CLOCK_FACTOR, job.answer)
        finally:
            job.budget.spent += worker.processor_seconds() - used
            job.budget.held += self._pool.clock() - began

    def _handle_death(self, job: _Job, death: WorkerDeathError) -> None:
        """Handle a worker's death during a job, which is resolved unless a fresh worker is to retry it."""
        logger.warning("a sandbox worker is replaced: %s: %s", job.name, death)
        self._pool.lost.count("costly" if death.spent else "foreign" if death.foreign else "crashed")
        job.workers_ended += not death.foreign
        # Only a fresh worker's peak memory is due to this job.
        if death.spent or (death.crashed_large and job.tries > 1):
            self._refuse(job, MediaTooCostly(_COSTLY))
        elif job.tries >= MAX_TRIES:
            self._refuse(job, ExaminationUnavailable(_LOST, retry_after=RETRY_AFTER))

    def _refuse(self, job: _Job, refusal: Refusal) -> None:
        if job.key is not None and job.workers_ended:
            self._pool.quarantine.note(job.key, job.workers_ended, refusal)
            if isinstance(refusal, ExaminationUnavailable):
                refusal.retry_after = max(refusal.retry_after, self._pool.quarantine.rest(job.key))
        job.future.set_exception(refusal)


_reported = threading.Event()


def _report_once(confinement: Confinement) -> None:
    """Warn once per process about the layers that are missing."""
    if (missing := confinement.missing()) and not _reported.is_set():
        _reported.set()
        logger.warning("the sandbox lacks a layer: %s", "; ".join(missing.values()))
