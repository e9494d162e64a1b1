"""Registering: from an uploaded file to a logged record, its receipt and its credentialed copy.

The order matters. C2PA signing comes before the record, so that the record names the manifest (ADR 5).
Blobs are durable before the entry is sequenced, so that an acknowledged record never lacks its sketch.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from provenance import __version__, answers
from provenance.claims import Claims
from provenance.credentials.claim import Ingredient, Relationship
from provenance.credentials.signing import ClaimDescription, ClaimSigner
from provenance.errors import (
    CertificateUnusable,
    CredentialSigningFailed,
    InvalidRequest,
    MalformedRecord,
    NotFound,
)
from provenance.media.redaction import MetadataItem
from provenance.media.sketch import SKETCH_VERSION
from provenance.statement.appearance_digest import SHOWN_METHOD
from provenance.statement.record import (
    AssetRegistered,
    AssetWithdrawn,
    CredentialFacts,
    MediaFacts,
    RecordErased,
    SketchFacts,
    record_id,
    record_urn,
)
from provenance.vocabulary import source_type_iri
from registry.attestation.timestamping import stamp_now
from registry.database import Asset, Session, assets, entries, events, local_features, resemblances, sealed
from registry.database.assets import AssetBlobs
from registry.registry import Registry
from registry.sandbox import Budget
from registry.sandbox.examination import ClaimRequest, Prepared, PublicCopy, prepare, read_upload, signing_responder
from registry.sandbox.metadata import find_metadata
from registry.times import to_milliseconds
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, find_readable_asset
from registry.usecases.append import append_record, append_signed, canonical_of, new_salt, publisher_signer

GENERATOR = f"Countermark/{__version__}"

MAX_INGREDIENT_BYTES = 64 * 1024 * 1024
"""Bytes of the parents' signed copies that go to a worker, which has 1 GiB: a claim includes their manifests."""

