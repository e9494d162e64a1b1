"""The credential axis: the state of the file's C2PA manifest and of its ingredients, in words.

Value judgements are left out on purpose (C2PA User Experience Guidance, "validation states").
"""

from collections.abc import Iterator
from typing import assert_never

from provenance.credentials.report import (
    CONTENT_PROBLEMS,
    CredentialReport,
    CredentialState,
    IngredientReport,
    explain_problem,
)
from provenance.message import Message
from provenance.quotation import quote
from provenance.verification.axes import Axis, Basis, Finding
from provenance.verification.evidence import Evidence, Match, MatchBasis
from provenance.verification.findings import registration
from provenance.verification.ranking import rank

NOT_CHECKED = "NOT_CHECKED"
"""Value of the axis when no file was handed in: an absent file is not an absent credential."""

METHOD = "c2pa"
TIME_STAMP, REDACTION = "TIME_STAMP", "REDACTION"
"""Codes of findings beside the state: what a time stamp says, and what was taken out of older credentials."""

_DOES_NOT_SHOW = Message("Whether what the signer states is true, or whether the picture shows what happened.")
_UNTRUSTED = "signingCredential.untrusted"
_EXPLAINED = 3  # problems that a sentence names; the report lists all


def assess(evidence: Evidence) -> tuple[str, str, tuple[Finding, ...]]:
    """Value of the axis, its summary, and its findings: each ingredient that does not hold is named."""
    if evidence.examination is None:
        return NOT_CHECKED, Message("No file was handed in, so its credential could not be read."), ()
    report = evidence.examination.credential
    closest = rank(evidence.matches)[:1]
    whole = next((match for match in closest if registration.is_whole(match)), None)
    summary = _describe(report, whole)
    own = _finding(report.state, summary)
    ingredients = (
        _finding(ingredient.state, sentence)
        for ingredient in report.ingredients
        if (sentence := _describe_ingredient(ingredient)) is not None
    )
    return report.state, summary, (own, *ingredients, *_read_besides(report))


def _read_besides(report: CredentialReport) -> Iterator[Finding]:
    """What the credential says of its time, and what was taken out of those that it builds on."""
    if not (report.state.validated or report.state is CredentialState.WELL_FORMED_ONLY):
        return
    for stamp in report.time_stamps:
        by = (
            Message("by the name of {authority}", authority=quote(stamp.authority))
            if stamp.authority
            else Message("who gives no name")
        )
        if stamp.time is None:
            yield _besides(
                report, TIME_STAMP, Message("A time stamp beside the signature cannot be read."), Message("Anybody.")
            )
            continue
        says = Message(
            "{by}, says that it was signed no later than {time:%Y-%m-%d %H:%M:%S} UTC", by=by, time=stamp.time
        )
        if stamp.trust_list is not None:
            whose = Message("An authority on the list for time stamps {trust_list}", trust_list=quote(stamp.trust_list))
            yield _besides(
                report, TIME_STAMP, Message("{whose}, {says}.", whose=whose, says=says), Message("That authority.")
            )
        else:
            whose = Message("Somebody on no list for time stamps used here")
            yield _besides(
                report,
                TIME_STAMP,
                Message("{whose}, {says}; it is not trusted.", whose=whose, says=says),
                Message("Anybody."),
            )
    if report.redactions:
        labels = list(dict.fromkeys(quote(uri.rpartition("/")[2]) for uri in report.redactions))
        more = Message(" and {explained} more", explained=len(labels) - _EXPLAINED) if len(labels) > _EXPLAINED else ""
        said = Message(
            "Signers took statements out of the credentials that this one builds on: {explained}",
            explained=", ".join(labels[:_EXPLAINED]),
        )
        yield _besides(
            report, REDACTION, Message("{said}{more}.", said=said, more=more), could_be_forged_by(report.state)
        )


def _besides(report: CredentialReport, code: str, summary: str, could_be_forged_by: str) -> Finding:
    return Finding(
        Axis.CREDENTIAL,
        code,
        summary,
        _basis(report.state),
        could_be_forged_by,
        Message("When the picture was made.") if code == TIME_STAMP else Message("What the statements said."),
        METHOD,
    )


def _finding(state: CredentialState, summary: str) -> Finding:
    return Finding(
        Axis.CREDENTIAL, state, summary, _basis(state), could_be_forged_by(state), _does_not_show(state), METHOD
    )


