"""What a verdict says, in a form that tests compare."""

from provenance.verification import Verdict
from provenance.verification.axes import Axis, Proof, Standing
from provenance.verification.verdict import HeadlineCode


def values(verdict: Verdict) -> dict[str, str]:
    return {axis.value: str(value.value) for axis, value in verdict.axes.items()}


def left_out(verdict: Verdict) -> str:
    return " | ".join(f"{item.what}: {item.why}" for item in verdict.not_checked)


def standings(verdict: Verdict) -> list[Standing]:
    return [match.standing for match in verdict.matches]


def assert_vouches_for_nothing(verdict: Verdict) -> None:
    assert verdict.headline is HeadlineCode.PROOF_BROKEN
    assert values(verdict)["proof"] == Proof.BROKEN
    assert "registered by" not in verdict.headline_text
    assert "registered by" not in verdict.axes[Axis.REGISTRATION].summary
