"""What a reader asks of the witnesses of a checkpoint, and whether it is there: who has cosigned, and how lately.

A cosignature that does not verify is no matter of this: `SignedCheckpoint.verify` refuses the checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from provenance.transparency.checkpoint import Cosigner
from provenance.transparency.note import VerifierKey
from provenance.transparency.policy import Group, Policy, Witness, missing


@dataclass(frozen=True)
class Witnessing:
    """Whether a checkpoint has the cosignatures that were asked for; `detail` is a sentence for people."""

    enough: bool
    detail: str


@dataclass(frozen=True)
class Demand:
    """What is asked for.

    Attributes:
        policy: its quorum has to have cosigned; None for no quorum.
        named: keys of witnesses each of which has to have cosigned.
        max_age: seconds that the newest of these cosignatures may be old; None for any age.
    """

    policy: Policy | None = None
    named: tuple[VerifierKey, ...] = ()
    max_age: float | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for."""
        return (self.policy is None or self.policy.quorum is None) and not self.named and self.max_age is None

    def judge(self, cosigners: Sequence[Cosigner], *, now: float) -> Witnessing | None:
        """Whether verified cosignatures meet the demand at a time (POSIX seconds); None where nothing is asked for."""
        if self.is_empty:
            return None
        lacking = [] if self.policy is None else [witness.name for witness in missing(self.policy, cosigners)]
        there = {cosigner.key for cosigner in cosigners}
        lacking += [key.name for key in self.named if key not in there]
        if lacking:
            names = ", ".join(ascii(name)[1:-1] for name in dict.fromkeys(lacking))
            return Witnessing(False, f"too few of the witnesses that you name have cosigned; still without: {names}")
        asked = {*self.named, *(() if self.policy is None else _keys(self.policy.quorum))}
        times = [cosigner.time for cosigner in cosigners if cosigner.key in asked and cosigner.time > 0]
        if self.max_age is not None:
            if not times:
                return Witnessing(False, "no witness that you name says when it saw this tree: its age is not known")
            age = now - max(times)
            if age > self.max_age:
                detail = f"the newest cosignature is {age:,.0f} s old, and may have {self.max_age:,.0f} s"
                return Witnessing(False, detail)
        return Witnessing(True, f"cosigned as you ask: {', '.join(sorted({each.key.name for each in cosigners}))}")


def _keys(member: Witness | Group | None) -> list[VerifierKey]:
    match member:
        case Witness():
            return [member.key]
        case Group():
            return [key for each in member.members for key in _keys(each)]
        case None:
            return []
