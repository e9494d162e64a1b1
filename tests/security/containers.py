"""Hostile files of one container each, and files of two kinds at once: what their headers, lists and trees may claim.

Made by hand, the same each time, from honest pictures: `CONTAINERS` and `POLYGLOTS` by name.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

from PIL import Image

from provenance.media.colours import boxes
from tests.security.hostile import chunk, honest, png, segment

MANY = 500_000
"""Pieces, entries or frames where one would do: files of a few megabytes."""

MOST = 2**32 - 1

# TIFF -------------------------------------------------------------------------------------------

BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
Tag = tuple[int, int, bytes]
"""Type, count, and the value or where it lies."""


def longs(*numbers: int) -> Tag:
    return LONG, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers)


def stated(kind: int, count: int, place: int = 8) -> Tag:
    """A tag whose value is said to lie somewhere: by default where a file of `tiff` has its data."""
    return kind, count, struct.pack("<I", place)


def directory(tags: Mapping[int, Tag], at: int, following: int = 0) -> bytes:
    """An image file directory that lies at `at`, with its values behind it."""
    entries, values = bytearray(), bytearray()
    behind = at + 2 + 12 * len(tags) + 4
    for tag, (kind, count, value) in sorted(tags.items()):
        inline = len(value) <= 4
        entries += struct.pack("<HHI", tag, kind, count)
        entries += value.ljust(4, b"\0") if inline else struct.pack("<I", behind + len(values))
        values += b"" if inline else value
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + values


def grey(width: int, height: int, more: Mapping[int, Tag] | None = None) -> dict[int, Tag]:
    """The tags of a grey picture whose only strip is the data of the file."""
    sizes = {256: longs(width), 257: longs(height), 258: longs(8), 259: longs(1), 262: longs(1), 277: longs(1)}
    return sizes | {273: longs(8), 278: longs(height), 279: longs(width * height)} | (dict(more) if more else {})


def tiff(tags: Mapping[int, Tag], data: bytes = bytes(4096), *, circular: bool = False) -> bytes:
    """Data, and behind them one directory, which follows itself if it is `circular`."""
    at = 8 + len(data)
    return b"II*\0" + struct.pack("<I", at) + data + directory(tags, at, at if circular else 0)


def strips(number: int, data: bytes = bytes(64), *, coding: int = 1) -> bytes:
    """A TIFF of `number` strips of one pixel, each of which is all of the data."""
    places, sizes = (LONG, number, struct.pack("<I", 8) * number), (LONG, number, struct.pack("<I", len(data)) * number)
    return tiff(grey(1, min(number, 65_000), {259: longs(coding), 273: places, 278: longs(1), 279: sizes}), data)


def pages(number: int) -> bytes:
    """A TIFF whose pages begin two bytes apart, and have four thousand tags each."""
    first = directory(grey(8, 8), 8, 8 + 128)
    many = struct.pack("<H", 0x0F0F) * (number * 3 + 24_600)
    file = bytearray(b"II*\0\x08\0\0\0" + first.ljust(128, b"\0") + many)
    for each in range(number):
        at = 136 + 6 * each
        file[at + 2 + 12 * 0x0F0F : at + 6 + 12 * 0x0F0F] = struct.pack("<I", at + 6)
    return bytes(file)


def pictures_below(number: int) -> bytes:
    """A TIFF with a list of further pictures, which begin two bytes apart, and have four thousand tags each."""
    behind = 8 + len(directory(grey(8, 8, {330: longs(*[0] * number)}), 8))
    starts = longs(*(behind + 2 * each for each in range(number)))
    return b"II*\0\x08\0\0\0" + directory(grey(8, 8, {330: starts}), 8) + b"\x0f" * (number * 2 + 49_200)


def chained(number: int, following: Callable[[int], int]) -> bytes:
    """A TIFF of directories; `following` says which comes after each."""
    length = len(directory(grey(8, 8), 0))
    body = b"".join(directory(grey(8, 8), 0, 8 + length * following(each)) for each in range(number))
    return b"II*\0\x08\0\0\0" + body


RAW = (254, 50706)
"""Tags that make it another kind of file."""


def every_tag(tag: Tag) -> bytes:
    return tiff({each: tag for each in range(1, 65_536) if each not in RAW} | grey(8, 8), bytes(300_000))


TIFF: dict[str, Callable[[], bytes]] = {
    "half a million strips": lambda: strips(MANY),
    "six million strips": lambda: strips(6_000_000),
    "strips of the whole file each": lambda: strips(60_000, bytes(20_000_000)),
    "strips of the whole file each, deflated": lambda: strips(60_000, zlib.compress(bytes(20_000_000), 0), coding=8),
    "strips of the whole file each, packed": lambda: strips(60_000, bytes(20_000_000), coding=32773),
    "strips of the whole file each, in LZW": lambda: strips(60_000, b"\x80\0" * 10_000_000, coding=5),
    "strips that are JPEGs, each of the whole file": lambda: strips(
        60_000, honest("JPEG") + bytes(4_000_000), coding=7
    ),
    "a strip that inflates": lambda: (
        lambda data: tiff(grey(8000, 8000, {259: longs(8), 279: longs(len(data))}), data)
    )(zlib.compress(bytes(64_000_000), 9)),
    "tiles of 16 in the largest picture": lambda: tiff(
        {tag: each for tag, each in grey(8000, 8000).items() if tag not in (273, 278, 279)}
        | {322: longs(16), 323: longs(16)}
        | {324: longs(*[8] * 250_000), 325: longs(*[256] * 250_000)}
    ),
    "a tile as large as can be stated": lambda: tiff(
        {tag: each for tag, each in grey(64, 64).items() if tag not in (273, 278, 279)}
        | {322: longs(2**31 - 16), 323: longs(2**31 - 16), 324: longs(8), 325: longs(MOST)}
    ),
    "a directory that follows itself": lambda: tiff(grey(8, 8), circular=True),
    "two directories that follow each other": lambda: chained(2, lambda each: 1 - each),
    "twenty thousand directories": lambda: chained(20_000, lambda each: each + 1),
    "every tag there is": lambda: every_tag(longs(1)),
    "every tag, of all bytes": lambda: every_tag(stated(UNDEFINED, 300_000)),
    "every tag, as many values as can be stated": lambda: every_tag(stated(LONG, MOST)),
    "four thousand tags of all bytes": lambda: tiff(
        {each: stated(UNDEFINED, 20_000_000) for each in range(60_000, 64_000)} | grey(8, 8), bytes(20_000_000)
    ),
    "four thousand pages of four thousand tags": lambda: pages(4000),
    "four hundred pictures below, of four thousand tags each": lambda: pictures_below(400),
    "millions of pictures below, of no tags": lambda: tiff(
        grey(8, 8, {330: (LONG, 5_000_000, struct.pack("<5000000I", *range(8, 5_000_008)))}), bytes(6_000_000)
    ),
    "ten million samples": lambda: tiff(grey(8, 8, {258: stated(SHORT, 10_000_000)}), bytes(20_000_000)),
    "more samples than can be": lambda: tiff(grey(8, 8, {277: longs(MOST)})),
    "millions of fractions": lambda: tiff(grey(8, 8, {282: stated(RATIONAL, 2_000_000)}), bytes(16_000_000)),
    "millions of numbers in its description": lambda: tiff(
        grey(8, 8, {270: stated(LONG, 5_000_000)}), bytes(20_000_000)
    ),
    "EXIF that is its own directory": lambda: tiff(
        grey(8, 8, dict.fromkeys((330, 34665, 34853, 40965), longs(8 + 4096)))
    ),
    "EXIF of every tag": lambda: tiff(
        grey(8, 8, {34665: longs(8)}), b"\xff\xff" + b"".join(struct.pack("<HHII", t, 4, 1, 1) for t in range(65_535))
    ),
    "EXIF of every tag, of millions of numbers each": lambda: tiff(
        grey(8, 8, {34665: longs(8)}),
        b"\xff\xff" + b"".join(struct.pack("<HHII", t, 4, 30, 8) for t in range(65_535)) + bytes(40_000_000),
    ),
    "millions of IPTC data sets": lambda: tiff(
        grey(8, 8, {33723: (UNDEFINED, 48_000_000, b"\x1c\x02\x19\0\x01a" * 8_000_000)})
    ),
    "millions of Photoshop resources": lambda: tiff(
        grey(8, 8, {34377: (UNDEFINED, 36_000_000, (b"8BIM\x04\x04\0\0" + bytes(4)) * 3_000_000)})
    ),
    "EXIF of millions of fractions": lambda: tiff(
        grey(8, 8, {34665: longs(8)}), directory({33434: (RATIONAL, 5_000_000, bytes(40_000_000))}, 8)
    ),
    "a profile of 20 MB": lambda: tiff(grey(8, 8, {34675: (UNDEFINED, 20_000_000, bytes(20_000_000))})),
    "XMP of 20 MB": lambda: tiff(grey(8, 8, {700: (BYTE, 20_000_000, b"<a>" + bytes(19_999_997))})),
    "a palette of nothing": lambda: tiff(grey(8, 8, {262: longs(3), 320: stated(SHORT, 768, 2**31)})),
    "a JPEG without tables": lambda: tiff(grey(64, 64, {259: longs(7), 347: stated(UNDEFINED, MOST)})),
    "the larger kind of TIFF": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, MOST) + bytes(10_000),
}

# WebP -------------------------------------------------------------------------------------------


def piece(name: bytes, data: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if length is None else length) + data + bytes(len(data) % 2)


def webp(*pieces: bytes, length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    return piece(
        b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def coded(width: int = 96, height: int = 64, *, lossless: bool = False) -> bytes:
    """The picture's own chunk."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "WEBP", lossless=lossless)
    return file.getvalue()[12:]


