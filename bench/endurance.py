"""Half an hour at 70 % of what the service can do: does its memory grow, and do its answers become slower?

    python -m bench.endurance [--minutes 30] [--json FILE]

Pictures that nobody has registered are verified, every tenth request registers one instead, and four readers read
what is listed, the log's checkpoint and its tiles. A server of its own first shows how much of this it can do for
clients that wait for their answers, and then is asked for 70 % of it. Memory is that of the server's process; its slope
is a line through the samples of the second half, because caches fill in the first.

Latencies are of verifications, in the first and the last tenth of the time. On a machine that others use, these say as
much about the others; so afterwards this server and one that has just started are asked in turns, at the same rate.
The processor time for each request, of the server and its workers, does not depend on the others.
"""

import argparse
import http.client
import io
import itertools
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from bench.overload import WORKERS, Load, pictures
from demo.service import UNBOUNDED, Service, running_service

SHARE = 0.7
READERS = 4
READS_PER_SECOND = 10
"""Of each reader, at most."""
TURNS, TURN_SECONDS = 6, 20.0
"""Of the server at its end and of a fresh one."""
SPANS = 6
"""Equal parts of the time, of each of which memory, latency and costs are told."""
REGISTERED_EVERY = 10
SAMPLE_SECONDS = 5.0
MEBIBYTE = 1024 * 1024
READ = ("/v1/assets", "/log/checkpoint", "/log/keys", "/log/tile/0/000.p/1", "/v1/publishers")
AIMS = {"mebibytes_a_minute": 1.0, "wal_mebibytes": 64.0, "p99_ratio": 1.5, "p99_ratio_in_turns": 1.5}


@dataclass(frozen=True)
class Result:
    """Of one run. Rates are a second, latencies seconds. Lists have a value for each of `SPANS`: memory at its end."""

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
    p99_fresh: float
    p99_in_turns: float
    p99_ratio_in_turns: float
    processor_seconds_first: float
    processor_seconds_last: float
    load_averages: tuple[float, float]
    mebibytes: list[float]
    p99s: list[float]
    processor_seconds: list[float]


@dataclass
class Watched:
    """Samples: (seconds since the start, value)."""

    latencies: list[tuple[float, float]] = field(default_factory=list)
    resident: list[tuple[float, float]] = field(default_factory=list)
    processor: list[tuple[float, float]] = field(default_factory=list)
    wal: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    reads: int = 0

    def p99(self, begin: float, end: float) -> float:
        """Of what was asked in that time."""
        return p99([took for at, took in self.latencies if begin <= at < end])

    def processor_seconds(self, begin: float, end: float) -> float:
        """For each second of that time."""
        return slope([each for each in self.processor if begin <= each[0] < end]) / 60


