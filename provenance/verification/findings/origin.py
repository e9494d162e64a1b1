"""The declared-origin axis: what the file states about how it was made.

A statement is not a fact: a camera has signed an imported machine-made picture. Only a validated
credential counts as signed; everything else in the file can be written by anybody. The terms are those
of the IPTC vocabulary of digital source types.
"""

from collections.abc import Iterator

from provenance.credentials.report import CredentialState, IngredientReport
from provenance.quotation import quote
from provenance.verification.axes import Axis, Basis, DeclaredOrigin, Finding, Proof
from provenance.verification.evidence import Evidence, Examination, MatchBasis
from provenance.verification.findings.credential import could_be_forged_by
from provenance.vocabulary import MACHINE, Meaning, find_stated_source_type

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
_SOURCE_TYPE_MARK = "iptc.digital_source_type"
_UNREAD = (CredentialState.UNREADABLE, CredentialState.REMOTE_ONLY)
_DISREGARDED = (CredentialState.INVALID, CredentialState.WELL_FORMED_ONLY)

_Stated = tuple[Meaning | None, Finding]
"""A statement, and what it says about AI and capture: None for a term that is not known here."""


def assess(evidence: Evidence) -> tuple[DeclaredOrigin, str, tuple[Finding, ...]]:
    """Value of the axis, its summary, and a finding for each statement.

    What the publishers of matched records state is among the findings and does not move the axis: that speaks
    of the file at hand.
    """
    registered = tuple(_publishers_statements(evidence))
    examination = evidence.examination
    if examination is None:
        return DeclaredOrigin.NOT_CHECKED, "No file was handed in, so its statements could not be read.", registered
    signed, unsigned = list(_signed_statements(examination)), list(_unsigned_statements(examination))
    value = _value({meaning for meaning, _ in signed}, {meaning for meaning, _ in unsigned}, examination)
    findings = tuple(finding for _, finding in (*signed, *unsigned))
    return value, _summary(value, findings, examination.credential.state), (*findings, *registered)


def _signed_statements(examination: Examination) -> Iterator[_Stated]:
    """What the validated credential states, and of its ingredients what says that a machine had a part."""
    credential = examination.credential
    if not credential.state.validated:
        return
    says = f"{_speaker(credential.state)} states that"
    for source_type in credential.digital_source_types:
        yield _by_credential(credential.state, source_type, says, "the picture was {}")
    for source_type in credential.later_source_types:
        yield _by_credential(
            credential.state, source_type, says, "something {} came into it in a later step", part=True
        )
    for model in credential.ai_models:
        yield (
            "ai_edited",
            _finding("ai_edited", credential.state, f"{says} an AI model had a part in it{_model(model)}."),
        )
    for ingredient in credential.ingredients:
        if _is_opened_file(ingredient) and ingredient.assigned_source_type is not None:
            yield _by_credential(credential.state, ingredient.assigned_source_type, says, "the picture was {}")
        elif _role(ingredient) != "inputTo":
            yield from _of_ingredient(ingredient, credential.state)


def _of_ingredient(ingredient: IngredientReport, holder: CredentialState) -> Iterator[_Stated]:
    """What says that a machine made an ingredient or had a part in it, and terms that are not known here.

    A parent is the picture at an earlier stage; of a component only a part is to be seen.
    """
    part = _role(ingredient) != "parentOf"
    holds = f"{_speaker(holder)} holds an ingredient, {quote(ingredient.title)}; "
    stated: list[_Stated] = []
    if ingredient.state.validated:
        weaker = _weaker(holder, ingredient.state)
        says = f"{holds}{_speaker(ingredient.state, 'its own')} states that it"
        stated += [_by_credential(weaker, each, says, "was {}", part=part) for each in ingredient.digital_source_types]
        stated += [
            _by_credential(weaker, each, says, "holds something {}", part=True)
            for each in ingredient.later_source_types
        ]
        stated += [
            ("ai_edited", _finding("ai_edited", weaker, f"{says} was made or edited with an AI model{_model(each)}."))
            for each in ingredient.ai_models
        ]
    if ingredient.assigned_source_type is not None and ingredient.assigned_by.validated:
        weaker = _weaker(holder, ingredient.assigned_by)
        says = f"{holds}whoever put it in states that it"
        stated.append(_by_credential(weaker, ingredient.assigned_source_type, says, "was {}", part=part))
    yield from (each for each in stated if each[0] is None or each[0] in MACHINE)


def _is_opened_file(ingredient: IngredientReport) -> bool:
    """Whether it is the picture itself, without credentials, as the signer opened it (C2PA 2.4, section 18.16)."""
    return _role(ingredient) == "parentOf" and ingredient.depth == 1 and ingredient.state is CredentialState.ABSENT


def _role(ingredient: IngredientReport) -> str | None:
    return ingredient.role or ingredient.relationship


def _weaker(one: CredentialState, other: CredentialState) -> CredentialState:
    unlisted = CredentialState.VALID_UNTRUSTED
    return unlisted if unlisted in (one, other) else CredentialState.TRUSTED


def _speaker(state: CredentialState, whose: str = "The") -> str:
    """Who states something, of a credential that verifies: what rests on nobody known says so first."""
    if state is CredentialState.TRUSTED:
        return f"{whose} content credential"
    article = "A" if whose == "The" else whose
    return f"{article} content credential whose signer is on no trust list used here"