def frame(picture: bytes, width: int = 96, height: int = 64) -> bytes:
    sizes = b"".join(each.to_bytes(3, "little") for each in (0, 0, width - 1, height - 1, 1))
    return piece(b"ANMF", sizes + b"\0" + picture)


def lossless(width: int, height: int) -> bytes:
    return piece(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(20))


ANIMATED, EXIF_FLAG, ALPHA, PROFILE = 2, 8, 16, 32

WEBP: dict[str, Callable[[], bytes]] = {
    "a canvas of 16,777,216 a side": lambda: webp(canvas(2**24, 2**24), coded()),
    "a canvas smaller than its picture": lambda: webp(canvas(1, 1), coded(4000, 4000)),
    "a canvas larger than its picture": lambda: webp(canvas(6000, 6000), coded()),
    "34 bytes for 49 megapixels": lambda: webp(lossless(7000, 7000)),
    "another size in its picture than in its header": lambda: webp(canvas(96, 64), lossless(16_384, 16_384)),
    "a hundred thousand frames": lambda: webp(
        canvas(96, 64, ANIMATED), piece(b"ANIM", bytes(6)), *[frame(coded())] * 100_000
    ),
    "frames without a picture": lambda: webp(canvas(96, 64, ANIMATED), piece(b"ANIM", bytes(6)), *[frame(b"")] * MANY),
    "frames larger than the canvas": lambda: webp(
        canvas(8, 8, ANIMATED), piece(b"ANIM", bytes(6)), *[frame(lossless(16_384, 16_384), 16_384, 16_384)] * 100
    ),
    "the largest canvas of many frames": lambda: webp(
        canvas(7000, 7000, ANIMATED), piece(b"ANIM", bytes(6)), *[frame(lossless(7000, 7000), 7000, 7000)] * 1000
    ),
    "half a million chunks of no kind": lambda: webp(canvas(96, 64), coded(), *[piece(b"abcd", b"")] * MANY),
    "half a million opacities": lambda: webp(canvas(96, 64, ALPHA), *[piece(b"ALPH", b"\0")] * MANY, coded()),
    "an opacity of nothing": lambda: webp(
        canvas(4000, 4000, ALPHA), piece(b"ALPH", b"\x01\x2f\0\0\0\0"), coded(4000, 4000)
    ),
    "an opacity alone": lambda: webp(canvas(96, 64, ALPHA), piece(b"ALPH", bytes(96 * 64 + 1))),
    "a chunk as long as can be stated": lambda: webp(canvas(96, 64), piece(b"VP8 ", coded()[8:], MOST)),
    "a file as long as can be stated": lambda: webp(coded(), length=MOST),
    "a file of no length": lambda: webp(coded(), length=0),
    "EXIF of all tags": lambda: webp(
        canvas(96, 64, EXIF_FLAG), coded(), piece(b"EXIF", tiff({tag: longs(*[1] * 60) for tag in range(1, 65_536)}))
    ),
    "EXIF of millions of numbers": lambda: webp(
        canvas(96, 64, EXIF_FLAG), coded(), piece(b"EXIF", tiff({270: stated(LONG, 5_000_000)}, bytes(20_000_000)))
    ),
    "EXIF of millions of fractions": lambda: webp(
        canvas(96, 64, EXIF_FLAG), coded(), piece(b"EXIF", tiff({282: stated(RATIONAL, 2_000_000)}, bytes(16_000_000)))
    ),
    "a profile of 20 MB": lambda: webp(canvas(96, 64, PROFILE), piece(b"ICCP", bytes(20_000_000)), coded()),
}

