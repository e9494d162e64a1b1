"""Five times what the service can do: how much is served, and of whom.

    python -m bench.overload [--seconds 20] [--rounds 3] [--json FILE]

A server of its own first shows its capacity: as many verifications as a few addresses that wait for each answer get.
Then others send without waiting, together five times that rate: one address, or nine. Beside them an honest address
asks for its share of the capacity, four pictures at a time at most, and another one looks digests up.
Counts decide, not seconds: what is served of the capacity (80 %), of the look-ups (99 %), and of the honest address's
share (50 %). Other work on the machine takes from both; so capacity is measured before and after each overload, and as
pictures for each second of processor time of the server and its workers.

All the while `/livez` is asked, and the slowest answer is told; then once more while clients hold 1,100 heads, and 200
bodies, that never end.
"""

import argparse
import http.client
import io
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from demo.service import UNBOUNDED, Service, running_service

TIMES = 5
WORKERS = 2
LOOKUPS_PER_SECOND = 10
WATCH_SECONDS = 0.1
"""Between two questions to `/livez`."""
TIMEOUT_SECONDS = 120.0
HONEST, LOOKING_UP, WATCHING = "127.0.1.1", "127.0.1.2", "127.0.1.3"
HALF_OPEN, DRIPPING = 1_100, 200
HOLDERS = 10
"""Addresses that hold them: one may have 256 connections."""


