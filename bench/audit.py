"""`python -m bench.audit`: what an audit costs, as ratios within one run.

A corpus is drawn (60 % registered files, 15 % recompressed, 10 % edited, 8 % strangers', 7 % odd), its registered part
is registered with a service of its own, and audited end to end by the command, which is killed twice on the way; the
summary is signed, and checked offline. With `--wheels` the command is one that was installed from them alone, in an
empty environment. Beside that: look-ups in bulk and one by one among a million rows, hashing beside SHA-256 and
decoding alone, the report of many items, and the memory of whole audits. Ratios are of processor time, which a busy
machine leaves alone.
"""

import argparse
import asyncio
import contextlib
import hashlib
import io
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark import AsyncClient, Client, Digests
from countermark.audit import Bucket, Options, Outcome, Sources
from countermark.audit.buckets import NOT_COMPARED
from countermark.audit.items import Entry, Examined, Reading
from countermark.audit.state import Settled, State
from countermark.audit.summary import conclude
from countermark.audit.worker import keep_memory
from countermark.audit.workers import Cluster, Examiner, Workers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.console import Console
from rich.table import Table

from demo.service import UNBOUNDED, Service, running_service
from provenance.statement.keys import Algorithm, LocalSigner

if TYPE_CHECKING:
    from PIL import Image

Work = Sequence[tuple[Sequence[Entry], Reading]]
"""Entries, and how they are looked at: of all first, then of what is left."""

console = Console()
PARTS = ("end-to-end", "look-ups", "hashing", "report", "memory")
PASSPHRASE = "the auditor's own"  # of a key that lasts as long as the run
SHARES = {"exact": 0.60, "recompressed": 0.15, "edited": 0.10, "stranger": 0.08, "odd": 0.07}
ODD = (b"", b"no picture", b"\xff\xd8\xff\xe0 cut short")
KILLS = 2
FEW = 200  # files of the corpus whose digests are looked up, again and again
HASHED, LARGE = 1_000, 60  # files of a corpus that are hashed alone: each takes as long as another
QUEUED = 8  # pictures that are being registered: published together, they cost less


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--copies", type=int, default=1, help="files of the corpus of each registered picture")
    parser.add_argument("--report", type=int, default=200_000, help="items of the report that is written alone")
    parser.add_argument("--listed", type=int, default=200_000, help="digests of the audit whose memory is measured")
    parser.add_argument("--lookups", type=int, default=20_000, help="digests looked up in bulk")
    parser.add_argument("--registrations", type=int, default=1_000_000, help="rows among which they are looked up")
    parser.add_argument("--wheels", type=Path, help="a folder (`make dist`): audit with what is installed from them")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="what to measure")
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
        if "end-to-end" in options.only:
            command = [sys.executable, "-m", "countermark"]
            if options.wheels is not None:
                command = [str(install(folder / "installed", options.wheels))]
            with running_service(folder / "data", log_level="error", **UNBOUNDED) as service:
                registered_corpus(folder / "corpus", options.files, service, options.copies)
                for what, measured in end_to_end(command, service, folder).items():
                    table.add_row(what, measured, "")
        if "look-ups" in options.only:
            with running_service(folder / "looked-up", log_level="error", **UNBOUNDED) as service:
                registered = registered_corpus(folder / "few", min(options.files, FEW), service)
                crowd(folder / "looked-up", options.registrations)
                look_ups(table, service, registered, options.lookups)
        if "hashing" in options.only:
            draw_corpus(folder / "hashed", HASHED)
            asyncio.run(hashing(table, folder / "hashed", "640 × 480"))
            asyncio.run(clustering(table, folder / "hashed"))
            draw_corpus(folder / "large", LARGE, size=(4_000, 3_000))
            asyncio.run(hashing(table, folder / "large", "12 megapixels"))
        if "report" in options.only:
            for number, aims in ((options.report, ("60 s", "150 MB")), (5 * options.report, ("", "300 MB"))):
                report_row(table, folder / f"report-{number}", number, aims)
        if "memory" in options.only:
            draw_corpus(folder / "decoded", LARGE, size=(4_000, 3_000))
            with running_service(folder / "listed", log_level="error", **UNBOUNDED) as service:
                for number, aim in ((options.listed, "150 MB"), (5 * options.listed, "300 MB")):
                    list_digests(folder / "digests", number)
                    what = ("--digests", "digests", "--out", f"listed-{number}")
                    memory_rows(table, f"an audit of {number:,} digests", what, service, folder, aim)
                for send, made in (("never", "fingerprints"), ("unsettled", "digests of pixels")):
                    what = ("decoded", "--out", f"decoded-{send}", "--send", send)
                    name = f"an audit of {LARGE} pictures of 12 megapixels, {made}"
                    memory_rows(table, name, what, service, folder, "300 MB")
    console.print(table)


