"""Evidence to verdict: the numbered procedure, the five axes, and the words."""

from provenance.verification.procedure import examine, verify_digests, verify_file
from provenance.verification.verdict import Verdict, judge

__all__ = ["Verdict", "examine", "judge", "verify_digests", "verify_file"]
