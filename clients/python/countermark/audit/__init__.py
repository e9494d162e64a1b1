"""Audits: many files against a registry, with a report that proves what it can.

    for item in audit(["archive/"], "report/", Options("https://registry.example")):
        print(item.path, item.outcome.bucket)

What the items add up to, and the files of the report, are in the folder's `summary.json`; the same call goes on
where it was.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from countermark.audit.buckets import Bucket, Counts, Outcome, Reason
    from countermark.audit.differences import Change, compare_folders
    from countermark.audit.options import Options, Send
    from countermark.audit.patience import Stopped
    from countermark.audit.policy import AuditPolicy
    from countermark.audit.progress import Progress
    from countermark.audit.running import AuditedItem, audit, audit_async
    from countermark.audit.sources import Globs, Sources
    from countermark.audit.summary import Checked, verify_folder
else:
    _MODULES = dict.fromkeys(("Bucket", "Counts", "Outcome", "Reason"), "buckets")
    _MODULES |= dict.fromkeys(("Change", "compare_folders"), "differences")
    _MODULES |= {"Options": "options", "Send": "options", "Progress": "progress", "Stopped": "patience"}
    _MODULES |= dict.fromkeys(("AuditedItem", "audit", "audit_async"), "running")
    _MODULES |= {"AuditPolicy": "policy", "Globs": "sources", "Sources": "sources"}
    _MODULES |= {"Checked": "summary", "verify_folder": "summary"}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:  # what a worker needs is imported in a fraction of the time
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "AuditPolicy",
    "AuditedItem",
    "Bucket",
    "Change",
    "Checked",
    "Counts",
    "Globs",
    "Options",
    "Outcome",
    "Progress",
    "Reason",
    "Send",
    "Sources",
    "Stopped",
    "audit",
    "audit_async",
    "compare_folders",
    "verify_folder",
]
