"""The carriers of declared metadata in a picture file: EXIF, XMP packets, IPTC-IIM and PNG text.

They are taken out of the container here, bounded, and read elsewhere. Nothing is decoded. Containers: JPEG APP1 and
APP13 (XMP part 3, section 1.1), PNG eXIf, tEXt, zTXt and iTXt (PNG third edition, section 11.3; some writers put them
after the picture data, where Pillow would decode first), WebP EXIF and XMP chunks, TIFF tags 700 and 33723, and the
items of AVIF and HEIC.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.IptcImagePlugin import getiptcinfo
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, TiffImageFile

from provenance import limits
from provenance.errors import MediaError, UndecodableMedia
from provenance.media.formats import decoding

_ORIENTATION = 274
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION_SEGMENT = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENSION_NAME = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-F]{32})")
_XMP_KEYWORD = "XML:com.adobe.xmp"


@dataclass(frozen=True)
class Text:
    """A text chunk of a PNG: `chunk` is its type, as in "tEXt"."""

    keyword: str
    text: str
    chunk: str


@dataclass(frozen=True, eq=False)
class Carriers:
    """What a file carries beside its pixels. `notes` say what was left out, and why."""

    exif: Image.Exif
    xmp: tuple[bytes, ...]
    iptc: dict[tuple[int, int], bytes]
    texts: tuple[Text, ...]
    notes: tuple[str, ...]


def read_orientation(picture: ImageFile, data: bytes, media_type: str) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read.

    HEIC is always 1: its decoder has turned the picture already, by the file's own transformations.
    """
    if media_type == "image/heic":
        return 1
    try:
        with decoding(media_type):
            tags = picture.tag_v2 if isinstance(picture, TiffImageFile) else _exif(picture, data, media_type)
            stated = tags.get(_ORIENTATION)
    except MediaError:
        return 1
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def read_carriers(picture: ImageFile, data: bytes, media_type: str) -> Carriers:
    """Return everything that `picture` carries; a damaged carrier is left out with a note, never an exception."""
    notes: list[str] = []
    exif = Image.Exif()
    iptc: dict[tuple[int, int], bytes] = {}
    xmp: tuple[bytes, ...] = ()
    texts: tuple[Text, ...] = ()
    try:
        with decoding(media_type):
            exif = _exif(picture, data, media_type)
    except MediaError:
        notes.append("EXIF left out: it cannot be read")
    try:
        with decoding(media_type):
            iptc = _iptc(picture)
    except MediaError:
        notes.append("IPTC left out: it cannot be read")
    try:
        with decoding(media_type):
            if media_type == "image/png":
                texts = tuple(_png_texts(data))
            xmp = _xmp(picture, texts)
    except MediaError as error:
        notes.append(f"XMP or text left out: {error}")
    small = tuple(packet for packet in xmp if len(packet) <= limits.MAX_XMP_BYTES)
    if len(small) < len(xmp):
        notes.append(f"XMP left out: more than {limits.MAX_XMP_BYTES:,} bytes")
    texts = tuple(text for text in texts if text.keyword != _XMP_KEYWORD)
    return Carriers(exif, small, iptc, texts, tuple(notes))


def _exif(picture: ImageFile, data: bytes, media_type: str) -> Image.Exif:
    if isinstance(picture, TiffImageFile):
        return picture.getexif()
    block = _png_exif(data) if media_type == "image/png" else picture.info.get("exif")
    exif = Image.Exif()
    if block:
        exif.load(_small(block))
    return exif


def _small(block: bytes) -> bytes:
    """The block itself. Raises UndecodableMedia where it is too large to be read."""
    if len(block) > limits.MAX_EXIF_BYTES:
        raise UndecodableMedia(f"a block of metadata has more than {limits.MAX_EXIF_BYTES:,} bytes")
    return block


def _iptc(picture: ImageFile) -> dict[tuple[int, int], bytes]:
    """Return the IPTC-IIM data sets by (record, number); of a repeated one, all values joined by "; "."""
    if isinstance(picture, TiffImageFile):
        _small(picture.tag_v2._tagdata.get(IPTC_NAA_CHUNK, b""))  # its bytes, as `getiptcinfo` takes them
    found: dict[tuple[int, int], bytes] = {}
    for number, value in (getiptcinfo(picture) or {}).items():
        values = value if isinstance(value, list) else [value]
        found[number] = b"; ".join(each for each in values if each)
    return found


def _xmp(picture: ImageFile, texts: tuple[Text, ...]) -> tuple[bytes, ...]:
    if isinstance(picture, JpegImageFile):
        return tuple(_jpeg_xmp(picture))
    if texts:
        return tuple(text.text.encode() for text in texts if text.keyword == _XMP_KEYWORD)
    packet = picture.info.get("xmp")
    return (packet,) if isinstance(packet, bytes) and packet else ()


def _jpeg_xmp(picture: JpegImageFile) -> Iterator[bytes]:
    """Yield the standard packet, and the extended one that it names (XMP part 3, section 1.1.3.1)."""
    segments = [payload for marker, payload in picture.applist if marker == "APP1"]
    standard = next((each[len(_XMP_SEGMENT) :] for each in segments if each.startswith(_XMP_SEGMENT)), None)
    if standard is None:
        return
    yield standard
    named = _EXTENSION_NAME.search(standard)
    if named is None:
        return
    start = len(_EXTENSION_SEGMENT)
    prefix = _EXTENSION_SEGMENT + named[1]
    parts = {
        int.from_bytes(each[start + 36 : start + 40]): each[start + 40 :]
        for each in segments
        if each[: start + 32] == prefix
    }
    extended = b"".join(parts[offset] for offset in sorted(parts))
    if hashlib.md5(extended, usedforsecurity=False).hexdigest().upper().encode() == named[1]:
        yield extended


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind not in (b"IDAT", b"fdAT"):
            yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _png_exif(data: bytes) -> bytes | None:
    return next((body for kind, body in _png_chunks(data) if kind == b"eXIf"), None)


def _png_texts(data: bytes) -> Iterator[Text]:
    left, count = limits.MAX_TEXT_BYTES, 0
    for kind, body in _png_chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        count += 1
        keyword, _, rest = body.partition(b"\0")
        text = _png_text(kind, rest, left)
        left -= len(text)
        if left < 0 or count > limits.MAX_TEXT_CHUNKS:
            raise UndecodableMedia(
                f"more than {limits.MAX_TEXT_BYTES:,} bytes or {limits.MAX_TEXT_CHUNKS} chunks of text"
            )
        encoding = "utf-8" if kind == b"iTXt" else "latin-1"
        yield Text(keyword.decode("latin-1"), text.decode(encoding, "replace"), kind.decode())


def _png_text(kind: bytes, rest: bytes, most: int) -> bytes:
    match kind:
        case b"tEXt":
            return rest
        case b"zTXt":
            return _inflate(rest[1:], most)
        case _:
            compressed = rest[:1] == b"\1"
            text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
            return _inflate(text, most) if compressed else text


def _inflate(packed: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(packed, max(most, 0) + 1)
