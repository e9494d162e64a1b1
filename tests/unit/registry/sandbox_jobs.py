"""Jobs that the sandbox tests send into workers: well-behaved, failing and hostile ones."""

import ctypes
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from provenance.errors import MediaTooLarge
from registry.sandbox import Readable
from tests.patience import HUNG_SECONDS


def add(left: int, right: int) -> int:
    return left + right


def ask_and_measure(ask: Callable[[bytes], bytes], question: bytes) -> tuple[bytes, int]:
    reply = ask(question)
    return reply, len(reply)


def ask_on_and_on(ask: Callable[[bytes], bytes]) -> bytes:
    for _ in range(100):
        answer = ask(b"again")
    return answer


def ask_with_process_id(ask: Callable[[bytes], bytes], seconds: float = 0) -> bytes:
    """So that the server knows when the job is at work, and where, and can keep it waiting."""
    reply = ask(str(os.getpid()).encode())
    time.sleep(seconds)
    return reply


def ask_and_loop_for_ever(ask: Callable[[bytes], bytes]) -> None:
    ask(b"at work")
    loop_for_ever()


def crash_unless(file: Readable) -> str:
    if not file.read_bytes():
        crash()
    return "done"


def compute(cpu_seconds: float) -> None:
    end = time.process_time() + cpu_seconds
    while time.process_time() < end:
        pass


def process_id() -> int:
    return os.getpid()


def size_of(file: Readable) -> int:
    return len(file.read_bytes())


def read_all(files: Sequence[Readable]) -> list[bytes]:
    return [each.read_bytes() for each in files]


def read_twice(file: Readable) -> tuple[bytes, bytes]:
    return file.read_bytes(), file.read_bytes()


def nap(seconds: float) -> tuple[float, float]:
    started = time.monotonic()
    time.sleep(seconds)
    return started, time.monotonic()


def take_too_large() -> None:
    raise MediaTooLarge("9,000 megapixels")


def take_memory_of_opencv() -> None:
    import cv2

    cv2.resize(np.zeros((9, 9), np.uint8), (60_000, 60_000))


def divide_by_zero() -> float:
    return 1 / 0


def leave() -> None:
    sys.exit("a decoder calls exit()")


def answer_with_a_function() -> object:
    return add


def take_memory(mebibytes: int) -> int:
    return int(np.zeros(mebibytes * 1024 * 1024, dtype=np.uint8).size)


def draw() -> np.ndarray:
    return np.zeros((9, 9), np.uint8)


def take_memory_natively() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    size = 64 * 1024 * 1024
    while address := libc.malloc(ctypes.c_size_t(size)):
        ctypes.memset(address, 1, size)
    os.abort()  # what a native decoder does when it cannot go on


def loop_for_ever() -> None:
    while True:
        pass


def die(code: int) -> None:
    os._exit(code)


def crash() -> None:
    ctypes.string_at(1)


def call_home(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=HUNG_SECONDS).close()


def call_home_from_a_thread(port: int) -> str:
    caught: list[str] = []

    def call() -> None:
        try:
            call_home(port)
        except OSError as error:
            caught.append(type(error).__name__)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return ", ".join(caught)


def environment() -> list[str]:
    return sorted(os.environ)


def write_file_in_memory() -> int:
    """What no rule of landlock covers: a file of no folder."""
    return os.write(os.memfd_create("unseen"), b"x")


def print_and_answer() -> str:
    os.write(1, b"libpng warning: this must not reach the answers\n")
    print("nor this", flush=True)  # noqa: T201
    return "clean"


def threads_of_opencv() -> int:
    import cv2

    return int(cv2.getNumThreads())


def echo(value: object) -> object:
    return value


def forge_an_answer(payload: bytes) -> None:
    """Write to every pipe the worker has, as exploited code would, in place of the worker's own answer."""
    import struct

    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">Q", len(payload)) + payload)
        except OSError:
            continue
    time.sleep(HUNG_SECONDS)
