"""A run: what `python -m bench.scale` has measured, each part when it was, kept as JSON beside its report."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.matching.run import machine

_KEPT = Path(__file__).parents[1] / "scale.json"
"""Committed with the report: a part that is measured elsewhere, or later, leaves the others as they are."""


@dataclass
class Run:
    """Figures by part, model of distractors and size: `figures["route"]["free"][10_000]["exact_ms"]`.

    `measured`: for each part, model and size, when, at which revision and on what machine.
    """

    figures: dict[str, dict[str, dict[int, dict[str, Any]]]] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)

    @classmethod
    def kept(cls) -> "Run":
        """What earlier commands have measured."""
        if not _KEPT.exists():
            return cls()
        document = json.loads(_KEPT.read_text("utf-8"))
        figures = {
            part: {model: {int(size): each for size, each in sizes.items()} for model, sizes in models.items()}
            for part, models in document["figures"].items()
        }
        return cls(figures, document["measured"])

    def put(self, part: str, model: str, size: int, figures: Mapping[str, Any]) -> None:
        """Add figures to those of before, other commands' among them, and keep all."""
        now = Run.kept()
        self.figures, self.measured = now.figures, now.measured
        known = self.figures.setdefault(part, {}).setdefault(model, {}).setdefault(size, {})
        known.update(figures)
        date = f"{datetime.now(UTC):%Y-%m-%d}"
        self.measured[f"{part}, {model}, {size:,}"] = f"{date}, revision {_revision()}, {machine()}"
        document = {"figures": self.figures, "measured": self.measured}
        _KEPT.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def of(self, part: str, model: str = "free") -> dict[int, dict[str, Any]]:
        """The figures of a part by size, the smallest first."""
        return dict(sorted(self.figures.get(part, {}).get(model, {}).items()))


def _revision() -> str:
    """The commit that was measured, and whether the files differ from it."""
    asked = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
