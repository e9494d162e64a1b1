"""Registering: from an uploaded file to a logged record, its receipt and its credentialed copy.

Blobs are durable before the entry is sequenced, so that an acknowledged record never lacks its sketch.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from provenance import answers
from provenance.claims import Claims
from provenance.errors import NotFound
from provenance.statement.record import AssetRegistered, AssetWithdrawn, RecordErased
from registry.database import Asset, Session, assets, entries, events, local_features, resemblances, sealed
from registry.log.batch import Appended, FindDuplicate, WriteViews
from registry.registry import Registry
from registry.sandbox import Budget
from registry.times import to_milliseconds
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, find_readable_asset
from registry.usecases.append import append_record, append_signed, new_salt, publisher_signer
from registry.usecases.draft import Draft, Known, draft, find_known, registered, state


@dataclass(frozen=True)
class Registered:
    """The outcome of a registration. `created` is False for an equal registration that existed before.

    `compared` is done when the registration was compared with others, or when that failed and waits for another try;
    None if it is not compared.
    """

    asset: answers.Asset
    created: bool
    metadata: answers.FileMetadata
    compared: "Future[None] | None" = None


def register(
    registry: Registry, *, path: Path, sha256: bytes, claims: Claims, publisher: str, budget: Budget | None = None
) -> Registered:
    """Register the file at `path`, whose SHA-256 the caller computed while receiving it, signed by the service.

    `budget`: what examining the file may cost; by default as much as one job may.

    Raises:
        MediaError: the file is not a readable picture.
        InvalidRequest: an invalid claim (an unknown parent or source type, a record too large), or a file that cannot
            carry a credential.
        NotFound: no such publisher.
        KeyRefused: the publisher has no key in force that this service holds; the message says why.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    stated = state(registry, path=path, sha256=sha256, claims=claims, publisher=publisher, budget=budget)
    known = find_known(registry, stated)
    if known is not None:
        return registered_before(registry, known, publisher)
    publisher_signer(registry, publisher)  # before the picture is examined: fail early without a key
    made = draft(registry, stated)
    return log_draft(registry, made, partial(append_signed, registry, publisher, made.canonical))


def registered_before(registry: Registry, known: Known, publisher: str) -> Registered:
    """The outcome for a publisher that registered the same before."""
    asset = catalogue.asset(registry, known.record_id, Reader(publisher))
    return Registered(asset, created=False, metadata=known.metadata)


def log_draft(registry: Registry, made: Draft, append: Callable[[WriteViews, FindDuplicate], Appended]) -> Registered:
    """Store what a draft holds, append its record by `append`, and have it compared with others.

    Raises:
        NotFound: the log has the record, and no registration: it was logged without its content.
        StoreUnavailable, StoreCorrupt: the registry cannot write now. What `append` raises passes through.
    """
    with registry.store.read() as session:
        erased = events.latest(session, RecordErased.TYPE)
    blobs = made.contents.store(registry, copy_public=made.copy_public)
    record, reader = made.record, Reader(made.record.publisher)

    def write_views(session: Session, index: int, logged_at: datetime) -> None:
        row = assets.asset_row(made.record_id, record, index, to_milliseconds(logged_at), made.claims_digest, blobs)
        if record.visibility == "sealed":
            sealed.insert(session, row)
        else:
            publish(registry, session, row, record, made.described.codes)

    appended = append(write_views, lambda session: registered(session, made.claims_digest))
    with registry.store.read() as session:
        erased_since = events.latest(session, RecordErased.TYPE) != erased
        row = find_readable_asset(session, appended.record_id, reader)
        asset = catalogue.asset_view(registry, session, row, reader)
    if erased_since:  # an erasure may have deleted what this registration shares with another
        made.contents.store(registry, copy_public=made.copy_public)
    compares = appended.created and asset.visibility == "public"
    return Registered(
        asset,
        created=appended.created,
        metadata=made.metadata,
        compared=registry.comparisons.submit(asset.index, made.described.query) if compares else None,
    )


def withdraw(registry: Registry, *, publisher: str, record: bytes, reason: str) -> answers.Withdrawal:
    """Withdraw a registration. The record stays in the log; its standing becomes "withdrawn".

    Raises:
        NotFound: no such registration by this publisher.
        KeyRefused: the publisher has no key in force that this service holds.
    """
    with registry.store.read() as session:
        if assets.get(session, record).publisher_id != publisher:
            raise NotFound("this publisher has no such registration")
    withdrawal = AssetWithdrawn(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        record=record,
        reason=reason,
    )

    def find_duplicate(session: Session) -> bytes | None:
        assets.get(session, record)  # sealed or erased meanwhile?
        same = (row for row in assets.withdrawals_of(session, record) if row.reason == reason)
        return next((entries.get(session, row.index).record_id for row in same), None)

    appended = append_record(
        registry, withdrawal, lambda session, index, _: assets.withdraw(session, withdrawal, index), find_duplicate
    )
    return catalogue.withdrawal(registry, appended.record_id)


def publish(registry: Registry, session: Session, row: Asset, record: AssetRegistered, codes: bytes) -> None:
    """Make a registration public, in the transaction that registers or reveals it."""
    assets.insert(session, row)
    events.derive(session, row.record_id, record)
    resemblances.enqueue(session, row, record.rendition_of, registry.comparisons.claimed_until_ms)
    local_features.insert(session, row.index, codes)
