"""Disputes: another publisher contradicts a registration, and the two publishers answer."""

from datetime import datetime

from provenance import answers
from provenance.errors import Conflict, InvalidRequest, NotFound, NotPermitted, StoreCorrupt
from provenance.statement.record import AssetDisputed, DisputeAnswered, record_urn
from provenance.statement.record.disputes import DisputeOutcome
from registry.database import Session, assets, disputes, events, publishers, records
from registry.database.disputes import StoredDispute
from registry.registry import Registry
from registry.times import from_milliseconds
from registry.usecases import read as catalogue
from registry.usecases.append import append_record, new_salt

MAX_DISPUTES = 100
"""Disputes of one registration by one publisher, and answers to them by one publisher: two or three are enough, and no
publisher can use up the room of another."""


def dispute(
    registry: Registry, *, publisher: str, record: bytes, reason: str, counterclaim: bytes | None
) -> answers.Dispute:
    """Dispute a public registration of another publisher. An equal open dispute is found again.

    Raises:
        NotFound, Sealed, Erased: no such public registration.
        NotPermitted: the registration is the publisher's own, which it can withdraw.
        InvalidRequest: a counterclaim that is not a public registration of the publisher, or a text that no record can
            hold.
        Conflict: the publisher has disputed the registration too often.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    statement = AssetDisputed(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        record=record,
        reason=reason,
        counterclaim=counterclaim,
    )
    with registry.store.read() as session:
        if assets.get(session, record).publisher_id == publisher:
            raise NotPermitted("this is the publisher's own registration: it can be withdrawn, not disputed")
        if counterclaim is not None:
            own = assets.find(session, counterclaim)
            if own is None or own.publisher_id != publisher:
                raise InvalidRequest("the counterclaim is not a public registration of the disputing publisher")

    def add(session: Session, index: int, _logged_at: datetime) -> None:
        assets.get(session, record)  # sealed or erased meanwhile?
        own = [each for each in disputes.of_record(session, record) if each.dispute.record.publisher == publisher]
        if len(own) >= MAX_DISPUTES:
            raise Conflict(f"this publisher has disputed this registration {MAX_DISPUTES} times")
        events.add(session, record, index, AssetDisputed.TYPE)

    def find_duplicate(session: Session) -> bytes | None:
        for each in disputes.of_record(session, record):
            earlier = each.dispute.record
            said = (earlier.publisher, earlier.reason, earlier.counterclaim)
            if said == (publisher, reason, counterclaim) and each.open:
                return each.dispute.record_id
        return None

    return get(registry, append_record(registry, statement, add, find_duplicate).record_id)


def answer(
    registry: Registry, *, publisher: str, dispute: bytes, outcome: DisputeOutcome, reason: str
) -> answers.Dispute:
    """Answer a dispute, as the registering or the disputing publisher.

    Raises:
        NotFound, Erased: no such dispute.
        NotPermitted: this publisher may not state the outcome.
        Conflict: the dispute was retracted (with an uncompromised key), or answered too often.
        InvalidRequest, StoreUnavailable, StoreCorrupt: as for `dispute`.
    """
    with registry.store.read() as session:
        disputed = _find(session, dispute).dispute.record
        registrant = assets.get(session, disputed.record).publisher_id
    if publisher != (disputed.publisher if outcome == "retracted" else registrant):
        raise NotPermitted(
            "Only the publisher that disputes can retract it; only the one that registered can accept or reject it."
        )
    statement = DisputeAnswered(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        dispute=dispute,
        outcome=outcome,
        reason=reason,
    )

    def add(session: Session, index: int, _logged_at: datetime) -> None:
        assets.get(session, disputed.record)
        if not _find(session, dispute).open:
            raise Conflict("this dispute has been retracted")
        said = [each for one in disputes.of_record(session, disputed.record) for each in one.answers]
        if sum(each.record.publisher == publisher for each in said) >= MAX_DISPUTES:
            raise Conflict(f"this publisher has answered disputes of this registration {MAX_DISPUTES} times")
        events.add(session, disputed.record, index, DisputeAnswered.TYPE)

    def find_duplicate(session: Session) -> bytes | None:
        said = (publisher, outcome, reason)
        same = (
            each.record_id
            for each in _find(session, dispute).answers
            if (each.record.publisher, each.record.outcome, each.record.reason) == said and not each.key_compromised
        )
        return next(same, None)

    append_record(registry, statement, add, find_duplicate)
    return get(registry, dispute)


def get(registry: Registry, dispute: bytes) -> answers.Dispute:
    """A dispute with its answers. Raises NotFound, Erased."""
    with registry.store.read() as session:
        return _view(registry, session, _find(session, dispute))


def of_record(registry: Registry, record: bytes) -> list[answers.Dispute]:
    """The disputes of a public registration, in log order. Raises NotFound, Erased."""
    with registry.store.read() as session:
        if assets.find(session, record) is None:
            if events.is_erased(session, record):
                assets.get(session, record)  # raises Erased
            raise NotFound("no such public registration")
        found = disputes.of_record(session, record)
        raised_by = {each.dispute.record.publisher for each in found}
        rows = [publishers.get(session, publisher) for publisher in raised_by]  # kept, so that each is read once
        views = [_view(registry, session, each) for each in found]
        del rows
        return views


def _view(registry: Registry, session: Session, stored: StoredDispute) -> answers.Dispute:
    logged, stated = stored.dispute, stored.dispute.record
    return answers.Dispute(
        id=logged.record_id.hex(),
        record_id=record_urn(logged.record_id),
        index=logged.index,
        state=catalogue.state_of(registry, logged.index),
        logged_at=from_milliseconds(logged.logged_at_ms),
        record=stated.record.hex(),
        publisher=catalogue.publisher_view(session, stated.publisher, logged.statement),
        reason=stated.reason,
        counterclaim=stated.counterclaim.hex() if stated.counterclaim else None,
        open=stored.open,
        answers=tuple(
            answers.DisputeAnswer(
                record_id=record_urn(each.record_id),
                index=each.index,
                logged_at=from_milliseconds(each.logged_at_ms),
                publisher=each.record.publisher,
                outcome=each.record.outcome,
                reason=each.record.reason,
                key_compromised=each.key_compromised,
            )
            for each in stored.answers
        ),
    )


def _find(session: Session, identity: bytes) -> StoredDispute:
    of_record = disputes.of_record(session, records.of_type(session, identity, AssetDisputed, "dispute").record)
    found = next((each for each in of_record if each.dispute.record_id == identity), None)
    if found is None:
        raise StoreCorrupt(f"dispute {identity.hex()} is not among those of its registration")
    return found
