"""The catalogue: public reads of assets, records, receipts, keys and publishers."""

import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from provenance import answers
from provenance.errors import MediaError, MediaTooCostly, MetadataWithheld, NotFound, StoreCorrupt, StoreUnavailable
from provenance.message import Message, recall
from provenance.statement.record import (
    AssetRegistered,
    AssetWithdrawn,
    MediaFacts,
    PublisherKey,
    record_urn,
)
from provenance.statement.record import record_id as digest_record
from provenance.statement.statement import parse_statement
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.note import ML_DSA_44, VerifierKey
from provenance.verification.axes import Standing
from registry.database import (
    Asset,
    PublisherKeyRow,
    SealedAsset,
    Session,
    assets,
    checkpoints,
    entries,
    heads,
    publishers,
    records,
    sealed,
)
from registry.registry import Registry
from registry.sandbox.metadata import holds_metadata
from registry.times import from_milliseconds
from registry.usecases.access import ANYBODY, Reader, check_readable, find_readable_asset
from registry.usecases.resemblances import resembles_view
from registry.usecases.standing import standing_of

_SEALED = answers.Standing(
    value=Standing.CURRENT.value, detail=Message("The registration stands; it is sealed, and nobody else can read it.")
)

MAX_PAGE = 200
"""Assets in one page of a listing: about 400 KB of JSON."""


