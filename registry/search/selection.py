"""Selection of candidates, in turns by publisher, so that the many of one do not crowd out those of another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from provenance.verification.registrations import in_turns
from registry.database import Session, assets

EVERYTHING = range(2**63 - 1)
"""Log indices of all registrations."""

MAX_RANKED = 1_000
"""The nearest candidates whose publishers are looked up where a search finds more than it returns: 2 ms."""


def inside(indices: NDArray[np.int64], within: range) -> NDArray[np.bool_]:
    """Which of the log indices lie in a range."""
    return (indices >= within.start) & (indices < within.stop)


def choose(session: Session, indices: Sequence[int], most: int) -> list[int]:
    """Positions of the candidates to return, ascending, at most `most`: the nearest of each publisher first.

    Args:
        indices: log indices of registrations, the nearest first.
    """
    if len(indices) <= most:
        return list(range(len(indices)))
    ranked = indices[:MAX_RANKED]
    publishers = assets.publishers_at(session, ranked)
    return sorted(in_turns([publishers.get(index, "") for index in ranked])[:most])
