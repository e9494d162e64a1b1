"""A log seen from outside: audited, and watched for entries that somebody else made with one's keys.

Any log that speaks C2SP tlog-tiles will do: its address is where `checkpoint` and `tile/` lie.
"""

from countermark.log.auditing import AuditReport, audit_log

__all__ = ["AuditReport", "audit_log"]
