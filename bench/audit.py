"""`python -m bench.audit`: what an audit costs, as ratios within one run.

A corpus is drawn (60 % registered files, 15 % recompressed, 10 % edited, 8 % strangers', 7 % odd), its registered part
is registered with a service of its own, and audited end to end by the command, which is killed twice on the way. Beside
that: look-ups in bulk and one by one, hashing beside SHA-256 and decoding alone, and the report of many items.
"""

import argparse
import asyncio
import hashlib
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark import AsyncClient, Client, Digests
from countermark.audit import Bucket, Options, Outcome, Sources
from countermark.audit.buckets import NOT_COMPARED
from countermark.audit.items import Entry, Examined, Reading
from countermark.audit.state import Settled, State
from countermark.audit.summary import conclude
from countermark.audit.workers import Cluster, Examiner, Workers
from rich.console import Console
from rich.table import Table

from demo.service import Service, running_service

if TYPE_CHECKING:
    from PIL import Image

console = Console()
UNLIMITED = "100000000/minute"
UNLIMITED_DAILY = "1000000000"
SHARES = {"exact": 0.60, "recompressed": 0.15, "edited": 0.10, "stranger": 0.08, "odd": 0.07}
ODD = (b"", b"no picture", b"\xff\xd8\xff\xe0 cut short")
KILLS = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--report", type=int, default=200_000, help="items of the report that is written alone")
    parser.add_argument("--lookups", type=int, default=20_000, help="digests looked up in bulk")
    parser.add_argument("--only-report", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_report is not None:
        print(json.dumps(reporting(options.only_report, options.report)))
        return
    table = Table(title="audits")
    for column in ("what", "measured", "aim"):
        table.add_column(column)
    with tempfile.TemporaryDirectory(prefix="countermark-audit-") as scratch:
        folder = Path(scratch)
        settings = {
            "read_rate": UNLIMITED,
            "verification_rate": UNLIMITED,
            "lookup_rate": UNLIMITED,
            "verification_quota": UNLIMITED_DAILY,
            "lookup_quota": UNLIMITED_DAILY,
            "write_quota": UNLIMITED_DAILY,
            "log_level": "error",
        }
        with running_service(folder / "data", **settings) as service:
            registered = draw_corpus(folder / "corpus", options.files, service)
            look_ups(table, service, registered, options.lookups)
            end_to_end(table, service, folder)
        asyncio.run(hashing(table, folder / "corpus"))
        told = subprocess.run(
            [sys.executable, "-m", "bench.audit", "--only-report", folder / "report", "--report", str(options.report)],
            stdout=subprocess.PIPE,
            check=True,
        )
    seconds, cpu, megabytes = json.loads(told.stdout)
    table.add_row(f"report of {options.report:,} items", f"{seconds:.0f} s ({cpu:.0f} s of processor time)", "60 s")
    table.add_row("… memory of its process", f"{megabytes:.0f} MB", "150 MB")
    console.print(table)


def draw_corpus(folder: Path, number: int, service: Service) -> list[str]:
    """Draws and registers; the digests of what is registered."""
    from PIL import ImageDraw

    folder.mkdir()
    counts = {kind: round(share * number) for kind, share in SHARES.items()}
    registered = []
    with Client(service.url, api_key=service.api_key) as client:
        for at in range(counts["exact"] + counts["recompressed"] + counts["edited"]):
            picture = draw(at)
            data = encode(picture, 92)
            client.register(data, title=f"Picture {at}")
            if at < counts["exact"]:
                registered.append(hashlib.sha256(data).hexdigest())
                (folder / f"exact-{at:05}.jpg").write_bytes(data)
            elif at < counts["exact"] + counts["recompressed"]:
                (folder / f"recompressed-{at:05}.jpg").write_bytes(encode(picture, 70))
            else:
                ImageDraw.Draw(picture).ellipse((200, 150, 330, 280), fill=(230, 200, 40))
                (folder / f"edited-{at:05}.jpg").write_bytes(encode(picture, 88))
    for at in range(counts["stranger"]):
        (folder / f"stranger-{at:05}.jpg").write_bytes(encode(draw(10**6 + at), 90))
    for at in range(counts["odd"]):
        (folder / f"odd-{at:05}.jpg").write_bytes(ODD[at % len(ODD)])
    return registered


def draw(seed: int) -> "Image.Image":
    """A picture with texture of its own, 640 × 480."""
    import numpy as np
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC)