def list_digests(path: Path, number: int) -> None:
    with path.open("w") as digests:
        digests.writelines(f"{_digest(b'%d' % at)}  a picture with a usual name {at:07}.jpg\n" for at in range(number))


def memory_rows(table: Table, name: str, what: Sequence[str], service: Service, folder: Path, aim: str) -> None:
    """What an audit holds at most: the command, and all that it starts, each at its highest, and all at one time.

    At one time, what processes share (libraries) counts once (PSS).
    """
    command = [sys.executable, "-m", "countermark", "audit", *what, "--quiet", "--url", service.url]
    begun, highest, at_once = time.monotonic(), dict[int, int](), 0
    audit = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    while audit.poll() is None:
        processes = _children(audit.pid)
        highest |= {process: held for process in processes if (held := _held(process, "status", "VmHWM"))}
        at_once = max(at_once, sum(_held(process, "smaps_rollup", "Pss") for process in processes))
        time.sleep(0.1)
    took, alone = time.monotonic() - begun, highest.pop(audit.pid)
    workers = "".join(f" + {held / 1e6:.0f}" for held in highest.values())
    table.add_row(name, f"{took:.0f} s, status {audit.returncode}", "")
    whole = alone + sum(highest.values())
    table.add_row("… memory, each process at its highest", f"{whole / 1e6:.0f} MB: {alone / 1e6:.0f}{workers}", aim)
    table.add_row("… at one time, what is shared once", f"{at_once / 1e6:.0f} MB", aim)


def _held(process: int, file: str, what: str) -> int:
    """Bytes of memory of a process, as a line of a file of /proc says; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{what}:")), 0)


def report_row(table: Table, folder: Path, number: int, aims: tuple[str, str]) -> None:
    """The report of so many items, written by a process of its own, so that its memory is the report's."""
    command = [sys.executable, "-m", "bench.audit", "--only-report", str(folder), "--report", str(number)]
    seconds, cpu, megabytes = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    table.add_row(f"report of {number:,} items", f"{seconds:.0f} s ({cpu:.0f} s of processor time)", aims[0])
    table.add_row("… memory of its process", f"{megabytes:.0f} MB", aims[1])


