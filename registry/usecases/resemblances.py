"""Resemblances: which other registrations one resembles, from the view that is updated after each registration."""

import json

from provenance import answers
from provenance.limits import MAX_RESEMBLING
from provenance.message import Message
from provenance.sentences import SENTENCES
from provenance.verification.axes import Registration, Standing
from provenance.verification.evidence import Resemblance, Resembling, Unchecked
from provenance.verification.findings.registration import recall
from registry.database import Asset, SealedAsset, Session, events, resemblances
from registry.database.resemblances import Compared
from registry.registry import Registry
from registry.times import from_milliseconds
from registry.usecases.access import ANYBODY, Reader, find_readable_asset

WAITING = Message(SENTENCES.phrases["not_compared_yet"])


def resembles(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> answers.Resembles:
    """The older and newer registrations that one resembles; a sealed one is compared when it is revealed.

    Raises:
        NotFound, Sealed, Erased: no such registration, or not for this reader.
    """
    with registry.store.read() as session:
        return resembles_view(session, find_readable_asset(session, record_id, reader))


def resembles_view(session: Session, row: Asset | SealedAsset) -> answers.Resembles:
    """The resemblances of a row that the reader may read."""
    if isinstance(row, SealedAsset):
        return answers.Resembles(state="sealed", older=0, newer=0, items=(), left_out=())
    return view(known(session, row, resemblances.of(session, row.index, MAX_RESEMBLING)))


def older_of_others(session: Session, row: Asset) -> Resembling:
    """The older registrations of other publishers that one resembles."""
    compared = resemblances.older_of_others(session, row.index, row.publisher_id, MAX_RESEMBLING)
    return known(session, row, compared)


def view(found: Resembling) -> answers.Resembles:
    """Resemblances as an answer."""
    return answers.Resembles(
        state="made" if found.pending is None else "pending",
        older=found.older,
        newer=found.newer,
        items=tuple(
            answers.Resemblance(
                id=each.record_id.hex(),
                index=each.index,
                logged_at=each.logged_at,
                title=each.title,
                publisher=each.publisher,
                publisher_name=each.publisher_name,
                side="older" if each.older else "newer",
                value=each.value.value,
                differs_inside=each.differs_inside,
                detail=each.detail,
                stated=each.stated,
                taken_back=None if each.taken_back is None else each.taken_back.value,
                copies=each.copies,
                comparison=None if each.comparison is None else dict(each.comparison),
            )
            for each in found.items
        ),
        left_out=tuple(Message("{what}: {why}", what=each.what, why=each.why) for each in found.left_out),
    )


def known(session: Session, row: Asset, compared: Compared) -> Resembling:
    """What a registration resembles, as far as it was compared."""
    rows = compared.rows
    ids = [each.record_id for each in rows]
    superseded = events.successors(session, ids) if ids else {}
    ancestors = events.ancestors_of_each(session, [row.record_id, *ids]) if ids else {}
    return Resembling(
        items=tuple(
            Resemblance(
                record_id=each.record_id,
                index=each.other,
                logged_at=from_milliseconds(each.logged_at_ms),
                title=each.title,
                publisher=each.publisher_id,
                publisher_name=each.publisher,
                established=each.established,
                older=each.other < row.index,
                value=Registration(each.value),
                differs_inside=each.differs_inside,
                detail=recall(each.detail),
                stated=each.record_id in ancestors[row.record_id] or row.record_id in ancestors[each.record_id],
                taken_back=Standing.WITHDRAWN
                if each.withdrawn
                else Standing.SUPERSEDED
                if each.record_id in superseded
                else None,
                copies=each.copies,
                comparison=None if each.comparison is None else json.loads(each.comparison),
            )
            for each in rows
        ),
        older=rows[0].older if rows else 0,
        newer=rows[0].newer if rows else 0,
        pending=WAITING if compared.method is None else None,
        left_out=tuple(Unchecked(Message(what), Message(why)) for what, why in json.loads(compared.left_out)),
    )
