"""Erasure: deletes the content of a registration from rows, blobs, reports and files; log entries and proofs stay.

The records about it are erased too: withdrawals, disputes, answers and recorded verdicts, whose texts and digests could
reveal the erased content. Each record is erased in the transaction that logs its `record.erased`. What is stored
outside the database becomes a pending deletion there and is deleted afterwards; `finish_erasures` resumes this
after a crash.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial

from provenance import answers
from provenance.errors import NotFound
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetWithdrawn,
    DisputeAnswered,
    RecordErased,
    VerdictRecorded,
    record_urn,
)
from provenance.statement.statement import parse_statement
from registry.database import (
    Asset,
    SealedAsset,
    Session,
    assets,
    entries,
    events,
    idempotency,
    local_features,
    pending_deletions,
    publishers,
    records,
    resemblances,
    sealed,
    uploads,
    verifications,
)
from registry.registry import Registry
from registry.storage.blobs import blob_name
from registry.times import from_milliseconds
from registry.usecases import prepared
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, find_readable_asset
from registry.usecases.append import append_record, new_salt
from registry.usecases.uploads import upload_name

_PAGE = 100
"""Reports erased in one transaction: each has some 10 KB."""

_OBJECTS = ("blobs/", "uploads/", "prepared/")
"""What the names of remnants begin with that are objects."""

_SAID = (AssetWithdrawn.TYPE, AssetDisputed.TYPE, DisputeAnswered.TYPE, VerdictRecorded.TYPE)


def owner_of(registry: Registry, record: bytes) -> str:
    """The publisher of a registration, also after its erasure. Raises NotFound."""
    with registry.store.read() as session:
        if not events.is_registration(session, record):
            raise NotFound("no such asset")
        kid = parse_statement(entries.of_record(session, record).statement).kid
        return publishers.get_key(session, kid).publisher_id


def erase(registry: Registry, *, record: bytes, reason: str) -> answers.Erasure:
    """Erase a registration, public or sealed, and the records about it. A repetition finishes an interrupted erasure.

    Args:
        record: id of the registration.
        reason: stays readable in the log's records, so it must not repeat erased content.

    Raises:
        NotFound: no such registration.
        InvalidRequest: a text that a record cannot hold.
        StoreUnavailable: the registry cannot write now, or a reader still uses the old state: try again.
        StoreCorrupt: stored bytes contradict the log.
    """
    owner_of(registry, record)
    _erase_record(registry, record, reason)
    finish_erasures(registry)
    return get(registry, record)


def get(registry: Registry, record: bytes) -> answers.Erasure:
    """The erasure of a registration. Raises NotFound if it was not erased."""
    with registry.store.read() as session:
        if not (events.is_registration(session, record) and events.is_erased(session, record)):
            raise NotFound("no such erasure")
        gone = [each for each in (record, *_said_about(session, record)) if events.is_erased(session, each)]
        return answers.Erasure(
            id=record.hex(),
            reason=_reason(session, record),
            records=tuple(_view(registry, session, each) for each in gone),
        )


def finish_erasures(registry: Registry) -> None:
    """Finish erasures: records about the registrations, reports, objects, and deleted data in the database's files.

    Raises:
        StoreUnavailable: a deletion is not possible now; it stays pending.
        StoreCorrupt: stored bytes contradict the log.
    """
    with registry.store.read() as session:
        begun = {record for record, name in pending_deletions.all_of(session) if name == pending_deletions.UNFINISHED}
    for record in begun:
        _erase_what_was_said(registry, record)
        _erase_answers(registry, record)
    if begun:
        registry.store.write(partial(_delete_objects, registry=registry)).result()
        with registry.store.read() as session:
            registry.codes.catch_up(session)
            registry.inverted_file.catch_up(session)
        for index in registry.indices:
            index.wake(registry.store)
        registry.answers.clear()
        registry.store.purge().result()
        registry.store.write(partial(_settle, begun=begun)).result()


def _erase_what_was_said(registry: Registry, record: bytes) -> None:
    with registry.store.read() as session:
        reason = _reason(session, record)
        said = [identity for of, identity in pending_deletions.records(session) if of == record]
    for identity in said:
        _erase_record(registry, identity, reason)


def _delete_objects(session: Session, registry: Registry) -> None:
    """Runs in the writer's thread, so that no new row can refer to an object meanwhile."""
    for record, name in pending_deletions.all_of(session):
        if name.startswith(_OBJECTS):
            if not _needed(session, name):
                registry.blobs.objects.delete(name)
            pending_deletions.remove(session, record, name)


