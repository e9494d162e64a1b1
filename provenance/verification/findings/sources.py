"""Sources: what became of the registrations that a matched one was made from, through the whole chain."""

from provenance.message import Message
from provenance.quotation import quote
from provenance.verification.axes import Axis, Basis, Finding, SourceCode, Standing
from provenance.verification.evidence import Evidence, Source
from provenance.verification.findings.standing import METHOD, could_be_forged_by, told
from provenance.verification.registrations import Dispute

_FORGERS = {
    SourceCode.ORIGIN_WITHDRAWN: Message("Whoever holds one of the keys of the publisher that withdrew it."),
    SourceCode.ORIGIN_REVOKED: could_be_forged_by(Standing.KEY_REVOKED_AFTER),
    SourceCode.ORIGIN_DISPUTED: could_be_forged_by(Standing.DISPUTED),
}
_UNSHOWN = {
    SourceCode.ORIGIN_WITHDRAWN: Message(
        "What is wrong with the source beyond the reason that its publisher gives, or "
        "whether that touches what was made from it."
    ),
    SourceCode.ORIGIN_REVOKED: Message("Whether the publisher of the source or somebody else used the key."),
    SourceCode.ORIGIN_DISPUTED: Message(
        "Which of the two sides is right, or whether that touches what was made from it."
    ),
}


def of(
    record_id: bytes,
    index: int,
    publisher: str,
    *,
    withdrawn_reason: str | None,
    key_revoked_at_index: int | None,
    disputes: tuple[Dispute, ...],
) -> tuple[Source, ...]:
    """What there is to tell of one source; nothing where it simply stands.

    Args:
        record_id, index: of the source.
        publisher: name of the publisher that registered it.
        withdrawn_reason, key_revoked_at_index, disputes: as of a `KnownRecord`.
    """
    made = Message("It was made from record {index},", index=index)
    found = []
    if withdrawn_reason is not None:
        why = Message(
            "which {publisher} has withdrawn, giving as its reason: {withdrawn_reason}.",
            publisher=quote(publisher),
            withdrawn_reason=quote(withdrawn_reason),
        )
        found.append((SourceCode.ORIGIN_WITHDRAWN, why))
    if key_revoked_at_index is not None:
        side = Message("before") if key_revoked_at_index < index else Message("after")
        why = Message(
            "registered by {publisher}; the key that signed record {index} was revoked {side} it was logged.",
            publisher=quote(publisher),
            index=index,
            side=side,
        )
        found.append((SourceCode.ORIGIN_REVOKED, why))
    found += [
        (
            SourceCode.ORIGIN_DISPUTED,
            Message(
                "registered by {publisher}. {told}",
                publisher=quote(publisher),
                told=told(dispute, Message("record {index}", index=index)),
            ),
        )
        for dispute in disputes
        if dispute.open
    ]
    return tuple(Source(record_id, index, code, Message.joined(" ", (made, why))) for code, why in found)


def assess(evidence: Evidence) -> tuple[Finding, ...]:
    """A finding for each source of a match that does not simply stand."""
    return tuple(
        Finding(
            Axis.STANDING,
            source.code,
            Message("Record {index}: {detail}", index=match.index, detail=source.detail),
            Basis.DETERMINISTIC_UNSIGNED,
            _FORGERS[source.code],
            _UNSHOWN[source.code],
            METHOD,
        )
        for match in evidence.matches
        for source in match.sources
    )
