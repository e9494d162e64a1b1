"""A defect: one stored item that is missing, damaged, or contradicts the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "database",
    "head",
    "entry",
    "statement",
    "record",
    "time",
    "tile",
    "checkpoint",
    "high-water",
    "publisher",
    "key",
    "asset",
    "withdrawal",
    "event",
    "derivation",
    "resemblance",
    "blob",
]

Progress = Callable[[str, int, int], None]
"""Takes (stage, done, total) now and then: entries in stage "log", blobs in stage "blobs" (total 0: not known)."""


@dataclass(frozen=True)
class Defect:
    """An item: its kind, its name within the kind ("entry 17", a tile's path, a digest), and what is wrong with it."""

    kind: Kind
    name: str
    detail: str
