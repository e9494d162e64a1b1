"""The server's side of a worker process: its two channels, their messages, and the way the process ended."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from registry.sandbox.confinement import MEMORY_BYTES, Confinement
from registry.sandbox.frames import (
    MAX_ANSWER_BYTES,
    AnswerError,
    decode_answer,
    read_frame,
    send_files,
    write_frame,
)

START_SECONDS = 60.0
"""Seconds a worker has to import everything: about 1 on an idle machine."""

MAX_QUESTIONS = 4
"""Questions that one job may ask of the server: a claim takes a signature and a time stamp, of a copy for everybody and
of one for the publisher; a compromised worker gets no more."""

MAX_QUESTION_BYTES = 1024 * 1024
"""Bytes of a question: what is signed of a C2PA claim has under 10 KB."""

_PASSED_ON = ("LD_LIBRARY_PATH", "LANG", "TZ")  # of the environment; never the server's secrets
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
_CHANNEL_BYTES = 1024 * 1024  # as much as Linux gives without privilege
_GRACE_SECONDS = 5.0  # from closing its pipe, or from being killed, to its end

Answerer = Callable[[bytes], bytes]


class WorkerDeathError(Exception):
    """The worker ended, or was killed: the message says why.

    Attributes:
        spent: it used up the processor time or memory of its job.
        foreign: the cause cannot be its job.
        crashed_large: it crashed, and had held half of `MEMORY_BYTES` at once in its life: a decoder that gets no more
            memory aborts.
    """

    def __init__(self, reason: str, *, spent: bool = False, foreign: bool = False, crashed_large: bool = False) -> None:
        super().__init__(reason)
        self.spent = spent
        self.foreign = foreign
        self.crashed_large = crashed_large


class WorkerProcess:
    """One worker process and the channels to it, used by one thread."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= _ONE_THREAD | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENSSL_CONF": os.devnull,
        }
        command = [sys.executable, "-P", "-s", "-m", "registry.sandbox.worker", str(os.getpid()), *modules]
        self._requests, theirs = socket.socketpair()
        with theirs:
            theirs.shutdown(socket.SHUT_WR)  # a worker sends through the pipe alone, which carries no descriptors
            self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHANNEL_BYTES)
            # What a process held before it became another program counts as its own: here, what this one has held.
            self._inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pipesize=_CHANNEL_BYTES,
                    env=environment,
                    cwd="/",
                )
            except OSError:
                self._requests.close()
                raise
        assert self._process.stdout is not None  # noqa: S101 (it was asked for)
        self._answers = self._process.stdout.fileno()
        self._requests.setblocking(False)
        os.set_blocking(self._answers, False)
        self._used = 0.0

    def wait_until_confined(self) -> Confinement:
        """How the process is confined, before it has imported what it needs. Raises WorkerDeathError."""
        match self._answer(time.monotonic() + START_SECONDS):
            case ("confined", Confinement() as confinement):
                return confinement
            case ("failed", _, str(text)):
                raise WorkerDeathError(text, foreign=True)
            case _:
                raise WorkerDeathError("it did not say how it is confined")

    def wait_until_ready(self) -> None:
        """Raises WorkerDeathError if the process is not ready within `START_SECONDS`."""
        match self._answer(time.monotonic() + START_SECONDS):
            case ("ready",):
                return
            case ("failed", _, str(text)):
                raise WorkerDeathError(text, foreign=True)
            case _:
                raise WorkerDeathError("it did not say that it is ready")

    def perform(self, payload: bytes, files: Sequence[Path], seconds: float, answer: Answerer | None) -> Any:
        """The worker's answer to a job, which is handed `files`; its questions go to `answer`.

        Raises:
            WorkerDeathError: no answer within `seconds` by the clock, or a malformed one.
        """
        deadline = time.monotonic() + seconds
        try:
            send_files(self._requests, files)
        except OSError as error:
            raise WorkerDeathError(f"its files cannot be handed to it: {error}", foreign=True) from None
        self._send(payload, deadline)
        for _ in range(MAX_QUESTIONS):
            match reply := self._answer(deadline):
                case ("asks", bytes(question)) if answer is not None and len(question) <= MAX_QUESTION_BYTES:
                    self._send(answer(question), deadline)
                case _:
                    return reply
        return self._answer(deadline)

    def lives(self) -> bool:
        """Whether the process runs, and is not suspended."""
        return self._process.poll() is None and not self._is_stopped()

    def processor_seconds(self) -> float:
        """Seconds of processor time that the process has used; of one that has ended, at its end. 0 but on Linux."""
        if (stat := self._stat()) is not None:
            self._used = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return self._used

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Kill the process and close the channels: it holds nothing worth a grace period."""
        self._process.kill()
        self._requests.close()
        if self._process.stdout is not None:
            with suppress(OSError):
                self._process.stdout.close()
        self._process.wait()

    def _send(self, payload: bytes, deadline: float) -> None:
        try:
            write_frame(self._requests.fileno(), payload, deadline, self._watch)
        except TimeoutError:
            raise WorkerDeathError("it took nothing in its time by the clock") from None
        except OSError:
            raise self._end() from None

    def _answer(self, deadline: float) -> Any:
        try:
            return decode_answer(read_frame(self._answers, deadline, limit=MAX_ANSWER_BYTES, watch=self._watch))
        except TimeoutError:
            raise WorkerDeathError("it gave no answer in its time by the clock") from None
        except (EOFError, OSError):
            raise self._end() from None
        except AnswerError as error:
            raise WorkerDeathError(str(error)) from None

    def _watch(self) -> None:
        """Called repeatedly during silence."""
        if self._is_stopped():
            raise WorkerDeathError("it was stopped", foreign=True)

    def _is_stopped(self) -> bool:
        """Whether a signal has suspended the process (proc(5), state "T")."""
        stat = self._stat()
        return stat is not None and stat[0] == "T"

    def _stat(self) -> list[str] | None:
        """The fields of proc(5)'s `stat` from the third on; None where there are none, or the process has ended."""
        if sys.platform != "linux" or self._process.returncode is not None:
            return None
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        return stat.rpartition(")")[2].split()

    def _end(self) -> WorkerDeathError:
        """How the process ended, after it has closed its pipes."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._process.returncode is None:
            try:
                pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._used = usage.ru_utime + usage.ru_stime
                return _death(self._process.returncode, usage.ru_maxrss, self._inherited)
            if time.monotonic() > deadline:
                return WorkerDeathError("it closed its pipe")
            time.sleep(0.005)
        return _death(self._process.returncode or 0)


def _death(code: int, peak: int = 0, inherited: int = 0) -> WorkerDeathError:
    """How a process ended, by its exit code, its largest resident set and that of its parent at its start.

    A peak no larger than the parent's says nothing (getrusage(2): `ru_maxrss` is kept across execve), so that a large
    server does not take a crash for a picture that needs too much memory.
    """
    large = peak > inherited and peak * (1 if sys.platform == "darwin" else 1024) >= MEMORY_BYTES // 2
    if code >= 0:
        return WorkerDeathError(f"exited with {code}")
    by = -code
    # Nothing in a decoder sends these. The kernel does where the machine is short of memory: it may be the file then.
    sent = by in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    return WorkerDeathError(
        f"ended by {signal.Signals(by).name if by in set(signal.Signals) else f'signal {by}'}",
        spent=by == signal.SIGXCPU,
        foreign=sent and not large,
        crashed_large=large and not sent,
    )
