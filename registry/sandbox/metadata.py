"""The functions that run confined on a file's metadata, in its container and in its C2PA manifests."""

from dataclasses import replace

from provenance.credentials.jumbf import read_contents
from provenance.credentials.signing import stored_manifests
from provenance.errors import MediaError
from provenance.media.fingerprints import digest_pixels
from provenance.media.media import Media
from provenance.media.redaction import MAX_LISTED_METADATA, MetadataItem, Redaction, redact
from registry.sandbox.frames import Readable

_SIGNED = "an earlier C2PA manifest holds it, whose signature covers it"
_DIFFERS = "its pixels would change"


def read_redaction(media: Media) -> Redaction:
    """The metadata of a file, also in its manifests, and the file without it. Nothing is decoded."""
    redaction = redact(media)
    manifests = stored_manifests(media.data, media.media_type)
    return redaction if manifests is None else _with_manifests(redaction, manifests)


def verify_redaction(redaction: Redaction, pixels_sha256: bytes) -> Redaction:
    """The redaction; without its file, if that shows other pixels than those with this digest. The file is decoded."""
    if redaction.data is None or not redaction.held:
        return redaction
    try:
        same = digest_pixels(Media.from_bytes(redaction.data).pixels) == pixels_sha256
    except MediaError:
        same = False
    return redaction if same else replace(redaction, data=None, reason=_DIFFERS)


def find_metadata(file: Readable, sha256: bytes) -> Redaction:
    """The metadata of `file`. Raises `MediaError`."""
    return replace(read_redaction(Media.from_bytes(file.read_bytes(), sha256=sha256)), data=None)


def holds_metadata(copy: Readable | None, manifests: Readable | None) -> bool:
    """Whether a stored copy, or the manifest store that goes with it, holds metadata."""
    if manifests is not None and _metadata_in(manifests.read_bytes()):
        return True
    return copy is not None and bool(redact(Media.from_bytes(copy.read_bytes())).held)


def _with_manifests(redaction: Redaction, manifests: bytes) -> Redaction:
    held = _metadata_in(manifests)
    if not held:
        return redaction
    return Redaction((*held, *redaction.held)[:MAX_LISTED_METADATA], None, redaction.reason or _SIGNED)


def _metadata_in(manifests: bytes) -> tuple[MetadataItem, ...]:
    contents = read_contents(manifests)
    found = [MetadataItem("C2PA", label[:80]) for label in contents.metadata]
    for picture in contents.pictures:
        try:
            held = redact(Media.from_bytes(picture)).held
        except MediaError:
            held = (MetadataItem("C2PA", ""),)
        found += [MetadataItem("C2PA", "metadata of a thumbnail")] if held else []
    return tuple(dict.fromkeys(found))
