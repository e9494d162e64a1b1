"""The credential axis: the state of the file's C2PA manifest, in words."""

from typing import assert_never

from provenance.credentials.report import CredentialReport, CredentialState
from provenance.verdict.axes import Axis, Basis
from provenance.verdict.evidence import Evidence
from provenance.verdict.finding import Finding

NOT_CHECKED = "NOT_CHECKED"
"""Value of the axis when no file was handed in: an absent file is not an absent credential."""

_DOES_NOT_SHOW = "Whether what the signer states is true, or whether the picture shows what happened."


def assess(evidence: Evidence) -> tuple[str, str, tuple[Finding, ...]]:
    """Value of the axis, its one-sentence summary, and its findings (bad ingredients are named)."""
    if evidence.examination is None:
        return NOT_CHECKED, "No file was handed in, so its credential could not be read.", ()
    report = evidence.examination.credential
    summary = describe(report)
    finding = Finding(
        Axis.CREDENTIAL,
        report.state,
        summary,
        Basis.DETERMINISTIC_UNSIGNED if report.state is CredentialState.ABSENT else Basis.CRYPTOGRAPHIC,
        _could_be_forged_by(report.state),
        _DOES_NOT_SHOW,
        "c2pa",
    )
    ingredients = tuple(
        Finding(
            Axis.CREDENTIAL,
            ingredient.state,
            f"The ingredient “{ingredient.title or 'untitled'}” has a credential that does not hold: "
            f"{', '.join(ingredient.problems)}.",
            Basis.CRYPTOGRAPHIC,
            "Whoever made the ingredient.",
            _DOES_NOT_SHOW,
            "c2pa",
        )
        for ingredient in report.ingredients
        if ingredient.problems
    )
    return report.state, summary, (finding, *ingredients)


def describe(report: CredentialReport) -> str:
    """One sentence on the state of a credential; value judgements are left out on purpose (C2PA UX guidance)."""
    signer = report.signer or "an unnamed signer"
    match report.state:
        case CredentialState.TRUSTED:
            return f"Signed by {signer}, whose certificate is on the trust list “{report.trust_list}”."
        case CredentialState.VALID_UNTRUSTED:
            return f"Signed by {signer}; the signature fits the file, and the certificate is on no trust list in use here."
        case CredentialState.WELL_FORMED_ONLY:
            return "A credential is there and well-formed, but its signature could not be checked."
        case CredentialState.INVALID:
            return "The credential does not fit this file, or its signature fails: disregard what it says."
        case CredentialState.ABSENT:
            return "The file carries no content credential. Most news pictures lose it on the way."
        case CredentialState.REMOTE_ONLY:
            return "The file only names a credential kept elsewhere, which was not fetched."
        case CredentialState.UNREADABLE:
            return "A credential is there and could not be read."
        case _:
            assert_never(report.state)


def _could_be_forged_by(state: CredentialState) -> str:
    match state:
        case CredentialState.TRUSTED:
            return "Whoever holds the signer's key."
        case CredentialState.VALID_UNTRUSTED:
            return "Anybody can make a certificate with any name on it."
        case CredentialState.WELL_FORMED_ONLY | CredentialState.UNREADABLE | CredentialState.REMOTE_ONLY:
            return "Anybody: nothing was checked."
        case CredentialState.INVALID:
            return "Anybody can break a credential by changing the file."
        case CredentialState.ABSENT:
            return "Anybody can remove a credential."
        case _:
            assert_never(state)
