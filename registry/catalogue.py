"""The catalogue: what the registry holds, as anybody may read it."""

from collections.abc import Sequence

from provenance.errors import NotFound, StoreCorrupt
from provenance.statement.record import AssetRegistered, AssetWithdrawn, MediaFacts, parse_record, record_urn
from provenance.statement.record import record_id as digest_record
from provenance.statement.statement import parse_statement
from provenance.transparency.merkle import leaf_hash
from provenance.verdict.axes import Standing
from registry.registry import Registry
from registry.store import Session, assets, entries, publishers
from registry.times import from_milliseconds
from registry.views import (
    AssetView,
    CredentialView,
    EventView,
    IdentityView,
    LinksView,
    MediaView,
    ParentView,
    PublisherKeyView,
    PublisherView,
    StandingView,
    WithdrawalView,
)

MAX_PAGE = 200
"""Assets in one page of a listing: about 400 KB of JSON."""


def asset(registry: Registry, record_id: bytes) -> AssetView:
    """One registered asset. Raises NotFound."""
    with registry.store.read() as session:
        return _asset(registry, session, record_id)


def assets_page(
    registry: Registry, *, publisher: str | None, sha256: bytes | None, before: int | None, limit: int
) -> list[AssetView]:
    """Assets, newest first, from before index `before` on; at most `MAX_PAGE`."""
    with registry.store.read() as session:
        rows = assets.page(session, publisher=publisher, sha256=sha256, before=before, limit=min(limit, MAX_PAGE))
        return [_asset(registry, session, row.record_id) for row in rows]


def history(registry: Registry, record_id: bytes) -> list[EventView]:
    """What happened to an asset, in log order. Raises NotFound."""
    with registry.store.read() as session:
        registered = _asset(registry, session, record_id)
        events = [
            EventView(
                index=registered.index,
                type=registered.type,
                record_id=registered.record_id,
                logged_at=registered.logged_at,
                summary=f"Registered by {registered.publisher.name}.",
            )
        ]
        for row in assets.withdrawals_of(session, record_id):
            entry = entries.get(session, row.index)
            events.append(
                EventView(
                    index=row.index,
                    type="asset.withdrawn",
                    record_id=record_urn(entry.record_id),
                    logged_at=from_milliseconds(entry.logged_at_ms),
                    summary=f"Withdrawn by {registered.publisher.name}: {row.reason}",
                )
            )
        return sorted(events, key=lambda event: event.index)


def withdrawal(registry: Registry, record_id: bytes) -> WithdrawalView:
    """A withdrawal by its own record id. Raises NotFound."""
    with registry.store.read() as session:
        entry = entries.of_record(session, record_id)
        record = parse_record(entries.record(session, record_id).canonical)
    if not isinstance(record, AssetWithdrawn):
        raise NotFound("no such withdrawal")
    return WithdrawalView(
        id=record_id.hex(),
        record_id=record_urn(record_id),
        index=entry.index,
        state=_state(registry, entry.index),
        logged_at=from_milliseconds(entry.logged_at_ms),
        record=record.record.hex(),
        reason=record.reason,
    )


def record(registry: Registry, record_id: bytes) -> bytes:
    """The canonical bytes of a record. Raises NotFound, StoreCorrupt for bytes that have changed."""
    with registry.store.read() as session:
        canonical = entries.record(session, record_id).canonical
    if digest_record(canonical) != record_id:
        raise StoreCorrupt(f"the stored record {record_id.hex()} has changed")
    return canonical


def statement(registry: Registry, record_id: bytes) -> bytes:
    """The log entry that states a record. Raises NotFound, StoreCorrupt for bytes that have changed."""
    with registry.store.read() as session:
        entry = entries.of_record(session, record_id)
    if leaf_hash(entry.statement) != entry.leaf_hash:
        raise StoreCorrupt(f"the stored entry {entry.index} has changed")
    return entry.statement


def proof(registry: Registry, record_id: bytes) -> bytes:
    """The C2SP tlog-proof of a record under the latest checkpoint. Raises NotFound."""
    return registry.proofs.tlog_proof(record_id).serialise()


def receipt(registry: Registry, record_id: bytes) -> bytes:
    """The `.countermark` file of a record. Raises NotFound."""
    return registry.proofs.receipt(record_id).serialise()


def credentialed(registry: Registry, record_id: bytes) -> tuple[bytes, str]:
    """The C2PA-signed copy of an asset and its media type. Raises NotFound when none was made."""
    with registry.store.read() as session:
        row = assets.get(session, record_id)
    if row.signed_blob_sha256 is None:
        raise NotFound("this picture was registered without an embedded credential")
    return registry.blobs.get(row.signed_blob_sha256), row.media_type