# GIF --------------------------------------------------------------------------------------------


def gif(width: int, height: int, *blocks: bytes) -> bytes:
    table = b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + table + b"".join(blocks) + b";"


def descriptor(width: int, height: int, left: int = 0, top: int = 0) -> bytes:
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0)


DOT = descriptor(1, 1) + b"\x02\x02\x44\x01\0"
"""A frame of one pixel."""


def repeating(size: int) -> bytes:
    """LZW codes of 2 bits that clear the table again and again: no pixel ever comes."""
    return b"\x02" + (b"\xff" + b"\x24" * 255) * size + b"\0"


GIF: dict[str, Callable[[], bytes]] = {
    "half a million frames": lambda: gif(8, 8, DOT * MANY),
    "a screen of 65,535 a side": lambda: gif(65_535, 65_535, DOT),
    "the largest screen that is decoded, and a dot": lambda: gif(10_000, 10_000, DOT),
    "a screen of no size": lambda: gif(0, 0, DOT),
    "a frame larger than the screen": lambda: gif(8, 8, descriptor(65_535, 65_535) + b"\x02\x02\x44\x01\0"),
    "a frame outside the screen": lambda: gif(8, 8, descriptor(8, 8, 65_000, 65_000) + b"\x02\x02\x44\x01\0"),
    "blocks of one byte": lambda: gif(8, 8, descriptor(8, 8) + b"\x02" + b"\x01\x44" * 8_000_000 + b"\0"),
    "blocks of one byte before the second frame": lambda: gif(
        8, 8, DOT, descriptor(8, 8) + b"\x02" + b"\x01\x44" * 8_000_000 + b"\0", DOT
    ),
    "a table that is cleared for ever": lambda: gif(8000, 8000, descriptor(8000, 8000) + repeating(80_000)),
    "a code of no width": lambda: gif(8, 8, descriptor(8, 8) + b"\0\x01\0\0"),
    "a code wider than there are": lambda: gif(8, 8, descriptor(8, 8) + b"\xff\x01\0\0"),
    "half a million comments": lambda: gif(8, 8, b"!\xfe\x01a\0" * MANY, DOT),
    "comments behind the picture": lambda: gif(8, 8, DOT, b"!\xfe\x01a\0" * MANY),
    "half a million delays": lambda: gif(8, 8, b"!\xf9\x04\0\0\0\0\0" * MANY, DOT),
    "a comment of 20 MB": lambda: gif(8, 8, b"!\xfe" + (b"\xff" + b"a" * 255) * 80_000 + b"\0", DOT),
    "extensions of no kind behind the picture": lambda: gif(8, 8, DOT, b"!\x42\x01a\0" * MANY),
    "a file that ends in its table": lambda: gif(8, 8)[:15],
}

