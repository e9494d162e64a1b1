"""The record of a registration: made of what a file shows and of what its publisher claims.

The registry makes it to be signed, and whoever signs it elsewhere makes it again, to compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from provenance.claims import Claims
from provenance.statement.appearance_digest import SHOWN_METHOD
from provenance.statement.canonical_json import Json
from provenance.statement.record import AssetRegistered, CredentialFacts, MediaFacts, SketchFacts
from provenance.vocabulary import source_type_iri


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """What a record states of a file, and nobody has to claim: the fields of `AssetRegistered`."""

    media: MediaFacts
    fingerprints: Mapping[str, Json]
    sketch: SketchFacts


def media_facts(
    *,
    sha256: bytes,
    size: int,
    media_type: str,
    width: int,
    height: int,
    pixels_sha256: bytes,
    shown_sha256: bytes | None,
) -> MediaFacts:
    """The facts of a file whose appearance was digested by today's method."""
    return MediaFacts(
        sha256=sha256,
        size=size,
        media_type=media_type,
        width=width,
        height=height,
        pixels_sha256=pixels_sha256,
        shown_sha256=shown_sha256,
        shown_method=SHOWN_METHOD if shown_sha256 is not None else None,
    )


def registration(
    picture: PictureFacts,
    claims: Claims,
    *,
    publisher: str,
    salt: bytes,
    claimed_at: datetime,
    credential: CredentialFacts | None,
    from_file: tuple[str, ...] = (),
) -> AssetRegistered:
    """The record.

    Args:
        claims: completed with what the file says (`Claims.completed`), if they take that over.
        from_file: the names of the claims that were taken from the file.

    Raises:
        MalformedRecord: an unknown digital source type.
    """
    source_type, captured_at = claims.digital_source_type, claims.captured_at
    stated = replace(
        claims,
        digital_source_type=None if source_type is None else source_type_iri(source_type),
        captured_at=None if captured_at is None else captured_at.replace(microsecond=0),
    )
    return AssetRegistered(
        salt=salt,
        claimed_at=claimed_at,
        publisher=publisher,
        media=picture.media,
        fingerprints=picture.fingerprints,
        sketch=picture.sketch,
        credential=credential,
        **stated.described(),
        captured_at=stated.captured_at,
        from_file=from_file,
        parents=claims.parents,
        rendition_of=claims.rendition_of,
        visibility="sealed" if claims.visibility == "sealed" else None,
    )
