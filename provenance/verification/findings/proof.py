"""The proof axis: how far the closest record can be checked without trusting its registry."""

from typing import assert_never

from provenance.message import Message
from provenance.verification.axes import Axis, Basis, Finding, Proof
from provenance.verification.evidence import Evidence, Match, Unproven
from provenance.verification.ranking import rank

METHOD = "countermark-receipt-1"

_NO_RECORD = Message("There is no record to prove.")


def assess(evidence: Evidence) -> tuple[Proof, str, tuple[Finding, ...]]:
    """Value for the closest match, its summary, and a finding for each record that the picture leads to."""
    ordered = rank(evidence.matches)
    findings = (*map(_finding, ordered), *map(_unproven, evidence.unproven))
    if not findings:
        return Proof.NO_RECORD, _NO_RECORD, ()
    return ordered[0].proof if ordered else Proof.BROKEN, findings[0].summary, findings


def _finding(match: Match) -> Finding:
    return Finding(
        Axis.PROOF,
        match.proof,
        _summary(match),
        Basis.DETERMINISTIC_UNSIGNED if match.proof is Proof.SEQUENCED else Basis.CRYPTOGRAPHIC,
        _could_be_forged_by(match.proof),
        _does_not_show(match.proof),
        METHOD,
    )


def _unproven(record: Unproven) -> Finding:
    return Finding(
        Axis.PROOF,
        Proof.BROKEN,
        Message(
            "The registry cannot prove record {record_id}…, to which this picture leads: {why}.",
            record_id=record.record_id.hex()[:16],
            why=record.why,
        ),
        Basis.CRYPTOGRAPHIC,
        _could_be_forged_by(Proof.BROKEN),
        _does_not_show(Proof.BROKEN),
        METHOD,
    )


def _summary(match: Match) -> str:
    match match.proof:
        case Proof.PUBLISHED_AND_COSIGNED:
            return Message(
                "Record {index} is in the published log, and independent witnesses have countersigned it.",
                index=match.index,
            )
        case Proof.PUBLISHED:
            return Message(
                "Record {index} is in the published log; no independent witness has countersigned it yet.",
                index=match.index,
            )
        case Proof.SEQUENCED:
            return Message("Record {index} is stored; no published checkpoint covers it yet.", index=match.index)
        case Proof.BROKEN:
            steps = match.receipt.steps if match.receipt is not None else ()
            failed = next((step for step in steps if step.outcome == "fails"), None)
            where = (
                Message(
                    " at step {number} ({name}): {detail}",
                    number=failed.number,
                    name=Message(failed.name),
                    detail=failed.detail,
                )
                if failed
                else ""
            )
            return Message("The proof of record {index} does not hold{where}.", index=match.index, where=where)
        case Proof.NO_RECORD:
            return _NO_RECORD
        case _:
            assert_never(match.proof)


def _could_be_forged_by(proof: Proof) -> str:
    match proof:
        case Proof.PUBLISHED_AND_COSIGNED:
            return Message("The registry's operator together with its witnesses and whoever holds the publisher's key.")
        case Proof.PUBLISHED:
            return Message(
                "The registry's operator together with whoever holds the publisher's key; a copy of "
                "the log that was kept elsewhere shows it."
            )
        case Proof.SEQUENCED:
            return Message("The registry's operator: nothing is published yet.")
        case Proof.BROKEN:
            return Message("Whoever can write to the registry's store: the proof does not hold.")
        case Proof.NO_RECORD:
            return Message("Nobody: nothing is claimed.")
        case _:
            assert_never(proof)


def _does_not_show(proof: Proof) -> str:
    match proof:
        case Proof.PUBLISHED_AND_COSIGNED:
            return Message("That what the publisher stated is true.")
        case Proof.PUBLISHED:
            return Message("That what the publisher stated is true, or that the log shows everybody the same.")
        case Proof.SEQUENCED:
            return Message("That what the publisher stated is true, or that the record will be published.")
        case Proof.BROKEN:
            return Message("Who is at fault: the publisher, the registry, or somebody who got at its store.")
        case Proof.NO_RECORD:
            return Message("That there is none elsewhere.")
        case _:
            assert_never(proof)
