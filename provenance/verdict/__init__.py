"""Evidence to verdict: the numbered procedure, the five axes, and the words."""

from provenance.verdict.verdict import Verdict, judge
from provenance.verdict.verify import examine, verify_digests, verify_file

__all__ = ["Verdict", "examine", "judge", "verify_digests", "verify_file"]