def install(folder: Path, wheels: Path) -> Path:
    """An empty environment with the wheels alone, and with what decodes pictures; the command."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    (client,) = wheels.glob("countermark-*.whl")
    (core,) = wheels.glob("countermark_core-*.whl")
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    subprocess.run([*pip, str(core.resolve()), f"{client.resolve()}[pictures]"], check=True)
    return folder / "bin" / "countermark"


def registered_corpus(folder: Path, number: int, service: Service, copies: int = 1) -> list[str]:
    """Draws a corpus and registers its part; the digests of what is registered as it is."""
    with Client(service.url, api_key=service.api_key) as client, ThreadPoolExecutor(QUEUED) as aside:
        registering: list[Future[object]] = []

        def register(data: bytes, title: str) -> None:
            registering.append(aside.submit(client.register, data, title=title, credential="none"))
            registering[max(0, len(registering) - QUEUED)].result()

        registered = draw_corpus(folder, number, register, copies=copies)
        for each in registering:
            each.result()
    return registered


def draw_corpus(
    folder: Path,
    number: int,
    register: Callable[[bytes, str], object] = lambda *_: None,
    size: tuple[int, int] = (640, 480),
    copies: int = 1,
) -> list[str]:
    """Draws, and has registered by title what is to be found; the digests of what is in the corpus as registered.

    Of each registered picture there are so many copies: of the same bytes, of other qualities, with other edits.
    """
    from PIL import ImageDraw

    folder.mkdir()
    counts = {kind: round(share * number) for kind, share in SHARES.items()}
    registered: dict[int, str] = {}
    for at in range(counts["exact"] + counts["recompressed"] + counts["edited"]):
        seed, copy = divmod(at, copies)
        picture = draw(seed, size)
        data = encode(picture, 92)
        if seed not in registered:
            register(data, f"Picture {seed}")
            registered[seed] = hashlib.sha256(data).hexdigest()
        if at < counts["exact"]:
            (folder / f"exact-{at:05}.jpg").write_bytes(data)
        elif at < counts["exact"] + counts["recompressed"]:
            (folder / f"recompressed-{at:05}.jpg").write_bytes(encode(picture, 70 + 2 * copy))
        else:
            left, top = 200 + 20 * copy, 150 + 10 * copy
            ImageDraw.Draw(picture).ellipse((left, top, left + 130, top + 130), fill=(230, 200, 40))
            (folder / f"edited-{at:05}.jpg").write_bytes(encode(picture, 88))
    for at in range(counts["stranger"]):
        (folder / f"stranger-{at:05}.jpg").write_bytes(encode(draw(10**6 + at, size), 90))
    for at in range(counts["odd"]):
        (folder / f"odd-{at:05}.jpg").write_bytes(ODD[at % len(ODD)])
    return [registered[seed] for seed in range(-(-counts["exact"] // copies))]


def draw(seed: int, size: tuple[int, int]) -> "Image.Image":
    """A picture with texture of its own."""
    import numpy as np
    from PIL import Image

    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def encode(picture: "Image.Image", quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def crowd(folder: Path, number: int) -> None:
    """Puts rows into the view of registrations, each with digests of its own, so that look-ups have as many to pass.

    They are of no entry of the log: nothing leads to them.
    """
    with sqlite3.connect(next(folder.glob("*.db")), timeout=600) as store:
        columns = [name for _, name, *_ in store.execute("PRAGMA table_info(asset)")]
        own = {
            name: "randomblob(32)" if name.endswith(("sha256", "digest")) else f'asset."{name}"' for name in columns
        } | {"record_id": "randomblob(32)", "index": "1000000000 + value", "manifest_id": "hex(randomblob(16))"}
        names = ", ".join(f'"{name}"' for name in columns)
        store.execute(
            f"WITH RECURSIVE numbers(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM numbers LIMIT {number:d}) "
            f"INSERT INTO asset ({names}) SELECT {', '.join(own[name] for name in columns)} "
            "FROM (SELECT * FROM asset LIMIT 1) AS asset, numbers"
        )


def look_ups(table: Table, service: Service, registered: Sequence[str], number: int) -> None:
    """In bulk, and one by one as `verify --hashes-only` does."""
    wanted = list(islice(_again(registered), number))
    asyncio.run(_in_bulk(service, wanted[:1_000]))  # what is read is in memory
    bulk, bulk_cpu = _costs(service, len(wanted), lambda: asyncio.run(_in_bulk(service, wanted)))
    alone = wanted[: max(20, number // 200)]
    with Client(service.url) as client:
        one, one_cpu = _costs(service, len(alone), lambda: [client.verify_digests(digest) for digest in alone])
    table.add_row("look-ups in bulk", f"{1 / bulk:,.0f}/s; {1 / bulk_cpu:,.0f} a second of processor time", "2,000/s")
    table.add_row("… beside one by one", f"{one_cpu / bulk_cpu:.0f}× ({one / bulk:.0f}× by the clock)", "40×")


def _costs(service: Service, number: int, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of each of so many, by the clock and of processor time, the service's with this process's."""
    before, begun = _cpu(service.process_id) + time.process_time(), time.monotonic()
    work()
    seconds = time.monotonic() - begun
    return seconds / number, (_cpu(service.process_id) + time.process_time() - before) / number


def _cpu(process: int) -> float:
    """Seconds of processor time of a process."""
    used = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


async def _in_bulk(service: Service, digests: Sequence[str]) -> None:
    async with AsyncClient(service.url) as client:
        for start in range(0, len(digests), 1_000):
            await client.lookup([Digests(each) for each in digests[start : start + 1_000]])


def _again(values: Sequence[str]) -> Iterator[str]:
    while True:
        yield from values


