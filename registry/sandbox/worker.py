"""The worker: one confined process that runs one job after another until its pipe closes.

Started by `registry.sandbox.process` as ``python -m registry.sandbox.worker PARENT_PID MODULE…`` with requests on
standard input, a socket, and answers on standard output, a pipe. It confines itself first and reports how, then imports
what it will need, and reports that it is ready.
"""

import errno
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence

from provenance.errors import CountermarkError
from registry.sandbox.confinement import Memory, confine, limit_cpu
from registry.sandbox.frames import decode_request, encode_answer, read_frame, receive_files, write_frame

_OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENFILE),  # its disks, its table of files
    errno.EMFILE,  # what earlier jobs left open, or a limit that was set from outside
    *(errno.ENOENT, errno.ESTALE),  # the upload is gone
}
"""Errors of the system (errno) that no file can cause in a fresh worker."""

_NO_MEMORY_FOR_OPENCV = -4  # cv::Error::StsNoMem

MAX_TRACEBACK_CHARACTERS = 8_000
"""Characters of a traceback that are sent for the server's log: its innermost frames."""


def main(parent: int, modules: list[str]) -> None:
    """Serve jobs until the parent closes the pipe."""
    requests, answers = socket.socket(fileno=os.dup(0)), os.dup(1)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # decoders print: neither into our answers nor into the server's log
        os.dup2(silence, descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to act upon
    memory = Memory()
    try:
        write_frame(answers, encode_answer(("confined", confine(parent, modules))))
        _warm(modules)
        memory.limit()
    except Exception:  # noqa: BLE001 (the parent logs it: nothing else can be said from here)
        write_frame(answers, encode_answer(("failed", "start", _traceback())))
        os._exit(1)
    write_frame(answers, encode_answer(("ready",)))
    while True:
        try:
            files = receive_files(requests)
            request = read_frame(requests.fileno())
        except EOFError:
            os._exit(0)  # without the destructors of native libraries: they have crashed before
        answer = _perform(request, files, lambda question: _ask(requests.fileno(), answers, question))
        for each in files:
            os.close(each)
        write_frame(answers, answer)
        del request, answer


def _warm(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)  # the pool is the parallelism


def _ask(requests: int, answers: int, question: bytes) -> bytes:
    """The server's answer to a question; without one, the process ends."""
    write_frame(answers, encode_answer(("asks", question)))
    return read_frame(requests)


def _perform(request: bytes, files: Sequence[int], ask: Callable[[bytes], bytes]) -> bytes:
    try:
        function, arguments, seconds, asks = decode_request(request, files)
        limit_cpu(seconds)
        return encode_answer(("returned", function(ask, *arguments) if asks else function(*arguments)))
    except CountermarkError as error:
        return encode_answer(("refused", error))
    except MemoryError:
        return encode_answer(("exhausted",))
    except BaseException as error:  # noqa: BLE001 (decoders raise at least six kinds; SystemExit is none of theirs)
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            return encode_answer(("hindered", str(error)))
        if _is_exhaustion(error):
            return encode_answer(("exhausted",))
        return encode_answer(("failed", type(error).__name__, _traceback()))


def _is_exhaustion(error: BaseException) -> bool:
    """Whether a job hit the limits of its process although its exception has another class."""
    if isinstance(error, OSError):
        return error.errno in (errno.EFBIG, errno.ENOMEM)
    return type(error).__module__ == "cv2" and getattr(error, "code", 0) == _NO_MEMORY_FOR_OPENCV


def _traceback() -> str:
    return traceback.format_exc(limit=-20)[-MAX_TRACEBACK_CHARACTERS:]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