# AVIF and HEIC ----------------------------------------------------------------------------------


def box(name: bytes, *parts: bytes, length: int | None = None) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body) if length is None else length) + name + body


def full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def item(number: int, kind: bytes) -> bytes:
    return full(b"infe", 2, 0, struct.pack(">HH", number, 0), kind, b"\0")


def listed(*items: bytes) -> bytes:
    return full(b"iinf", 1, 0, struct.pack(">I", len(items)), *items)


def place(number: int, *extents: tuple[int, int], base: int = 0, method: int = 0) -> bytes:
    parts = b"".join(struct.pack(">QQ", *each) for each in extents)
    return struct.pack(">HHHQH", number, method, 0, base, len(extents)) + parts


def places(*each: bytes) -> bytes:
    return full(b"iloc", 1, 0, b"\x88\x80", struct.pack(">H", len(each)), *each)


def reference(kind: bytes, one: int, *others: int) -> bytes:
    return box(kind, struct.pack(f">HH{len(others)}H", one, len(others), *others))


def size(width: int, height: int) -> bytes:
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def associated(*each: tuple[int, Sequence[int]]) -> bytes:
    parts = (struct.pack(">HB", number, len(those)) + bytes(those) for number, those in each)
    return full(b"ipma", 0, 0, struct.pack(">I", len(each)), *parts)