class Clients:
    """What asks the service, until `ended` is set."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._port = urlsplit(service.url).port
        self.watched = Watched()
        self.load = Load(service, pictures(40))
        self._numbers = itertools.count()
        self._began = time.monotonic()
        self.ended = threading.Event()

    def now(self) -> float:
        return time.monotonic() - self._began

    def begin(self) -> None:
        """Forget what was seen so far."""
        self.watched, self._began = Watched(), time.monotonic()

    def read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, 120)
        while not self.ended.wait(1 / READS_PER_SECOND):
            try:
                connection.request("GET", random.choice(READ))
                connection.getresponse().read()
                self.watched.reads += 1
            except OSError:
                connection.close()

    def ask(self) -> None:
        """One verification, or a registration."""
        watched, started, number = self.watched, self.now(), next(self._numbers)
        if number % REGISTERED_EVERY == 0:
            status = self._register(number)
        else:
            status = self.load.picture(f"127.0.4.{number % 200 + 1}")
            watched.latencies.append((started, self.now() - started))
        watched.statuses[status] += 1

    def capacity(self, seconds: float) -> float:
        """Requests a second of clients that wait for their answers."""
        self.begin()

        def on(_: int) -> None:
            while self.now() < seconds:
                self.ask()

        with ThreadPoolExecutor(2 * WORKERS) as threads:
            list(threads.map(on, range(2 * WORKERS)))
        return (self.watched.statuses[200] + self.watched.statuses[201]) / self.now()

    def steadily(self, rate: float, seconds: float) -> int:
        """Ask so many times a second without waiting for answers; how many were asked."""
        self.begin()
        asked = 0
        with ThreadPoolExecutor(64) as threads:
            while self.now() < seconds:
                threads.submit(self.ask)
                asked += 1
                time.sleep(max(0.0, asked / rate - self.now()))
        return asked

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
            self.watched.processor.append((self.now(), self.load.processor_seconds()))
            self.watched.resident.append((self.now(), int(statm.read_text().split()[1]) * 4096 / MEBIBYTE))
            logs = [each.stat().st_size for each in self._service.folder.glob("*.db-wal")]
            self.watched.wal = max(self.watched.wal, *(size / MEBIBYTE for size in logs), 0.0)


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


@contextmanager
def beside_readers(service: Service) -> Iterator[Clients]:
    """Clients of a service that is read and watched."""
    clients = Clients(service)
    with ExitStack() as stack:
        for work in (clients.sample, *[clients.read] * READERS):
            in_background(stack, work)
        stack.callback(clients.ended.set)
        yield clients


def in_turns(aged: Clients, fresh: Clients, rate: float) -> tuple[float, float]:
    """The 99th percentiles of both."""
    found: tuple[list[float], list[float]] = [], []
    for _ in range(TURNS):
        for clients, latencies in zip((aged, fresh), found, strict=True):
            clients.steadily(rate, TURN_SECONDS)
            latencies += [took for _, took in clients.watched.latencies]
    return p99(found[0]), p99(found[1])


def measure(clients: Clients, fresh: Callable[[], AbstractContextManager[Clients]], minutes: float) -> Result:
    """Capacity, then the load, then turns with a fresh server."""
    seconds = minutes * 60
    clients.capacity(10.0)
    capacity = clients.capacity(60.0)
    load_before = os.getloadavg()[0]
    asked = clients.steadily(SHARE * capacity, seconds)
    watched = clients.watched
    load_after = os.getloadavg()[0]
    tenths = (0.0, 0.1 * seconds), (0.9 * seconds, seconds)
    spans = [(seconds * each / SPANS, seconds * (each + 1) / SPANS) for each in range(SPANS)]
    first, last = (watched.p99(*each) for each in tenths)
    cost_first, cost_last = (watched.processor_seconds(*each) * seconds / asked for each in tenths)
    with fresh() as others:
        others.capacity(10.0)
        aged_p99, fresh_p99 = in_turns(clients, others, SHARE * capacity)
    return Result(
        minutes=minutes,
        capacity=capacity,
        asked=asked / seconds,
        statuses=dict(sorted(watched.statuses.items())),
        reads=watched.reads,
        first_mebibytes=watched.resident[0][1],
        last_mebibytes=watched.resident[-1][1],
        mebibytes_a_minute=slope([each for each in watched.resident if each[0] > seconds / 2]),
        wal_mebibytes=watched.wal,
        p99_first=first,
        p99_last=last,
        p99_ratio=last / first,
        p99_fresh=fresh_p99,
        p99_in_turns=aged_p99,
        p99_ratio_in_turns=aged_p99 / fresh_p99,
        processor_seconds_first=cost_first,
        processor_seconds_last=cost_last,
        load_averages=(load_before, load_after),
        mebibytes=[max(each for each in watched.resident if each[0] < end)[1] for _, end in spans],
        p99s=[watched.p99(*each) for each in spans],
        processor_seconds=[watched.processor_seconds(*each) * seconds / asked for each in spans],
    )


def main() -> int:
    """Print the result; the exit status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.endurance")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    settings = UNBOUNDED | {"workers": str(WORKERS), "log_level": "warning"}
    with tempfile.TemporaryDirectory() as folder:

        @contextmanager
        def started(name: str) -> Iterator[Clients]:
            with (
                running_service(Path(folder) / name, processes=1, **settings) as service,
                beside_readers(service) as clients,
            ):
                yield clients

        with started("aged") as clients:
            result = measure(clients, lambda: started("fresh"), asked.minutes)
    for name, value in asdict(result).items():
        sys.stdout.write(
            f"{name.replace('_', ' ')}: {value:.2f}\n" if isinstance(value, float) else f"{name}: {value}\n"
        )
    if asked.json:
        asked.json.write_text(json.dumps(asdict(result), indent=2))
    return int(any(getattr(result, name) > aim for name, aim in AIMS.items()))


if __name__ == "__main__":
    sys.exit(main())
