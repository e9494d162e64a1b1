"""Changes: what a view in memory has not taken in of the store: late registrations, and erasures.

A registration that is revealed stands at the index where it was sealed, behind those that a view has taken in long ago.
"""

from collections.abc import Collection
from dataclasses import dataclass

from provenance.statement.record import AssetRevealed, RecordErased
from registry.database import Session, events


@dataclass(frozen=True)
class Changes:
    """Log indices of registrations: `revealed` ones, wherever they stand, and `erased` ones."""

    revealed: Collection[int]
    erased: Collection[int]


class ChangeFeed:
    """Reads on where it was left. Not thread-safe: its view has a lock."""

    def __init__(self) -> None:
        self._revealed = self._erased = -1

    def since(self, session: Session) -> Changes:
        """What was revealed or erased since the last call."""
        revealed = events.newer(session, AssetRevealed.TYPE, self._revealed)
        erased = events.newer(session, RecordErased.TYPE, self._erased)
        self._revealed = revealed[-1][0] if revealed else self._revealed
        self._erased = erased[-1][0] if erased else self._erased
        return Changes([index for _, index in revealed], [index for _, index in erased])
