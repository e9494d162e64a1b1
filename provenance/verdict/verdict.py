"""A verdict: five axes, the standing of the record, and a headline chosen by precedence.

There is no score and no truth value: `bool(verdict)` raises, because every use of it would be a mistake.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Never

from provenance.credentials.report import CredentialState
from provenance.verdict import credential, origin, proof, registration
from provenance.verdict.axes import Assessment, Axis, DeclaredOrigin, Proof, Registration, Standing
from provenance.verdict.evidence import Evidence, Match, Unchecked
from provenance.verdict.finding import Finding


class HeadlineCode(StrEnum):
    """What a verdict opens with, in order of precedence."""

    CREDENTIAL_INVALID = "CREDENTIAL_INVALID"
    ORIGIN_CONFLICTING = "ORIGIN_CONFLICTING"
    PROOF_BROKEN = "PROOF_BROKEN"
    EXACT_MATCH = "EXACT_MATCH"
    MATCH_WITH_DIFFERENCES = "MATCH_WITH_DIFFERENCES"
    SIGNED_ORIGIN = "SIGNED_ORIGIN"
    MATCH_NO_DIFFERENCE_FOUND = "MATCH_NO_DIFFERENCE_FOUND"
    POSSIBLE_MATCH = "POSSIBLE_MATCH"
    UNSIGNED_MARK = "UNSIGNED_MARK"
    NOTHING_FOUND = "NOTHING_FOUND"
    NOT_CHECKED = "NOT_CHECKED"


@dataclass(frozen=True)
class AxisValue:
    """The value of one axis, and the sentence that says it."""

    value: str
    summary: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was found about one picture. Matches are ordered closest first, then by log index."""

    headline: HeadlineCode
    headline_text: str
    axes: dict[Axis, AxisValue]
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...]
    not_checked: tuple[Unchecked, ...]
    evidence: Evidence

    def __bool__(self) -> Never:
        raise TypeError("a verdict is neither true nor false: read its axes")


_ALWAYS_UNCHECKED = (
    Unchecked("invisible watermarks (SynthID, Digimarc, TrustMark, Meta)", "no open decoder exists"),
    Unchecked("statistical detection of machine-made pictures", "no method is turned on"),
)


def judge(evidence: Evidence) -> Verdict:
    """Draw the verdict from the evidence. Pure: the same evidence gives the same verdict."""
    matched, match_summary, match_findings = registration.assess(evidence)
    state, state_summary, state_findings = credential.assess(evidence)
    declared, declared_summary, declared_findings = origin.assess(evidence)
    proven, proven_summary, proven_findings = proof.assess(evidence)
    axes = {
        Axis.REGISTRATION: AxisValue(matched, match_summary),
        Axis.CREDENTIAL: AxisValue(state, state_summary),
        Axis.DECLARED_ORIGIN: AxisValue(declared, declared_summary),
        Axis.PROOF: AxisValue(proven, proven_summary),
        Axis.ASSESSMENT: AxisValue(
            Assessment.NOT_ASSESSED, "No statistical detection was run: such methods err too often on news pictures."
        ),
    }
    matches = registration.by_closeness(evidence.matches)
    code = _headline(matched, state, declared, proven)
    return Verdict(
        headline=code,
        headline_text=_text(code, axes, matches),
        axes=axes,
        findings=(*match_findings, *proven_findings, *state_findings, *declared_findings),
        matches=matches,
        not_checked=(*evidence.not_checked, *_ALWAYS_UNCHECKED),
        evidence=evidence,
    )


def _headline(matched: Registration, state: str, declared: DeclaredOrigin, proven: Proof) -> HeadlineCode:
    if state == CredentialState.INVALID:
        return HeadlineCode.CREDENTIAL_INVALID
    if declared is DeclaredOrigin.CONFLICTING:
        return HeadlineCode.ORIGIN_CONFLICTING
    if proven is Proof.BROKEN:
        return HeadlineCode.PROOF_BROKEN
    if matched is Registration.EXACT_MATCH:
        return HeadlineCode.EXACT_MATCH
    if matched is Registration.MATCH_WITH_DIFFERENCES:
        return HeadlineCode.MATCH_WITH_DIFFERENCES
    if declared.startswith("SIGNED_"):
        return HeadlineCode.SIGNED_ORIGIN
    if matched is Registration.MATCH_NO_DIFFERENCE_FOUND:
        return HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    if matched is Registration.POSSIBLE_MATCH:
        return HeadlineCode.POSSIBLE_MATCH
    if declared is DeclaredOrigin.UNSIGNED_AI_MARK:
        return HeadlineCode.UNSIGNED_MARK
    if matched is Registration.NOT_CHECKED:
        return HeadlineCode.NOT_CHECKED
    return HeadlineCode.NOTHING_FOUND


def _text(code: HeadlineCode, axes: dict[Axis, AxisValue], matches: tuple[Match, ...]) -> str:
    standing = "".join(
        f" {match.standing_detail}" for match in matches[:1] if match.standing is not Standing.CURRENT
    )
    found = axes[Axis.REGISTRATION].summary
    match code:
        case HeadlineCode.CREDENTIAL_INVALID:
            return axes[Axis.CREDENTIAL].summary + (f" {found}" if matches else "") + standing
        case HeadlineCode.ORIGIN_CONFLICTING | HeadlineCode.SIGNED_ORIGIN | HeadlineCode.UNSIGNED_MARK:
            return axes[Axis.DECLARED_ORIGIN].summary + (f" {found}" if matches else "") + standing
        case HeadlineCode.PROOF_BROKEN:
            return f"{axes[Axis.PROOF].summary} {found}"
        case (
            HeadlineCode.EXACT_MATCH
            | HeadlineCode.MATCH_WITH_DIFFERENCES
            | HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
            | HeadlineCode.POSSIBLE_MATCH
            | HeadlineCode.NOTHING_FOUND
            | HeadlineCode.NOT_CHECKED
        ):
            return found + standing