_RELATIONSHIPS: Mapping[str, Relationship] = MappingProxyType(
    {"parentOf": "parentOf", "componentOf": "componentOf", "inputTo": "inputTo"}
)
"""The relations of records that C2PA has too; a claim leaves the others out."""


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
    """Register the file at `path`, whose SHA-256 the caller computed while receiving it.

    `budget`: what examining the file may cost; by default as much as one job may.

    Raises:
        MediaError: the file is not a readable picture.
        InvalidRequest: an invalid claim (an unknown parent or source type, a record too large), or a file that cannot
            carry a credential.
        NotFound: no such publisher.
        KeyRefused: the publisher has no key in force that this service holds; the message says why.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    claims, from_file = _completed(registry, path, sha256, claims, budget)
    claims_digest = claims.digest(publisher, sha256, from_file)
    reader = Reader(publisher)
    with registry.store.read() as session:
        registered = _registered(session, claims_digest)
        if registered is None:
            _check_references(session, claims)
        erased = events.latest(session, RecordErased.TYPE)
    if registered is not None:
        return Registered(
            catalogue.asset(registry, registered, reader),
            created=False,
            metadata=_metadata(registry, registered, path, sha256, budget),
        )
    publisher_signer(registry, publisher)  # before the picture is examined: fail early without a key
    claim_signer = _claim_signer(registry)
    source_type = _source_type(claims)
    prepared = _prepare(registry, claim_signer, path, sha256, claims, source_type, budget)
    record = _record(registry.now(), publisher, sha256, claims, source_type, prepared, from_file)
    canonical = canonical_of(record)
    blobs = _store_blobs(registry, prepared)

    def write_views(session: Session, index: int, logged_at: datetime) -> None:
        row = assets.asset_row(record_id(canonical), record, index, to_milliseconds(logged_at), claims_digest, blobs)
        if record.visibility == "sealed":
            sealed.insert(session, row)
        else:
            publish(registry, session, row, record, prepared.described.codes)

    appended = append_signed(
        registry, publisher, canonical, write_views, lambda session: _registered(session, claims_digest)
    )
    with registry.store.read() as session:
        erased_since = events.latest(session, RecordErased.TYPE) != erased
        row = find_readable_asset(session, appended.record_id, reader)
        asset = catalogue.asset_view(registry, session, row, reader)
    if erased_since:
        _store_blobs(registry, prepared)  # an erasure may have deleted what this registration shares with another
    compares = appended.created and asset.visibility == "public"
    return Registered(
        asset,
        created=appended.created,
        metadata=_metadata_view(prepared.metadata.held, prepared.metadata.public_copy, prepared.metadata.reason),
        compared=registry.comparisons.submit(asset.index, prepared.described.query) if compares else None,
    )


def _completed(
    registry: Registry, path: Path, sha256: bytes, claims: Claims, budget: Budget | None
) -> tuple[Claims, tuple[str, ...]]:
    """The claims with what the file says, if that was asked for, and the names of what it says. Raises MediaError."""
    if not claims.metadata_from_file:
        return claims, ()
    _, says = registry.sandbox.run(read_upload, path, digest=sha256, budget=budget)
    return claims.completed(says.stated())


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


def _metadata(
    registry: Registry, record: bytes, path: Path, sha256: bytes, budget: Budget | None
) -> answers.FileMetadata:
    """The metadata in the file of an earlier registration, and what its public copy has of it."""
    found = registry.sandbox.run(find_metadata, path, sha256, digest=sha256, budget=budget)
    with registry.store.read() as session:
        row = find_readable_asset(session, record, Reader(all=True))
    copy: PublicCopy = "as_registered"
    if row.signed_blob_sha256 is None:
        copy = "none"
    elif row.private_blob_sha256 is not None:
        copy = "stripped"
    elif not catalogue.is_copy_public(registry, row):
        copy = "withheld"
    reason = found.reason or "it was signed before metadata was left out of copies" if copy == "withheld" else None
    return _metadata_view(found.held, copy, reason)


def _metadata_view(found: Sequence[MetadataItem], copy: PublicCopy, reason: str | None) -> answers.FileMetadata:
    held_there = tuple(answers.HeldMetadata(carrier=each.carrier, name=each.name) for each in found)
    return answers.FileMetadata(held=held_there, public_copy=copy, reason=reason)


def _claim_signer(registry: Registry) -> ClaimSigner:
    try:
        return registry.keystore.claim_signer()
    except CertificateUnusable as error:  # this machine's clock may be wrong
        raise InvalidRequest(f"No credential can be signed now: {error}.") from error


def _prepare(
    registry: Registry,
    signer: ClaimSigner,
    path: Path,
    sha256: bytes,
    claims: Claims,
    source_type: str | None,
    budget: Budget | None,
) -> Prepared:
    """Examine the file and sign its credential, in a worker. Raises MediaError, InvalidRequest."""
    url = registry.config.claim_timestamp_url
    answer = signing_responder(signer.sign, None if url is None else partial(stamp_now, url))
    try:
        with ExitStack() as files:
            order = _claim_order(registry, files, signer, claims, source_type)
            return registry.sandbox.run(prepare, path, sha256, order, answer=answer, digest=sha256, budget=budget)
    except CredentialSigningFailed as error:
        raise InvalidRequest(f"{error}; it can be registered with credential “none”") from error


def publish(registry: Registry, session: Session, row: Asset, record: AssetRegistered, codes: bytes) -> None:
    """Make a registration public, in the transaction that registers or reveals it."""
    assets.insert(session, row)
    events.derive(session, row.record_id, record)
    resemblances.enqueue(session, row, record.rendition_of, registry.comparisons.claimed_until_ms)
    local_features.insert(session, row.index, codes)


def _registered(session: Session, claims_digest: bytes) -> bytes | None:
    """The record with exactly these claims, public or sealed; None if there is none."""
    return assets.by_claims_digest(session, claims_digest) or sealed.by_claims_digest(session, claims_digest)


def _check_references(session: Session, claims: Claims) -> None:
    for reference in (*(parent.record for parent in claims.parents), claims.rendition_of):
        if reference is not None and not events.is_registration(session, reference):
            raise InvalidRequest(f"no registration {reference.hex()} that this picture could be made from")


def _source_type(claims: Claims) -> str | None:
    if claims.digital_source_type is None:
        return None
    try:
        return source_type_iri(claims.digital_source_type)
    except MalformedRecord as error:
        raise InvalidRequest(str(error)) from error


def _claim_order(
    registry: Registry, files: ExitStack, signer: ClaimSigner, claims: Claims, source_type: str | None
) -> ClaimRequest | None:
    if claims.credential == "none":
        return None
    ingredients = list(_ingredients(registry, files, claims))
    return ClaimRequest(
        mode=claims.credential,
        publish_metadata=claims.publish_metadata,
        description=ClaimDescription(
            title=claims.title,
            generator=GENERATOR,
            digital_source_type=source_type,
            registry_url=registry.config.public_url,
            created=claims.created,
            ingredients=tuple(each for each, _ in ingredients),
        ),
        copies=tuple(copy for _, copy in ingredients),
        trust=registry.trust,
        stamped=registry.config.claim_timestamp_url is not None,
        algorithm=signer.algorithm,
        chain_pem=signer.chain_pem,
    )


def _ingredients(registry: Registry, files: ExitStack, claims: Claims) -> Iterator[tuple[Ingredient, Path | None]]:
    """The C2PA ingredients of the picture, each with the public copy whose manifest goes with it, if there is one."""
    stated = [(parent.record, parent.relation) for parent in claims.parents]
    if claims.rendition_of is not None:
        stated.insert(0, (claims.rendition_of, "parentOf"))
    has_parent, room = False, MAX_INGREDIENT_BYTES
    for record, relation in stated:
        relationship = _RELATIONSHIPS.get(relation)
        if relationship is None:
            continue
        if relationship == "parentOf":
            relationship, has_parent = "inputTo" if has_parent else "parentOf", True
        with registry.store.read() as session:
            row = assets.find(session, record)
        copy = None
        if row is not None and row.signed_blob_sha256 is not None and catalogue.is_copy_public(registry, row):
            lent = files.enter_context(registry.blobs.lend(row.signed_blob_sha256, registry.spool))
            size = lent.stat().st_size
            if size <= room:
                copy, room = lent, room - size
        ingredient = Ingredient(
            relationship=relationship,
            instance_id=record_urn(record),
            title=None if row is None else row.title,
            media_type="application/octet-stream" if row is None else row.media_type,
        )
        yield ingredient, copy


def _record(
    now: datetime,
    publisher: str,
    sha256: bytes,
    claims: Claims,
    source_type: str | None,
    prepared: Prepared,
    from_file: tuple[str, ...],
) -> AssetRegistered:
    prints = prepared.fingerprints
    media = MediaFacts(
        sha256=sha256,
        size=prepared.size,
        media_type=prepared.media_type,
        width=prepared.width,
        height=prepared.height,
        pixels_sha256=prints.pixels_sha256,
        shown_sha256=prints.shown_sha256,
        shown_method=SHOWN_METHOD if prints.shown_sha256 is not None else None,
    )
    captured_at = claims.captured_at and claims.captured_at.replace(microsecond=0)
    stated = replace(claims, digital_source_type=source_type, captured_at=captured_at)
    return AssetRegistered(
        salt=new_salt(),
        claimed_at=now,
        publisher=publisher,
        media=media,
        fingerprints=prints.to_json(),
        sketch=SketchFacts(sha256=prepared.sketch_sha256, version=SKETCH_VERSION),
        credential=_credential(prepared, media),
        **stated.described(),
        captured_at=stated.captured_at,
        from_file=from_file,
        parents=claims.parents,
        rendition_of=claims.rendition_of,
        visibility="sealed" if claims.visibility == "sealed" else None,
    )


def _credential(prepared: Prepared, media: MediaFacts) -> CredentialFacts | None:
    signed = prepared.credential
    if signed is None:
        return None
    copy = None
    if signed.data is not None:
        # Embedding a manifest adds a segment and leaves the picture's own data alone, so the pixels stay.
        copy = MediaFacts(
            sha256=signed.sha256,
            size=len(signed.data),
            media_type=media.media_type,
            width=media.width,
            height=media.height,
            pixels_sha256=media.pixels_sha256,
            shown_sha256=media.shown_sha256,
            shown_method=media.shown_method,
        )
    private = prepared.metadata.private
    return CredentialFacts(
        manifest_id=signed.manifest_id,
        claim_sha256=signed.claim_sha256,
        embedded=copy is not None,
        signed=copy,
        private_sha256=private.sha256 if private is not None else None,
    )


def _store_blobs(registry: Registry, prepared: Prepared) -> AssetBlobs:
    credential, private = prepared.credential, prepared.metadata.private
    _, thumbnail, signed, manifest, withheld = registry.blobs.put_all(
        (
            prepared.sketch,
            prepared.thumbnail,
            credential.data if credential else None,
            credential.manifest if credential else None,
            private.data if private else None,
        )
    )
    assert thumbnail is not None  # noqa: S101 (of bytes, bytes)
    return AssetBlobs(
        thumbnail=thumbnail,
        signed=signed,
        manifest=manifest,
        private=withheld,
        copy_public=prepared.metadata.public_copy != "withheld",
    )