def _model(name: str) -> str:
    return f": {quote(name)}" if name else ""


def _by_credential(state: CredentialState, source_type: str, says: str, what: str, *, part: bool = False) -> _Stated:
    """`part`: it is about a part of the picture, so that no more than an edit follows for the whole."""
    term = find_stated_source_type(source_type)
    if term is None:
        unknown = f"{says.removesuffix(' that').removesuffix(' that it')} a source type that is not known here: "
        return None, _finding(None, state, f"{unknown}{quote(source_type)}.")
    meaning: Meaning = term.meaning
    if part and meaning != "other":
        meaning = "ai_edited" if meaning in MACHINE else "other"
    return meaning, _finding(meaning, state, f"{says} {what.format(term.label)} ({term.name}).")


def _finding(meaning: Meaning | None, state: CredentialState, summary: str) -> Finding:
    return Finding(
        Axis.DECLARED_ORIGIN,
        _SIGNED[meaning] if meaning is not None else DeclaredOrigin.NOT_CHECKED,
        summary,
        Basis.CRYPTOGRAPHIC,
        "Whoever holds the signing key; it is the signer's statement."
        if state is CredentialState.TRUSTED
        else could_be_forged_by(state),
        _DOES_NOT_SHOW,
        C2PA_METHOD,
    )


def _unsigned_statements(examination: Examination) -> Iterator[_Stated]:
    for mark in examination.declared.marks:
        meaning: Meaning | None = mark.meaning
        if mark.meaning in _MARK_SUMMARY:
            says = _MARK_SUMMARY[mark.meaning]
        elif mark.kind == _SOURCE_TYPE_MARK and find_stated_source_type(mark.value) is None:
            meaning, says = None, f"states a source type that is not known here, {quote(mark.value)}"
        else:
            continue
        yield (
            meaning,
            Finding(
                Axis.DECLARED_ORIGIN,
                _UNSIGNED[meaning] if meaning is not None else DeclaredOrigin.NOT_CHECKED,
                f"A mark in {mark.location} ({mark.kind}) {says}; nobody signed it.",
                Basis.DETERMINISTIC_UNSIGNED,
                "Anybody with a metadata editor.",
                _DOES_NOT_SHOW,
                mark.kind,
            ),
        )


def _publishers_statements(evidence: Evidence) -> Iterator[Finding]:
    for match in evidence.matches:
        stated = match.record.digital_source_type
        term = find_stated_source_type(stated) if stated is not None else None
        if term is None or match.proof is Proof.BROKEN or match.basis is MatchBasis.FINGERPRINT:
            continue
        yield Finding(
            Axis.DECLARED_ORIGIN,
            _SIGNED[term.meaning],
            f"{quote(match.publisher.name)} states in record {match.index} that the registered picture was "
            f"{term.label} ({term.name}).",
            Basis.CRYPTOGRAPHIC,
            "Whoever holds the publisher's key; it is the publisher's statement.",
            f"{_DOES_NOT_SHOW} It is about the registered picture, not about what was changed since.",
            RECORD_METHOD,
        )


def _value(signed: set[Meaning | None], unsigned: set[Meaning | None], examination: Examination) -> DeclaredOrigin:
    if "capture" in signed:
        # A capture that was edited with AI, both signed, is a history; a capture that a model made is a
        # contradiction. A signature covers the marks too: whoever signed "captured" signed the file with them.
        unexplained = unsigned & MACHINE and "ai_edited" not in signed
        if "ai_generated" in signed or unexplained:
            return DeclaredOrigin.CONFLICTING
    for meaning in ("ai_generated", "ai_edited", "capture"):
        if meaning in signed:
            return _SIGNED[meaning]
    if unsigned & MACHINE:
        return DeclaredOrigin.UNSIGNED_AI_MARK
    if None in signed | unsigned or examination.declared.notes or examination.credential.state in _UNREAD:
        return DeclaredOrigin.NOT_CHECKED
    return DeclaredOrigin.NONE_FOUND


def _summary(value: DeclaredOrigin, findings: tuple[Finding, ...], state: CredentialState) -> str:
    unknown = [finding.summary for finding in findings if finding.code is DeclaredOrigin.NOT_CHECKED]
    match value:
        case DeclaredOrigin.NOT_CHECKED:
            left = unknown or ["A part of what the file states could not be read."]
            return " ".join(dict.fromkeys([*left, "In the rest nothing says that a machine made it."]))
        case DeclaredOrigin.CONFLICTING:
            first = ["The signer is on no trust list used here."] if state is CredentialState.VALID_UNTRUSTED else []
            said = [finding.summary for finding in findings]
            contradict = "The statements in the file about how it was made contradict each other."
            return " ".join(dict.fromkeys([*first, contradict, *said]))
        case DeclaredOrigin.NONE_FOUND if not findings:
            if state in _DISREGARDED:
                return "What the content credential states about how the picture was made is disregarded."
            return "Nothing in the file says how the picture was made. Absence of a mark says nothing either way."
        case _:
            stated = next(finding.summary for finding in findings if finding.code == value)
            return " ".join(dict.fromkeys([stated, *unknown]))
