"""Whoever ends, stops or starves the workers of a service gets no honest picture called a bad one."""

import http.client
import io
import os
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.patience import HUNG_SECONDS, eventually
from tests.security.hostile import FULL
from tests.served import Served, served

pytestmark = pytest.mark.timing

PICTURES = 80 if FULL else 8


def photograph(seed: int) -> bytes:
    """A picture that nobody has seen: it is decoded, described and searched for."""
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((900, 600), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def workers(server: Served) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == server.process.pid:
                found.append(int(process.name))
    return found


def starve(process: int) -> None:
    """Leaves it no descriptor for the files of its next job.

    As its own user: not every root may do that to others, as where a container has not CAP_SYS_RESOURCE.
    """
    identity = Path(f"/proc/{process}").stat()
    limit = ["prlimit", f"--pid={process}", "--nofile=0:0"]
    if os.geteuid() == identity.st_uid:
        subprocess.run(limit, check=True)
    else:
        subprocess.run(limit, check=True, user=identity.st_uid, group=identity.st_gid, extra_groups=[])


HARMS: dict[str, Callable[[int], None]] = {
    "killed": lambda process: os.kill(process, signal.SIGKILL),
    "stopped": lambda process: os.kill(process, signal.SIGSTOP),
    "asked to end": lambda process: os.kill(process, signal.SIGTERM),
    "starved": starve,
}


def ask(server: Served, data: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HUNG_SECONDS)
    try:
        connection.request("POST", "/v1/verifications", data, {"Content-Type": "application/octet-stream"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("harm", HARMS)
def test_an_honest_picture_is_never_refused_for_a_worker_that_is_lost(tmp_path: Path, harm: str) -> None:
    statuses: Counter[int] = Counter()
    with served(tmp_path, verification_rate="1000000/second") as server:
        server.wait()
        random_ = random.Random(harm)
        for number in range(PICTURES):
            data = photograph(number)
            asking = threading.Thread(target=lambda data=data: statuses.update([ask(server, data)]))
            asking.start()
            while asking.is_alive() and random_.random() < 0.9:  # before, at the beginning, or never
                asking.join(random_.random() / 10)
            for process in workers(server):
                with suppress(FileNotFoundError, ProcessLookupError, subprocess.CalledProcessError):  # it has ended
                    HARMS[harm](process)
            asking.join()
        assert statuses.keys() <= {200, 503}, statuses
        assert statuses.total() == PICTURES
        lost = re.findall(r'workers_lost_total{reason="\w+"} (\d+)', server.metrics("127.0.0.1"))
        assert sum(map(int, lost)) > 0
        eventually(lambda: ask(server, photograph(0)) == 200)
