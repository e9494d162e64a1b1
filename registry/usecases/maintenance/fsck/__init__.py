"""fsck: recomputes everything that is stored from the log's entries, and names what differs."""

from registry.usecases.maintenance.fsck.check import check
from registry.usecases.maintenance.fsck.finding import Finding, Kind, Progress

__all__ = ["Finding", "Kind", "Progress", "check"]