def encode(picture: "Image.Image", quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def look_ups(table: Table, service: Service, registered: Sequence[str], number: int) -> None:
    """In bulk, and one by one as `verify --hashes-only` does."""
    wanted = list(islice(_again(registered), number))
    bulk = asyncio.run(_in_bulk(service, wanted))
    alone = wanted[: max(20, number // 200)]
    with Client(service.url) as client:
        begun = time.monotonic()
        for digest in alone:
            client.verify_digests(digest)
        one_by_one = len(alone) / (time.monotonic() - begun)
    table.add_row("look-ups in bulk", f"{bulk:,.0f}/s", "2,000/s")
    table.add_row("… beside one by one", f"{bulk / one_by_one:.0f}×", "40×")


async def _in_bulk(service: Service, digests: Sequence[str]) -> float:
    async with AsyncClient(service.url) as client:
        begun = time.monotonic()
        for start in range(0, len(digests), 1_000):
            await client.lookup([Digests(each) for each in digests[start : start + 1_000]])
        return len(digests) / (time.monotonic() - begun)


def _again(values: Sequence[str]) -> Iterator[str]:
    while True:
        yield from values


def end_to_end(table: Table, service: Service, folder: Path) -> None:
    """The command over the corpus, killed on the way; how many items of each kind are where they belong."""
    command = [sys.executable, "-m", "countermark", "audit", "corpus", "--out", "out", "--send", "unsettled"]
    environment = os.environ | {"COUNTERMARK_URL": service.url}
    total = sum(1 for _ in (folder / "corpus").iterdir())
    begun = time.monotonic()
    silent: dict[str, Any] = {
        "cwd": folder,
        "env": environment,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    for kill in range(KILLS):
        process = subprocess.Popen(command, **silent)
        while process.poll() is None and _settled(folder / "out") < total * (kill + 1) // (KILLS + 2):
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=False, **silent)
    seconds = time.monotonic() - begun
    table.add_row(f"{total:,} files end to end, killed {KILLS} times", f"{seconds:.0f} s", "")
    places: dict[str, dict[str, int]] = {}
    for line in (folder / "out" / "items.jsonl").read_text().splitlines():
        item = json.loads(line)
        kind = item["path"].removeprefix("corpus/").partition("-")[0]
        places.setdefault(kind, {}).setdefault(item["bucket"], 0)
        places[kind][item["bucket"]] += 1
    for kind, found in places.items():
        table.add_row(f"… {kind}", ", ".join(f"{bucket} {number}" for bucket, number in sorted(found.items())), "")


def _settled(folder: Path) -> int:
    """Roughly, from the size of the write-ahead log: the state itself is locked."""
    sizes = (path.stat().st_size for path in folder.glob("state.sqlite*")) if folder.is_dir() else ()
    return sum(sizes) // 1_500


async def hashing(table: Table, corpus: Path) -> None:
    """A worker's rate beside SHA-256 and decoding alone; a cluster's beside the worker's, if Dask is installed."""
    from provenance.media import Media  # here, so that the memory of the report alone can be measured

    entries = [entry for entry in Sources([corpus]).entries() if b"odd" not in entry.name]
    begun = time.monotonic()
    for entry in entries:
        data = Path(os.fsdecode(entry.at)).read_bytes()
        _ = Media.from_bytes(data, sha256=hashlib.sha256(data).digest()).pixels
    alone = len(entries) / (time.monotonic() - begun)
    plain, fingerprints = Reading(), Reading(pictures=True)
    for name, reading in (("hashing", plain), ("hashing and fingerprints", fingerprints)):
        rate = await _rate(Workers(1, reading), entries)
        table.add_row(f"{name}, one process", f"{rate:,.0f}/s, {rate / alone:.0%} of SHA-256 and decoding", "")
    try:
        from distributed import LocalCluster
    except ModuleNotFoundError:
        return
    single = await _rate(Workers(2, fingerprints), entries)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        clustered = await _rate(Cluster(cluster.scheduler_address, fingerprints), entries)
    table.add_row("a cluster's overhead an item", f"{single / clustered - 1:.0%}", "15%")


async def _rate(examiner: Examiner, entries: Sequence[Entry]) -> float:
    await examiner.examine(entries[:1])  # started
    begun = time.monotonic()
    chunks = [entries[start : start + 50] for start in range(0, len(entries), 50)]
    await asyncio.gather(*map(examiner.examine, chunks))
    seconds = time.monotonic() - begun
    await examiner.close()
    return len(entries) / seconds


def reporting(folder: Path, number: int) -> tuple[float, float, float]:
    """Seconds and processor time of the report of many items alone, and megabytes of this process."""
    sources, options = Sources(["archive"]), Options("https://registry.example", pictures=False)
    with State(folder, options.purpose(sources)) as state:
        names = (f"archive/{at % 97:02}/a picture with a usual name {at:07}.jpg".encode() for at in range(number))
        for _ in state.list(iter(lambda: [Entry(name, "file", name, size=1) for name in islice(names, 1_000)], [])):
            pass
        chance = random.Random(1)
        waiting = state.listed()
        while part := list(islice(waiting, 500)):
            state.settle([Settled(Examined(entry.name, "", _digest(entry.name)), _outcome(chance)) for entry in part])
        begun, cpu = time.monotonic(), time.process_time()
        conclude(state, folder, sources, options)
        seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    return seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _digest(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()


def _outcome(chance: random.Random) -> Outcome:
    if chance.random() < SHARES["exact"]:
        return Outcome(Bucket.IDENTICAL, record=chance.randbytes(32).hex(), index=chance.randrange(10**6))
    return NOT_COMPARED


if __name__ == "__main__":
    main()
