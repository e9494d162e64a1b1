"""Standing: a registration with its later withdrawal, disputes, revocations and successors, as a verdict needs it."""

import functools
from collections.abc import Collection
from typing import cast

from provenance import answers
from provenance.errors import StoreCorrupt
from provenance.receipts.origins import references
from provenance.receipts.report import ReceiptReport
from provenance.statement.record import (
    AssetRegistered,
    PublisherKey,
)
from provenance.statement.record import record_id as digest_record
from provenance.statement.record.keys import Established, Identity
from provenance.statement.statement import parse_statement
from provenance.verification.axes import Standing
from provenance.verification.evidence import Publisher, Source
from provenance.verification.findings import sources, standing
from provenance.verification.registrations import Dispute, DisputeAnswer, KnownRecord
from registry.database import Asset, Session, assets, disputes, entries, events, publishers, records
from registry.times import from_milliseconds

_ANOTHER = "what is stored under this id is another record"

MAX_SOURCES = 1_000
"""Sources that are looked up, the nearest first: a page has some tens of sources, each with a short chain."""


def known(
    session: Session, record_id: bytes, receipt: ReceiptReport | None = None, *, cosigned: bool = False
) -> KnownRecord:
    """The facts about a public registration.

    Args:
        receipt: the report of its valid receipt, whose parsed records are used again.

    Raises NotFound, Sealed, Erased, StoreCorrupt.
    """
    row = assets.get(session, record_id)
    record, kid = _read_registration(session, row) if receipt is None else _proven(receipt, record_id)
    publisher = publishers.get(session, row.publisher_id)
    taken_back = assets.withdrawals_of(session, record_id)
    key = publishers.get_key(session, kid)
    revoked_at, since_ms = key.revoked_index, key.invalid_since_ms
    troubled, left_out = _sources(session, record_id) if any(references(record)) else ((), False)
    return KnownRecord(
        record_id=record_id,
        index=row.index,
        logged_at=from_milliseconds(row.logged_at_ms),
        record=record,
        publisher=Publisher(
            id=publisher.id,
            name=publisher.name,
            identity=Identity(cast(Established, publisher.established), publisher.detail),
            key=kid,
        ),
        receipt=receipt,
        cosigned=cosigned,
        withdrawn_reason=taken_back[0].reason if taken_back else None,
        key_revoked_at_index=revoked_at,
        revocation=None if revoked_at is None else _revocation(session, revoked_at),
        invalid_since=None if since_ms is None else from_milliseconds(since_ms),
        disputes=_disputes(session, record_id),
        superseded_by=events.successor(session, record_id),
        sources=troubled,
        sources_left_out=left_out,
    )


def _read_registration(session: Session, row: Asset) -> tuple[AssetRegistered, bytes]:
    """A registration's record, and the id of the key that signed it."""
    record = records.get(session, row.record_id)
    canonical = entries.record(session, row.record_id).canonical
    if not isinstance(record, AssetRegistered) or digest_record(canonical) != row.record_id:
        raise StoreCorrupt(_ANOTHER)
    return record, parse_statement(entries.get(session, row.index).statement).kid


def _proven(receipt: ReceiptReport, record_id: bytes) -> tuple[AssetRegistered, bytes]:
    """A registration's record and key id, from its receipt."""
    if receipt.record_id != record_id or receipt.signer is None or not isinstance(receipt.record, AssetRegistered):
        raise StoreCorrupt(_ANOTHER)
    return receipt.record, receipt.signer.key.thumbprint


def standing_of(session: Session, record_id: bytes) -> answers.Standing:
    """How a public registration stands. Rival claims are registrations of the same pixels. Raises as `known` does."""
    own = known(session, record_id)
    value, detail = standing.of(own, assets.claims(session, (), [own.record.media.pixels_sha256], [record_id]))
    return answers.Standing(value=value, detail=detail)