def _settle(session: Session, begun: Collection[bytes]) -> None:
    for record, name in pending_deletions.all_of(session):
        if record in begun and not name.startswith(_OBJECTS):
            pending_deletions.remove(session, record, name)


def _erase_record(registry: Registry, identity: bytes, reason: str) -> None:
    """Log the erasure of one record and delete its content, unless it is erased already."""
    statement = RecordErased(salt=new_salt(), claimed_at=registry.now(), record=identity, reason=reason)

    def empty(session: Session, index: int, _logged_at: datetime) -> None:
        match records.get(session, identity):
            case AssetRegistered() as registered:
                _take_out(registry, session, find_readable_asset(session, identity, Reader(all=True)), registered)
            case AssetWithdrawn() as withdrawal:  # an event says only that there was a withdrawal
                at = entries.of_record(session, identity).index
                assets.forget_withdrawal(session, at)
                events.add(session, withdrawal.record, at, AssetWithdrawn.TYPE)
            case _:
                pass
        entries.erase(session, identity)
        events.add(session, identity, index, RecordErased.TYPE)

    append_record(registry, statement, empty, lambda session: records.first_about(session, identity, RecordErased.TYPE))


def _take_out(registry: Registry, session: Session, row: Asset | SealedAsset, registered: AssetRegistered) -> None:
    """Remove a registration from every view, and add the pending deletions outside the database."""
    copies = (row.signed_blob_sha256, row.private_blob_sha256, row.manifest_blob_sha256)
    blobs = (row.sketch_sha256, row.thumbnail_sha256, *copies)
    signed = registered.credential.signed if registered.credential else None
    brought = [facts.sha256 for facts in (registered.media, signed) if facts is not None]
    said = map(pending_deletions.record_name, _said_about(session, row.record_id))
    waiting = [(owner, sha256) for sha256 in brought for owner in uploads.owners(session, sha256)]
    objects = [blob_name(sha256) for sha256 in blobs if sha256 is not None]
    objects += [upload_name(owner, sha256) for owner, sha256 in waiting]
    objects += [name for sha256 in brought for name in prepared.take_out(session, sha256)]
    pending_deletions.add(session, row.record_id, [pending_deletions.UNFINISHED, *said, *objects])
    for owner, sha256 in waiting:
        uploads.delete(session, owner, sha256)
    if isinstance(row, Asset):
        local_features.remove(session, row.index)
        events.forget_derivation(session, row.record_id)
        resemblances.forget(session, row.index)
        assets.delete(session, row)
    else:
        sealed.delete(session, row)


def _said_about(session: Session, record: bytes) -> Iterator[bytes]:
    """Ids of the records about a registration, which are erased with it."""
    for event in events.about(session, record):
        if event.type in _SAID:
            yield entries.get(session, event.index).record_id
    for row in assets.withdrawals_of(session, record):
        yield entries.get(session, row.index).record_id


def _erase_answers(registry: Registry, record: bytes) -> None:
    """Delete the content of reports that show a registration, and stored responses that name it."""
    while registry.store.write(partial(_erase_reports, record=record)).result() == _PAGE:
        pass
    with registry.store.read() as session:
        kept = idempotency.naming(session, record.hex().encode())
    for key, holder in kept:
        registry.store.write(partial(idempotency.delete_answer, key=key, api_key_id=holder)).result()


def _erase_reports(session: Session, record: bytes) -> int:
    """The number of reports erased."""
    showing = verifications.showing(session, record, _PAGE)
    pending_deletions.add(session, record, map(blob_name, verifications.erase(session, showing)))
    return len(showing)


def _needed(session: Session, name: str) -> bool:
    if not name.startswith("blobs/"):
        return False
    sha256 = bytes.fromhex(name.rpartition("/")[2])
    return assets.refers_to_blob(session, sha256) or verifications.refers_to_blob(session, sha256)


def _reason(session: Session, record: bytes) -> str:
    stated = records.get(session, _erasure(session, record))
    return stated.reason if isinstance(stated, RecordErased) else ""


def _erasure(session: Session, record: bytes) -> bytes:
    """The id of the `record.erased` record about a record."""
    return entries.get(session, events.of_type(session, record, RecordErased.TYPE)[0].index).record_id


def _view(registry: Registry, session: Session, record: bytes) -> answers.ErasedRecord:
    entry = entries.of_record(session, _erasure(session, record))
    return answers.ErasedRecord(
        record=record.hex(),
        type=entries.type_of(session, record),
        erased_by=record_urn(entry.record_id),
        index=entry.index,
        state=catalogue.state_of(registry, entry.index),
        logged_at=from_milliseconds(entry.logged_at_ms),
    )