def pictures(count: int) -> list[bytes]:
    """JPEGs that nobody has registered, 1,200 x 900 pixels."""
    made = []
    for seed in range(count):
        shades = np.random.default_rng(seed).integers(0, 255, (18, 24, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(shades).resize((1200, 900), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        made.append(file.getvalue())
    return made


@dataclass
class Told:
    """What requests were answered with, by status; 0: no answer. `late`: after the end of what was measured."""

    statuses: Counter[int] = field(default_factory=Counter)
    late: Counter[int] = field(default_factory=Counter)

    @property
    def served(self) -> int:
        return self.statuses[200]

    @property
    def asked(self) -> int:
        return self.statuses.total()

    @property
    def share(self) -> float:
        return self.served / max(1, self.asked)


class Load:
    """Requests of one server, from any address of this machine."""

    def __init__(self, service: Service, files: list[bytes]) -> None:
        self._process = service.process_id
        self._port = urlsplit(service.url).port
        self._files = files

    def ask(self, address: str, body: bytes, kind: str) -> int:
        """The status of one verification."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, TIMEOUT_SECONDS, (address, 0))
        try:
            connection.request("POST", "/v1/verifications", body, {"Content-Type": kind})
            response = connection.getresponse()
            response.read()
            return response.status
        except OSError:
            return 0
        finally:
            connection.close()

    def processor_seconds(self) -> float:
        """What the server and its workers have used so far, those that have ended too (proc(5))."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(stat.parent.name) == self._process:
                    ticks += sum(map(int, fields[11:15]))
                elif int(fields[1]) == self._process:
                    ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def alive(self) -> float:
        """Seconds until `/livez` has answered; TIMEOUT_SECONDS where it has not."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, TIMEOUT_SECONDS, (WATCHING, 0))
        began = time.monotonic()
        try:
            connection.request("GET", "/livez")
            return time.monotonic() - began if connection.getresponse().status == 200 else TIMEOUT_SECONDS
        except OSError:
            return TIMEOUT_SECONDS
        finally:
            connection.close()

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """How long `/livez` takes, asked again and again in the background."""
        took: list[float] = []
        ended = threading.Event()

        def on() -> None:
            while not ended.wait(WATCH_SECONDS):
                took.append(self.alive())

        watcher = threading.Thread(target=on)
        watcher.start()
        try:
            yield took
        finally:
            ended.set()
            watcher.join()

    @contextmanager
    def holding(self, sent: bytes, number: int) -> Iterator[None]:
        """So many connections on which this was sent, and which then get a byte a second."""
        ended = threading.Event()
        with ExitStack() as held:
            connections = []
            for each in range(number):
                source = (f"127.0.5.{each % HOLDERS + 1}", 0)
                connection = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS, source)
                connections.append(held.enter_context(connection))
                with suppress(OSError):
                    connection.sendall(sent)

            def on() -> None:
                while not ended.wait(1.0):
                    for connection in connections:
                        with suppress(OSError):  # closed for its slowness
                            connection.sendall(b"x")

            dripping = threading.Thread(target=on)
            dripping.start()
            try:
                yield
            finally:
                ended.set()
                dripping.join()

    def picture(self, address: str) -> int:
        return self.ask(address, random.choice(self._files), "image/jpeg")

    def digest(self, address: str) -> int:
        body = json.dumps({"sha256": random.randbytes(32).hex()}).encode()
        return self.ask(address, body, "application/json")

    def closed(self, addresses: list[str], seconds: float) -> Told:
        """Each address waits for its answer before it asks again."""
        told, end = Told(), time.monotonic() + seconds

        def one(address: str) -> None:
            while time.monotonic() < end:
                told.statuses[self.picture(address)] += 1

        with ThreadPoolExecutor(len(addresses)) as threads:
            list(threads.map(one, addresses))
        return told

    @contextmanager
    def open(self, ask: Callable[[], int], rate: float, in_flight: int, lost: int) -> Iterator[Told]:
        """Ask `rate` times a second without waiting for answers, in the background.

        At most `in_flight` are asked at once; one that would be more counts as `lost`.
        """
        told, ended, free = Told(), threading.Event(), threading.Semaphore(in_flight)

        def one() -> None:
            try:
                status = ask()
                (told.late if ended.is_set() else told.statuses)[status] += 1
            finally:
                free.release()

        def on() -> None:
            due = time.monotonic()
            while not ended.wait(max(0.0, due - time.monotonic())):
                due += 1 / rate
                if free.acquire(blocking=False):
                    threads.submit(one)
                elif lost >= 0:
                    told.statuses[lost] += 1

        with ThreadPoolExecutor(in_flight) as threads:
            sender = threading.Thread(target=on)
            sender.start()
            try:
                yield told
            finally:
                ended.set()
                sender.join()


@dataclass(frozen=True)
class Result:
    """Of one kind of overload. Rates are a second; shares from 0 to 1.

    `goodput`: of the capacity, by pictures for each second of processor time; `by_clock`: by pictures a second.
    `livez`: its slowest answer, in seconds.
    """

    senders: int
    capacity: float
    asked: float
    served: float
    goodput: float
    by_clock: float
    lookups: float
    honest: float
    livez: float
    statuses: dict[int, int]


def overload(load: Load, senders: list[str], capacity: float, seconds: float) -> tuple[Told, Told, Told]:
    """What the senders, the honest address and the look-ups are told."""
    share = capacity / (len(senders) + 1)
    with (
        load.open(lambda: load.picture(random.choice(senders)), TIMES * capacity, 256, 0) as evil,
        load.open(lambda: load.picture(HONEST), share, 4, -1) as honest,
        load.open(lambda: load.digest(LOOKING_UP), LOOKUPS_PER_SECOND, 64, 0) as lookups,
    ):
        time.sleep(seconds)
    return evil, honest, lookups


def measure(load: Load, senders: list[str], seconds: float, rounds: int) -> Result:
    """Capacity and overload in turns, and capacity once more."""
    calm_addresses = [f"127.0.2.{number + 1}" for number in range(2 * WORKERS)]
    calm, calm_used = Told(), 0.0
    told, used, livez = [Told(), Told(), Told()], 0.0, 0.0
    for turn in range(rounds + 1):
        began = load.processor_seconds()
        found = load.closed(calm_addresses, seconds / 2)
        calm_used += load.processor_seconds() - began
        calm.statuses += found.statuses
        if turn < rounds:
            began = load.processor_seconds()
            with load.watched() as alive:
                turns = overload(load, senders, found.served / (seconds / 2), seconds)
            livez = max(livez, *alive)
            used += load.processor_seconds() - began
            for all_told, each in zip(told, turns, strict=True):
                all_told.statuses += each.statuses
                all_told.late += each.late
    evil, honest, lookups = told
    capacity = calm.served / (seconds / 2) / (rounds + 1)
    served = (evil.served + honest.served) / seconds / rounds
    return Result(
        senders=len(senders),
        capacity=capacity,
        asked=evil.asked / seconds / rounds,
        served=served,
        goodput=(sum(each.served + each.late[200] for each in (evil, honest)) / used) / (calm.served / calm_used),
        by_clock=served / capacity,
        lookups=lookups.share,
        honest=honest.served / seconds / rounds / (capacity / (len(senders) + 1)),
        livez=livez,
        statuses=dict(sorted(evil.statuses.items())),
    )


HELD = {
    f"{HALF_OPEN} heads that never end": (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Half: ", HALF_OPEN),
    f"{DRIPPING} bodies that never end": (
        b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
        DRIPPING,
    ),
}


def held_connections(load: Load, sent: bytes, number: int, seconds: float) -> float:
    """The slowest answer of `/livez`, in seconds, while so many connections are opened and held."""
    with load.watched() as alive, load.holding(sent, number):
        time.sleep(seconds)
    return max(alive)


def unlimited_service(folder: Path) -> AbstractContextManager[Service]:
    """A service without rate limits: what bounds it is its processors."""
    return running_service(folder / "data", workers=str(WORKERS), log_level="warning", **UNBOUNDED)


def main() -> None:
    """Print the results for one sender and for nine."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each overload")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, unlimited_service(Path(folder)) as service:
        load = Load(service, pictures(40))
        load.closed([HONEST], 2.0)
        many = [f"127.0.3.{number + 1}" for number in range(9)]
        results = [measure(load, senders, asked.seconds, asked.rounds) for senders in (["127.0.0.2"], many)]
        held = {kind: held_connections(load, sent, number, asked.seconds) for kind, (sent, number) in HELD.items()}
    for each in results:
        sys.stdout.write(
            f"{each.senders} sender(s): capacity {each.capacity:.1f}/s, asked {each.asked:.1f}/s, "
            f"served {each.served:.1f}/s ({each.goodput:.0%}, by the clock {each.by_clock:.0%}); "
            f"look-ups {each.lookups:.1%}; honest address {each.honest:.0%} of its share; "
            f"/livez within {each.livez:.2f} s; others were told {each.statuses}\n"
        )
    for kind, livez in held.items():
        sys.stdout.write(f"{kind}: /livez within {livez:.2f} s\n")
    if asked.json:
        asked.json.write_text(json.dumps([*map(asdict, results), held], indent=2))


if __name__ == "__main__":
    main()
