"""Revealing a sealed registration, which becomes public; its log time and proofs stay valid."""

from datetime import datetime

from provenance import answers
from provenance.statement.record import AssetRegistered, AssetRevealed
from registry.database import SealedAsset, Session, events, records, sealed
from registry.registry import Registry
from registry.sandbox.examination import describe_thumbnail
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, find_readable_asset
from registry.usecases.append import append_record, new_salt
from registry.usecases.register import publish


def reveal(registry: Registry, *, record: bytes, reader: Reader) -> answers.Asset:
    """Make a sealed registration public; no change if it is public already.

    Args:
        record: id of the registration.
        reader: the caller, who must be allowed to read the sealed registration.

    Raises:
        NotFound, Sealed, Erased: no such registration, one that the caller may not read, or an erased one.
        InvalidRequest: the publisher has no key in force.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    with registry.store.read() as session:
        row = find_readable_asset(session, record, reader)
    if isinstance(row, SealedAsset):
        statement = AssetRevealed(
            salt=new_salt(),
            claimed_at=registry.now(),
            publisher=row.publisher_id,
            record=record,
        )

        thumbnail = registry.blobs.get(row.thumbnail_sha256)
        described = registry.sandbox.run(describe_thumbnail, thumbnail, digest=row.thumbnail_sha256)

        def unseal(session: Session, index: int, _logged_at: datetime) -> None:
            sealed_row = sealed.find(session, record)
            if sealed_row is None:
                find_readable_asset(session, record)  # raises Erased: an earlier reveal would have been found
                return
            registered = records.read(session, record, AssetRegistered, "a sealed record is not a registration")
            revealed = sealed.revealed(sealed_row, registered)
            sealed.delete(session, sealed_row)
            publish(registry, session, revealed, registered, described.codes)
            events.add(session, record, index, AssetRevealed.TYPE)

        append_record(
            registry, statement, unseal, lambda session: records.first_about(session, record, AssetRevealed.TYPE)
        )
        registry.comparisons.submit(row.index, described.query)
    return catalogue.asset(registry, record)
