"""ChangeFeed: reveals and erasures, which an index in memory does not see by reading new registrations.

A revealed registration keeps the index where it was sealed, which is before those that the index has already loaded.
"""

from collections.abc import Collection
from dataclasses import dataclass

from provenance.statement.record import AssetRevealed, RecordErased
from registry.database import Session, events


@dataclass(frozen=True)
class Changes:
    """Log indices of the registrations that were revealed, and of those that were erased."""

    revealed: Collection[int]
    erased: Collection[int]


class ChangeFeed:
    """Reads the changes since its last call. Not thread-safe: the index that owns it has a lock."""

    def __init__(self, revealed: int = -1, erased: int = -1) -> None:
        """`revealed`, `erased`: log index of the newest change of each kind that is known; -1 for none."""
        self.revealed, self.erased = revealed, erased

    def read(self, session: Session) -> Changes:
        """The registrations revealed or erased since the last call."""
        revealed = events.newer(session, AssetRevealed.TYPE, self.revealed)
        erased = events.newer(session, RecordErased.TYPE, self.erased)
        self.revealed = revealed[-1][0] if revealed else self.revealed
        self.erased = erased[-1][0] if erased else self.erased
        return Changes([index for _, index in revealed], [index for _, index in erased])
