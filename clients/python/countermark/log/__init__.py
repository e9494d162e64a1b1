"""A log seen from outside: audited, and watched for entries that somebody else made with one's keys.

Any log that speaks C2SP tlog-tiles will do: its address is where `checkpoint` and `tile/` lie.
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
