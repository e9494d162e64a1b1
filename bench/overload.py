"""Five times what the service can do: how much is served, and of whom.

    python -m bench.overload [--seconds 20] [--rounds 3] [--json FILE]

A server of its own first shows its capacity: as many verifications as a few addresses that wait for each answer get.
Then others send without waiting, together five times that rate: one address, or nine. Beside them an honest address
asks for its share of the capacity, four pictures at a time at most, and another one looks digests up.
Counts decide, not seconds: what is served of the capacity (80 %), of the look-ups (99 %), and of the honest address's
share (50 %). Other work on the machine takes from both; so capacity is measured before and after each overload, and as
pictures for each second of processor time of the server and its workers.
"""

import argparse
import http.client
import io
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
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from demo.service import Service, running_service

TIMES = 5
WORKERS = 2
LOOKUPS_PER_SECOND = 10
TIMEOUT_SECONDS = 120.0
HONEST, LOOKING_UP = "127.0.1.1", "127.0.1.2"


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
    """

    senders: int
    capacity: float
    asked: float
    served: float
    goodput: float
    by_clock: float
    lookups: float
    honest: float
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
    told, used = [Told(), Told(), Told()], 0.0
    for turn in range(rounds + 1):
        began = load.processor_seconds()
        found = load.closed(calm_addresses, seconds / 2)
        calm_used += load.processor_seconds() - began
        calm.statuses += found.statuses
        if turn < rounds:
            began = load.processor_seconds()
            turns = overload(load, senders, found.served / (seconds / 2), seconds)
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
        statuses=dict(sorted(evil.statuses.items())),
    )


def unlimited_service(folder: Path) -> AbstractContextManager[Service]:
    """A service without rate limits: what bounds it is its processors."""
    return running_service(
        folder / "data",
        workers=str(WORKERS),
        verification_rate="100000/second",
        verification_quota="100000000",
        log_level="warning",
    )


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
    for each in results:
        sys.stdout.write(
            f"{each.senders} sender(s): capacity {each.capacity:.1f}/s, asked {each.asked:.1f}/s, "
            f"served {each.served:.1f}/s ({each.goodput:.0%}, by the clock {each.by_clock:.0%}); "
            f"look-ups {each.lookups:.1%}; honest address {each.honest:.0%} of its share; "
            f"others were told {each.statuses}\n"
        )
    if asked.json:
        asked.json.write_text(json.dumps([asdict(each) for each in results], indent=2))


if __name__ == "__main__":
    main()