def asset(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> answers.Asset:
    """One registered asset. Raises NotFound, Sealed, Erased."""
    with registry.store.read() as session:
        return asset_view(registry, session, find_readable_asset(session, record_id, reader), reader)


def asset_in_full(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> answers.AssetInFull:
    """One registered asset with its resemblances. Raises as `asset`."""
    with registry.store.read() as session:
        row = find_readable_asset(session, record_id, reader)
        shown = asset_view(registry, session, row, reader)
        return answers.AssetInFull(**vars(shown), resembles=resembles_view(session, row))


def registered_asset(
    registry: Registry, asset: answers.Asset, metadata: answers.FileMetadata, reader: Reader
) -> answers.RegisteredAsset:
    """The answer to a registration, with its receipt and its resemblances. Raises as `receipt` does."""
    record_id = bytes.fromhex(asset.id)
    tree = registry.proofs.tree()
    with registry.store.read() as session:
        resembles = resembles_view(session, find_readable_asset(session, record_id, reader))
        receipt = registry.proofs.verified_receipt(session, tree, record_id)[0].serialise()
    return answers.RegisteredAsset(**vars(asset), resembles=resembles, receipt=json.loads(receipt), metadata=metadata)


def assets_page(
    registry: Registry, *, publisher: str | None, sha256: bytes | None, before: int | None, limit: int
) -> list[answers.Asset]:
    """Assets, newest first, from before index `before` on; at most `MAX_PAGE`."""
    with registry.store.read() as session:
        rows = assets.page(session, publisher=publisher, sha256=sha256, before=before, limit=min(limit, MAX_PAGE))
        return [asset_view(registry, session, row) for row in rows]


def sealed_page(registry: Registry, *, publisher: str, before: int | None, limit: int) -> list[answers.Asset]:
    """A publisher's sealed assets, newest first, from before index `before` on; at most `MAX_PAGE`."""
    with registry.store.read() as session:
        rows = sealed.page(session, publisher=publisher, before=before, limit=min(limit, MAX_PAGE))
        return [asset_view(registry, session, row, Reader(publisher)) for row in rows]


def withdrawal(registry: Registry, record_id: bytes) -> answers.Withdrawal:
    """A withdrawal by its own record id. Raises NotFound, Erased."""
    with registry.store.read() as session:
        record = records.of_type(session, record_id, AssetWithdrawn, "withdrawal")
        entry = entries.of_record(session, record_id)
    return answers.Withdrawal(
        id=record_id.hex(),
        record_id=record_urn(record_id),
        index=entry.index,
        state=state_of(registry, entry.index),
        logged_at=from_milliseconds(entry.logged_at_ms),
        record=record.record.hex(),
        reason=record.reason,
    )


def record(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> bytes:
    """The canonical bytes of a record. Raises NotFound, Sealed, Erased, StoreCorrupt for bytes that have changed."""
    with registry.store.read() as session:
        check_readable(session, record_id, reader)
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


def receipt(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> bytes:
    """The `.countermark` file of a record. Raises NotFound, Sealed, Erased."""
    tree = registry.proofs.tree()
    with registry.store.read() as session:
        check_readable(session, record_id, reader)
        return registry.proofs.verified_receipt(session, tree, record_id)[0].serialise()


def credentialed(
    registry: Registry, record_id: bytes, reader: Reader = ANYBODY, *, public: bool = False
) -> tuple[bytes, str]:
    """The C2PA-signed copy of an asset and its media type: for its publisher the one with all metadata.

    Args:
        public: whether to give the public copy also to the publisher.

    Raises:
        NotFound: there is no signed copy.
        Sealed, Erased: the reader may not read the asset, or its content was erased.
        MetadataWithheld: the copy holds metadata that its publisher has not made public.
    """
    with registry.store.read() as session:
        row = find_readable_asset(session, record_id, reader)
        stated = _read_registration(session, record_id)
    if row.signed_blob_sha256 is None:
        raise NotFound("this picture was registered without an embedded credential")
    if public or not reader.may_read(row.publisher_id):
        check_copy(registry, row)
        return registry.blobs.get(row.signed_blob_sha256), stated.media.media_type
    return registry.blobs.get(row.private_blob_sha256 or row.signed_blob_sha256), stated.media.media_type


def manifest(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> bytes:
    """The C2PA manifest store of an asset: the sidecar, or that of the copy that the record names.

    Raises as `credentialed`.
    """
    with registry.store.read() as session:
        row = find_readable_asset(session, record_id, reader)
    if row.manifest_blob_sha256 is None:
        raise NotFound("this picture was registered without a credential")
    if not reader.may_read(row.publisher_id):
        check_copy(registry, row)
    return registry.blobs.get(row.manifest_blob_sha256)


def check_copy(registry: Registry, row: Asset | SealedAsset) -> None:
    """Check that the signed copy is public. For older registrations this is determined now, and stored.

    Raises:
        MetadataWithheld: the copy holds metadata that its publisher has not made public.
        StoreCorrupt: the stored copy has changed.
    """
    if not is_copy_public(registry, row):
        raise MetadataWithheld(
            "The signed copy holds metadata of the file that its publisher has not made public. "
            "The publisher’s own key gets the copy."
        )


def is_copy_public(registry: Registry, row: Asset | SealedAsset) -> bool:
    """Whether the signed copy of a registration and its manifest are public. Raises StoreCorrupt."""
    if row.copy_public is not None:
        return row.copy_public
    stored = (row.signed_blob_sha256, row.manifest_blob_sha256)
    with ExitStack() as files:
        lent = [
            None if sha256 is None else files.enter_context(registry.blobs.lend(sha256, registry.spool))
            for sha256 in stored
        ]
        try:
            public = not registry.sandbox.run(holds_metadata, *lent, digest=stored[0] or stored[1])
        except MediaTooCostly:  # on this machine, now
            return False
        except MediaError:
            public = False
    with suppress(StoreUnavailable):  # determined again next time
        registry.store.write(partial(assets.note_copy, record_id=row.record_id, public=public)).result()
    return public


def thumbnail(registry: Registry, record_id: bytes, reader: Reader = ANYBODY) -> bytes:
    """A WebP of the asset, longest side 512 px, without metadata. Raises NotFound, Sealed, Erased."""
    with registry.store.read() as session:
        row = find_readable_asset(session, record_id, reader)
    return registry.blobs.get(row.thumbnail_sha256)


def log_keys(registry: Registry) -> list[answers.LogKey]:
    """All keys that have signed the log's checkpoints, in order of their introduction."""
    with registry.store.read() as session:
        return [
            answers.LogKey(
                key=str(span.key),
                algorithm="ML-DSA-44" if span.key.key_type == ML_DSA_44 else "Ed25519",
                first_size=span.first_size,
                last_size=span.last_size,
                record=entries.get(session, max(0, span.first_size - 1)).record_id.hex(),
            )
            for span in registry.sequencer.keys.spans()
        ]


def publisher(registry: Registry, publisher_id: str) -> answers.Publisher:
    """A publisher with its newest key. Raises NotFound."""
    with registry.store.read() as session:
        return publisher_view(session, publisher_id)


GROWTH_POINTS = 120
"""Checkpoints by which the growth of the log is told: as many as a drawing of it shows apart."""


@dataclass(frozen=True)
class Seen:
    """A witness of the log's policy, and when it last cosigned what is published; None: neither of the newest two."""

    name: str
    at: datetime | None
    size: int | None


def growth(registry: Registry) -> list[tuple[datetime, int]]:
    """The size of the log over time, by checkpoints of sizes that lie evenly between the first and the newest."""
    with registry.store.read() as session:
        kept = checkpoints.evenly(session, GROWTH_POINTS)
    return [(from_milliseconds(signed_at_ms), size) for signed_at_ms, size in kept]


def witnesses(registry: Registry) -> list[Seen]:
    """The witnesses of the policy, each with its newest cosignature."""
    if registry.policy is None:
        return []
    with registry.store.read() as session:
        served = heads.served(session)
    seen: dict[VerifierKey, tuple[int, int]] = {}
    keys = [*registry.sequencer.keys.current, *(witness.key for witness in registry.policy.witnesses)]
    for note in filter(None, dict.fromkeys((served.cosigned, served.note))):
        checkpoint, cosigners = open_checkpoint(note, keys, registry.sequencer.key.name)
        seen |= {each.key: (each.time, checkpoint.size) for each in cosigners}
    told = [(witness.name, *seen.get(witness.key, (None, None))) for witness in registry.policy.witnesses]
    return [Seen(name, datetime.fromtimestamp(time, UTC) if time else None, size) for name, time, size in told]


def publisher_list(registry: Registry) -> list[answers.Publisher]:
    """All publishers, by id."""
    with registry.store.read() as session:
        return [publisher_view(session, row.id) for row in publishers.all_of(session)]


def publisher_keys(registry: Registry, publisher_id: str) -> list[answers.PublisherKey]:
    """All keys a publisher ever had, in the order of their enrolment. Raises NotFound."""
    with registry.store.read() as session:
        publishers.get(session, publisher_id)
        return [_key(session, row) for row in publishers.keys_of(session, publisher_id)]


def publisher_key(registry: Registry, publisher_id: str, thumbprint: bytes) -> answers.PublisherKey:
    """One key of a publisher. Raises NotFound."""
    with registry.store.read() as session:
        row = publishers.get_key(session, thumbprint)
        if row.publisher_id != publisher_id:
            raise NotFound("no such publisher key")
        return _key(session, row)


def _key(session: Session, row: PublisherKeyRow) -> answers.PublisherKey:
    revoked_at, reason = None, None
    if row.revoked_index is not None:
        entry = entries.get(session, row.revoked_index)
        otherwise = f"entry {row.revoked_index} states no revocation of a key, contrary to its row"
        record = records.read(session, entry.record_id, PublisherKey, otherwise)
        revoked_at, reason = from_milliseconds(entry.logged_at_ms), record.reason
    state = "revoked" if row.revoked_index is not None else "in force" if row.ended_index is None else "replaced"
    return answers.PublisherKey(
        thumbprint=row.kid.hex(),
        algorithm=row.algorithm,
        state=state,
        enrolled_index=row.enrolled_index,
        ended_index=row.ended_index,
        end_reason=row.end_reason,
        revoked_index=row.revoked_index,
        revoked_at=revoked_at,
        revocation_reason=reason,
        invalid_since=None if row.invalid_since_ms is None else from_milliseconds(row.invalid_since_ms),
    )


def _read_registration(session: Session, record_id: bytes) -> AssetRegistered:
    stated = records.get(session, record_id)
    if not isinstance(stated, AssetRegistered):
        raise NotFound("no such asset")
    return stated


def asset_view(
    registry: Registry,
    session: Session,
    row: Asset | SealedAsset,
    reader: Reader = ANYBODY,
    standing: answers.Standing | None = None,
) -> answers.Asset:
    """A registration that a reader may read, with its standing if that is known already."""
    record_id, stated = row.record_id, _read_registration(session, row.record_id)
    kept_back = isinstance(row, SealedAsset)
    path = f"/v1/assets/{record_id.hex()}"
    credential = stated.credential
    readable = row.copy_public is not False or reader.may_read(row.publisher_id)
    return answers.Asset(
        id=record_id.hex(),
        record_id=record_urn(record_id),
        type="asset.registered",
        index=row.index,
        state=state_of(registry, row.index),
        visibility="sealed" if kept_back else "public",
        logged_at=from_milliseconds(row.logged_at_ms),
        claimed_at=stated.claimed_at,
        publisher=publisher_view(session, row.publisher_id, entries.get(session, row.index).statement),
        standing=_SEALED if kept_back else standing or standing_of(session, record_id),
        **stated.described(),
        captured_at=stated.captured_at,
        from_file=stated.from_file,
        media=_media(stated.media),
        credential=answers.Credential(
            manifest_id=credential.manifest_id,
            claim_sha256=credential.claim_sha256.hex(),
            embedded=credential.embedded,
            signed=_media(credential.signed) if credential.signed else None,
        )
        if credential
        else None,
        parents=tuple(
            answers.Parent(record=parent.record.hex(), relation=parent.relation) for parent in stated.parents
        ),
        rendition_of=stated.rendition_of.hex() if stated.rendition_of else None,
        links=answers.AssetLinks(
            self=path,
            page=f"/a/{record_id.hex()}",
            record=f"/v1/records/{record_id.hex()}",
            receipt=f"{path}/receipt",
            history=f"{path}/history",
            graph=f"{path}/graph",
            thumbnail=f"{path}/thumbnail",
            credentialed=f"{path}/credentialed" if row.signed_blob_sha256 and readable else None,
            manifest=f"{path}/manifest" if row.manifest_blob_sha256 and readable else None,
        ),
    )


def _media(facts: MediaFacts) -> answers.Media:
    return answers.Media(
        sha256=facts.sha256.hex(),
        size=facts.size,
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        pixels_sha256=facts.pixels_sha256.hex(),
    )


OPERATOR_ITSELF = Message("the operator's own key, which this service keeps and signs with")
HOLDS_ITS_KEY = Message("{operator} has seen that {name} holds this key, which {name} keeps itself")
KEY_KEPT_HERE = Message("{operator} keeps this key for {name} and signs on its behalf")
"""What an identity says in the log, in English; said anew in other languages."""


def publisher_view(session: Session, publisher_id: str, statement: bytes | None = None) -> answers.Publisher:
    """A publisher, with the key that signed a statement, by default its newest key. Raises NotFound."""
    row = publishers.get(session, publisher_id)
    if statement is None:
        kids = [key.kid for key in publishers.keys_of(session, publisher_id)][-1:]
    else:
        kids = [parse_statement(statement).kid]
    return answers.Publisher(
        id=row.id,
        name=row.name,
        identity=answers.Identity(
            established=row.established,
            detail=recall(row.detail, (HOLDS_ITS_KEY, KEY_KEPT_HERE, OPERATOR_ITSELF)),
        ),
        key=kids[0].hex() if kids else "",
    )


def state_of(registry: Registry, index: int) -> str:
    """How far the entry at an index has come."""
    return "published" if index < registry.sequencer.size else "sequenced"