def manifest(registry: Registry, record_id: bytes) -> bytes:
    """The C2PA manifest store of an asset: the sidecar. Raises NotFound when none was made."""
    with registry.store.read() as session:
        row = assets.get(session, record_id)
    if row.manifest_blob_sha256 is None:
        raise NotFound("this picture was registered without a credential")
    return registry.blobs.get(row.manifest_blob_sha256)


def thumbnail(registry: Registry, record_id: bytes) -> bytes:
    """A WebP of the asset, longest side 512 px, without metadata. Raises NotFound."""
    with registry.store.read() as session:
        row = assets.get(session, record_id)
    return registry.blobs.get(row.thumbnail_sha256)


def publisher(registry: Registry, publisher_id: str) -> PublisherView:
    """A publisher with its newest key. Raises NotFound."""
    with registry.store.read() as session:
        return _publisher(session, publisher_id)


def publisher_list(registry: Registry) -> list[PublisherView]:
    """All publishers, by id."""
    with registry.store.read() as session:
        return [_publisher(session, row.id) for row in publishers.all_of(session)]


def publisher_keys(registry: Registry, publisher_id: str) -> list[PublisherKeyView]:
    """All keys a publisher ever had, in the order of their enrolment. Raises NotFound."""
    with registry.store.read() as session:
        publishers.get(session, publisher_id)
        return [
            PublisherKeyView(
                thumbprint=row.kid.hex(),
                algorithm=row.algorithm,
                enrolled_index=row.enrolled_index,
                ended_index=row.ended_index,
                end_reason=row.end_reason,
            )
            for row in publishers.keys_of(session, publisher_id)
        ]


def _asset(registry: Registry, session: Session, record_id: bytes) -> AssetView:
    row = assets.get(session, record_id)
    stated = parse_record(entries.record(session, record_id).canonical)
    if not isinstance(stated, AssetRegistered):
        raise NotFound("no such asset")
    path = f"/v1/assets/{record_id.hex()}"
    credential = stated.credential
    return AssetView(
        id=record_id.hex(),
        record_id=record_urn(record_id),
        type="asset.registered",
        index=row.index,
        state=_state(registry, row.index),
        logged_at=from_milliseconds(row.logged_at_ms),
        claimed_at=stated.claimed_at,
        publisher=_publisher(session, row.publisher_id, entries.get(session, row.index).statement),
        standing=_standing(session, record_id),
        title=stated.title,
        caption=stated.caption,
        credit=stated.credit,
        licence=stated.licence,
        digital_source_type=stated.digital_source_type,
        captured_at=stated.captured_at,
        media=_media(stated.media),
        credential=CredentialView(
            manifest_id=credential.manifest_id,
            claim_sha256=credential.claim_sha256.hex(),
            embedded=credential.embedded,
            signed=_media(credential.signed) if credential.signed else None,
        )
        if credential
        else None,
        parents=tuple(ParentView(record=parent.record.hex(), relation=parent.relation) for parent in stated.parents),
        rendition_of=stated.rendition_of.hex() if stated.rendition_of else None,
        links=LinksView(
            self=path,
            page=f"/a/{record_id.hex()}",
            record=f"/v1/records/{record_id.hex()}",
            receipt=f"{path}/receipt",
            history=f"{path}/history",
            thumbnail=f"{path}/thumbnail",
            credentialed=f"{path}/credentialed" if row.signed_blob_sha256 else None,
            manifest=f"{path}/manifest" if row.manifest_blob_sha256 else None,
        ),
    )


def _media(facts: MediaFacts) -> MediaView:
    return MediaView(
        sha256=facts.sha256.hex(),
        size=facts.size,
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        pixels_sha256=facts.pixels_sha256.hex(),
    )


def _standing(session: Session, record_id: bytes) -> StandingView:
    taken_back = assets.withdrawals_of(session, record_id)
    if taken_back:
        return StandingView(Standing.WITHDRAWN, f"Withdrawn by its publisher: {taken_back[0].reason}")
    return StandingView(Standing.CURRENT, "The registration stands.")


def _publisher(session: Session, publisher_id: str, statement: bytes | None = None) -> PublisherView:
    row = publishers.get(session, publisher_id)
    keys: Sequence[str] = [key.kid.hex() for key in publishers.keys_of(session, publisher_id)]
    return PublisherView(
        id=row.id,
        name=row.name,
        identity=IdentityView(established=row.established, detail=row.detail),
        key=parse_statement(statement).kid.hex() if statement else (keys[-1] if keys else ""),
    )


def _state(registry: Registry, index: int) -> str:
    return "published" if index < registry.sequencer.size else "sequenced"
