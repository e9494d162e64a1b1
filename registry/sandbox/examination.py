"""The functions that run confined in a sandbox worker: all parsing of untrusted bytes.

Each function takes files or plain values and returns plain values; the file is read once, its bytes
come with their SHA-256 (computed while they were received), and it is decoded at most once; where parts of it are
looked at in more detail, once more, at a reduced size.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Literal

from provenance.claims import CredentialMode
from provenance.credentials.reading import read_credentials
from provenance.credentials.report import CredentialReport
from provenance.credentials.signing import (
    Action,
    ClaimDescription,
    ClaimSigner,
    SignedCredential,
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.trust import TrustSettings
from provenance.errors import CountermarkError, MediaError
from provenance.limits import INGREDIENT_THUMBNAIL_SIDE, MAX_INGREDIENT_THUMBNAIL_PIXELS
from provenance.media.comparison import Box, Comparison, Query, draw_heat_map
from provenance.media.comparison.geometry import Crop, SiftFeatures, extract_sift
from provenance.media.fingerprints import Fingerprints, digest_pixels, fingerprint
from provenance.media.local_features import MAX_FEATURES, MAX_QUERY_FEATURES, LocalFeatures, describe, encode
from provenance.media.marks import DeclaredMetadata, read_declared
from provenance.media.marks.file_claims import FileClaims, read_file_claims
from provenance.media.media import Media, Pixels
from provenance.media.parts import crop_parts
from provenance.media.redaction import MetadataItem
from provenance.media.sketch import draw_sketch, draw_thumbnail
from provenance.verification.evidence import Examination
from provenance.verification.procedure import compare_reference, examine
from provenance.verification.registrations import Reference
from registry.sandbox.frames import Readable
from registry.sandbox.metadata import read_redaction, verify_redaction

PublicCopy = Literal["as_registered", "stripped", "withheld", "none"]


@dataclass(frozen=True)
class FileMetadata:
    """The metadata in a file, and its treatment in copies.

    Attributes:
        held: the names.
        public_copy: the public copy: with all metadata, without it, or withheld; "none" if no copy is made.
        reason: why the copy is withheld, if it is.
        private: the publisher's own signed copy with all metadata, if it differs from the public one.
    """

    held: tuple[MetadataItem, ...]
    public_copy: PublicCopy
    reason: str | None = None
    private: SignedCredential | None = None


@dataclass(frozen=True)
class Prepared:
    """The facts that a registration needs of a file. `credential` is None if none was ordered."""

    size: int
    media_type: str
    width: int
    height: int
    fingerprints: Fingerprints
    declared: DeclaredMetadata
    sketch: bytes
    sketch_sha256: bytes
    thumbnail: bytes
    described: "DescribedThumbnail"
    credential: SignedCredential | None
    metadata: FileMetadata


_LEFT_OUT = Action("c2pa.edited.metadata", description="Metadata that its publisher has not made public was left out.")


@dataclass(frozen=True)
class ClaimRequest:
    """What to sign into or beside the file, without the key: `algorithm` and `chain_pem` name the claim key.

    `copies`: the ingredients' signed copies, None for one without, in the order of `description.ingredients`.
    """

    mode: CredentialMode
    publish_metadata: bool
    description: ClaimDescription
    copies: tuple[Readable | None, ...]
    algorithm: Literal["es256", "ed25519"]
    chain_pem: str
    trust: TrustSettings
    stamped: bool = False


_SIGN, _STAMP = b"sign:", b"stamp:"


def signing_responder(
    sign: Callable[[bytes], bytes], stamp: Callable[[bytes], bytes] | None
) -> Callable[[bytes], bytes]:
    """What answers the questions that `prepare` asks of the server: signatures, and time stamps where there are any."""

    def answer(question: bytes) -> bytes:
        if stamp is not None and question.startswith(_STAMP):
            return stamp(question.removeprefix(_STAMP))
        return sign(question.removeprefix(_SIGN))

    return answer


def prepare(ask: Callable[[bytes], bytes], file: Readable, sha256: bytes, order: ClaimRequest | None) -> Prepared:
    """Fingerprint, sketch and sign one file. `ask` sends a question to the server (`signing_responder`).

    Raises:
        MediaError: the bytes are not a readable picture.
        CredentialSigningFailed: C2PA cannot sign this file.
    """
    data = file.read_bytes()
    media = Media.from_bytes(data, sha256=sha256)
    # Either half takes as long, and nothing that takes long in them holds the interpreter's lock.
    with ThreadPoolExecutor(max_workers=1) as aside:
        thumbnail = aside.submit(draw_thumbnail, media.canonical)
        described = aside.submit(lambda: describe_thumbnail(thumbnail.result()))
        prints = fingerprint(media)
        sketch = draw_sketch(media.canonical)
        credential, metadata = _sign(ask, media, prints, order)
    return Prepared(
        size=len(data),
        media_type=media.media_type,
        width=media.width,
        height=media.height,
        fingerprints=prints,
        declared=read_declared(media),
        sketch=sketch.data,
        sketch_sha256=sketch.sha256,
        thumbnail=thumbnail.result(),
        described=described.result(),
        credential=credential,
        metadata=metadata,
    )


def _sign(
    ask: Callable[[bytes], bytes], media: Media, prints: Fingerprints, order: ClaimRequest | None
) -> tuple[SignedCredential | None, FileMetadata]:
    """Sign as ordered: for a file with metadata, a public copy without it and a copy for its publisher."""
    found = read_redaction(media)
    if order is None:
        return None, FileMetadata(found.held, "none")
    signer = ClaimSigner(
        sign=lambda message: ask(_SIGN + message),
        algorithm=order.algorithm,
        chain_pem=order.chain_pem,
        stamp=(lambda message: ask(_STAMP + message)) if order.stamped else None,
    )
    ingredients = tuple(
        replace(each, data=None if copy is None else copy.read_bytes())
        for each, copy in zip(order.description.ingredients, order.copies, strict=True)
    )
    soft_binding = ("org.countermark.pdq.v1", prints.pdq)
    description = replace(order.description, ingredients=ingredients, soft_binding=soft_binding)
    if order.mode == "sidecar":
        beside = sign_sidecar(
            media.data, media.media_type, description, signer, trust=order.trust, opened=found.data or media.data
        )
        return beside, FileMetadata(found.held, "none")
    whole = sign_embedded(media.data, media.media_type, description, signer, trust=order.trust)
    if order.publish_metadata or not found.held:
        return whole, FileMetadata(found.held, "as_registered")
    stripped = verify_redaction(found, prints.pixels_sha256)
    if stripped.data is None:
        return whole, FileMetadata(found.held, "withheld", stripped.reason)
    edited = replace(description, actions=(_LEFT_OUT, *description.actions))
    public = sign_embedded(stripped.data, media.media_type, edited, signer, trust=order.trust, opened=media.data)
    return public, FileMetadata(found.held, "stripped", private=whole)


def read_upload(file: Readable) -> tuple[str, FileClaims]:
    """The media type of `file`, by its first bytes, and what it says of itself. Raises `MediaError`."""
    media = Media.from_bytes(file.read_bytes())
    return media.media_type, read_file_claims(media)


def examine_file(
    file: Readable, sha256: bytes, trust: TrustSettings, now: datetime, sidecar: Readable | None, pixels: bool
) -> Examination:
    """Steps 1 to 3 and 5 of the verification procedure, for `file`. Raises `MediaError`."""
    beside = None if sidecar is None else sidecar.read_bytes()
    return examine(file.read_bytes(), trust, now=now, sha256=sha256, sidecar=beside, pixels=pixels)


def read_ingredients(
    file: Readable, sha256: bytes, trust: TrustSettings, now: datetime, sidecar: Readable | None
) -> CredentialReport:
    """The credential of `file`, with the thumbnails of its ingredients drawn anew as small WebPs. Raises `MediaError`.

    One that cannot be decoded is left out, and so is one of a manifest that does not hold: it may be anything.
    """
    media = Media.from_bytes(file.read_bytes(), sha256=sha256)
    beside = None if sidecar is None else sidecar.read_bytes()
    report = read_credentials(media.data, media.media_type, trust, now=now, sidecar=beside, thumbnails=True)
    draw = lru_cache(_draw_small)
    return replace(
        report,
        ingredients=tuple(
            replace(each, thumbnail=draw(each.thumbnail) if each.thumbnail and each.assigned_by.validated else None)
            for each in report.ingredients
        ),
    )


def _draw_small(thumbnail: bytes) -> bytes | None:
    try:
        picture = Media.from_bytes(thumbnail)
        if picture.width * picture.height > MAX_INGREDIENT_THUMBNAIL_PIXELS:
            return None
        return draw_thumbnail(picture.pixels, INGREDIENT_THUMBNAIL_SIDE)
    except MediaError:
        return None


@dataclass(frozen=True, eq=False)
class DrawnComparison:
    """A comparison with its overlay: a PNG with transparency, None when there is nothing to draw."""

    comparison: Comparison
    overlay: bytes | None


@dataclass(frozen=True, eq=False)
class DescribedThumbnail:
    """The local features of a registration, those of its thumbnail: `codes` to be found by, `query` to search with."""

    codes: bytes
    query: LocalFeatures


def describe_thumbnail(thumbnail: bytes) -> DescribedThumbnail:
    """The local features of a registration, from what is stored of it, so that they can be made again."""
    features = extract_sift(Media.from_bytes(thumbnail).pixels)
    return DescribedThumbnail(encode(features, MAX_FEATURES), describe(features, MAX_QUERY_FEATURES))


@dataclass(frozen=True, eq=False)
class QueryDescription:
    """The codes to search with, and the features that they were made of, for the comparison.

    `crop` is what they were looked for in; None for the canonical picture.
    """

    codes: LocalFeatures
    features: SiftFeatures
    crop: Crop | None = None


def describe_picture(canonical: Pixels) -> QueryDescription:
    """Step 6 of the verification procedure: the local features of a picture."""
    features = extract_sift(canonical)
    return QueryDescription(describe(features, MAX_QUERY_FEATURES), features)


def read_picture(file: Readable, sha256: bytes) -> tuple[Fingerprints, Pixels]:
    """The fingerprints of a stored picture, and the canonical one of it. Raises `MediaError`."""
    media = Media.from_bytes(file.read_bytes(), sha256=sha256)
    return fingerprint(media), media.canonical


@dataclass(frozen=True, eq=False)
class OpenedPicture:
    """A picture that is to be compared with another: its canonical form, and as what it serves as a reference."""

    media_type: str
    width: int
    height: int
    frames: int
    pixels_sha256: bytes
    canonical: Pixels
    sketch: bytes
    thumbnail: bytes


def open_picture(file: Readable, sha256: bytes) -> OpenedPicture:
    """What two files are compared by. Raises `MediaError`."""
    media = Media.from_bytes(file.read_bytes(), sha256=sha256)
    return OpenedPicture(
        media_type=media.media_type,
        width=media.width,
        height=media.height,
        frames=media.frames,
        pixels_sha256=digest_pixels(media.pixels),
        canonical=media.canonical,
        sketch=draw_sketch(media.canonical).data,
        thumbnail=draw_thumbnail(media.canonical),
    )


def describe_parts(
    file: Readable, sha256: bytes, canonical: Pixels, unexplained: Sequence[Sequence[Box]]
) -> tuple[QueryDescription, ...]:
    """Step 6, for parts of `file` that every match leaves open. Raises `MediaError`."""

    def detail() -> Pixels:
        return Media.from_bytes(file.read_bytes(), sha256=sha256).detail

    crops = crop_parts(canonical, unexplained, detail)
    extracted = [(crop, extract_sift(crop.pixels)) for crop in crops]
    return tuple(QueryDescription(describe(each, MAX_QUERY_FEATURES), each, crop) for crop, each in extracted)


@dataclass(frozen=True)
class DetailSource:
    """A file to compare at full detail: the `whole` of it, or what is suspected."""

    file: Readable
    sha256: bytes
    whole: bool

    @cached_property
    def closest(self) -> Pixels:
        """As `Media.closest`. Raises `MediaError`."""
        return Media.from_bytes(self.file.read_bytes(), sha256=self.sha256).closest


def compare_references(
    canonical: Pixels,
    described: QueryDescription | None,
    references: Sequence[Reference],
    originals: Sequence[Readable | None],
    detail: DetailSource,
) -> tuple[DrawnComparison | CountermarkError, ...]:
    """Step 7 of the verification procedure, for all candidates: the result of each comparison, or why there is none.

    `originals`: the stored pictures of the references that are looked at.
    """
    query = Query(canonical) if described is None else Query(canonical, described.features, described.crop)
    return tuple(
        _compared(query, reference, original, detail) for reference, original in zip(references, originals, strict=True)
    )


def _compared(
    query: Query, reference: Reference, original: Readable | None, detail: DetailSource
) -> DrawnComparison | CountermarkError:
    stored = None if original is None else original.read_bytes()
    try:
        comparison = compare_reference(query, reference, stored, lambda: detail.closest, whole=detail.whole)
    except MediaError as error:
        return error
    heat = comparison.heat
    overlay = draw_heat_map(heat) if heat is not None and heat.any() else None
    return DrawnComparison(replace(comparison, heat=None), overlay)