def _describe(report: CredentialReport, whole: Match | None) -> str:
    """What is established stands before the name, which the signer chose. `whole`: a record of these very pixels."""
    signer = quote(report.signer) if report.signer else None
    match report.state:
        case CredentialState.TRUSTED:
            listed = f" {quote(report.trust_list)}" if report.trust_list else ""
            return Message(
                "Signed by somebody on the trust list{listed}, {signer}.", listed=listed, signer=_by_name(signer)
            )
        case CredentialState.VALID_UNTRUSTED:
            return Message(
                "Signed by somebody on no trust list used here; the signature fits the file. The "
                "name on the certificate, which anybody could have put there: {signer}.",
                signer=signer or Message("none"),
            )
        case CredentialState.WELL_FORMED_ONLY:
            on = (
                Message("on the trust list {trust_list}", trust_list=quote(report.trust_list))
                if report.trust_list
                else Message("on no trust list used here")
            )
            return Message(
                "The signature fits the file, but its certificate was not valid any more, or not "
                "yet, and no trusted time stamp shows that it was signed in time. The certificate is "
                "{on}, {signer}.",
                on=on,
                signer=_by_name(signer),
            )
        case CredentialState.INVALID:
            if whole is not None and set(report.problems) - {_UNTRUSTED} <= CONTENT_PROBLEMS:
                return Message("{report} Disregard what the credential says.", report=_only_the_file(whole, report))
            return Message(
                "The content credential does not hold: {problems} Disregard what it says.",
                problems=_explain(report.problems),
            )
        case CredentialState.ABSENT:
            return Message("The file carries no content credential. Most news pictures lose it on the way.")
        case CredentialState.REMOTE_ONLY:
            at = f": {quote(report.remote_url)}" if report.remote_url else ""
            return Message("The file only names a credential kept elsewhere, which was not fetched{at}.", at=at)
        case CredentialState.UNREADABLE:
            return Message("A credential could not be read: {problems}", problems=_explain(report.problems))
        case _:
            assert_never(report.state)


def _by_name(quoted: str | None) -> str:
    return Message("by the name of {quoted}", quoted=quoted) if quoted else Message("who gives no name")


def _describe_ingredient(ingredient: IngredientReport) -> str | None:
    """A sentence on an ingredient whose credential is not in order; None where there is nothing to say."""
    named = Message("The ingredient {title}", title=quote(ingredient.title))
    match ingredient.state:
        case CredentialState.INVALID:
            return Message(
                "{named} has a credential that does not hold: {problems}",
                named=named,
                problems=_explain(ingredient.problems),
            )
        case CredentialState.WELL_FORMED_ONLY:
            return Message(
                "{named} was signed with a certificate that was not valid any more, or not yet.", named=named
            )
        case CredentialState.UNREADABLE:
            return Message(
                "{named} has a credential that could not be read: {problems}",
                named=named,
                problems=_explain(ingredient.problems),
            )
        case CredentialState.REMOTE_ONLY:
            at = f": {quote(ingredient.remote_url)}" if ingredient.remote_url else ""
            return Message(
                "{named} has a credential that is kept elsewhere and was not fetched{at}.", named=named, at=at
            )
        case CredentialState.VALID_UNTRUSTED:
            signer = quote(ingredient.signer) if ingredient.signer else None
            return Message(
                "{named} was signed by somebody on no trust list used here, {signer}.",
                named=named,
                signer=_by_name(signer),
            )
        case CredentialState.TRUSTED | CredentialState.ABSENT:
            return None
        case _:
            assert_never(ingredient.state)


def _only_the_file(match: Match, report: CredentialReport) -> str:
    """A credential whose hash does not fit the file, although every pixel is that of a record."""
    if match.basis is MatchBasis.BYTES:
        return Message("The content credential did not fit this file when it was registered, and does not now.")
    credential = match.record.credential
    if credential is not None and credential.manifest_id == report.manifest_id:
        return Message(
            "The content credential that was made for this record does not fit the file any "
            "more: every pixel is still the record's, so only the rest of the file was changed, "
            "as by writing a caption into it."
        )
    return Message(
        "The content credential does not fit the file. Every pixel is the record's: writing "
        "a caption or other metadata into a signed file is enough to break its credential."
    )


def _explain(problems: tuple[str, ...]) -> str:
    lines = dict.fromkeys(explain_problem(code) for code in problems if code != _UNTRUSTED)
    return Message.joined(" ", list(lines)[:_EXPLAINED]) if lines else Message("C2PA names no reason.")


def _basis(state: CredentialState) -> Basis:
    match state:
        case (
            CredentialState.TRUSTED
            | CredentialState.VALID_UNTRUSTED
            | CredentialState.WELL_FORMED_ONLY
            | CredentialState.INVALID
        ):
            return Basis.CRYPTOGRAPHIC
        case CredentialState.ABSENT | CredentialState.REMOTE_ONLY | CredentialState.UNREADABLE:
            return Basis.DETERMINISTIC_UNSIGNED
        case _:
            assert_never(state)


def could_be_forged_by(state: CredentialState) -> str:
    """Who could make a credential that is in this state."""
    match state:
        case CredentialState.TRUSTED:
            return Message("Whoever holds the signer's key.")
        case CredentialState.VALID_UNTRUSTED:
            return Message("Anybody: a certificate can be made with any name on it.")
        case CredentialState.WELL_FORMED_ONLY:
            return Message("Whoever came to hold the key, even long after its certificate had ended.")
        case CredentialState.UNREADABLE | CredentialState.REMOTE_ONLY:
            return Message("Anybody: nothing was checked.")
        case CredentialState.INVALID:
            return Message("Anybody can break a credential by changing the file.")
        case CredentialState.ABSENT:
            return Message("Anybody can remove a credential.")
        case _:
            assert_never(state)


def _does_not_show(state: CredentialState) -> str:
    match state:
        case CredentialState.TRUSTED | CredentialState.VALID_UNTRUSTED | CredentialState.WELL_FORMED_ONLY:
            return _DOES_NOT_SHOW
        case CredentialState.INVALID:
            return Message("Who changed the file, what was changed, or whether it was done to mislead.")
        case CredentialState.ABSENT | CredentialState.REMOTE_ONLY | CredentialState.UNREADABLE:
            return Message("Anything about how the picture was made.")
        case _:
            assert_never(state)
