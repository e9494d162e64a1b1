"""The state of the log as its sequencer tells it: what is published, and whether it can grow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SequencerState:
    """Whether the log can grow, and if not, why."""

    signing: bool
    reason: str = ""


@dataclass(frozen=True)
class Published:
    """The published tree: its size, and the signed note (None before the first)."""

    size: int
    note: bytes | None
