"""Sandbox: the pool of confined worker processes, as the server sees it. A `slot` of it has one worker at a time."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar, cast

from provenance.errors import ExaminationUnavailable, MediaTooCostly, SettingsInvalid
from registry.sandbox.confinement import Confinement, Layer
from registry.sandbox.frames import encode_request
from registry.sandbox.process import START_SECONDS, Answerer
from registry.sandbox.quarantine import Quarantine
from registry.sandbox.slot import COSTLY, RETRY_AFTER, Job, Loss, Losses, Shared, Slot
from registry.sandbox.turns import LEAST_SECONDS, Budget, Turns
from registry.stages import Observe

JOB_SECONDS = 9.0
"""Seconds of processor time that a job may use, to which the kernel adds up to one: the slowest honest picture within
`limits` takes about 3."""

BUSY_SECONDS = 30.0
"""Seconds that a caller waits for a free worker; a client gives up after that, and its job would only add load."""

ABSENT_SECONDS = 20.0
"""Seconds without any worker after which the sandbox is in trouble: one starts in about 1 on an idle machine, and in
less than this on one that ten others keep busy."""

CLOSING_SECONDS = 10.0
"""Seconds that a running job is given to end when the sandbox closes."""

WARM_MODULES = ("cv2", "numpy", "PIL.Image", "pillow_heif", "c2pa")
"""What every worker imports before its first job: the libraries that take 0.1 s or more."""

T = TypeVar("T")


def _nobody(_stage: str, _seconds: float) -> None:
    """The default of `observe`."""


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
        self._jobs: Turns[Job] = Turns(clock)
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._closing = threading.Event()
        self._quarantine = Quarantine(clock)
        wanted = (*WARM_MODULES, *modules)
        self._lost = Losses()
        pool = Shared(
            self._jobs, self._closing, self._quarantine, clock, wanted, frozenset(required), observe, self._lost
        )
        self._slots = [Slot(pool) for _ in range(workers)]
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
            raise MediaTooCostly(COSTLY)
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
    ) -> Job:
        name = getattr(function, "__qualname__", "a job")
        key = None if digest is None else (name, digest)
        if key is not None:
            self._quarantine.check(key)
        payload, files = encode_request((function, args, min(cpu_seconds, budget.left), answer is not None))
        job = Job(payload, files, name, cpu_seconds, answer, key, budget)
        if not self._jobs.put(job):
            job.reject_overload()
        return job
