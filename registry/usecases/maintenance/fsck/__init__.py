"""fsck: recomputes all stored data from the log's entries, and reports differences."""

from registry.usecases.maintenance.fsck.check import check
from registry.usecases.maintenance.fsck.defect import Defect, Kind, Progress

__all__ = ["Defect", "Kind", "Progress", "check"]
