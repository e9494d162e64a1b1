"""Pictures with a gain map, by which displays that can do so show parts of it brighter, in the forms in use."""

import io
import struct

import numpy as np
from PIL import Image
from pillow_heif import from_pillow

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
ISO_21496 = b"urn:iso:std:iso:ts:21496:-1\0"
APPLE = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_ALPHA_HEIC, _ALPHA_AVIF = b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8))


def _map() -> Image.Image:
    return Image.fromarray(np.random.default_rng(2).integers(0, 255, (40, 60), dtype=np.uint8))


# JPEG --------------------------------------------------------------------------------------------


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def primary() -> bytes:
    """What the JPEGs show, without a gain map."""
    return _jpeg(picture())


def _with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def _xmp(jpeg: bytes, attributes: str, inner: str = "") -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    return _with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def _indexed(primary: bytes, second: bytes) -> bytes:
    """Both, with the index of CIPA DC-007 in the first."""
    length = 4 + 8 + 2 + 3 * 12 + 4 + 2 * 16
    at = 2 + 4 + 4  # where the index begins to count: behind the name of the segment
    size = len(primary) + 4 + length
    entries = struct.pack(">IIIHH", 0x030000, size, 0, 0, 0) + struct.pack(">IIIHH", 0, len(second), size - at, 0, 0)
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    tags += struct.pack(">HHII", 0xB002, 7, 32, 8 + 2 + 36 + 4)
    body = b"MPF\0" + b"MM\0*" + struct.pack(">IH", 8, 3) + tags + bytes(4) + entries
    return _with_segment(primary, 0xE2, body) + second


def ultra_hdr(*, indexed: bool = True) -> bytes:
    """Android's Ultra HDR, version 1: the map is a second JPEG; both say so in XMP, and an index says where it is."""
    second = _xmp(_jpeg(_map()), f'xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0" hdrgm:GainMapMax="2.3"')
    directory = (
        "<Container:Directory><rdf:Seq>"
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
        f'Item:Length="{len(second)}"/></rdf:li></rdf:Seq></Container:Directory>'
    )
    spaces = (
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
    )
    primary = _xmp(_jpeg(picture()), f'{spaces}xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"', directory)
    return _indexed(primary, second) if indexed else primary + second


def iso_jpeg() -> bytes:
    """ISO 21496-1 in a JPEG: no XMP, a segment APP2 in both pictures."""
    second = _with_segment(_jpeg(_map()), 0xE2, ISO_21496 + bytes(4) + b"\x40" + struct.pack(">7I", *range(1, 8)))
    return _indexed(_with_segment(_jpeg(picture()), 0xE2, ISO_21496 + bytes(4)), second)


def apple_jpeg() -> bytes:
    """An iPhone's: only the second picture says what it is."""
    spaces = (
        'xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/"'
    )
    kind = APPLE.decode()
    return _indexed(
        _jpeg(picture()),
        _xmp(_jpeg(_map()), f'{spaces} apdi:AuxiliaryImageType="{kind}" HDRGainMap:HDRGainMapVersion="65536"'),
    )


# HEIC and AVIF -----------------------------------------------------------------------------------


def _grow(file: bytes, at: int, taken: int, put: bytes, *around: bytes) -> bytes:
    """`put` in place of `taken` bytes at `at`, within the boxes `around`; what follows `meta` moves, and is found."""
    more = len(put) - taken
    grown = bytearray(file[:at] + put + file[at + taken :])
    for name in around:
        place = grown.index(name) - 4
        struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + more)
    place = grown.index(b"iloc") + 4
    version, sizes = grown[place], grown[place + 4]
    assert version in (0, 1)
    assert sizes == 0x44
    base = grown[place + 5] >> 4
    (items,) = struct.unpack_from(">H", grown, place + 6)
    entry = place + 8
    for _ in range(items):
        offset = entry + 2 + 2 * version + 2 + base + 2
        if not (version and struct.unpack_from(">H", grown, entry + 2)[0] & 15):
            struct.pack_into(">I", grown, offset, struct.unpack_from(">I", grown, offset)[0] + more)
        entry = offset + 8
    return bytes(grown)


def apple_heic() -> bytes:
    """An iPhone's HEIC: an auxiliary picture of a type that Apple has named. What it is made of is an alpha channel."""
    translucent = picture()
    translucent.putalpha(_map())
    file = io.BytesIO()
    from_pillow(translucent).save(file, quality=90)
    data = file.getvalue()
    at = data.index(_ALPHA_HEIC)
    return _grow(data, at, len(_ALPHA_HEIC), APPLE, b"auxC", b"ipco", b"iprp", b"meta")


def tone_mapped_avif(*, branded: bool = True) -> bytes:
    """ISO 21496-1 in an AVIF: a derived item `tmap` of the picture and its map (ISO/IEC 23008-12)."""
    translucent = picture()
    translucent.putalpha(_map())
    file = io.BytesIO()
    translucent.save(file, "AVIF", quality=90)
    data = file.getvalue()
    data = data.replace(b"auxC", b"free").replace(b"auxl", b"cdsc")  # no alpha channel any more
    if branded:
        data = _grow(data, data.index(b"meta") - 4, 0, b"tmap", b"ftyp")
    infe = b"infe\x02\0\0\0" + struct.pack(">HH", 3, 0) + b"tmap\0"
    end = data.index(b"iinf") - 4
    end += struct.unpack_from(">I", data, end)[0]
    data = _grow(data, end, 0, struct.pack(">I", len(infe) + 4) + infe, b"iinf", b"meta")
    count = data.index(b"iinf") + 8
    data = data[:count] + b"\0\3" + data[count + 2 :]
    dimg = b"dimg" + struct.pack(">HHHH", 3, 2, 1, 2)
    end = data.index(b"iref") - 4
    end += struct.unpack_from(">I", data, end)[0]
    data = _grow(data, end, 0, struct.pack(">I", len(dimg) + 4) + dimg, b"iref", b"meta")
    content = bytes(5) + b"\x40" + struct.pack(">14I", *([1] * 14))
    place = data.index(b"iloc") + 4
    version, (items,) = data[place], struct.unpack_from(">H", data, place + 6)
    entry = struct.pack(">H", 3) + bytes(2 * version) + struct.pack(">HHII", 0, 1, 0, len(content))
    end = place - 8 + struct.unpack_from(">I", data, place - 8)[0]
    grown = bytearray(_grow(data, end, 0, entry, b"iloc", b"meta"))
    struct.pack_into(">H", grown, place + 6, items + 1)
    struct.pack_into(">I", grown, end + len(entry) - 8, len(grown) + 8)
    return bytes(grown) + struct.pack(">I", 8 + len(content)) + b"mdat" + content
