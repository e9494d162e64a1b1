"""`make bench`: where the time goes between a picture and its answer.

Each round measures everything once, in turn, so that a busy moment of the machine hits all alike; medians of the rounds
are printed. The floor of a request is what no service could leave out: one decode, one SHA-256, one
C2PA read or signing. Ratios within a run can be compared between runs; milliseconds cannot.
"""

import argparse
import hashlib
import io
import secrets
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from countermark import Client
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.matching.observed import bench_registry
from bench.pictures import recompressed, twelve_megapixels, web_picture
from demo.service import UNBOUNDED, running_service
from provenance.claims import Claims
from provenance.credentials.reading import read_credentials
from provenance.credentials.signing import ClaimDescription, sign_embedded
from provenance.media import Media, Sketch, draw_sketch, draw_thumbnail, fingerprint, read_declared
from provenance.media.comparison import compare
from registry.registry import Registry
from registry.usecases.register import register

console = Console()
Times = dict[str, list[float]]


@dataclass
class Measured:
    """Seconds by stage, and by way of asking, one entry a round."""

    stages: Times = field(default_factory=lambda: defaultdict(list))

    def run(self, name: str, function: Callable[[], object]) -> object:
        started = time.perf_counter()
        result = function()
        self.stages[name].append(time.perf_counter() - started)
        return result

    def median(self, name: str) -> float:
        return statistics.median(self.stages[name])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds whose medians are printed")
    rounds = parser.parse_args().rounds
    for name, data in (("12-megapixel JPEG", twelve_megapixels()), ("1,280-px web picture", web_picture())):
        with (
            tempfile.TemporaryDirectory(prefix="countermark-bench-") as scratch,
            running_service(Path(scratch) / "service", **UNBOUNDED) as service,
            bench_registry(Path(scratch) / "stages") as registry,
        ):
            _measure(name, data, rounds, Client(service.url, api_key=service.api_key), registry)


def _measure(name: str, data: bytes, rounds: int, client: Client, registry: Registry) -> None:
    copy = recompressed(data, 1280 if len(data) < 1_000_000 else 4000)
    measured = Measured()
    client.register(data, title="measured")
    sketch = draw_sketch(Media.from_bytes(data).canonical).data
    rounds_shown = [track(range(rounds), description=name, console=Console(stderr=True), transient=True) for _ in "12"]
    for number in rounds_shown[0]:
        _stages(measured, data, copy, sketch, registry, number)
        measured.run("HTTP exact", lambda: client.verify(data))
        measured.run("HTTP similar", lambda: client.verify(copy))
    for number in rounds_shown[1]:  # last: the same picture registered again and again is a match each time
        fresh = data + secrets.token_bytes(8)  # other bytes each round, the same picture: trailing bytes are ignored
        measured.run(
            "HTTP register", lambda fresh=fresh, number=number: client.register(fresh, title=f"round {number}")
        )
    _print(name, data, measured)


def _stages(measured: Measured, data: bytes, copy: bytes, sketch: bytes, registry: Registry, number: int) -> None:
    measured.run("sha-256", lambda: hashlib.sha256(data).digest())
    measured.run("decode", lambda: Image.open(io.BytesIO(data)).convert("RGB").load())
    measured.run("decode copy", lambda: Image.open(io.BytesIO(copy)).convert("RGB").load())
    measured.run("C2PA read", lambda: read_credentials(data, "image/jpeg", registry.trust, now=datetime.now(UTC)))
    measured.run("C2PA read copy", lambda: read_credentials(copy, "image/jpeg", registry.trust, now=datetime.now(UTC)))
    claim = ClaimDescription(title="measured", registry_url="http://127.0.0.1", generator="bench/1")
    measured.run("C2PA sign", lambda: sign_embedded(data, "image/jpeg", claim, registry.keystore.claim_signer()))
    media = Media.from_bytes(copy)
    measured.run("ours: decode", lambda: media.pixels)
    prints = measured.run("ours: fingerprints", lambda: fingerprint(media))
    measured.run("ours: marks", lambda: read_declared(media))
    measured.run("ours: sketch and thumbnail", lambda: (draw_sketch(media.canonical), draw_thumbnail(media.canonical)))

    def search() -> object:
        with registry.store.read() as session:
            return registry.multi_index.candidates(session, prints.pdq_dihedral, prints.pdq_quality)

    measured.run("ours: search", search)
    measured.run("ours: compare", lambda: compare(media.canonical, Sketch.from_bytes(sketch).pixels))
    measured.run("ours: write and fsync", lambda: registry.store.write(lambda session: None).result())
    path = registry.spool / "measured"
    path.write_bytes(data + number.to_bytes(4, "big"))
    sha256 = hashlib.sha256(path.read_bytes()).digest()
    claims = replace(Claims(), title=f"round {number}")
    measured.run(
        "register, without HTTP",
        lambda: register(registry, path=path, sha256=sha256, claims=claims, publisher="newsroom"),
    )
    path.unlink()


def _print(name: str, data: bytes, measured: Measured) -> None:
    ms = {stage: measured.median(stage) * 1000 for stage in measured.stages}
    table = Table(title=f"{name} ({len(data) / 1e6:.1f} MB), median of {len(measured.stages['decode'])} rounds")
    table.add_column("stage")
    table.add_column("ms", justify="right")
    for stage, value in ms.items():
        table.add_row(stage, f"{value:.1f}")
    console.print(table)
    floors = {
        "HTTP exact": ms["decode"] + ms["sha-256"] + ms["C2PA read"],
        "HTTP similar": ms["decode copy"] + ms["sha-256"] + ms["C2PA read copy"],
        "HTTP register": ms["decode"] + ms["sha-256"] + ms["C2PA sign"],
    }
    ratios = Table(title=f"{name}: the whole over HTTP, against its floor")
    for column in ("request", "ms", "floor ms", "ratio", "aim"):
        ratios.add_column(column, justify="left" if column == "request" else "right")
    aims = {"HTTP exact": "≤ 1.2", "HTTP similar": "≤ 2.5", "HTTP register": "–"}
    for request, floor in floors.items():
        ratios.add_row(request, f"{ms[request]:.1f}", f"{floor:.1f}", f"{ms[request] / floor:.2f}", aims[request])
    console.print(ratios)


if __name__ == "__main__":
    main()
