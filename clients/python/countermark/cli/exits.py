"""Exit statuses: what a command found, as a number that scripts can rely on."""

from typing import TYPE_CHECKING, NoReturn

import typer

from countermark.cli.output import explain
from countermark.receipts import ORIGINS_STEP
from provenance.errors import CountermarkError, Exit
from provenance.receipts.other_formats import ProofReport
from provenance.receipts.report import ReceiptReport

if TYPE_CHECKING:
    from countermark.log.auditing import AuditReport
    from countermark.models import Report


_MATCHES = {"EXACT_MATCH", "MATCH_NO_DIFFERENCE_FOUND", "MATCH_INSIDE_LARGER"}
_PROVEN = {"PUBLISHED", "PUBLISHED_AND_COSIGNED"}


def of_report(report: "Report") -> Exit:
    """Satisfied: it matches a current, published registration without difference, be it inside a larger picture, made
    from nothing that was withdrawn, is disputed or was signed with a revoked key; no older registration of somebody
    else differs from it within what both show; and nothing in the file contradicts.

    A value that this version does not know is a finding: somebody has to look at it.
    """
    axes = report.axes
    if axes.registration.value == "NOT_CHECKED":
        return Exit.INCOMPLETE
    satisfied = (
        axes.registration.value in _MATCHES
        and report.headline.code != "OLDER_REGISTRATION_DIFFERS"
        and axes.credential.value != "INVALID"
        and axes.declared_origin.value != "CONFLICTING"
        and axes.proof.value in _PROVEN | {"SEQUENCED"}
        and all(match.standing.value == "current" and not match.sources for match in report.matches[:1])
    )
    if not satisfied:
        return Exit.FINDINGS
    return Exit.SATISFIED if axes.proof.value in _PROVEN else Exit.INCOMPLETE


def of_receipt(report: ReceiptReport, *, stamp_asked: bool = False) -> Exit:
    """Satisfied: it holds up to its origins, all of them stand, and it is of a log whose key the caller knows.

    Anybody can make a log of their own. A superseded registration still is what it was. `stamp_asked`: the caller names
    an authority, so that a time stamp which could not be checked leaves the answer incomplete.
    """
    if not report.holds or report.withdrawn or report.disputed or report.key_compromised or report.contested_origins:
        return Exit.FINDINGS
    proven = (
        report.log_key_pinned
        and report.chain is not None
        and report.steps[ORIGINS_STEP - 1].outcome == "holds"
        and report.key_compromised is False
        and report.disputed is False
        and not report.truncated
        and (report.timestamp is not None or not stamp_asked)
        and _is_witnessed(report)
    )
    return Exit.SATISFIED if proven else Exit.INCOMPLETE


def of_proof(report: ProofReport) -> Exit:
    """As of a receipt; a file that neither holds nor fails could not be checked."""
    if report.fails:
        return Exit.FINDINGS
    return Exit.SATISFIED if report.holds and _is_witnessed(report) else Exit.INCOMPLETE


def of_audit(report: "AuditReport") -> Exit:
    """Satisfied: all steps hold, and no signature that was to be checked could not be."""
    if not report.is_sound:
        return Exit.FINDINGS
    unchecked = report.signatures is not None and report.signatures.unchecked
    return Exit.INCOMPLETE if unchecked or not _is_witnessed(report) else Exit.SATISFIED


def _is_witnessed(report: "ReceiptReport | ProofReport | AuditReport") -> bool:
    """The cosignatures that the caller asks for are there."""
    return report.witnessing is None or report.witnessing.enough


def leave_with(error: CountermarkError, name: object = None) -> NoReturn:
    """End the command over an error, of the file of that name."""
    explain(error, name)
    raise typer.Exit(error.exit_status) from error


def refuse(usage: str) -> NoReturn:
    """End the command over the way it was called."""
    raise typer.BadParameter(usage)