def applying(session: Session, holders: Collection[assets.Holder]) -> dict[bytes, set[Standing]]:
    """What has become of each of many registrations, by record; not rival claims, which depend on what leads to it."""
    of = {each.record_id: each for each in holders}
    found: dict[bytes, set[Standing]] = {record: set() for record in of}
    for record in assets.withdrawn_among(session, of):
        found[record].add(Standing.WITHDRAWN)
    for record, revoked_at in _find_revocations(session, of.values()).items():
        before = revoked_at < of[record].index
        found[record].add(Standing.KEY_REVOKED_BEFORE if before else Standing.KEY_REVOKED_AFTER)
    for record in events.disputed_among(session, of):
        if any(each.open for each in disputes.of_record(session, record)):
            found[record].add(Standing.DISPUTED)
    for record in events.successors(session, of):
        found[record].add(Standing.SUPERSEDED)
    return found


def _find_revocations(session: Session, holders: Collection[assets.Holder]) -> dict[bytes, int]:
    """Where the key was revoked that signed a registration, by record.

    Few publishers have revoked a key: only of theirs are the statements read.
    """
    concerned = publishers.with_revoked_keys(session, {each.publisher_id for each in holders})
    logged = entries.with_records(session, [each.record_id for each in holders if each.publisher_id in concerned])
    kids = {record: parse_statement(entry.statement).kid for record, entry in logged.items()}
    revoked = publishers.revoked_among(session, set(kids.values()))
    return {record: revoked[kid] for record, kid in kids.items() if kid in revoked}


def _disputes(session: Session, record_id: bytes) -> tuple[Dispute, ...]:
    @functools.cache
    def name(publisher: str) -> str:
        return publishers.get(session, publisher).name

    return tuple(
        Dispute(
            each.dispute.index,
            name(each.dispute.record.publisher),
            each.dispute.record.reason,
            tuple(
                DisputeAnswer(
                    name(answer.record.publisher), answer.record.outcome, answer.record.reason, answer.key_compromised
                )
                for answer in each.answers
            ),
            each.open,
        )
        for each in disputes.of_record(session, record_id)
    )


def _revocation(session: Session, index: int) -> PublisherKey:
    record = records.get(session, entries.get(session, index).record_id)
    if not isinstance(record, PublisherKey) or record.action != "revoke":
        raise StoreCorrupt(f"entry {index} states no revocation of a key, contrary to its row")
    return record


def _sources(session: Session, record_id: bytes) -> tuple[tuple[Source, ...], bool]:
    """Sources of a registration with an unusual standing, the nearest first; and whether more were left out.

    Sealed and erased records are left out.
    """
    found: dict[bytes, None] = {}
    level = {record_id}
    while level and len(found) < MAX_SOURCES:
        named = events.derivations_of_each(session, level)
        level = {parent for parents in named.values() for parent in parents} - found.keys() - {record_id}
        found |= dict.fromkeys(sorted(level))
    nearest = list(found)[:MAX_SOURCES]
    rows = {row.record_id: row for row in assets.find_many(session, nearest)}
    withdrawn = assets.withdrawn_among(session, list(rows))
    disputed = events.disputed_among(session, list(rows))
    logged = entries.with_records(session, list(rows))
    kids = {record: parse_statement(entry.statement).kid for record, entry in logged.items()}
    revoked = publishers.revoked_among(session, set(kids.values()))
    names = publishers.names_of(session, {row.publisher_id for row in rows.values()})
    told = [
        each
        for record in nearest
        if record in withdrawn or record in disputed or kids.get(record) in revoked
        for each in sources.of(
            record,
            rows[record].index,
            names[rows[record].publisher_id],
            withdrawn_reason=withdrawn.get(record),
            key_revoked_at_index=revoked.get(kids[record]),
            disputes=_disputes(session, record) if record in disputed else (),
        )
    ]
    return tuple(told), len(found) > MAX_SOURCES or bool(level)
