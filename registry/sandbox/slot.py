"""One place of the sandbox's pool: a thread that has, or is starting, one worker process, and the jobs it gives it.

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
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from provenance.errors import (
    CountermarkError,
    ExaminationUnavailable,
    MediaTooCostly,
    Overloaded,
    StoreUnavailable,
    UndecodableMedia,
)
from registry.sandbox.confinement import Confinement, Layer
from registry.sandbox.frames import WATCH_SECONDS
from registry.sandbox.process import Answerer, WorkerDeathError, WorkerProcess
from registry.sandbox.quarantine import Key, Quarantine, Refusal
from registry.sandbox.turns import Budget, Turns
from registry.stages import Observe

WALL_CLOCK_FACTOR = 12
"""Times its processor time that a job may take by the clock, on a machine that is busy with other things."""

RETRY_AFTER = 5.0
"""Seconds after which a retry makes sense when a worker was lost: a fresh one is warm by then."""

JOBS_PER_WORKER = 500
"""Jobs after which a worker is replaced: bounds the effect of a leak, a fragmented heap or a compromised worker."""

MAX_TRIES = 2
"""Workers that a job is given to: the second is a fresh one."""

Loss = Literal["costly", "crashed", "foreign", "idle", "not_started"]
"""Why a worker was lost: it used up time or memory; it crashed, or broke off; something else ended or stopped it during
a job; or between two jobs; or none could be started."""
LOSSES: tuple[Loss, ...] = get_args(Loss)

COSTLY = "examining it used up the processor time or the memory that one file is given"
_LOST = "no worker could finish looking at it, which says nothing about the picture: try again later"
_RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Job:
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


class Losses:
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
class Shared:
    """The state that the slots of a pool share."""

    jobs: Turns[Job]
    closing: threading.Event
    quarantine: Quarantine
    clock: Callable[[], float]
    modules: tuple[str, ...]
    required: frozenset[Layer]
    observe: Observe
    lost: Losses


class Slot:
    """One slot of the pool: a thread that has, or is starting, one worker."""

    def __init__(self, pool: Shared) -> None:
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
        interrupted: Job | None = None
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

    def _run_jobs(self, worker: WorkerProcess, interrupted: Job | None) -> Job | None:
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
            del job  # and its answer, which may hold two pictures: the next may be long in coming
        return None

    def _next(self, worker: WorkerProcess) -> Job | None:
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

    def _settle(self, job: Job, worker: WorkerProcess) -> bool:
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

    def _perform(self, job: Job, worker: WorkerProcess) -> Any:
        """The worker's answer to a job, whose costs are noted. Raises as `WorkerProcess.perform`."""
        used, began = worker.processor_seconds(), self._pool.clock()
        try:
            return worker.perform(job.payload, job.files, job.seconds * WALL_CLOCK_FACTOR, job.answer)
        finally:
            job.budget.spent += worker.processor_seconds() - used
            job.budget.held += self._pool.clock() - began

    def _handle_death(self, job: Job, death: WorkerDeathError) -> None:
        """Handle a worker's death during a job, which is resolved unless a fresh worker is to retry it."""
        logger.warning("a sandbox worker is replaced: %s: %s", job.name, death)
        self._pool.lost.count("costly" if death.spent else "foreign" if death.foreign else "crashed")
        job.workers_ended += not death.foreign
        # Only a fresh worker's peak memory is due to this job.
        if death.spent or (death.crashed_large and job.tries > 1):
            self._refuse(job, MediaTooCostly(COSTLY))
        elif job.tries >= MAX_TRIES:
            self._refuse(job, ExaminationUnavailable(_LOST, retry_after=RETRY_AFTER))

    def _refuse(self, job: Job, refusal: Refusal) -> None:
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
