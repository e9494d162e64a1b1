"""The proof axis: how far the closest record can be checked without trusting its registry."""

from typing import assert_never

from provenance.verdict.axes import Axis, Basis, Proof
from provenance.verdict.evidence import Evidence, Match
from provenance.verdict.finding import Finding
from provenance.verdict.registration import by_closeness

METHOD = "countermark-receipt-1"


def assess(evidence: Evidence) -> tuple[Proof, str, tuple[Finding, ...]]:
    """Value for the closest match, its summary, and a finding for each match."""
    if not evidence.matches:
        return Proof.NO_RECORD, "There is no record to prove.", ()
    findings = tuple(_finding(match) for match in by_closeness(evidence.matches))
    closest = by_closeness(evidence.matches)[0]
    return closest.proof, findings[0].summary, findings


def _finding(match: Match) -> Finding:
    return Finding(
        Axis.PROOF,
        match.proof,
        _summary(match),
        Basis.CRYPTOGRAPHIC,
        "The registry's operator together with whoever holds the publisher's key; an outside copy of the log shows it."
        if match.proof is not Proof.BROKEN
        else "Anybody: the proof does not hold.",
        "That what the publisher stated is true.",
        METHOD,
    )


def _summary(match: Match) -> str:
    match match.proof:
        case Proof.PUBLISHED_AND_COSIGNED:
            return f"Record {match.index} is in the published log, and independent witnesses have countersigned it."
        case Proof.PUBLISHED:
            return f"Record {match.index} is in the published log; no independent witness has countersigned it yet."
        case Proof.SEQUENCED:
            return f"Record {match.index} is stored; no published checkpoint covers it yet."
        case Proof.BROKEN:
            failed = next((step for step in match.receipt.steps if step.outcome == "fails"), None)
            where = f" at step {failed.number} ({failed.name}): {failed.detail}" if failed else ""
            return f"The proof of record {match.index} does not hold{where}."
        case Proof.NO_RECORD:
            return "There is no record to prove."
        case _:
            assert_never(match.proof)
