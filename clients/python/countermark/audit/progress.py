"""How far an audit is, for whoever watches it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far an audit is.

    Attributes:
        step: what is being done.
        total: items listed so far.
        done: of these, those that are settled.
        now: of these, those that this run settled.
        buckets: how many settled items are in each.
        records: receipts checked, of so many.
        waits: seconds until which the service wants to be left alone (monotonic), and why.
    """

    step: str = "listing"
    total: int = 0
    done: int = 0
    now: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    records: tuple[int, int] = (0, 0)
    waits: tuple[float, str] | None = None
