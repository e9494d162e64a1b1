"""The route at one size: what a registry of so many answers, and what that takes.

Everything is asked of the use cases that the API calls, in this process; milliseconds are of its processor time.
A start is that of `python -m api serve`, up to the first 200 of `/readyz`.
"""

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import httpx2
import numpy as np
from PIL import Image

from bench.matching.observed import PASSPHRASE, Observation, ObservedRegistry
from bench.photographs import photographs
from bench.scale.described import Asked, Query
from bench.scale.distractors import free
from bench.scale.features import recall
from bench.scale.registrations import LOOKS, appended
from demo.port import kept_port
from provenance.media.local_features import Codes
from provenance.transparency.note import VerifierKey
from registry.database import assets
from registry.registry import Registry
from registry.search.inverted_file import InvertedFile
from registry.search.multi_index import MultiIndex
from registry.search.shard import Shard
from registry.usecases.erasure import erase
from registry.usecases.maintenance import backup, fsck

Figures = dict[str, float]
"""What was measured, by name (`bench.scale.report` says the units)."""

EXACT, STRANGERS = 20, 20
"""Photographs that are asked for as they are, and such that nobody registered."""

STRANGER_SIDE = 1_024
APPENDED = 2_048
"""Registrations that are appended for what they write: two batches."""

ADDED = 2_047
"""Registrations that are added one by one: as many as stay in memory before they are written into a file."""

START_SECONDS = 600.0


def on_disk(folder: Path, registrations: int) -> Figures:
    """Bytes a registration: of the database, and of the files of local features."""
    features = sum(path.stat().st_size for path in (folder / "features").rglob("*.features"))
    return {
        "database_bytes": (folder / "countermark.db").stat().st_size / registrations,
        "feature_bytes": features / registrations,
    }


