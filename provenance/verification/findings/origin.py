"""The declared-origin axis: what the file states about how it was made.

A statement is not a fact: a camera has signed an imported machine-made picture. Only a validated
credential counts as signed; everything else in the file can be written by anybody. The terms are those
of the IPTC vocabulary of digital source types.
"""

from collections.abc import Iterator

from provenance.credentials.report import CredentialState, IngredientReport
from provenance.message import Message
from provenance.quotation import quote
from provenance.verification.axes import Axis, Basis, DeclaredOrigin, Finding, Proof
from provenance.verification.evidence import Evidence, Examination, MatchBasis
from provenance.verification.findings.credential import could_be_forged_by
from provenance.vocabulary import MACHINE, Meaning, find_stated_source_type

C2PA_METHOD = "c2pa"
RECORD_METHOD = "countermark-record-1"

_DOES_NOT_SHOW = Message("Whether the statement is true.")
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
    "ai_generated": Message("states that the picture was made by a trained AI model"),
    "ai_edited": Message("states that the picture was edited with a trained AI model"),
    "capture": Message("states that the picture was captured"),
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
        return (
            DeclaredOrigin.NOT_CHECKED,
            Message("No file was handed in, so its statements could not be read."),
            registered,
        )
    signed, unsigned = list(_signed_statements(examination)), list(_unsigned_statements(examination))
    value = _value({meaning for meaning, _ in signed}, {meaning for meaning, _ in unsigned}, examination)
    findings = tuple(finding for _, finding in (*signed, *unsigned))
    return value, _summary(value, findings, examination.credential.state), (*findings, *registered)


def _signed_statements(examination: Examination) -> Iterator[_Stated]:
    """What the validated credential states, and of its ingredients what says that a machine had a part."""
    credential = examination.credential
    if not credential.state.validated:
        return
    speaker = _LISTED if credential.state is CredentialState.TRUSTED else _UNLISTED
    for source_type in credential.digital_source_types:
        yield _by_credential(credential.state, source_type, speaker, _THE_PICTURE)
    for source_type in credential.later_source_types:
        yield _by_credential(credential.state, source_type, speaker, _LATER, part=True)
    for model in credential.ai_models:
        said = Message(
            "{speaker} states that an AI model had a part in it{model}.", speaker=speaker, model=_model(model)
        )
        yield "ai_edited", _finding("ai_edited", credential.state, said)
    for ingredient in credential.ingredients:
        if _is_opened_file(ingredient) and ingredient.assigned_source_type is not None:
            yield _by_credential(credential.state, ingredient.assigned_source_type, speaker, _THE_PICTURE)
        elif _role(ingredient) != "inputTo":
            yield from _of_ingredient(ingredient, credential.state)


_LISTED = Message("The content credential")
_UNLISTED = Message("A content credential whose signer is on no trust list used here")
"""Who states something, of a credential that verifies: what rests on nobody known says so first."""

_THE_PICTURE = Message("{speaker} states that the picture was {label} ({name}).")
_LATER = Message("{speaker} states that something {label} came into it in a later step ({name}).")
_INGREDIENT = Message("{speaker} states that it was {label} ({name}).")
_LATER_IN_INGREDIENT = Message("{speaker} states that it holds something {label} ({name}).")


def _of_ingredient(ingredient: IngredientReport, holder: CredentialState) -> Iterator[_Stated]:
    """What says that a machine made an ingredient or had a part in it, and terms that are not known here.

    A parent is the picture at an earlier stage; of a component only a part is to be seen.
    """
    part = _role(ingredient) != "parentOf"
    holds = Message(
        "{holder} holds an ingredient, {title};",
        holder=_LISTED if holder is CredentialState.TRUSTED else _UNLISTED,
        title=quote(ingredient.title),
    )
    stated: list[_Stated] = []
    if ingredient.state.validated:
        weaker = _weaker(holder, ingredient.state)
        own = (
            Message("its own content credential")
            if ingredient.state is CredentialState.TRUSTED
            else Message("its own content credential whose signer is on no trust list used here")
        )
        speaker = Message.joined(" ", (holds, own))
        stated += [
            _by_credential(weaker, each, speaker, _INGREDIENT, part=part) for each in ingredient.digital_source_types
        ]
        stated += [
            _by_credential(weaker, each, speaker, _LATER_IN_INGREDIENT, part=True)
            for each in ingredient.later_source_types
        ]
        for model in ingredient.ai_models:
            said = Message(
                "{speaker} states that it was made or edited with an AI model{model}.",
                speaker=speaker,
                model=_model(model),
            )
            stated.append(("ai_edited", _finding("ai_edited", weaker, said)))
    if ingredient.assigned_source_type is not None and ingredient.assigned_by.validated:
        weaker = _weaker(holder, ingredient.assigned_by)
        speaker = Message.joined(" ", (holds, Message("whoever put it in")))
        stated.append(_by_credential(weaker, ingredient.assigned_source_type, speaker, _INGREDIENT, part=part))
    yield from (each for each in stated if each[0] is None or each[0] in MACHINE)


