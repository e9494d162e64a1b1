"""Five times what the service can do: how much is served, and of whom.

    python -m bench.overload [--seconds 60] [--json FILE]

A server of its own first shows its capacity: as many verifications as a few addresses that wait for each answer get.
Then, for as long again, others send without waiting, together five times that rate: one address, or forty. Beside
them an honest address asks for half of the capacity, four pictures at a time at most, and another one looks digests up.
Capacity is measured before and after, because other work on the machine counts as much.

Counts decide, not seconds: what is served of the capacity (80 %), of the look-ups (99 %), and of the honest address's
share (50 %).
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
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
AIMS = {"goodput": 0.8, "lookups": 0.99, "honest": 0.5}


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
    """What requests were answered with, by status; 0: no answer."""

    statuses: Counter[int] = field(default_factory=Counter)

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
                if not ended.is_set():
                    told.statuses[status] += 1
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
    """Of one kind of overload. Rates are a second; shares from 0 to 1."""

    senders: int
    capacity: float
    asked: float
    served: float
    goodput: float
    lookups: float
    honest: float
    statuses: dict[int, int]


def overload(load: Load, senders: list[str], capacity: float, seconds: float) -> tuple[Told, Told, Told]:
    """What the senders, the honest address and the look-ups are told."""
    share = capacity / 2
    with (
        load.open(lambda: load.picture(random.choice(senders)), TIMES * capacity, 256, 0) as evil,
        load.open(lambda: load.picture(HONEST), share, 4, -1) as honest,
        load.open(lambda: load.digest(LOOKING_UP), LOOKUPS_PER_SECOND, 64, 0) as lookups,
    ):
        time.sleep(seconds)
    return evil, honest, lookups


def measure(load: Load, senders: list[str], seconds: float) -> Result:
    """Capacity, overload, and capacity again."""
    calm = [f"127.0.2.{number + 1}" for number in range(2 * WORKERS)]
    before = load.closed(calm, seconds / 4).served / (seconds / 4)
    evil, honest, lookups = overload(load, senders, before, seconds)
    capacity = (before + load.closed(calm, seconds / 4).served / (seconds / 4)) / 2
    served_ = (evil.served + honest.served) / seconds
    return Result(
        senders=len(senders),
        capacity=capacity,
        asked=evil.asked / seconds,
        served=served_,
        goodput=served_ / capacity,
        lookups=lookups.share,
        honest=honest.served / seconds / (capacity / 2),
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


def main() -> int:
    """Print both results; the exit status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, unlimited_service(Path(folder)) as service:
        load = Load(service, pictures(40))
        load.closed([HONEST], 2.0)
        many = [f"127.0.3.{number + 1}" for number in range(40)]
        results = [measure(load, senders, asked.seconds) for senders in (["127.0.0.2"], many)]
    for each in results:
        sys.stdout.write(
            f"{each.senders} sender(s): capacity {each.capacity:.1f}/s, asked {each.asked:.1f}/s, "
            f"served {each.served:.1f}/s ({each.goodput:.0%}); look-ups {each.lookups:.1%}; "
            f"honest address {each.honest:.0%} of its share; others were told {each.statuses}\n"
        )
    if asked.json:
        asked.json.write_text(json.dumps([asdict(each) for each in results], indent=2))
    return int(any(getattr(each, name) < aim for each in results for name, aim in AIMS.items()))


if __name__ == "__main__":
    sys.exit(main())
