"""Files that show the same numbers otherwise: colour values are put into a PNG, or exchanged in an AVIF or HEIC."""

import struct
import zlib

SRGB, HLG, PQ, DISPLAY_P3 = (1, 13), (9, 18), (9, 16), (12, 13)
"""Colour primaries and transfer characteristics, ITU-T H.273."""


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk, before those of its picture."""
    at = png.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:at] + chunk + png[at:]


def with_cicp(png: bytes, values: tuple[int, int], *, full: bool = True) -> bytes:
    """A PNG that states these values by its chunk `cICP`."""
    return with_chunk(png, b"cICP", bytes((*values, 0, full)))


def with_nclx(file: bytes, values: tuple[int, int], *, place: int = 0) -> bytes:
    """An AVIF or HEIC whose box `colr` of type `nclx` states these; nothing else is touched."""
    at = -1
    for _ in range(place + 1):
        at = file.index(b"colrnclx", at + 1)
    return file[: at + 8] + struct.pack(">HH", *values) + file[at + 12 :]
