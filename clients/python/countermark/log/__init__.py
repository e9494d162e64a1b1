"""Auditing a log, and watching it for entries that others have signed with your keys.

This works with any C2SP tlog-tiles log; its URL is the prefix of `checkpoint` and `tile/`.
"""

from countermark.log.auditing import AuditReport, Signatures, audit_log
from provenance.transparency.audit import AuditFinding
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.note import VerifierKey
from provenance.transparency.policy import Witnessing

__all__ = [
    "AuditFinding",
    "AuditReport",
    "Checkpoint",
    "Cosigner",
    "Signatures",
    "VerifierKey",
    "Witnessing",
    "audit_log",
]
