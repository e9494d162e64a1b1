"""Formats made of segments: JPEG, PNG, WebP and GIF. A segment is dropped, or copied byte for byte.

JPEG: ITU-T T.81, annex B; EXIF 2.32 and XMP part 3, section 1.1 (APP1), ICC.1 annex B.4 (APP2), C2PA 2.2 annex A.3.1
(APP11). PNG: third edition, sections 5 and 11. WebP: RFC 9649, section 2. GIF: GIF89a.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from provenance import limits
from provenance.media.pieces import gif_table, in_pieces
from provenance.media.redaction.metadata_names import (
    MetadataItem,
    Unstrippable,
    load_exif,
    name_exif,
    name_iptc,
    name_xmp,
    own_name,
    plain_exif,
    plain_xmp,
    refuse_gain_map,
)

Stripped = tuple[list[MetadataItem], bytes]

_BEHIND = "bytes behind the picture"


class _Pieces:
    """Collects what is kept, and the names of what is not.

    Args:
        exif, xmp: make a piece of the container from an EXIF block and from an XMP packet.
    """

    def __init__(self, exif: Callable[[bytes], bytes], xmp: Callable[[bytes], bytes]) -> None:
        self._exif_piece = exif
        self._xmp_piece = xmp
        self.held: list[MetadataItem] = []
        self.kept: list[bytes] = []

    def keep(self, piece: bytes) -> None:
        """A part of the picture itself."""
        self.kept.append(piece)
        self._bound()

    def drop(self, *held: MetadataItem) -> None:
        """Metadata of other kinds."""
        self.held += held
        self._bound()

    def _bound(self) -> None:
        if len(self.kept) + len(self.held) > limits.MAX_READS:
            raise in_pieces(limits.MAX_READS)

    def exif(self, block: bytes) -> None:
        """An EXIF block: its orientation stays."""
        exif = load_exif(block)
        self.drop(*name_exif(exif, block))
        if plain := plain_exif(exif):
            self.keep(self._exif_piece(plain))

    def xmp(self, packet: bytes) -> None:
        """An XMP packet: its digital source type stays."""
        refuse_gain_map(packet)
        self.drop(*name_xmp(packet))
        if plain := plain_xmp(packet):
            self.keep(self._xmp_piece(plain))

    def behind(self, carrier: str, rest: bytes) -> None:
        """Bytes behind the end, which viewers do not look at."""
        if rest.strip(b"\0"):
            refuse_gain_map(rest)
            self.drop(MetadataItem(carrier, _BEHIND))

    def joined(self) -> Stripped:
        """What is held, and the kept pieces."""
        return self.held, b"".join(self.kept)


# JPEG -------------------------------------------------------------------------------------------

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP11, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
_CODING = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDC, 0xDD))  # frames, tables, intervals
_BEHIND_A_SCAN = re.compile(rb"(?<!\xff)\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)  # a marker: no stuffing, no RSTn
_FILL = re.compile(rb"\xff+")
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION_SEGMENT = b"http://ns.adobe.com/xmp/extension/\0"
_C2PA_STORE = bytes.fromhex("6332706100110010800000aa00389b71")
_ADOBE_BYTES = 12


def strip_jpeg(data: bytes) -> Stripped:
    """What a JPEG holds, and the JPEG without it."""
    pieces = _Pieces(
        exif=lambda block: _jpeg_segment(_APP1, b"Exif\0\0" + block),
        xmp=lambda packet: _jpeg_segment(_APP1, _XMP_SEGMENT + packet),
    )
    stores: set[bytes] = set()
    pieces.keep(data[:2])
    at = 2
    while True:
        marker, start, end = _jpeg_marker(data, at)
        if marker == _EOI:
            pieces.keep(data[start - 2 : start])
            pieces.behind("JPEG", data[start:])
            return pieces.joined()
        body = data[start + 2 : end]
        if marker == _SOS:
            match = _BEHIND_A_SCAN.search(data, end)
            if match is None:
                raise Unstrippable("its picture data has no end")
            end = match.start()
            pieces.keep(data[start - 2 : end])
        elif marker in _CODING:
            pieces.keep(data[start - 2 : end])
        else:
            _jpeg_application(pieces, marker, body, stores)
        at = end


def _jpeg_marker(data: bytes, at: int) -> tuple[int, int, int]:
    """The marker at `at`: its code, and where its segment begins (with its length) and ends."""
    fill = _FILL.match(data, at)
    if fill is None:
        raise Unstrippable("bytes stand where a segment should begin")
    at = fill.end()
    marker, start = data[at] if at < len(data) else 0, at + 1
    if marker == _EOI:
        return marker, start, start
    length = int.from_bytes(data[start : start + 2])
    if marker < 0xC0 or marker in range(0xD0, 0xDA) or length < 2 or start + length > len(data):
        raise Unstrippable("a segment is damaged or of an unknown kind")
    return marker, start, start + length


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _jpeg_application(pieces: _Pieces, marker: int, body: bytes, stores: set[bytes]) -> None:
    match marker:
        case 0xE0 if body.startswith(b"JFIF\0") and len(body) >= 14:
            pieces.keep(_jpeg_segment(_APP0, body[:12] + b"\0\0"))
            if len(body) > 14:
                pieces.drop(MetadataItem("JFIF", "thumbnail"))
        case 0xE1 if body.startswith(b"Exif\0"):
            pieces.exif(body[6:])
        case 0xE1 if body.startswith(_XMP_SEGMENT):
            pieces.xmp(body[len(_XMP_SEGMENT) :])
        case 0xE1 if body.startswith(_EXTENSION_SEGMENT):
            refuse_gain_map(body)
            pieces.drop(MetadataItem("XMP", "an extended packet"))
        case 0xE2 if body.startswith(b"ICC_PROFILE\0"):
            pieces.keep(_jpeg_segment(_APP2, body))
        case 0xEB if body.startswith(b"JP") and (body[24:40] == _C2PA_STORE or body[2:4] in stores):
            stores.add(body[2:4])
            pieces.keep(_jpeg_segment(_APP11, body))
        case 0xED:
            pieces.drop(*name_iptc(body))
        case 0xEE if body.startswith(b"Adobe") and len(body) >= _ADOBE_BYTES:
            pieces.keep(_jpeg_segment(_APP14, body[:_ADOBE_BYTES]))
            if len(body) > _ADOBE_BYTES:
                pieces.drop(MetadataItem("JPEG", "bytes in APP14"))
        case 0xFE:
            pieces.drop(MetadataItem("JPEG", "comment"))
        case _:
            refuse_gain_map(body)
            pieces.drop(MetadataItem("JPEG", f"APP{marker - 0xE0} {own_name(body[:16].partition(bytes(1))[0])}"))


def reframe_jpeg(data: bytes, before: bytes, after: bytes) -> bytes | None:
    """A JPEG with another manifest store of the same length, over as many APP11 segments; None without `before`."""
    copy, at, place = bytearray(data), 2, 0
    while place < len(before):
        marker, start, end = _jpeg_marker(data, at)
        if marker in (_SOS, _EOI):
            return None
        body = start + 2
        if marker == _APP11 and (place or data[body + 24 : body + 40] == _C2PA_STORE):
            first = body + (16 if place else 8)  # behind instance and number, and the box header that is repeated
            size = end - first
            if data[first:end] != before[place : place + size]:
                return None
            copy[first:end] = after[place : place + size]
            place += size
        at = end
    return bytes(copy)


# PNG --------------------------------------------------------------------------------------------

_PNG_PICTURE = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs hIST acTL fcTL fdAT caBX".split()
)
_PNG_XMP = b"XML:com.adobe.xmp\0"


def strip_png(data: bytes) -> Stripped:
    """What a PNG holds, and the PNG without it."""
    pieces = _Pieces(
        exif=lambda block: _png_chunk(b"eXIf", block),
        xmp=lambda packet: _png_chunk(b"iTXt", _PNG_XMP + bytes(4) + packet),
    )
    pieces.keep(data[:8])
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 12 + length
        if len(kind) < 4 or end > len(data):
            raise Unstrippable("a chunk is damaged")
        body = data[at + 8 : end - 4]
        if kind in _PNG_PICTURE:
            pieces.keep(data[at:end])
        elif kind == b"eXIf":
            pieces.exif(body)
        elif kind == b"iTXt" and body.startswith(_PNG_XMP):
            pieces.xmp(_png_xmp(body))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            pieces.drop(MetadataItem(f"PNG {kind.decode()}", own_name(body.partition(b"\0")[0])))
        elif kind[:1].isupper():
            raise Unstrippable("it has a chunk of an unknown kind that viewers must know")
        else:
            pieces.drop(MetadataItem("PNG", f"{own_name(kind)} chunk"))
        at = end
    pieces.behind("PNG", data[at:])
    return pieces.joined()


def reframe_png(data: bytes, before: bytes, after: bytes) -> bytes | None:
    """A PNG with another manifest store in its chunk; None without `before`."""
    chunk = _png_chunk(b"caBX", before)
    return data.replace(chunk, _png_chunk(b"caBX", after)) if data.count(chunk) == 1 else None


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_xmp(body: bytes) -> bytes:
    rest = body[len(_PNG_XMP) :]
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
    if rest[:1] != b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, limits.MAX_XMP_BYTES + 1)
    except zlib.error:
        return text


# WebP -------------------------------------------------------------------------------------------

_WEBP_CODED = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_PICTURE = _WEBP_CODED | {b"VP8X", b"ANIM", b"ANMF", b"ICCP", b"C2PA"}
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04  # of the byte of flags in VP8X
_FRAME_HEADER = 16


def strip_webp(data: bytes) -> Stripped:
    """What a WebP holds, and the WebP without it."""
    pieces = _Pieces(exif=lambda block: _riff_chunk(b"EXIF", block), xmp=lambda packet: _riff_chunk(b"XMP ", packet))
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    for kind, body in _riff_chunks(data, 12, end):
        if kind in _WEBP_PICTURE:
            if kind == b"ANMF" and any(inner not in _WEBP_CODED for inner, _ in _riff_chunks(body, _FRAME_HEADER)):
                raise Unstrippable("a frame of it has a part of an unknown kind")
            pieces.keep(_riff_chunk(kind, body))
        elif kind == b"EXIF":
            pieces.exif(body)
        elif kind == b"XMP ":
            pieces.xmp(body)
        else:
            pieces.drop(MetadataItem("WebP", f"{own_name(kind)} chunk"))
    pieces.behind("WebP", data[end:])
    return pieces.held, _riff(pieces.kept)


def _riff(chunks: list[bytes]) -> bytes:
    """A WebP file of these chunks, whose flags say what is there."""
    kinds = {chunk[:4] for chunk in chunks}
    said = _EXIF_FLAG * (b"EXIF" in kinds) | _XMP_FLAG * (b"XMP " in kinds)
    body = b"".join(
        chunk[:8] + bytes([chunk[8] & ~(_EXIF_FLAG | _XMP_FLAG) | said]) + chunk[9:] if chunk[:4] == b"VP8X" else chunk
        for chunk in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _riff_chunks(data: bytes, at: int, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    end = len(data) if end is None else end
    while at < end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(kind) < 4 or at + 8 + length > end:
            raise Unstrippable("a chunk is damaged")
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


# GIF --------------------------------------------------------------------------------------------

_GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012", b"C2PA_GIF\x01\x00\x00")
_GIF_XMP = b"XMP DataXMP"
_GIF_XMP_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # XMP part 3, section 1.1.2
_LOOP_BYTES = 16


def strip_gif(data: bytes) -> Stripped:
    """What a GIF holds, and the GIF without it."""
    pieces = _Pieces(exif=lambda _: b"", xmp=lambda packet: b"!\xff\x0b" + _GIF_XMP + packet + _GIF_XMP_END)
    at = 13 + gif_table(data[10])
    pieces.keep(data[:at])
    while True:
        match data[at : at + 1]:
            case b";":
                pieces.keep(b";")
                pieces.behind("GIF", data[at + 1 :])
                return pieces.joined()
            case b"," if at + 10 <= len(data):
                end = _gif_end(data, at + 11 + gif_table(data[at + 9]))
                pieces.keep(data[at:end])
            case b"!":
                end = _gif_end(data, at + 2)
                _gif_extension(pieces, data[at:end])
            case _:
                raise Unstrippable("a block is damaged or of an unknown kind")
        at = end


def _gif_extension(pieces: _Pieces, block: bytes) -> None:
    name = block[3:14]
    match block[1]:
        case 0xF9:
            pieces.keep(block)
        case 0xFE:
            pieces.drop(MetadataItem("GIF", "comment"))
        case 0xFF if name == _GIF_XMP:
            pieces.xmp(block[14:].removesuffix(_GIF_XMP_END))
        case 0xFF if name in _GIF_APPLICATIONS and (name[:3] in (b"ICC", b"C2P") or len(block) <= 14 + _LOOP_BYTES):
            pieces.keep(block)
        case 0xFF:
            pieces.drop(MetadataItem("GIF", f"{own_name(name)} block"))
        case _:
            pieces.drop(MetadataItem("GIF", "text block"))


def reframe_gif(data: bytes, before: bytes, after: bytes) -> bytes | None:
    """A GIF with another manifest store in its sub-blocks; None without `before`."""
    blocks = _gif_blocks(before)
    return data.replace(blocks, _gif_blocks(after)) if data.count(blocks) == 1 else None


def _gif_blocks(content: bytes) -> bytes:
    pieces = (content[at : at + 255] for at in range(0, len(content), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def _gif_end(data: bytes, at: int) -> int:
    """Behind the sub-blocks at `at`."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    if at >= len(data):
        raise Unstrippable("a block has no end")
    return at + 1