def end_to_end(command: Sequence[str], service: Service, folder: Path, kills: int = KILLS) -> dict[str, str]:
    """The command over the corpus, killed on the way; how many items of each kind are where they belong."""
    vkey = _sign_with(folder / "auditor.pem", service)
    environment = os.environ | {"COUNTERMARK_URL": service.url, "COUNTERMARK_KEY_PASSPHRASE": PASSPHRASE}
    environment.pop("PYTHONPATH", None)  # what is installed is not to be taken from elsewhere
    silent: dict[str, Any] = {
        "cwd": folder,
        "env": environment | {"COUNTERMARK_VKEY": vkey},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    audit = [*command, "audit", "corpus", "--out", "out", "--send", "unsettled", "--key", "auditor.pem"]
    total = sum(1 for _ in (folder / "corpus").iterdir())
    begun = time.monotonic()
    for kill in range(kills):
        process = subprocess.Popen(audit, **silent)
        while process.poll() is None and _settled(folder / "out") < total * (kill + 1) // (kills + 2):
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = subprocess.run(audit, check=False, **silent).returncode
    seconds = time.monotonic() - begun
    checked = subprocess.run(
        [*command, "audit", "verify", "out", "--signer", "auditor.pub.pem"],
        check=False,
        **silent | {"stdout": subprocess.PIPE},
    )
    found = {
        f"{total:,} files end to end, killed {kills} times": f"{seconds:.0f} s, status {left}",
        "… its report checked offline": f"status {checked.returncode}",
    }
    return found | {f"… {kind}": said for kind, said in _places(folder / "out" / "items.jsonl").items()}


def _sign_with(path: Path, service: Service) -> str:
    """Makes an auditor's key; the verifier key of the service's log."""
    signer = LocalSigner.generate(Algorithm.ED25519)
    path.write_bytes(signer.to_encrypted_pem(PASSPHRASE.encode()))
    pem = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    public = Ed25519PublicKey.from_public_bytes(signer.public_key.raw).public_bytes(*pem)
    path.with_name("auditor.pub.pem").write_bytes(public)
    with Client(service.url) as client:
        return client.service().log_keys[0]


def _places(items: Path) -> dict[str, str]:
    """The buckets of each kind of file."""
    places: dict[str, Counter[str]] = {}
    for line in items.read_text().splitlines():
        item = json.loads(line)
        places.setdefault(item["path"].removeprefix("corpus/").partition("-")[0], Counter())[item["bucket"]] += 1
    return {
        kind: ", ".join(f"{bucket} {number}" for bucket, number in sorted(found.items()))
        for kind, found in places.items()
    }


def _settled(folder: Path) -> int:
    """Roughly, from the size of the write-ahead log: the state itself is locked."""
    sizes = (path.stat().st_size for path in folder.glob("state.sqlite*")) if folder.is_dir() else ()
    return sum(sizes) // 1_500


async def hashing(table: Table, corpus: Path, what: str) -> None:
    """What a file of a corpus costs beside SHA-256 and decoding of each: digests settle what is exact."""
    from provenance.media import Media  # here, so that the memory of the report alone can be measured

    entries = [entry for entry in Sources([corpus]).entries() if b"odd" not in entry.name]
    left = [entry for entry in entries if b"exact" not in entry.name]
    cores, hashed, seen, prints = os.cpu_count() or 1, Reading(), Reading("pixels"), Reading("fingerprints")
    keep_memory()  # as a worker does
    cpu = time.process_time()
    for entry in entries:
        data = Path(os.fsdecode(entry.at)).read_bytes()
        _ = Media.from_bytes(data, sha256=hashlib.sha256(data).digest()).pixels
    alone = (time.process_time() - cpu) / len(entries)
    works: Mapping[str, Work] = {
        f"{what}: SHA-256, and pixels of what it leaves": [(entries, hashed), (left, seen)],
        "… fingerprints, too, as nothing may be sent": [(entries, hashed), (left, prints)],
        "… pixels of all, as nothing is registered": [(entries, hashed), (entries, seen)],
        "… fingerprints of all": [(entries, hashed), (entries, prints)],
    }
    for name, work in works.items():
        rate, cost = await _rate(Workers(cores), work)
        table.add_row(name, f"{rate:,.0f}/s on {cores} cores; {alone / cost:.0%} of SHA-256 + decoding", "80%")


async def clustering(table: Table, corpus: Path) -> None:
    """What a cluster's entry costs beside a worker's; nothing where there is no Dask."""
    try:
        from distributed import LocalCluster
    except ModuleNotFoundError:
        return
    prints = Reading("fingerprints")
    entries = list(Sources([corpus]).entries())
    _, single = await _rate(Workers(2), [(entries, prints)])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        await _rate(Cluster(cluster.scheduler_address), [(entries[:10], prints)])  # imported
        before = sum(map(_cpu, _children()))
        await _rate(Cluster(cluster.scheduler_address), [(entries, prints)])
        clustered = (sum(map(_cpu, _children())) - before) / len(entries)
    table.add_row("a cluster's overhead an item, by processor time", f"{clustered / single - 1:.0%}", "15%")


def _children(of: int | None = None) -> list[int]:
    """A process, by default this one, and all that it has started and that lives."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    found = [of or os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


async def _rate(examiner: Examiner, work: Work) -> tuple[float, float]:
    """Entries a second by the clock, and seconds of processor time of each, of this process and of its children.

    What it takes to start them, and the first entry of each, is left out.
    """
    for entries, reading in work:
        await asyncio.gather(*(examiner.examine(entries[:1], reading) for _ in range(examiner.width)))
    begun, cpu = time.monotonic(), sum(map(_cpu, _children()))
    for entries, reading in work:
        chunks = [entries[start : start + 50] for start in range(0, len(entries), 50)]
        await asyncio.gather(*(examiner.examine(chunk, reading) for chunk in chunks))
    seconds, cpu = time.monotonic() - begun, sum(map(_cpu, _children())) - cpu
    await examiner.close()
    number = len(work[0][0])
    return number / seconds, cpu / number


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
