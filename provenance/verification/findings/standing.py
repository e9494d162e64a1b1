"""The standing of a record: what has become of it since it was logged.

To register first is not to be the author, so rival claims to the same content are all kept, none preferred.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import assert_never

from provenance.message import Message
from provenance.quotation import quote
from provenance.verification.axes import Axis, Basis, Finding, Standing
from provenance.verification.evidence import Evidence, Match
from provenance.verification.registrations import Dispute, KnownRecord

METHOD = "countermark-standing-1"

GRAVEST_FIRST = (
    Standing.WITHDRAWN,
    Standing.KEY_REVOKED_BEFORE,
    Standing.KEY_REVOKED_AFTER,
    Standing.DISPUTED,
    Standing.CONFLICTING_CLAIMS,
    Standing.SUPERSEDED,
)


def gravest(found: Collection[Standing]) -> Standing:
    """The standing of a record to which all of `found` apply."""
    return next((each for each in GRAVEST_FIRST if each in found), Standing.CURRENT)


def of(known: KnownRecord, claims: Mapping[bytes, str]) -> tuple[Standing, str]:
    """The gravest standing that applies, and all that apply in words.

    Args:
        claims: publisher by record, of those that claim what the picture shows, `known` among them or not; see
            `claims_of`.
    """
    found: list[tuple[Standing, str]] = []
    if known.withdrawn_reason is not None:
        found.append(
            (
                Standing.WITHDRAWN,
                Message(
                    "{name} has withdrawn this registration, giving as its reason: {withdrawn_reason}.",
                    name=quote(known.publisher.name),
                    withdrawn_reason=quote(known.withdrawn_reason),
                ),
            )
        )
    revoked = known.key_revoked_at_index
    if revoked is not None and revoked < known.index:
        found.append(
            (
                Standing.KEY_REVOKED_BEFORE,
                Message("The key that signed it had been revoked before it was logged{known}.", known=_why(known)),
            )
        )
    elif revoked is not None:
        found.append(
            (
                Standing.KEY_REVOKED_AFTER,
                Message("The key that signed it was revoked after it was logged{known}.", known=_why(known)),
            )
        )
    found += [(Standing.DISPUTED, told(dispute)) for dispute in known.disputes if dispute.open]
    claimants = set(claims.values())
    if known.record_id in claims and len(claimants) > 1:
        found.append(
            (
                Standing.CONFLICTING_CLAIMS,
                Message(
                    "{claimants} publishers have registered this content; all are listed, each in log "
                    "order, and the order says nothing about who made it.",
                    claimants=len(claimants),
                ),
            )
        )
    if known.superseded_by is not None:
        found.append(
            (
                Standing.SUPERSEDED,
                Message(
                    "{name} has superseded it by record {superseded_by}.",
                    name=quote(known.publisher.name),
                    superseded_by=known.superseded_by,
                ),
            )
        )
    if not found:
        return Standing.CURRENT, Message("The registration stands.")
    return gravest({standing for standing, _ in found}), Message.joined(" ", (detail for _, detail in found))


def _why(known: KnownRecord) -> str:
    """The reason of a revocation, and since when the key may have been compromised, as the operator stated them."""
    if known.revocation is None:
        return ""
    reason = Message(", for this reason: {reason}", reason=quote(known.revocation.reason or ""))
    since = known.invalid_since
    if since is None:
        return reason
    side = Message("before") if since <= known.logged_at else Message("after")
    return Message(
        "{reason}. It may have been in other hands since {since:%Y-%m-%d %H:%M} UTC, {side} this was logged",
        reason=reason,
        since=since,
        side=side,
    )


def assess(evidence: Evidence) -> tuple[Finding, ...]:
    """A finding for each match whose record no longer simply stands."""
    return tuple(_finding(match) for match in evidence.matches if match.standing is not Standing.CURRENT)


def claims_of(same_content: Sequence[KnownRecord]) -> dict[bytes, str]:
    """Publisher by record, for the records of one content that are made from none of the others."""
    records = {known.record_id for known in same_content}
    return {
        known.record_id: known.publisher.id
        for known in same_content
        if not records & {known.record.rendition_of, *(parent.record for parent in known.record.parents)}
    }


_IT = Message("it")
_UNCOUNTED = Message(" That does not count: its key may have been in other hands by then.")


def told(dispute: Dispute, what: Message = _IT) -> Message:
    """A dispute of something, with what its two sides say."""
    answers = [
        Message(
            " {publisher} answers that it is {outcome}: {reason}.{uncounted}",
            publisher=quote(answer.publisher),
            outcome=Message(answer.outcome),
            reason=quote(answer.reason),
            uncounted=_UNCOUNTED if answer.key_compromised else "",
        )
        for answer in dispute.answers
    ]
    return Message(
        "{publisher} disputes {what}, giving as its reason: {reason}.{answers}",
        publisher=quote(dispute.publisher),
        what=what,
        reason=quote(dispute.reason),
        answers=Message.joined("", answers),
    )


def _shown(match: Match) -> bool:
    """Whether the receipt itself shows what the standing says, rather than the registry's word."""
    match match.standing:
        case Standing.WITHDRAWN:
            return match.receipt is not None and match.receipt.withdrawn
        case Standing.DISPUTED:
            return match.receipt is not None and match.receipt.disputed is True
        case Standing.SUPERSEDED:
            return match.receipt is not None and match.receipt.superseded_by is not None
        case _:
            return True


def _finding(match: Match) -> Finding:
    shown = _shown(match)
    return Finding(
        Axis.STANDING,
        match.standing,
        Message("Record {index}: {standing_detail}", index=match.index, standing_detail=match.standing_detail),
        Basis.CRYPTOGRAPHIC if shown else Basis.DETERMINISTIC_UNSIGNED,
        could_be_forged_by(match.standing) if shown else Message("The registry: the receipt does not show it yet."),
        _does_not_show(match.standing),
        METHOD,
    )


def could_be_forged_by(standing: Standing) -> str:
    """Who could make it be said of a record, where the receipt shows it."""
    match standing:
        case Standing.CURRENT:
            return Message("The registry, by holding back what came later.")
        case Standing.SUPERSEDED | Standing.WITHDRAWN:
            return Message("Whoever holds one of the publisher's keys.")
        case Standing.DISPUTED:
            return Message("Any publisher of this registry can dispute what another one registered.")
        case Standing.CONFLICTING_CLAIMS:
            return Message("Any publisher of this registry can register a picture that another one made.")
        case Standing.KEY_REVOKED_BEFORE | Standing.KEY_REVOKED_AFTER:
            return Message("The registry's operator, who states what becomes of keys.")
        case _:
            assert_never(standing)


def _does_not_show(standing: Standing) -> str:
    match standing:
        case Standing.CURRENT:
            return Message("That the publisher still stands by it.")
        case Standing.SUPERSEDED:
            return Message("That what this record states is wrong.")
        case Standing.WITHDRAWN:
            return Message("What is wrong with the picture beyond the reason that the publisher gives.")
        case Standing.DISPUTED:
            return Message("Which of the two sides is right.")
        case Standing.CONFLICTING_CLAIMS:
            return Message("Which of the publishers, if any, made the picture.")
        case Standing.KEY_REVOKED_BEFORE:
            return Message("Whether the publisher or somebody else used the key.")
        case Standing.KEY_REVOKED_AFTER:
            return Message("When the key got into other hands, if it did: perhaps before this record was signed.")
        case _:
            assert_never(standing)
