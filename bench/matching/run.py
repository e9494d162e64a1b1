"""A run: everything that was measured at one time, kept as JSON beside the photographs, to be drawn again."""

import gzip
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.matching.attack import Forged
from bench.matching.queries import Row
from bench.matching.scale import Scale
from bench.photographs import FOLDER
from bench.template_rates import Compared


@dataclass(frozen=True)
class Run:
    """What one command measured.

    Attributes:
        command, date, revision, machine: how, when, of what and where.
        packages: photographs of each package that are reported on; reporting: how many in all.
        registered: pictures in a fold's registry.
        originals: the peers' hashes of every photograph.
        templates: templates with other content, copies of templates, and edited photographs.
    """

    command: str
    date: str
    revision: str
    machine: str
    packages: dict[str, int]
    reporting: int
    registered: int
    pdq_source: str
    rows: tuple[Row, ...]
    originals: dict[str, dict[str, str]]
    forged: tuple[Forged, ...]
    scales: tuple[Scale, ...]
    templates: tuple[Compared, ...] = ()

    def keep(self, part: bool) -> None:
        _kept(part).write_bytes(gzip.compress(json.dumps(asdict(self)).encode(), mtime=0))

    @classmethod
    def kept(cls, part: bool) -> "Run":
        """The last one. Raises OSError where there is none."""
        document: dict[str, Any] = json.loads(gzip.decompress(_kept(part).read_bytes()))
        return cls(
            **document
            | {
                "rows": tuple(_row(row) for row in document["rows"]),
                "forged": tuple(Forged(**each) for each in document["forged"]),
                "scales": tuple(Scale(**each) for each in document["scales"]),
                "templates": tuple(Compared(**each) for each in document.get("templates", ())),
            }
        )


def _kept(part: bool) -> Path:
    return FOLDER.parent / ("matching.part.json.gz" if part else "matching.json.gz")


def _row(document: dict[str, Any]) -> Row:
    lists = {name: tuple(document[name]) for name in ("shown", "matched", "leads", "compared")}
    return Row(**document | lists)


def machine() -> str:
    """Processor, Python and system, in words."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names)} cores, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
