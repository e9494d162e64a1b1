"""Hostile pictures: those in the source packages of decoders (`make corpora`), and those that a generator damages."""

import io
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from tests.served import ROOT

CORPORA = ROOT / ".tools/corpora"
FULL = os.environ.get("FULL") == "1"
"""Whether all cases are tried, or a tenth."""

GENERATED = 1000


def tenth(cases: list[Path]) -> list[Path]:
    """All cases, or every tenth: of each folder some."""
    return cases if FULL else cases[::10]


def corpus() -> list[Path]:
    """The pictures of all source packages that are there."""
    return tenth(sorted(each for each in CORPORA.rglob("*") if each.is_file()))


@cache
def honest(kind: str) -> bytes:
    """A picture of 96×64 with texture, metadata and a profile."""
    pixels = np.random.default_rng(len(kind)).integers(0, 255, (8, 12, 3)).astype(np.uint8)
    picture = Image.fromarray(pixels).resize((96, 64), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    file = io.BytesIO()
    picture.save(file, kind, **({} if kind == "GIF" else {"exif": exif}))
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with more between its start and the rest."""
    jpeg = honest("JPEG")
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def xmp(body: str) -> bytes:
    return with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + body.encode()[:60_000]))


def scans(number: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", progressive=True, quality=5)
    jpeg = file.getvalue()
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * number + jpeg[-2:]


MADE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "zeros": lambda: bytes(100_000),
    "a page": lambda: b"<!doctype html><script>alert(1)</script>" + honest("PNG"),
    "an archive behind a JPEG": lambda: honest("JPEG") + b"PK\x03\x04" + bytes(1000),
    "a GIF that is a JPEG": lambda: b"GIF89a" + honest("JPEG"),
    "65,535 x 65,535 in a PNG": lambda: png(65535, 65535, chunk(b"IDAT", zlib.compress(bytes(1000)))),
    "two thousand million rows in a PNG": lambda: png(1, 2**31 - 1, chunk(b"IDAT", zlib.compress(bytes(1000)))),
    "a PNG that inflates": lambda: png(9000, 9000, chunk(b"IDAT", zlib.compress(bytes(9000 * 27001), 9))),
    "a PNG without data": lambda: png(10, 10),
    "a PNG of depth 3": lambda: png(10, 10, chunk(b"IDAT", zlib.compress(bytes(400))), depth=3),
    "text that inflates in a PNG": lambda: png(
        8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)), chunk(b"IDAT", zlib.compress(bytes(200)))
    ),
    "a profile that inflates in a PNG": lambda: png(
        8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)), chunk(b"IDAT", zlib.compress(bytes(200)))
    ),
    "many chunks in a PNG": lambda: png(8, 8, *[chunk(b"tEXt", b"a\0b")] * 50_000, chunk(b"IDAT", b"")),
    "many segments in a JPEG": lambda: with_segments(*[segment(0xFE, b"x")] * 50_000),
    "EXIF of nothing but directories": lambda: with_segments(
        segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + b"\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0" * 3000)
    ),
    "XMP a thousand deep": lambda: xmp("<a>" * 10_000),
    "XMP with entities": lambda: xmp(
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]><x>&i;</x>"
    ),
    "XMP that names a file": lambda: xmp('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    "a provenance that names a server": lambda: xmp('<x dcterms:provenance="http://127.0.0.1:9/a.c2pa"/>'),
    "a JPEG of two thousand scans": lambda: scans(2000),
    "a manifest that is nonsense": lambda: with_segments(
        segment(0xEB, b"JP\0\1\0\0\0\1" + struct.pack(">I", 60_000) + b"jumb" + bytes(50_000))
    ),
    "boxes within themselves": lambda: struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08meta" * 5000,
}


def generated(number: int = GENERATED) -> Iterator[tuple[str, bytes]]:
    """What is made by hand, and honest pictures that were damaged, the same each time."""
    yield from ((name, make()) for name, make in MADE.items())
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF")
    random_ = random.Random(12)
    for case in range(number if FULL else number // 10):
        kind = kinds[case % len(kinds)]
        yield f"{kind} {case}", damaged(_of(kind), random_)


def _of(kind: str) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    return honest(kind)


def damaged(data: bytes, random_: random.Random) -> bytes:
    """A picture with one to four faults: bits, lengths, pieces cut out, doubled, or from elsewhere."""
    faulty = bytearray(data)
    for _ in range(random_.randint(1, 4)):
        place = random_.randrange(len(faulty))
        match random_.randrange(6):
            case 0:
                faulty[place] ^= 1 << random_.randrange(8)
            case 1:
                faulty[place : place + 4] = random_.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
            case 2 if len(faulty) > 64:
                del faulty[place : place + random_.randint(1, 64)]
            case 3:
                faulty[place:place] = faulty[place : place + random_.randint(1, 512)]
            case 4 if len(faulty) > 64:
                del faulty[max(32, place) :]
            case _:
                faulty[place : place + 16] = random_.randbytes(16)
    return bytes(faulty)
