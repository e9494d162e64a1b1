"""Exit statuses of reports."""

from typing import TYPE_CHECKING, NoReturn

import typer

from countermark.cli.output import explain
from provenance.errors import CountermarkError, Exit

if TYPE_CHECKING:
    from countermark.log.auditing import AuditReport
    from countermark.models import FileComparison, Report
    from provenance.receipts.other_formats import ProofReport
    from provenance.receipts.report import ReceiptReport

MEDIA_STEP, ORIGINS_STEP = 9, 11
"""Numbers of two steps of checking a receipt."""

_MATCHES = {"EXACT_MATCH", "MATCH_NO_DIFFERENCE_FOUND", "MATCH_INSIDE_LARGER"}
_PROVEN = {"PUBLISHED", "PUBLISHED_AND_COSIGNED"}


def of_report(report: "Report") -> Exit:
    """Satisfied if the picture matches a current, published registration without difference (also inside a larger
    picture) whose sources are not withdrawn, disputed or signed with a revoked key; no older registration by another
    publisher differs from it; and credential and declared origin do not contradict it.

    An unknown value counts as a finding.
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


def of_comparison(compared: "FileComparison") -> Exit:
    """Satisfied if no difference was found, also inside a larger picture. An unknown value counts as a finding."""
    return Exit.SATISFIED if compared.headline.code in _MATCHES else Exit.FINDINGS


def of_receipt(report: "ReceiptReport", *, stamp_asked: bool = False) -> Exit:
    """Satisfied if the receipt holds up to its origins, all of them stand, and the log's key is pinned.

    Anyone can run a log. A superseded registration is still satisfied. `stamp_asked`: the caller trusts a time-stamping
    authority, so that a time stamp which could not be checked makes the result incomplete.
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


def of_proof(report: "ProofReport") -> Exit:
    """Satisfied if the proof holds; incomplete if it neither holds nor fails."""
    if report.fails:
        return Exit.FINDINGS
    return Exit.SATISFIED if report.holds and _is_witnessed(report) else Exit.INCOMPLETE


def of_audit(report: "AuditReport") -> Exit:
    """Satisfied if all steps hold, and all requested signatures could be checked."""
    if not report.is_sound:
        return Exit.FINDINGS
    unchecked = report.signatures is not None and report.signatures.unchecked
    return Exit.INCOMPLETE if unchecked or not _is_witnessed(report) else Exit.SATISFIED


def _is_witnessed(report: "ReceiptReport | ProofReport | AuditReport") -> bool:
    """Whether the required cosignatures are present."""
    return report.witnessing is None or report.witnessing.enough


def exit_with(error: CountermarkError, name: object = None) -> NoReturn:
    """Ends the command with an error; `name` is the file that it is about."""
    explain(error, name)
    raise typer.Exit(error.exit_status) from error


def refuse(usage: str) -> NoReturn:
    """Ends the command with a usage error."""
    raise typer.BadParameter(usage)
