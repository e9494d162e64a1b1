"""Drafts: registrations that only lack their signature. The file is examined, and its credential is signed.

C2PA signing comes before the record, so that the record names the manifest (ADR 5).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from provenance import __version__, answers
from provenance.claims import Claims
from provenance.credentials.claim import Ingredient, Relationship
from provenance.credentials.signing import ClaimDescription, ClaimSigner
from provenance.errors import CertificateUnusable, CredentialSigningFailed, InvalidRequest, MalformedRecord
from provenance.media.redaction import MetadataItem
from provenance.media.sketch import SKETCH_VERSION
from provenance.registration import PictureFacts, media_facts, registration
from provenance.statement.record import AssetRegistered, CredentialFacts, MediaFacts, SketchFacts, record_id, record_urn
from provenance.vocabulary import source_type_iri
from registry.attestation.timestamping import stamp_now
from registry.database import Session, assets, events, sealed
from registry.database.assets import AssetBlobs
from registry.registry import Registry
from registry.sandbox import Budget
from registry.sandbox.examination import (
    ClaimRequest,
    DescribedThumbnail,
    Prepared,
    PublicCopy,
    prepare,
    read_upload,
    signing_responder,
)
from registry.sandbox.metadata import find_metadata
from registry.usecases import read as catalogue
from registry.usecases.access import Reader, find_readable_asset
from registry.usecases.append import canonical_of, new_salt

GENERATOR = f"Countermark/{__version__}"

MAX_INGREDIENT_BYTES = 64 * 1024 * 1024
"""Bytes of the parents' signed copies that go to a worker, which has 1 GiB: a claim includes their manifests."""

_RELATIONSHIPS: Mapping[str, Relationship] = MappingProxyType(
    {"parentOf": "parentOf", "componentOf": "componentOf", "inputTo": "inputTo"}
)
"""The relations of records that C2PA has too; a claim leaves the others out."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The bytes that are stored of a registration. `private`: the publisher's own copy, if it has another than all."""

    sketch: bytes
    thumbnail: bytes
    signed: bytes | None = None
    manifest: bytes | None = None
    private: bytes | None = None

    def store(self, registry: Registry, *, copy_public: bool) -> AssetBlobs:
        """Makes blobs of them, durable when this returns. Raises StoreUnavailable."""
        kept = (self.sketch, self.thumbnail, self.signed, self.manifest, self.private)
        _, thumbnail, signed, manifest, private = registry.blobs.put_all(kept)
        assert thumbnail is not None  # noqa: S101  # of bytes, bytes
        return AssetBlobs(thumbnail, signed, manifest, private, copy_public)


@dataclass(frozen=True, eq=False)
class Draft:
    """A registration that nobody has signed yet.

    Attributes:
        claims_digest: `Claims.digest`, with what the file says.
        copy_public: whether everybody may have the signed copy.
        described: made anew from the thumbnail, where it is not at hand.
    """

    record: AssetRegistered
    canonical: bytes
    claims_digest: bytes
    contents: Contents
    copy_public: bool
    metadata: answers.FileMetadata
    described: DescribedThumbnail

    @property
    def record_id(self) -> bytes:
        return record_id(self.canonical)


@dataclass(frozen=True)
class Known:
    """A registration with exactly these claims that was there before."""

    record_id: bytes
    metadata: answers.FileMetadata


@dataclass(frozen=True)
class Stated:
    """A file, and what its publisher states of it.

    Attributes:
        sha256: of the file, as it was computed while it was received.
        from_file: names of the claims that are the file's own.
        budget: what examining the file may cost; None: as much as one job may.
    """

    path: Path
    sha256: bytes
    claims: Claims
    publisher: str
    from_file: tuple[str, ...]
    budget: Budget | None

    @property
    def digest(self) -> bytes:
        """As `Claims.digest`."""
        return self.claims.digest(self.publisher, self.sha256, self.from_file)


