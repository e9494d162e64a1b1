"""Unsealing: a registration that was kept back becomes public. When it was logged stands, and so do its proofs."""

import secrets
from datetime import datetime

from provenance import answers, limits
from provenance.statement.record import AssetRegistered, AssetRevealed
from registry.database import SealedAsset, Session, events, records, sealed
from registry.registry import Registry
from registry.sandbox.examination import describe_thumbnail
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, held
from registry.usecases.append import append_record
from registry.usecases.register import publish


def reveal(registry: Registry, *, record: bytes, reader: Reader) -> answers.Asset:
    """Make a sealed registration public; one that is public already stays as it is.

    Args:
        record: id of the registration.
        reader: who asks; it must be allowed to read what is sealed.

    Raises:
        NotFound, Sealed, Erased: no such registration, one that the caller may not read, or one whose content is gone.
        InvalidRequest: the publisher has no key in force.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    with registry.store.read() as session:
        row = held(session, record, reader)
    if isinstance(row, SealedAsset):
        statement = AssetRevealed(
            salt=secrets.token_bytes(limits.SALT_BYTES),
            claimed_at=registry.now(),
            publisher=row.publisher_id,
            record=record,
        )

        thumbnail = registry.blobs.get(row.thumbnail_sha256)
        codes = registry.sandbox.run(describe_thumbnail, thumbnail, digest=row.thumbnail_sha256)

        def unseal(session: Session, index: int, _logged_at: datetime) -> None:
            kept_back = sealed.find(session, record)
            if kept_back is None:
                held(session, record)  # raises Erased: a reveal would have been found before
                return
            registered = records.read(session, record, AssetRegistered, "a sealed record is no registration")
            revealed = sealed.revealed(kept_back, registered)
            sealed.delete(session, kept_back)
            publish(registry, session, revealed, registered, codes)
            events.add(session, record, index, AssetRevealed.TYPE)

        append_record(
            registry, statement, unseal, lambda session: records.first_about(session, record, AssetRevealed.TYPE)
        )
        registry.comparisons.submit(row.index)
    return catalogue.asset(registry, record)