def properties(kinds: Sequence[bytes], *associations: bytes) -> bytes:
    return box(b"iprp", box(b"ipco", *kinds), *associations)


def primary(number: int) -> bytes:
    return full(b"pitm", 0, 0, struct.pack(">H", number))


HANDLER = full(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13))
KINDS = {"AVIF": (b"avif", b"av01", b"av1C"), "HEIF": (b"heic", b"hvc1", b"hvcC")}
"""Brand, type of a coded item, and of the property that its decoder needs."""


def still(form: str) -> tuple[bytes, bytes]:
    """The coded picture of an honest file, and the property that its decoder needs."""
    data = memoryview(_honest(form))
    top = dict(boxes(data))
    meta = dict(boxes(top[b"meta"][4:]))
    container = dict(boxes(dict(boxes(meta[b"iprp"]))[b"ipco"]))
    needed = KINDS[form][2]
    return bytes(top[b"mdat"]), box(needed, bytes(container[needed]))


def _honest(form: str) -> bytes:
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, form)
    return file.getvalue()


def picture(form: str, *meta: bytes, media: bytes = b"", behind: bytes = b"") -> bytes:
    """A file of these parts; its media begin behind `ftyp` and a header."""
    brand, _, _ = KINDS[form]
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1miaf")
    head += box(b"mdat", media)
    return head + full(b"meta", 0, 0, HANDLER, *meta) + behind


def grid(form: str, rows: int, columns: int, *, tiles: int = 1, width: int = 0, height: int = 0) -> bytes:
    """A picture of `rows` × `columns` tiles, which are `tiles` items that all lie at the same place."""
    media, decoder = still(form)
    _, kind, _ = KINDS[form]
    stated_size = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width or 64 * columns, height or 64 * rows)
    numbers = [2 + each % tiles for each in range(rows * columns)]
    start = len(box(b"ftyp", bytes(20))) + 8
    return picture(
        form,
        primary(1),
        listed(item(1, b"grid"), *(item(2 + each, kind) for each in range(tiles))),
        full(b"iref", 0, 0, reference(b"dimg", 1, *numbers[:65_535])),
        properties(
            [decoder, size(64, 64), size(width or 64 * columns, height or 64 * rows)],
            associated((1, [3]), *((2 + each, [1, 2]) for each in range(tiles))),
        ),
        places(
            place(1, (start + len(media), len(stated_size))),
            *(place(2 + each, (start, len(media))) for each in range(tiles)),
        ),
        media=media + stated_size,
    )


def single(
    form: str, *more: bytes, sizes: tuple[int, int] = (64, 64), extents: int = 1, among: Sequence[bytes] = ()
) -> bytes:
    """One coded item, whose data are said in `extents` overlapping pieces, and properties `among` its own."""
    media, decoder = still(form)
    start = len(box(b"ftyp", bytes(20))) + 8
    return picture(
        form,
        primary(1),
        listed(item(1, KINDS[form][1])),
        properties([decoder, size(*sizes), *among], associated((1, [1, 2, *range(3, 3 + min(len(among), 120))]))),
        places(place(1, *[(start, len(media))] * extents)),
        *more,
        media=media,
    )


