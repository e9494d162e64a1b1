"""Redaction: the metadata of a picture file, and the file without it, with unchanged pixels.

Everything counts as metadata that is not known to be needed to show the picture: an unknown part of a file may hold a
name or a place as well as EXIF does. Kept: the coded picture, its colour profile, its orientation, a statement of the
IPTC vocabulary on how it came about, and C2PA manifests, which are signed and looked at elsewhere
(`provenance.credentials.jumbf`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from provenance.errors import MediaError
from provenance.media.carriers import read_carriers
from provenance.media.formats import decoding, open_header
from provenance.media.marks.declared import read_declared
from provenance.media.media import Media
from provenance.media.redaction import boxes, segments, tiff
from provenance.media.redaction.metadata_names import (
    MAX_LISTED_METADATA,
    MetadataItem,
    Unstrippable,
    name_exif,
    name_xmp,
    own_name,
)

__all__ = ["MAX_LISTED_METADATA", "MetadataItem", "Redaction", "redact"]

_CONTAINERS = {
    "image/jpeg": segments.strip_jpeg,
    "image/png": segments.strip_png,
    "image/webp": segments.strip_webp,
    "image/gif": segments.strip_gif,
    "image/tiff": tiff.strip_tiff,
    "image/avif": boxes.strip_boxes,
    "image/heic": boxes.strip_boxes,
}


@dataclass(frozen=True, eq=False)
class Redaction:
    """A file and what it holds beside its picture.

    Attributes:
        held: the metadata, by name; none where there is nothing to leave out. At most `MAX_LISTED_METADATA`.
        data: the file without it; the very bytes where nothing is held, None where it cannot be left out.
        reason: why it cannot, as the end of a sentence; None where it can.
    """

    held: tuple[MetadataItem, ...]
    data: bytes | None
    reason: str | None = None


def redact(media: Media) -> Redaction:
    """Leave out what `media` holds beside its picture. Nothing is decoded: compare the pixels before you use it."""
    try:
        with decoding(media.media_type):
            try:
                held, stripped = _CONTAINERS[media.media_type](media.data)
            except Unstrippable as obstacle:
                return Redaction(_list_items(_readable(media)), None, obstacle.reason)
    except MediaError:
        return Redaction(_list_items(_readable(media)), None, "a part of it cannot be read")
    if not held:
        return Redaction((), media.data)
    found = _list_items(held)
    try:
        before, after = read_declared(media), read_declared(Media.from_bytes(stripped))
    except MediaError:
        return Redaction(found, None, "it cannot be read without its metadata")
    if before.marks != after.marks:
        return Redaction(found, None, "it declares how the picture was made, which must not be lost")
    return Redaction(found, stripped)


def _list_items(held: Iterable[MetadataItem]) -> tuple[MetadataItem, ...]:
    return tuple(dict.fromkeys(held))[:MAX_LISTED_METADATA]


def _readable(media: Media) -> Iterator[MetadataItem]:
    """What can be named in a file whose parts are not all known."""
    carriers = read_carriers(open_header(media.data, media.media_type), media.data, media.media_type)
    yield from name_exif(carriers.exif)
    for packet in carriers.xmp:
        yield from name_xmp(packet)
    yield from (MetadataItem("IPTC", f"{record}:{number}") for record, number in carriers.iptc)
    yield from (MetadataItem(f"PNG {text.chunk}", own_name(text.keyword.encode("latin-1"))) for text in carriers.texts)
    yield MetadataItem("file", "parts that are not known here")
