"""Proportions with their 95 % intervals (Wilson 1927)."""

from collections.abc import Iterable
from typing import Any

import numpy as np

Z = 1.959964


def wilson(successes: int, n: int) -> list[float]:
    """95 % interval of a proportion (Wilson 1927)."""
    if not n:
        return [0.0, 1.0]
    share, z2 = successes / n, Z * Z / n
    centre, half = share + z2 / 2, Z * float(np.sqrt(share * (1 - share) / n + z2 / n / 4))
    return [round(max(0.0, (centre - half) / (1 + z2)), 5), round(min(1.0, (centre + half) / (1 + z2)), 5)]


def proportion(outcomes: Iterable[bool]) -> dict[str, Any]:
    counted = list(outcomes)
    successes, n = sum(counted), len(counted)
    return {"rate": round(successes / n, 5) if n else None, "n": n, "interval": wilson(successes, n)}
