"""A verdict: five axes, the standing of the record, and a headline chosen by precedence.

There is no score and no truth value: `bool(verdict)` raises, because every use of it would be a mistake.

What was not looked at, and why: part of every verdict, because unknown is not absent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Never

from provenance.answers import Wording
from provenance.credentials.report import CredentialState, explain_problem
from provenance.message import Message
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.verification.axes import Assessment, Axis, DeclaredOrigin, Finding, Proof, Registration, Standing
from provenance.verification.evidence import Evidence, Examination, Match, Resemblance, Unchecked
from provenance.verification.findings import credential, origin, proof, registration, resemblance, sources, standing
from provenance.verification.ranking import rank
from provenance.verification.wording import Facts, word


class HeadlineCode(StrEnum):
    """What a verdict opens with, in order of precedence."""

    CREDENTIAL_INVALID = "CREDENTIAL_INVALID"
    ORIGIN_CONFLICTING = "ORIGIN_CONFLICTING"
    PROOF_BROKEN = "PROOF_BROKEN"
    OLDER_REGISTRATION_DIFFERS = "OLDER_REGISTRATION_DIFFERS"
    EXACT_MATCH = "EXACT_MATCH"
    MATCH_WITH_DIFFERENCES = "MATCH_WITH_DIFFERENCES"
    MATCH_INSIDE_LARGER = "MATCH_INSIDE_LARGER"
    MATCH_NO_DIFFERENCE_FOUND = "MATCH_NO_DIFFERENCE_FOUND"
    SIGNED_LISTED = "SIGNED_LISTED"
    POSSIBLE_MATCH = "POSSIBLE_MATCH"
    SHARES_LAYOUT = "SHARES_LAYOUT"
    SIGNED_UNLISTED = "SIGNED_UNLISTED"
    UNSIGNED_MARK = "UNSIGNED_MARK"
    NOT_CHECKED = "NOT_CHECKED"
    NOTHING_FOUND = "NOTHING_FOUND"


@dataclass(frozen=True)
class AxisValue:
    """The value of one axis, and the sentence that says it."""

    value: str
    summary: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was found about one picture. Matches are ordered as `ranking.rank` orders them.

    `wordings` has what a reader is told first, in each language, English first; `details` the findings beside it.
    """

    headline: HeadlineCode
    wordings: tuple[Wording, ...]
    details: tuple[str, ...]
    axes: Mapping[Axis, AxisValue]
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...]
    not_checked: tuple[Unchecked, ...]
    evidence: Evidence

    @property
    def older(self) -> Resemblance | None:
        """The older registration that the headline is about, where it is about one."""
        return self.evidence.hidden if self.headline is HeadlineCode.OLDER_REGISTRATION_DIFFERS else None

    @property
    def headline_text(self) -> str:
        """The headline in English, with the findings that belong beside it."""
        return " ".join((self.wordings[0].text, *self.details))

    def __bool__(self) -> Never:
        raise TypeError("a verdict is neither true nor false: read its axes")


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
            Assessment.NOT_ASSESSED,
            Message("No statistical detection was run: such methods err too often on news pictures."),
        ),
    }
    matches = rank(evidence.matches)
    not_checked = list_unchecked(evidence)
    whole = bool(matches) and registration.is_whole(matches[0])
    older = evidence.hidden is not None
    code = headline(matched, state, declared, proven, whole=whole, hides_an_older_one=older)
    return Verdict(
        headline=code,
        wordings=word(Facts(code, matched, state, declared, matches, evidence)),
        details=_details(code, axes, evidence),
        axes=MappingProxyType(axes),
        findings=(
            *match_findings,
            *resemblance.assess(evidence),
            *standing.assess(evidence),
            *sources.assess(evidence),
            *proven_findings,
            *state_findings,
            *declared_findings,
        ),
        matches=matches,
        not_checked=not_checked,
        evidence=evidence,
    )