def start(folder: Path) -> Figures:
    """Seconds until a server is ready, and of those of processor time, without its workers'."""
    with _serving(folder) as (url, process):
        started = time.monotonic()
        while True:
            try:
                if httpx2.get(f"{url}/readyz", timeout=60).status_code == httpx2.codes.OK:
                    break
            except httpx2.TransportError:
                pass
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise SystemExit("the service did not start")
            time.sleep(0.02)
        return {"start_seconds": time.monotonic() - started, "start_cpu_seconds": _spent(process.pid)}


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with kept_port() as port:
        settings = {
            "ENVIRONMENT": "development",
            "FOLDER": str(folder),
            "ORIGIN": "bench.invalid/log",
            "PUBLIC_URL": "http://127.0.0.1",
            "PORT": str(port),
            "KEY_PASSPHRASE": PASSPHRASE.decode(),
            "READ_RATE": "100000000/minute",
            "LOG_LEVEL": "error",
        }
        environment = os.environ | {f"COUNTERMARK_{name}": value for name, value in settings.items()}
        process = subprocess.Popen([sys.executable, "-m", "api", "serve"], env=environment, stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait()


def _spent(process_id: int) -> float:
    """Seconds of processor time of all threads of a process."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def search(registry: Registry, records: dict[str, bytes], queries: Sequence[Query]) -> Figures:
    """What the search by local features finds, and takes."""
    with registry.store.read() as session:
        started = time.process_time()
        shard = registry.inverted_file.catch_up(session)
        opened = time.process_time() - started
        place = {sha256: assets.get(session, record).index for sha256, record in records.items()}
    return {"features_opened_seconds": opened, **recall(shard, queries, place)}


def answers(observed: ObservedRegistry, records: dict[str, bytes], files: Sequence[Asked]) -> Figures:
    """Altered copies, photographs as they are, and strangers."""
    with _pictures() as (exact, strangers):
        first = _time(lambda: observed.verify(strangers[0]))
        times: dict[str, list[float]] = {name: [] for name in ("exact", "altered", "stranger", "stranger_searches")}
        for data in exact:
            for _ in range(3):  # the first of a record is another figure
                seen = observed.verify(data)
            times["exact"].append(seen.stages["whole"] - seen.stages["examine_file"])
        found = 0
        for file in files:
            seen = observed.verify(file.data)
            times["altered"].append(seen.stages["whole"] - _searched(seen))
            found += records[file.sha256].hex() in {each["asset"]["id"] for each in seen.report["matches"]}
        compared, matched = [], 0
        for data in strangers:
            seen = observed.verify(data)
            times["stranger"].append(seen.stages["whole"] - _searched(seen))
            times["stranger_searches"].append(_searched(seen))
            compared.append(seen.references)
            matched += bool(seen.report["matches"])
    return {
        "first_search_seconds": first,
        "found": found,
        "asked": len(files),
        "strangers_matched": matched,
        "strangers": len(strangers),
        "compared_for_a_stranger": statistics.mean(compared),
        "altered_p95_ms": float(np.quantile(times["altered"], 0.95)),
        **{f"{name}_ms": statistics.median(each) for name, each in times.items()},
    }


def _searched(seen: Observation) -> float:
    return seen.stages["search: inverted_file"]


@contextmanager
def _pictures() -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Files of photographs that are registered, and of some that are not, and that no distractor looks like."""
    listed = photographs()
    exact = [each.path.read_bytes() for each in listed if not each.fits][:EXACT]
    unknown = [each for each in listed if each.fits][LOOKS : LOOKS + STRANGERS]
    with tempfile.TemporaryDirectory(prefix="countermark-bench-") as folder:
        path = Path(folder) / "stranger.jpg"
        strangers = []
        for photograph in unknown:
            Image.fromarray(photograph.pixels(STRANGER_SIDE)).save(path, quality=88)
            strangers.append(path.read_bytes())
        yield exact, strangers


def memory() -> Figures:
    """Megabytes of this process: its own, and of files that it shares with others."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    return {"own_megabytes": kilobytes["RssAnon"] / 1e3, "shared_megabytes": kilobytes["RssFile"] / 1e3}


def written(registry: Registry, pool: Sequence[Codes]) -> Figures:
    """Bytes written for a registration in batches, and milliseconds: rows alone, by the way of every registration."""
    made = list(appended(registry, pool, APPENDED))
    before, started = _written(), time.process_time()
    for waiting in [registry.sequencer.append(*each) for each in made]:
        waiting.result()
    return {
        "written_bytes": (_written() - before) / len(made),
        "appended_ms": (time.process_time() - started) / len(made) * 1000,
    }


def growing(shard: Shard, pool: Sequence[Codes]) -> Figures:
    """Milliseconds of the longest of many steps by which a shard takes in one registration each: a search that adds it
    waits for that, and so do those beside it."""
    codes = [each for batch in free(pool, ADDED, seed=2) for each in batch]
    steps = []
    for each in codes:
        end = shard.end
        steps.append(_time(partial(shard.add, end, end + 1, [(end, each.tobytes())])) * 1000)
    return {"longest_step_ms": max(steps)}


def _written() -> int:
    """Bytes that this process has had written to disks (Linux)."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def erasure(registry: Registry, erased: Sequence[bytes]) -> Figures:
    """Seconds of an erasure until it is answered, the median; and until the features of all have left the files of this
    host. A server does that in a thread of its own, and so with the file of hashes, whose time is not in the first."""
    with mock.patch.object(InvertedFile, "wake"), mock.patch.object(MultiIndex, "wake"):
        answered = [_time(partial(erase, registry, record=record, reason="measured")) for record in erased]
    files = _time(lambda: registry.inverted_file.tend(registry.store))
    return {"erasure_seconds": statistics.median(answered), "erasure_files_seconds": files}


def upkeep(registry: Registry) -> Figures:
    """Seconds of `fsck`, and of copying a backup and checking it: of wall time, as they use all cores."""
    key = VerifierKey.parse(str(registry.sequencer.key))
    started = time.monotonic()
    findings = list(fsck.check(registry.store, registry.blobs, key))
    checked = time.monotonic()
    with tempfile.TemporaryDirectory(dir=registry.config.folder.parent, prefix="countermark-bench-") as folder:
        _, found = backup.back_up(registry.config.folder, registry.blobs, Path(folder) / "copy", key, lambda *_: None)
    if findings + found:
        raise SystemExit(f"a sound registry has {len(findings + found)} findings: {(findings + found)[0]}")
    return {"fsck_seconds": checked - started, "backup_seconds": time.monotonic() - checked}


def _time(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
