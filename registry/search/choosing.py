"""Choosing: which of many candidates are handed on, so that nobody's many push out what another has registered."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from provenance.verification.registrations import in_turns
from registry.database import Session, assets

EVERYTHING = range(2**63 - 1)
"""Log indices of all registrations."""

MAX_RANKED = 1_000
"""Candidates, the nearest, whose publishers are asked for where a search finds more than it hands on: 2 ms."""


def inside(indices: NDArray[np.int64], within: range) -> NDArray[np.bool_]:
    """Which of the log indices lie in a range."""
    return (indices >= within.start) & (indices < within.stop)


def choose(session: Session, indices: Sequence[int], most: int) -> list[int]:
    """Places of the candidates to hand on, in their order, at most `most`: of each publisher the nearest first.

    Args:
        indices: log indices of registrations, the nearest first.
    """
    if len(indices) <= most:
        return list(range(len(indices)))
    ranked = indices[:MAX_RANKED]
    publishers = assets.publishers_at(session, ranked)
    return sorted(in_turns([publishers.get(index, "") for index in ranked])[:most])