def headline(
    matched: Registration,
    state: str,
    declared: DeclaredOrigin,
    proven: Proof,
    *,
    whole: bool,
    hides_an_older_one: bool = False,
) -> HeadlineCode:
    """The first of the headlines that the values of the axes allow.

    Args:
        whole: every pixel is the record's. A credential that does not fit the file then says less than the match.
        hides_an_older_one: the match resembles an older registration of somebody else, inside which something differs.
    """
    if state == CredentialState.INVALID and not whole:
        return HeadlineCode.CREDENTIAL_INVALID
    if declared is DeclaredOrigin.CONFLICTING:
        return HeadlineCode.ORIGIN_CONFLICTING
    if proven is Proof.BROKEN:
        return HeadlineCode.PROOF_BROKEN
    if hides_an_older_one:
        return HeadlineCode.OLDER_REGISTRATION_DIFFERS
    if matched is Registration.EXACT_MATCH:
        return HeadlineCode.EXACT_MATCH
    if matched is Registration.MATCH_WITH_DIFFERENCES:
        return HeadlineCode.MATCH_WITH_DIFFERENCES
    if matched is Registration.MATCH_INSIDE_LARGER:
        return HeadlineCode.MATCH_INSIDE_LARGER
    if matched is Registration.MATCH_NO_DIFFERENCE_FOUND:
        return HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    if state == CredentialState.TRUSTED:
        return HeadlineCode.SIGNED_LISTED
    if matched is Registration.POSSIBLE_MATCH:
        return HeadlineCode.POSSIBLE_MATCH
    if matched is Registration.SHARES_LAYOUT:
        return HeadlineCode.SHARES_LAYOUT
    if state == CredentialState.VALID_UNTRUSTED:
        return HeadlineCode.SIGNED_UNLISTED
    if declared is DeclaredOrigin.UNSIGNED_AI_MARK:
        return HeadlineCode.UNSIGNED_MARK
    if matched is Registration.NOT_CHECKED:
        return HeadlineCode.NOT_CHECKED
    return HeadlineCode.NOTHING_FOUND


def _details(code: HeadlineCode, axes: Mapping[Axis, AxisValue], evidence: Evidence) -> tuple[str, ...]:
    """The findings that belong beside a headline, whole: reasons, names and what was declared."""
    credential_, declared = axes[Axis.CREDENTIAL], axes[Axis.DECLARED_ORIGIN]
    details = [resemblance.sentence(evidence)] if code is HeadlineCode.OLDER_REGISTRATION_DIFFERS else []
    details += [axes[Axis.PROOF].summary] if code is HeadlineCode.PROOF_BROKEN else []
    for match in rank(evidence.matches)[:1]:
        details += [axes[Axis.REGISTRATION].summary] if match.appearance is not AppearanceMatch.SAME else []
        details += [match.standing_detail] if match.standing is not Standing.CURRENT else []
        details += [source.detail for source in match.sources]
    told = (HeadlineCode.NOT_CHECKED, HeadlineCode.NOTHING_FOUND, HeadlineCode.SIGNED_LISTED)
    signed = (*told, HeadlineCode.SIGNED_UNLISTED)
    if credential_.value == CredentialState.INVALID or (evidence.examination is not None and code in signed):
        details.append(credential_.summary)
    if declared.value != DeclaredOrigin.NONE_FOUND and evidence.examination is not None:
        details.append(declared.summary)
    return tuple(dict.fromkeys(details))


ALWAYS = (
    Unchecked(Message("invisible watermarks (SynthID, Digimarc, TrustMark, Meta)"), Message("no open decoder exists")),
    Unchecked(Message("statistical detection of machine-made pictures"), Message("no method is turned on")),
)
"""What no verification here looks at."""


def list_unchecked(evidence: Evidence) -> tuple[Unchecked, ...]:
    """What the search left out, what could not be read in the file, and what is never looked at."""
    of_file = _of_file(evidence.examination) if evidence.examination is not None else ()
    return (*evidence.not_checked, *resemblance.not_checked(evidence), *_of_records(evidence), *of_file, *ALWAYS)


def _of_records(evidence: Evidence) -> Iterator[Unchecked]:
    for record in evidence.unproven:
        yield Unchecked(
            Message("record {record_id}…, to which this picture leads", record_id=record.record_id.hex()[:16]),
            record.why,
        )
    if any(match.receipt is not None and not match.receipt.log_key_pinned for match in evidence.matches):
        yield Unchecked(
            Message("whose log this is"),
            Message("no log key was pinned: its name is what the receipt claims, not verified"),
        )


def _of_file(examination: Examination) -> Iterator[Unchecked]:
    frames, credential = examination.subject.frames, examination.credential
    if frames is not None and frames > 1:
        yield Unchecked(
            Message("the frames or pages after the first"),
            Message("only the first is decoded and compared; digests of the bytes cover them all"),
        )
    if credential.state is CredentialState.REMOTE_ONLY:
        yield Unchecked(Message("a credential kept elsewhere"), Message("addresses inside a file are never fetched"))
    if credential.state is CredentialState.UNREADABLE:
        why = Message.joined(" ", (explain_problem(code) for code in credential.problems))
        yield Unchecked(Message("the file's content credential"), why or Message("it could not be read"))
    if credential.identity_unchecked:
        yield Unchecked(Message("the credential's identity assertion (CAWG)"), Message("it is not supported here"))
    if credential.padding_nonzero:
        yield Unchecked(
            Message("what the credential's padding holds"), Message("no signature covers it, and it is not empty")
        )
    if credential.unlisted:
        yield Unchecked(
            Message(
                "{unlisted:,} more of the credential's actions, source types and ingredients",
                unlisted=credential.unlisted,
            ),
            Message("all were judged; the report has room for 256 of each kind"),
        )
    for note in examination.declared.notes:
        yield Unchecked(Message("a part of the metadata"), note)
