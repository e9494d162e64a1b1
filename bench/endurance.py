"""Half an hour at 70 % of what the service can do: does its memory grow, and do its answers become slower?

    python -m bench.endurance [--minutes 30] [--json FILE]

A server of its own first shows its capacity, as in `bench.overload`. Then pictures that nobody has registered are
verified at 70 % of it, every tenth request registers one instead, and four readers read without a pause what is listed,
the log's checkpoint and its tiles. Memory is that of the server's process; its slope is a line through the samples of
the second half, because caches fill in the first. Latencies are of verifications, in the first and the last tenth of
the time; on a machine that others use, they say as much about the others.
"""

import argparse
import http.client
import io
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from bench.overload import WORKERS, Load, pictures
from demo.service import Service, running_service

SHARE = 0.7
READERS = 4
REGISTERED_EVERY = 10
SAMPLE_SECONDS = 5.0
MEBIBYTE = 1024 * 1024
READ = ("/v1/assets", "/log/checkpoint", "/log/keys", "/log/tile/0/000.p/1", "/v1/publishers")
AIMS = {"mebibytes_a_minute": 1.0, "wal_mebibytes": 64.0, "p99_ratio": 1.5}


@dataclass(frozen=True)
class Result:
    """Of one run. Rates are a second, latencies seconds."""

    minutes: float
    capacity: float
    asked: float
    statuses: dict[int, int]
    reads: int
    first_mebibytes: float
    last_mebibytes: float
    mebibytes_a_minute: float
    wal_mebibytes: float
    p99_first: float
    p99_last: float
    p99_ratio: float


@dataclass
class Watched:
    """Samples: (seconds since the start, value)."""

    latencies: list[tuple[float, float]] = field(default_factory=list)
    resident: list[tuple[float, float]] = field(default_factory=list)
    wal: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    reads: int = 0


class Clients:
    """What asks the service, until `ended` is set."""

    def __init__(self, service: Service, watched: Watched) -> None:
        self._service = service
        self._port = urlsplit(service.url).port
        self._watched = watched
        self._load = Load(service, pictures(40))
        self._began = time.monotonic()
        self.ended = threading.Event()

    def now(self) -> float:
        return time.monotonic() - self._began

    def read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, 120)
        while not self.ended.is_set():
            try:
                connection.request("GET", random.choice(READ))
                connection.getresponse().read()
                self._watched.reads += 1
            except OSError:
                connection.close()

    def ask(self, number: int) -> None:
        """One verification, or a registration."""
        started = self.now()
        if number % REGISTERED_EVERY == 0:
            status = self._register(number)
        else:
            status = self._load.picture(f"127.0.4.{number % 200 + 1}")
            self._watched.latencies.append((started, self.now() - started))
        self._watched.statuses[status] += 1

    def _register(self, seed: int) -> int:
        shades = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(shades).resize((800, 600), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = head.encode() + file.getvalue() + b"\r\n--x--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, 120)
        kind = "multipart/form-data; boundary=x"
        headers = {"Content-Type": kind, "Authorization": f"Bearer {self._service.api_key}"}
        try:
            connection.request("POST", "/v1/assets", body, headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def sample(self) -> None:
        statm = Path(f"/proc/{self._service.process_id}/statm")
        while not self.ended.wait(SAMPLE_SECONDS):
            self._watched.resident.append((self.now(), int(statm.read_text().split()[1]) * 4096 / MEBIBYTE))
            logs = [each.stat().st_size for each in self._service.folder.glob("*.db-wal")]
            self._watched.wal = max(self._watched.wal, *(size / MEBIBYTE for size in logs), 0.0)


def slope(samples: list[tuple[float, float]]) -> float:
    """Of a line through them, a minute."""
    times, values = np.array(samples).T
    return float(np.polyfit(times / 60, values, 1)[0])


def p99(latencies: list[float]) -> float:
    """The 99th percentile, in seconds."""
    return float(np.percentile(latencies, 99)) if latencies else 0.0


def in_background(stack: ExitStack, work: Callable[[], None]) -> None:
    """Run `work` in a thread that is waited for when the stack closes."""
    thread = threading.Thread(target=work)
    thread.start()
    stack.callback(thread.join)


def measure(service: Service, minutes: float) -> Result:
    """Capacity, and then the load."""
    watched = Watched()
    load = Load(service, pictures(40))
    calm = [f"127.0.2.{number + 1}" for number in range(2 * WORKERS)]
    load.closed(calm, 5.0)
    capacity = load.closed(calm, 30.0).served / 30.0
    clients, seconds, asked = Clients(service, watched), minutes * 60, 0
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(64))
        for work in (clients.sample, *[clients.read] * READERS):
            in_background(stack, work)
        stack.callback(clients.ended.set)
        while clients.now() < seconds:
            threads.submit(clients.ask, asked)
            asked += 1
            time.sleep(max(0.0, asked / (SHARE * capacity) - clients.now()))
    second_half = [each for each in watched.resident if each[0] > seconds / 2]
    first = p99([took for at, took in watched.latencies if at < seconds / 10])
    last = p99([took for at, took in watched.latencies if at > seconds * 0.9])
    return Result(
        minutes=minutes,
        capacity=capacity,
        asked=asked / seconds,
        statuses=dict(sorted(watched.statuses.items())),
        reads=watched.reads,
        first_mebibytes=watched.resident[0][1],
        last_mebibytes=watched.resident[-1][1],
        mebibytes_a_minute=slope(second_half),
        wal_mebibytes=watched.wal,
        p99_first=first,
        p99_last=last,
        p99_ratio=last / first if first else 0.0,
    )


def main() -> int:
    """Print the result; the exit status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.endurance")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rates = dict.fromkeys(("verification_rate", "read_rate"), "100000/second")
    settings = rates | {"verification_quota": "100000000", "workers": str(WORKERS), "log_level": "warning"}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "data", processes=1, **settings) as service,
    ):
        result = measure(service, asked.minutes)
    for name, value in asdict(result).items():
        sys.stdout.write(
            f"{name.replace('_', ' ')}: {value:.2f}\n" if isinstance(value, float) else f"{name}: {value}\n"
        )
    if asked.json:
        asked.json.write_text(json.dumps(asdict(result), indent=2))
    return int(any(getattr(result, name) > aim for name, aim in AIMS.items()))


if __name__ == "__main__":
    sys.exit(main())