def derived(form: str, kind: bytes, references: bytes, body: bytes = b"") -> bytes:
    """A primary item that is derived from what `references` says."""
    media, decoder = still(form)
    start = len(box(b"ftyp", bytes(20))) + 8
    return picture(
        form,
        primary(1),
        listed(item(1, kind), item(2, KINDS[form][1])),
        full(b"iref", 0, 0, references),
        properties([decoder, size(64, 64)], associated((1, [2]), (2, [1, 2]))),
        places(place(1, (start + len(media), len(body))), place(2, (start, len(media)))),
        media=media + body,
    )


def of_items(form: str) -> dict[str, Callable[[], bytes]]:
    kind = KINDS[form][1]
    return {
        "one item": lambda: single(form),
        "a grid of 65,536 tiles": lambda: grid(form, 256, 256),
        "a grid of 65,025 items": lambda: grid(form, 255, 255, tiles=65_000),
        "a grid of 10,000 tiles": lambda: grid(form, 100, 100, tiles=10_000),
        "a grid as wide as can be stated": lambda: grid(form, 2, 2, width=2**31, height=2**31),
        "a grid of nothing": lambda: derived(
            form, b"grid", b"", bytes([0, 0, 255, 255]) + struct.pack(">HH", 16384, 16384)
        ),
        "a grid of itself": lambda: derived(
            form, b"grid", reference(b"dimg", 1, 1, 1, 1, 1), bytes([0, 0, 1, 1]) + struct.pack(">HH", 128, 128)
        ),
        "an item that is itself": lambda: derived(form, b"iden", reference(b"dimg", 1, 1)),
        "two items that are each other": lambda: derived(
            form, b"iden", reference(b"dimg", 1, 2) + reference(b"dimg", 2, 1)
        ),
        "an overlay of 65,535 items": lambda: derived(
            form,
            b"iovl",
            reference(b"dimg", 1, *[2] * 65_535),
            bytes([0, 0]) + bytes(8) + struct.pack(">HH", 8192, 8192) + bytes(4 * 65_535),
        ),
        "thumbnails and opacities of one another": lambda: derived(
            form,
            b"iden",
            b"".join(
                reference(each, a, b) for each in (b"thmb", b"auxl", b"cdsc", b"dimg") for a in (1, 2) for b in (1, 2)
            ),
        ),
        "65,535 references": lambda: derived(form, b"iden", b"".join([reference(b"dimg", 1, 2)] * 65_535)),
        "65,535 overlapping extents": lambda: single(form, extents=65_535),
        "an extent as long as can be stated": lambda: picture(
            form,
            primary(1),
            listed(item(1, kind)),
            places(place(1, (0, 2**63 - 1), (2**63 - 1, 2**63 - 1), base=2**63)),
        ),
        "items within items": lambda: picture(
            form,
            primary(1),
            listed(item(1, kind), item(2, kind)),
            places(place(1, (0, 99), method=2), place(2, (0, 99), method=2)),
        ),
        "a size of 32,768 a side": lambda: single(form, sizes=(32_768, 32_768)),
        "a size that cannot be": lambda: single(form, sizes=(MOST, MOST)),
        "another size than its picture": lambda: single(form, sizes=(7000, 7000)),
        "half a million properties": lambda: single(form, among=[box(b"free")] * MANY),
        "a property for each of 65,535 items": lambda: picture(
            form,
            primary(1),
            listed(item(1, kind)),
            properties([size(64, 64)], associated(*[(n, [1] * 255) for n in range(65_535)])),
        ),
        "properties that are not there": lambda: picture(
            form, primary(1), listed(item(1, kind)), properties([size(64, 64)], associated((1, [127] * 255)))
        ),
        "more associations than can be": lambda: picture(
            form,
            primary(1),
            listed(item(1, kind)),
            properties([size(64, 64)], full(b"ipma", 1, 1, struct.pack(">I", MOST))),
        ),
        "turned a hundred times": lambda: single(form, among=[box(b"irot", b"\1")] * 100),
        "cut by nothing": lambda: single(form, among=[box(b"clap", struct.pack(">8i", 1, 0, 1, 0, -1, 0, -1, 0))] * 3),
        "a profile of 20 MB": lambda: single(form, among=[box(b"colr", b"prof", bytes(20_000_000))]),
        "two million boxes": lambda: single(form) + box(b"free") * (4 * MANY),
        "boxes a thousand deep": lambda: picture(
            form, *[b"".join(struct.pack(">I", 8 * (10_000 - each)) + b"meta" for each in range(10_000))]
        ),
        "a box as long as can be stated": lambda: single(form) + struct.pack(">I4sQ", 1, b"free", 2**64 - 1),
        "a film of as many pictures as can be stated": lambda: (
            box(
                b"ftyp",
                KINDS[form][0][:3] + (b"s" if form == "AVIF" else b"c"),
                bytes(4),
                b"avis" if form == "AVIF" else b"hevc",
                b"msf1",
            )
            + box(
                b"moov",
                box(
                    b"trak", box(b"mdia", box(b"minf", box(b"stbl", full(b"stsz", 0, 0, struct.pack(">II", 1, MOST)))))
                ),
            )
        ),
        "millions of references to metadata": lambda: single(
            form, full(b"iref", 1, 0, box(b"cdsc", struct.pack(">IH", 1, 65_535), bytes(4 * 65_535)) * 60)
        ),
    }


