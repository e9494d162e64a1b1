"""The declared-origin axis: what the file states about how it was made.

A statement is not a fact: a camera has signed an imported machine-made picture. Only a validated
credential counts as signed; everything else in the file can be written by anybody. The terms are those
of the IPTC vocabulary of digital source types.
"""

from collections.abc import Iterator

from provenance.credentials.report import CredentialState
from provenance.verdict.axes import Axis, Basis, DeclaredOrigin, Proof
from provenance.verdict.evidence import Evidence, Examination, MatchBasis
from provenance.verdict.finding import Finding
from provenance.vocabulary import Meaning, find_digital_source_type

C2PA_METHOD = "c2pa"
RECORD_METHOD = "countermark-record-1"

_DOES_NOT_SHOW = "Whether the statement is true."
_SIGNED: dict[Meaning, DeclaredOrigin] = {
    "ai_generated": DeclaredOrigin.SIGNED_AI_GENERATED,
    "ai_edited": DeclaredOrigin.SIGNED_AI_EDITED,
    "capture": DeclaredOrigin.SIGNED_CAPTURE,
    "other": DeclaredOrigin.NONE_FOUND,
}
_UNSIGNED: dict[Meaning, DeclaredOrigin] = {
    "ai_generated": DeclaredOrigin.UNSIGNED_AI_MARK,
    "ai_edited": DeclaredOrigin.UNSIGNED_AI_MARK,
    "capture": DeclaredOrigin.NONE_FOUND,
    "other": DeclaredOrigin.NONE_FOUND,
}
_MARK_SUMMARY: dict[Meaning, str] = {
    "ai_generated": "states that the picture was made by a trained AI model",
    "ai_edited": "states that the picture was edited with a trained AI model",
    "capture": "states that the picture was captured",
}
_MACHINE = frozenset[Meaning]({"ai_generated", "ai_edited"})
_UNREAD = (CredentialState.UNREADABLE, CredentialState.REMOTE_ONLY)
_DISREGARDED = (CredentialState.INVALID, CredentialState.WELL_FORMED_ONLY)

_Stated = tuple[Meaning, Finding]


def assess(evidence: Evidence) -> tuple[DeclaredOrigin, str, tuple[Finding, ...]]:
    """Value of the axis, its summary, and a finding for each statement.

    What the publishers of matched records state is among the findings and does not move the axis: that speaks
    of the file at hand.
    """
    registered = tuple(_publishers_statements(evidence))
    examination = evidence.examination
    if examination is None:
        return DeclaredOrigin.NOT_CHECKED, "No file was handed in, so its statements could not be read.", registered
    signed, unsigned = list(_signed(examination)), list(_unsigned(examination))
    value = _value({meaning for meaning, _ in signed}, {meaning for meaning, _ in unsigned}, examination)
    findings = tuple(finding for _, finding in (*signed, *unsigned))
    return value, _summary(value, findings, examination.credential.state), (*findings, *registered)


def _signed(examination: Examination) -> Iterator[_Stated]:
    """What the validated credential states, and of its ingredients those that a machine had a part in."""
    credential = examination.credential
    if not credential.state.validated:
        return
    for source_type in credential.digital_source_types:
        if (term := find_digital_source_type(source_type)) is not None:
            yield term.meaning, _by_credential(term.meaning, f"states that the picture was {term.label} ({term.name})")
    for ingredient in credential.ingredients:
        if not ingredient.state.validated or ingredient.relationship == "inputTo":
            continue
        for source_type in ingredient.digital_source_types:
            term = find_digital_source_type(source_type)
            if term is None or term.meaning not in _MACHINE:
                continue
            # A parent is the picture at an earlier stage; of a component only a part is to be seen.
            meaning: Meaning = term.meaning if ingredient.relationship == "parentOf" else "ai_edited"
            states = f"holds an ingredient, “{ingredient.title}”, stated to be {term.label} ({term.name})"
            yield meaning, _by_credential(meaning, states)


def _by_credential(meaning: Meaning, states: str) -> Finding:
    return Finding(
        Axis.DECLARED_ORIGIN,
        _SIGNED[meaning],
        f"The content credential {states}.",
        Basis.CRYPTOGRAPHIC,
        "Whoever holds the signing key; it is the signer's statement.",
        _DOES_NOT_SHOW,
        C2PA_METHOD,
    )


def _unsigned(examination: Examination) -> Iterator[_Stated]:
    for mark in examination.declared.marks:
        if mark.meaning in _MARK_SUMMARY:
            yield (
                mark.meaning,
                Finding(
                    Axis.DECLARED_ORIGIN,
                    _UNSIGNED[mark.meaning],
                    f"A mark in {mark.location} ({mark.kind}) {_MARK_SUMMARY[mark.meaning]}; nobody signed it.",
                    Basis.DETERMINISTIC_UNSIGNED,
                    "Anybody with a metadata editor.",
                    _DOES_NOT_SHOW,
                    mark.kind,
                ),
            )


def _publishers_statements(evidence: Evidence) -> Iterator[Finding]:
    for match in evidence.matches:
        stated = match.record.digital_source_type
        term = find_digital_source_type(stated) if stated is not None else None
        if term is None or match.proof is Proof.BROKEN or match.basis is MatchBasis.FINGERPRINT:
            continue
        yield Finding(
            Axis.DECLARED_ORIGIN,
            _SIGNED[term.meaning],
            f"{match.publisher.name} states in record {match.index} that the registered picture was {term.label} "
            f"({term.name}).",
            Basis.CRYPTOGRAPHIC,
            "Whoever holds the publisher's key; it is the publisher's statement.",
            f"{_DOES_NOT_SHOW} It is about the registered picture, not about what was changed since.",
            RECORD_METHOD,
        )


def _value(signed: set[Meaning], unsigned: set[Meaning], examination: Examination) -> DeclaredOrigin:
    if "capture" in signed:
        # A capture that was edited with AI, both signed, is a history. A capture that a model made is none, and a
        # signature covers the marks too: whoever signed "captured" signed the file with the mark of a generator.
        unexplained = unsigned & _MACHINE and "ai_edited" not in signed
        if "ai_generated" in signed or unexplained:
            return DeclaredOrigin.CONFLICTING
    for meaning in ("ai_generated", "ai_edited", "capture"):
        if meaning in signed:
            return _SIGNED[meaning]
    if unsigned & _MACHINE:
        return DeclaredOrigin.UNSIGNED_AI_MARK
    if examination.declared.notes or examination.credential.state in _UNREAD:
        return DeclaredOrigin.NOT_CHECKED
    return DeclaredOrigin.NONE_FOUND


def _summary(value: DeclaredOrigin, findings: tuple[Finding, ...], state: CredentialState) -> str:
    if value is DeclaredOrigin.NOT_CHECKED:
        return "A part of what the file states could not be read; in the rest nothing says that a machine made it."
    if value is DeclaredOrigin.CONFLICTING:
        said = " ".join(dict.fromkeys(finding.summary for finding in findings))
        return f"The statements in the file about how it was made contradict each other. {said}"
    if value is DeclaredOrigin.NONE_FOUND and not findings:
        if state in _DISREGARDED:
            return "What the content credential states about how the picture was made is disregarded."
        return "Nothing in the file says how the picture was made. Absence of a mark says nothing either way."
    return next(finding.summary for finding in findings if finding.code == value)
