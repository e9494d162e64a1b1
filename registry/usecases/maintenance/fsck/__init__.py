"""fsck: recomputes everything that is stored from the log's entries, and names what differs."""

from registry.usecases.maintenance.fsck.check import check
from registry.usecases.maintenance.fsck.defect import Defect, Kind, Progress

__all__ = ["Defect", "Kind", "Progress", "check"]