def _is_opened_file(ingredient: IngredientReport) -> bool:
    """Whether it is the picture itself, without credentials, as the signer opened it (C2PA 2.4, section 18.16)."""
    return _role(ingredient) == "parentOf" and ingredient.depth == 1 and ingredient.state is CredentialState.ABSENT


def _role(ingredient: IngredientReport) -> str | None:
    return ingredient.role or ingredient.relationship


def _weaker(one: CredentialState, other: CredentialState) -> CredentialState:
    unlisted = CredentialState.VALID_UNTRUSTED
    return unlisted if unlisted in (one, other) else CredentialState.TRUSTED


def _model(name: str) -> str:
    return f": {quote(name)}" if name else ""


def _by_credential(
    state: CredentialState, source_type: str, speaker: Message, template: str, *, part: bool = False
) -> _Stated:
    """`part`: it is about a part of the picture, so that no more than an edit follows for the whole."""
    term = find_stated_source_type(source_type)
    if term is None:
        unknown = Message(
            "{speaker} states a source type that is not known here: {stated}.",
            speaker=speaker,
            stated=quote(source_type),
        )
        return None, _finding(None, state, unknown)
    meaning: Meaning = term.meaning
    if part and meaning != "other":
        meaning = "ai_edited" if meaning in MACHINE else "other"
    said = Message(template, speaker=speaker, label=Message(term.label), name=term.name)
    return meaning, _finding(meaning, state, said)


def _finding(meaning: Meaning | None, state: CredentialState, summary: str) -> Finding:
    return Finding(
        Axis.DECLARED_ORIGIN,
        _SIGNED[meaning] if meaning is not None else DeclaredOrigin.NOT_CHECKED,
        summary,
        Basis.CRYPTOGRAPHIC,
        Message("Whoever holds the signing key; it is the signer's statement.")
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
            meaning, says = (
                None,
                Message("states a source type that is not known here, {value}", value=quote(mark.value)),
            )
        else:
            continue
        yield (
            meaning,
            Finding(
                Axis.DECLARED_ORIGIN,
                _UNSIGNED[meaning] if meaning is not None else DeclaredOrigin.NOT_CHECKED,
                Message(
                    "A mark in {location} ({kind}) {says}; nobody signed it.",
                    location=mark.location,
                    kind=mark.kind,
                    says=says,
                ),
                Basis.DETERMINISTIC_UNSIGNED,
                Message("Anybody with a metadata editor."),
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
            Message(
                "{name} states in record {index} that the registered picture was {label} ({name2}).",
                name=quote(match.publisher.name),
                index=match.index,
                label=Message(term.label),
                name2=term.name,
            ),
            Basis.CRYPTOGRAPHIC,
            Message("Whoever holds the publisher's key; it is the publisher's statement."),
            Message(
                "{does_not_show} It is about the registered picture, not about what was changed since.",
                does_not_show=_DOES_NOT_SHOW,
            ),
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
            left = unknown or [Message("A part of what the file states could not be read.")]
            return Message.joined(
                " ", dict.fromkeys([*left, Message("In the rest nothing says that a machine made it.")])
            )
        case DeclaredOrigin.CONFLICTING:
            first = (
                [Message("The signer is on no trust list used here.")]
                if state is CredentialState.VALID_UNTRUSTED
                else []
            )
            said = [finding.summary for finding in findings]
            contradict = Message("The statements in the file about how it was made contradict each other.")
            return Message.joined(" ", dict.fromkeys([*first, contradict, *said]))
        case DeclaredOrigin.NONE_FOUND if not findings:
            if state in _DISREGARDED:
                return Message("What the content credential states about how the picture was made is disregarded.")
            return Message(
                "Nothing in the file says how the picture was made. Absence of a mark says nothing either way."
            )
        case _:
            stated = next(finding.summary for finding in findings if finding.code == value)
            return Message.joined(" ", dict.fromkeys([stated, *unknown]))
