"""`python -m bench.hammer`: statements over HTTP, many in a request and one by one, beside what none could leave out.

A real server process is hammered from threads of this one. The floor of a statement is one signature verified, one leaf
hashed, and its share of one fsync(2) for as many as shared a commit.
"""

import argparse
import http.client
import os
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from demo.service import UNBOUNDED, Service, running_service
from provenance.statement.keys import LocalSigner
from provenance.statement.statement import parse_statement, sign_statement, verify_statement
from provenance.transparency.merkle import leaf_hash
from registry.keys.keystore import Keystore
from registry.times import utc_now

console = Console()
PASSPHRASE = "the passphrase of a benchmark"
BULK = 1_000


@dataclass(frozen=True)
class Load:
    """What one kind of load came to: statements a second, and seconds of each request."""

    rate: float
    seconds: Sequence[float]

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hammer", description=__doc__)
    parser.add_argument("--bulk", type=int, default=40_000, help="statements sent 1,000 in a request")
    parser.add_argument("--single", type=int, default=8_000, help="statements sent one by one, answered with proofs")
    parser.add_argument("--connections", type=int, default=96, help="of those one by one")
    parser.add_argument("--processes", type=int, default=1, help="of the service; more than one need a --database")
    parser.add_argument("--database", default="", help="an empty one on PostgreSQL; by default SQLite in the folder")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="countermark-hammer-") as scratch,
        running_service(
            Path(scratch) / "data",
            processes=options.processes,
            database_url=options.database,
            key_passphrase=PASSPHRASE,
            queue="1024",
            log_level="error",
            **UNBOUNDED,
        ) as service,
    ):
        hammer(service, options.bulk, options.single, options.connections)


def hammer(service: Service, bulk: int, single: int, connections: int) -> None:
    """Run and print all loads against a running service whose keys have `PASSPHRASE`."""
    signer = publisher_signer(service.folder)
    for_bulk = signed(signer, bulk)
    batches = [b"".join(for_bulk[start : start + BULK]) for start in range(0, bulk, BULK)]
    many = _load(service, [("/v1/statements", batch) for batch in batches], 2, BULK)
    alone = _load(service, [("/v1/statements?proofs=true", each) for each in signed(signer, single)], connections, 1)
    ids = [parse_statement(each).record_id.hex() for each in for_bulk[:500]]
    reads = _load(service, [(f"/v1/records/{identity}/proof", None) for identity in ids], 1, 1)
    floor = 1 / floor_seconds(for_bulk[:BULK], signer)
    table = Table(title="statements over HTTP, published before they are answered")
    for column in ("load", "measured", "aim", "floor", "of the floor"):
        table.add_column(column, justify="left" if column == "load" else "right")
    table.add_row("1,000 in a request", f"{many.rate:,.0f}/s", "2,000/s", f"{floor:,.0f}/s", f"{many.rate / floor:.0%}")
    table.add_row(
        f"one by one, {connections} at a time",
        f"{alone.rate:,.0f}/s",
        "500/s",
        f"{floor:,.0f}/s",
        f"{alone.rate / floor:.0%}",
    )
    table.add_row("… p99 of the answer", f"{alone.percentile(0.99) * 1000:,.0f} ms", "1,000 ms", "", "")
    table.add_row("a proof, median", f"{statistics.median(reads.seconds) * 1000:.1f} ms", "2 ms", "", "")
    console.print(table)


def publisher_signer(folder: Path) -> LocalSigner:
    """The key of the first publisher, from the data folder of a service of this machine."""
    keystore = Keystore.open(folder, PASSPHRASE.encode(), utc_now)
    (path,) = (folder / "keys" / "publishers" / "newsroom").glob("*.pem")
    return keystore.publisher_key("newsroom", bytes.fromhex(path.stem))


def signed(signer: LocalSigner, count: int) -> list[bytes]:
    """Statements about as many records that nobody sees."""
    return [sign_statement(secrets.token_bytes(32), signer) for _ in range(count)]


def floor_seconds(statements: Sequence[bytes], signer: LocalSigner) -> float:
    """Seconds a statement: verify, hash, write and fsync them all, and nothing else."""
    key = signer.public_key
    with tempfile.TemporaryFile() as file:
        started = time.perf_counter()
        for statement in statements:
            verify_statement(parse_statement(statement), key)
            file.write(leaf_hash(statement) + statement)
        file.flush()
        os.fsync(file.fileno())
        return (time.perf_counter() - started) / len(statements)


def _load(service: Service, asks: Sequence[tuple[str, bytes | None]], threads: int, each: int) -> Load:
    """Ask for (path, body) of each, from as many threads with a connection each; a body is posted."""
    waiting, gate, seconds = iter(asks), threading.Lock(), list[float]()

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
        headers = {"Authorization": f"Bearer {service.api_key}", "Content-Type": "application/cbor-seq"}
        while True:
            with gate:
                ask = next(waiting, None)
            if ask is None:
                return connection.close()
            started = time.perf_counter()
            connection.request("GET" if ask[1] is None else "POST", *ask, headers)
            answer = connection.getresponse()
            body = answer.read()
            seconds.append(time.perf_counter() - started)
            if answer.status >= 300:
                raise RuntimeError(f"{answer.status}: {body!r}")

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
    return Load(len(asks) * each / (time.perf_counter() - started), seconds)


if __name__ == "__main__":
    main()