# Others, and two at once ------------------------------------------------------------------------

REFUSED: dict[str, Callable[[], bytes]] = {
    "a BMP of 2,147,483,647 a side": lambda: (
        b"BM" + struct.pack("<IIIIiiHH", 99, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24) + bytes(99)
    ),
    "a JPEG 2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 ", bytes(4), b"jp2 ") + bytes(1000),
    "a JPEG XL": lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(1000),
    "a PSD": lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 56, 300_000, 300_000, 32, 4) + bytes(99),
    "an SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/"/></svg>',
    "a PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n",
    "an icon": lambda: b"\0\0\1\0\xff\xff" + bytes(16 * 65_535),
    "a PPM": lambda: b"P6 99999 99999 255\n",
    "a film": lambda: box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"moov", bytes(1000)),
}


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("index.html", PAGE)
        packed.writestr("../../etc/passwd", bytes(10_000_000))
    return file.getvalue()


PAGE = b"<!doctype html><title>x</title><script>alert(1)</script>"
SCRIPT = b"*/=1;alert(1);/*"

POLYGLOTS: dict[str, Callable[[], bytes]] = {
    "a JPEG that is an archive": lambda: honest("JPEG") + archive(),
    "a JPEG whose comment is a page": lambda: honest("JPEG")[:2] + segment(0xFE, PAGE) + honest("JPEG")[2:],
    "a PNG that is an archive": lambda: honest("PNG") + archive(),
    "a PNG whose text is a page": lambda: png(
        8, 8, chunk(b"tEXt", b"a\0" + PAGE), chunk(b"IDAT", zlib.compress(bytes(200)))
    ),
    "a PNG that ends as a page": lambda: honest("PNG") + PAGE,
    "a GIF that is a script": lambda: b"GIF89a/*" + honest("GIF")[8:] + SCRIPT,
    "a GIF whose comment is a script": lambda: gif(12074, 8, b"!\xfe" + bytes([len(SCRIPT)]) + SCRIPT + b"\0", DOT),
    "a WebP that is a script": lambda: b"RIFF/**/" + honest("WEBP")[8:] + SCRIPT,
    "a WebP that is an archive": lambda: honest("WEBP") + archive(),
    "a TIFF that is an archive": lambda: honest("TIFF") + archive(),
    "a TIFF that is a page": lambda: tiff(grey(8, 8, {270: (2, len(PAGE), PAGE)})) + PAGE,
    "a JPEG that is a document": lambda: (
        honest("JPEG") + b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
    ),
    "an AVIF that is a page": lambda: single("AVIF") + box(b"free", PAGE),
    "a HEIC that is an archive": lambda: single("HEIF") + box(b"free", archive()),
}

CONTAINERS: dict[str, Callable[[], bytes]] = {
    f"{form}: {name}": make
    for form, made in {
        "TIFF": TIFF,
        "WebP": WEBP,
        "GIF": GIF,
        "AVIF": of_items("AVIF"),
        "HEIC": of_items("HEIF"),
        "others": REFUSED,
    }.items()
    for name, make in made.items()
}