def state(
    registry: Registry, *, path: Path, sha256: bytes, claims: Claims, publisher: str, budget: Budget | None
) -> Stated:
    """The claims with what the file says, if that was asked for. Raises MediaError."""
    if not claims.metadata_from_file:
        return Stated(path, sha256, claims, publisher, (), budget)
    _, says = registry.sandbox.run(read_upload, path, digest=sha256, budget=budget)
    completed, from_file = claims.completed(says.stated())
    return Stated(path, sha256, completed, publisher, from_file, budget)


def find_known(registry: Registry, stated: Stated) -> Known | None:
    """The registration that states the same; None if there is none.

    Raises:
        InvalidRequest: there is none, and a parent that is stated is no registration.
        MediaError: as `register`.
    """
    with registry.store.read() as session:
        record = registered(session, stated.digest)
        if record is None:
            _check_references(session, stated.claims)
    return None if record is None else Known(record, _metadata(registry, record, stated))


def draft(registry: Registry, stated: Stated) -> Draft:
    """Examine the file, and make what is to be signed about it.

    Raises:
        MediaError, InvalidRequest, StoreUnavailable, StoreCorrupt: as `register`.
    """
    source_type = _source_type(stated.claims)
    prepared = _prepare(registry, _claim_signer(registry), stated, source_type)
    picture = _picture_facts(prepared, stated.sha256)
    record = registration(
        picture,
        stated.claims,
        publisher=stated.publisher,
        salt=new_salt(),
        claimed_at=registry.now(),
        credential=_credential(prepared, picture.media),
        from_file=stated.from_file,
    )
    credential, metadata = prepared.credential, prepared.metadata
    return Draft(
        record=record,
        canonical=canonical_of(record),
        claims_digest=stated.digest,
        contents=Contents(
            prepared.sketch,
            prepared.thumbnail,
            credential.data if credential else None,
            credential.manifest if credential else None,
            metadata.private.data if metadata.private else None,
        ),
        copy_public=metadata.public_copy != "withheld",
        metadata=_metadata_view(metadata.held, metadata.public_copy, metadata.reason),
        described=prepared.described,
    )


def registered(session: Session, claims_digest: bytes) -> bytes | None:
    """The record with exactly these claims, public or sealed; None if there is none."""
    return assets.by_claims_digest(session, claims_digest) or sealed.by_claims_digest(session, claims_digest)


def _metadata(registry: Registry, record: bytes, stated: Stated) -> answers.FileMetadata:
    """The metadata in the file of an earlier registration, and what its public copy has of it."""
    sha256 = stated.sha256
    found = registry.sandbox.run(find_metadata, stated.path, sha256, digest=sha256, budget=stated.budget)
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


def _prepare(registry: Registry, signer: ClaimSigner, stated: Stated, source_type: str | None) -> Prepared:
    """Examine the file and sign its credential, in a worker. Raises MediaError, InvalidRequest."""
    url = registry.config.claim_timestamp_url
    sha256 = stated.sha256
    answer = signing_responder(signer.sign, None if url is None else partial(stamp_now, url))
    try:
        with ExitStack() as files:
            order = _claim_order(registry, files, signer, stated.claims, source_type)
            return registry.sandbox.run(
                prepare, stated.path, sha256, order, answer=answer, digest=sha256, budget=stated.budget
            )
    except CredentialSigningFailed as error:
        raise InvalidRequest(f"{error}; it can be registered with credential “none”") from error


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


def _picture_facts(prepared: Prepared, sha256: bytes) -> PictureFacts:
    prints = prepared.fingerprints
    media = media_facts(
        sha256=sha256,
        size=prepared.size,
        media_type=prepared.media_type,
        width=prepared.width,
        height=prepared.height,
        pixels_sha256=prints.pixels_sha256,
        shown_sha256=prints.shown_sha256,
    )
    sketch = SketchFacts(sha256=prepared.sketch_sha256, version=SKETCH_VERSION)
    return PictureFacts(media=media, fingerprints=prints.to_json(), sketch=sketch)


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
