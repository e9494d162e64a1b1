"""`python -m bench.verifying`: what answering costs in processor time: exact copies, digests alone, and an erasure.

The server's own processor time, over HTTP, without its workers' (they read the C2PA manifest of an uploaded file), and
that of the use case alone. The erasure is measured beside reports that are inserted directly.
"""

import argparse
import hashlib
import io
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx2
from PIL import Image
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.matching.observed import bench_registry
from bench.pictures import web_picture
from bench.scale.counts import statements
from demo.service import UNBOUNDED, Service, running_service
from provenance.claims import Claims
from registry.database import Session
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry
from registry.usecases.erasure import erase
from registry.usecases.register import register
from registry.usecases.verify import verify_digests, verify_file

console = Console()
REPORT_BYTES = 1_000
"""Of a report that stands for another: a tenth of one with a match, so that a million fit on a small disk."""

_BATCH = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.verifying", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="requests of each kind")
    parser.add_argument("--reports", type=int, default=100_000, help="beside which a registration is erased")
    options = parser.parse_args()
    table = Table(title=f"processor time of an answer, {options.rounds} rounds")
    for column in ("what", "measured", "target"):
        table.add_column(column, justify="left" if column == "what" else "right")
    with tempfile.TemporaryDirectory(prefix="countermark-verifying-") as scratch:
        with running_service(Path(scratch) / "service", log_level="error", **UNBOUNDED) as service:
            _over_http(service, options.rounds, table)
        with bench_registry(Path(scratch) / "alone") as registry:
            _alone(registry, options.rounds, table)
            _erasure(registry, options.reports, table)
    console.print(table)


def _over_http(service: Service, rounds: int, table: Table) -> None:
    picture = web_picture()
    known = {"sha256": hashlib.sha256(picture).hexdigest()}
    with httpx2.Client(base_url=service.url, timeout=60) as http:
        files = {"file": ("picture.jpg", picture)}
        http.post("/v1/assets", files=files, headers={"Authorization": f"Bearer {service.api_key}"}).raise_for_status()

        def ask(**how: object) -> Callable[[], object]:
            return lambda: http.post("/v1/verifications", **how).raise_for_status()  # type: ignore[arg-type]

        def stranger() -> None:
            http.post("/v1/verifications", json={"sha256": secrets.token_hex(32)}).raise_for_status()

        for name, asked, target in (
            ("HTTP: GET /livez, for comparison", lambda: http.get("/livez"), ""),
            ("HTTP: the digest of a stranger", stranger, "0.7"),
            ("HTTP: the digest of a registered file", ask(json=known), ""),
            ("HTTP: a registered file", ask(content=picture), "6"),
        ):
            for _ in range(20):
                asked()
            before = _spent(service.process_id)
            for _ in range(rounds):
                asked()
            table.add_row(name, f"{(_spent(service.process_id) - before) / rounds * 1000:.2f} ms", target)


def _spent(process_id: int) -> float:
    """Seconds of processor time of all threads of a process."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _alone(registry: Registry, rounds: int, table: Table) -> None:
    path = registry.spool / "query"
    pictures = list(_pictures(30))
    for picture in pictures:
        _register(registry, picture)

    def verify(picture: bytes) -> float:
        path.write_bytes(picture)
        sha256 = hashlib.sha256(picture).digest()
        started = time.process_time()
        verify_file(registry, path=path, sha256=sha256, size=len(picture))
        return time.process_time() - started

    first = statistics.median(map(verify, pictures))
    table.add_row("a registered file, first of a record", f"{first * 1000:.2f} ms", "10")
    asked = statements(lambda: verify(pictures[0]))
    again = statistics.median(verify(pictures[0]) for _ in range(rounds))
    table.add_row("a registered file, again", f"{again * 1000:.2f} ms, {asked} statements", "6, 6")
    for name, digest in (("known", hashlib.sha256(pictures[0]).digest()), ("stranger", bytes(32))):
        started = time.process_time()
        for _ in range(rounds):
            verify_digests(registry, sha256=digest)
        each = (time.process_time() - started) / rounds
        table.add_row(f"digests alone, {name}", f"{each * 1000:.2f} ms", "")


def _pictures(count: int) -> Iterator[bytes]:
    large = Image.open(io.BytesIO(web_picture())).convert("RGB")
    for number in range(count):
        file = io.BytesIO()
        left = 8 * number
        large.crop((left, left // 2, left + 640, left // 2 + 480)).rotate(7 * number).save(file, "JPEG", quality=90)
        yield file.getvalue()


def _register(registry: Registry, picture: bytes) -> bytes:
    path = registry.spool / "picture"
    path.write_bytes(picture)
    sha256 = hashlib.sha256(picture).digest()
    claims = Claims(title="measured", credential="none")
    registered = register(registry, path=path, sha256=sha256, claims=claims, publisher=DEFAULT_PUBLISHER)
    if registered.compared is not None:
        registered.compared.result()
    path.unlink()
    return bytes.fromhex(registered.asset.id)


def _erasure(registry: Registry, reports: int, table: Table) -> None:
    record = _register(registry, web_picture())
    for start in range(0, reports, _BATCH):
        registry.store.write(partial(_insert, start=start)).result()
    started = time.process_time()
    erase(registry, record=record, reason="measured")
    table.add_row(f"an erasure beside {reports:,} reports", f"{time.process_time() - started:.3f} s", "0.2 s")


def _insert(session: Session, start: int) -> None:
    rows = [
        {"id": secrets.token_hex(16), "at": start, "report": json.dumps({"x": "y" * REPORT_BYTES}).encode()}
        for _ in range(_BATCH)
    ]
    session.connection().execute(
        text("INSERT INTO verification (id, created_at_ms, report) VALUES (:id, :at, :report)"), rows
    )


if __name__ == "__main__":
    main()
