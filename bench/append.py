"""`python -m bench.append`: the log's engine without HTTP, from its first entry to the millionth.

Appends are measured where the log is small and where it is large; then proofs and fsck at its full size. The floor of
an append is a leaf hashed, and its share of one signature and one fsync(2) for as many as share a commit; that of fsck
is a leaf hashed and a signature verified, on every core. Ratios can be compared between runs.
"""

import argparse
import os
import random
import secrets
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.hammer import floor_seconds
from provenance.limits import MAX_COMMIT_JOBS
from provenance.statement.keys import LocalSigner
from provenance.statement.statement import sign_statement
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.note import VerifierKey
from registry.bootstrap import open_registry
from registry.database import entries
from registry.log.sequencer import Appended
from registry.registry import Registry, RegistryConfig
from registry.usecases.maintenance import fsck

console = Console()
STRETCH = 50_000
"""Entries that are signed ahead, and then appended while the clock runs."""

IN_HAND = 8 * MAX_COMMIT_JOBS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.append", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="to which the log grows")
    size = parser.parse_args().entries
    with (
        tempfile.TemporaryDirectory(prefix="countermark-append-") as scratch,
        closing(_registry(Path(scratch))) as registry,
    ):
        kid = bytes.fromhex(next((Path(scratch) / "data/keys/publishers/newsroom").glob("*.pem")).stem)
        signer = registry.keystore.publisher_key("newsroom", kid)
        grown = list(_grow(registry, signer, size))
        batch = [sign_statement(secrets.token_bytes(32), signer) for _ in range(MAX_COMMIT_JOBS)]
        table = Table(title=f"the engine of the log, from 0 to {registry.sequencer.size:,} entries")
        for column in ("what", "measured", "aim", "floor", "of the floor"):
            table.add_column(column, justify="left" if column == "what" else "right")
        floor = 1 / _floor_of_append(batch, registry)
        for at, (size, rate, memory) in (("first", grown[0]), ("last", grown[-1])):
            table.add_row(
                f"appended, {at} {STRETCH:,} (to {size:,})",
                f"{rate:,.0f}/s",
                "5,000/s",
                f"{floor:,.0f}/s",
                f"{rate / floor:.0%}",
            )
            table.add_row("… memory of the process", f"{memory:,.0f} MB", "flat", "", "")
        table.add_row("a proof, median", f"{_proof_seconds(registry) * 1000:.2f} ms", "2 ms", "", "")
        verified = floor_seconds(batch, signer) * registry.sequencer.size / (os.cpu_count() or 1)
        seconds = _fsck_seconds(registry)
        table.add_row(
            "fsck", f"{seconds:,.0f} s", "60 s for 1,000,000", f"{verified:,.0f} s", f"{verified / seconds:.0%}"
        )
        console.print(table)


def _grow(registry: Registry, signer: LocalSigner, target: int) -> Iterator[tuple[int, float, float]]:
    """Append in stretches; yields (size, entries a second, megabytes of this process) after each."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("appending", total=target)
        while registry.sequencer.size < target:
            ahead = [sign_statement(secrets.token_bytes(32), signer) for _ in range(STRETCH)]
            started = time.perf_counter()
            waiting: deque[Future[Appended]] = deque()
            for statement in ahead:
                waiting.append(registry.sequencer.append(statement, None))
                if len(waiting) >= IN_HAND:
                    waiting.popleft().result()
            for each in waiting:
                each.result()
            rate = len(ahead) / (time.perf_counter() - started)
            progress.update(task, completed=registry.sequencer.size)
            yield registry.sequencer.size, rate, _megabytes()


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _floor_of_append(batch: Sequence[bytes], registry: Registry) -> float:
    """Seconds an entry: hash and write a batch, fsync once, sign once."""
    with tempfile.TemporaryFile(dir=registry.config.folder) as file:
        started = time.perf_counter()
        for statement in batch:
            file.write(leaf_hash(statement) + statement)
        file.flush()
        os.fsync(file.fileno())
        registry.keystore.log.sign(bytes(100))
        return (time.perf_counter() - started) / len(batch)


def _proof_seconds(registry: Registry) -> float:
    seconds = []
    with registry.store.read() as session:
        ids = [entries.get(session, random.randrange(registry.sequencer.size)).record_id for _ in range(300)]
    for identity in ids:
        started = time.perf_counter()
        registry.proofs.tlog_proof(identity)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _fsck_seconds(registry: Registry) -> float:
    key = VerifierKey.parse(str(registry.sequencer.key))
    started = time.perf_counter()
    findings = list(fsck.check(registry.store, registry.blobs, key))
    if findings:
        raise RuntimeError(f"a sound log has {len(findings)} findings: {findings[0]}")
    return time.perf_counter() - started


def _registry(folder: Path) -> Registry:
    return open_registry(
        RegistryConfig(
            folder=folder / "data",
            origin="bench.invalid/log",
            operator="Bench",
            public_url="http://127.0.0.1",
            passphrase=secrets.token_bytes(24),
            workers=1,
            environment="development",
        )
    )


if __name__ == "__main__":
    main()
