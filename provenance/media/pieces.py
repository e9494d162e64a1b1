"""Pieces: the parts of which a file consists, counted before anything is done that takes time for each.

A part can have two bytes, and decoders and c2pa take microseconds for each, or compare each with all others: 250,000
boxes of 8 bytes kept c2pa for minutes. Chunks of a PNG (third edition, section 5) and of a WebP (RFC 9649, section 2),
blocks of a GIF (GIF89a, section 15), tags of a TIFF, boxes of an AVIF or HEIC (ISO/IEC 14496-12, 4.2).
"""

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice, repeat

from provenance import limits
from provenance.errors import UndecodableMedia
from provenance.media.colours import boxes

_HEADERS = {  # bytes before the boxes that a box consists of; those of `iinf` depend on its version
    **dict.fromkeys((b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf"), 0),
    **dict.fromkeys((b"meta", b"iref", b"grpl"), 4),
    b"iinf": 6,
}

_PICTURES, _EXIF = 330, frozenset((34665, 34853, 40965))  # tags that name directories: further pictures; EXIF, GPS, …
TEXTS = frozenset((1, 2, 6, 7))
"""Types of a TIFF's tags with one byte a value: BYTE, ASCII, SBYTE, UNDEFINED."""


class Pieces(BytesIO):
    """The bytes of a file, which a decoder reads in no more than `limits.MAX_READS` pieces."""

    _read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As `BytesIO.read`. Raises UndecodableMedia."""
        self._read += 1
        if self._read > limits.MAX_READS:
            raise in_pieces(limits.MAX_READS)
        return super().read(size)


def in_pieces(most: int) -> UndecodableMedia:
    """What is said of a file of more than `most` pieces."""
    return UndecodableMedia(f"the file cannot be decoded: its bytes are in more than {most:,} pieces")


def check_pieces(data: bytes, media_type: str) -> None:
    """Count the parts of a file, to its end or to damage. A JPEG's are counted as they are read.

    Raises:
        UndecodableMedia: more than `limits.MAX_READS`, or `limits.MAX_BOXES`.
    """
    parts, most = _COUNTED.get(media_type, (_none, 0))
    if any(True for _ in islice(parts(data), most, None)):
        raise in_pieces(most)


def _none(_: bytes) -> Iterator[int]:
    return iter(())


def _png_chunks(data: bytes) -> Iterator[int]:
    at = 8
    while at + 12 <= len(data):
        yield at
        at += 12 + int.from_bytes(data[at : at + 4])


def _webp_chunks(data: bytes) -> Iterator[int]:
    at = 12
    while at + 8 <= len(data):
        yield at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2


def _gif_blocks(data: bytes) -> Iterator[int]:
    at = 13 + gif_table(data[10]) if len(data) > 13 else len(data)
    while data[at : at + 1] in (b"!", b",") and at + 10 <= len(data):
        yield at
        at += 2 if data[at : at + 1] == b"!" else 11 + gif_table(data[at + 9])
        while at < len(data) and data[at]:
            yield at
            at += data[at] + 1
        at += 1


def gif_table(flags: int) -> int:
    """The bytes of the colour table that a packed field of a GIF announces (GIF89a, sections 18 and 20)."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def tiff_directories(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield offset and entries of each image file directory (TIFF 6.0, section 2); stops at damage and at a loop."""
    order = "<" if data[:2] == b"II" else ">"
    seen: set[int] = set()
    at = 4
    while at + 4 <= len(data):
        (start,) = struct.unpack_from(order + "I", data, at)
        if start in seen or not 8 <= start <= len(data) - 2:
            return
        seen.add(start)
        (entries,) = struct.unpack_from(order + "H", data, start)
        yield start, entries
        at = start + 2 + 12 * entries


def _tiff_tags(data: bytes) -> Iterator[int]:
    """Yield each tag of each directory, and of those below them, and of EXIF each number, of which objects are made.

    Raises UndecodableMedia: too many tags in one directory.
    """
    order = "<" if data[:2] == b"II" else ">"
    waiting = [(start, False) for start, _ in tiff_directories(data)]
    seen = set(waiting)
    while waiting:
        start, is_exif = waiting.pop()
        (entries,) = struct.unpack_from(order + "H", data, start)
        if entries > limits.MAX_TAGS:
            raise UndecodableMedia(f"this image/tiff has more than {limits.MAX_TAGS:,} tags in one directory")
        for at in range(start + 2, min(start + 2 + 12 * entries, len(data) - 11), 12):
            tag, kind, count, place = struct.unpack_from(order + "HHII", data, at)
            yield from repeat(tag, max(1, count) if is_exif and kind not in TEXTS else 1)
            if tag != _PICTURES and tag not in _EXIF:
                continue
            for start_below in _directories_below(data, order, count, place):
                yield tag
                below = start_below, is_exif or tag in _EXIF
                if below not in seen and 8 <= start_below <= len(data) - 2:
                    seen.add(below)
                    waiting.append(below)


def _directories_below(data: bytes, order: str, count: int, place: int) -> Iterator[int]:
    """Yield where the directories lie that a tag names: one itself, several by a list (TIFF Technical Note 1)."""
    if count == 1:
        yield place
        return
    for at in range(place, min(place + 4 * count, len(data) - 3), 4):
        yield from struct.unpack_from(order + "I", data, at)


def _boxes(data: bytes) -> Iterator[int]:
    within = [memoryview(data)]
    while within:
        for kind, body in boxes(within.pop()):
            yield len(body)
            if kind in _HEADERS:
                longer = 2 if kind == b"iinf" and bytes(body[:1]) != b"\0" else 0
                within.append(body[_HEADERS[kind] + longer :])


_COUNTED: dict[str, tuple[Callable[[bytes], Iterator[int]], int]] = {
    "image/png": (_png_chunks, limits.MAX_READS),
    "image/webp": (_webp_chunks, limits.MAX_READS),
    "image/gif": (_gif_blocks, limits.MAX_READS),
    "image/tiff": (_tiff_tags, limits.MAX_READS),
    "image/avif": (_boxes, limits.MAX_BOXES),
    "image/heic": (_boxes, limits.MAX_BOXES),
}
