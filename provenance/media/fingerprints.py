"""Fingerprints: digests that name these bytes or these pixels, and hashes that lead to similar pictures.

A digest that agrees is proof. A perceptual hash that agrees is a lead and no more: collisions can be made at will.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from provenance.media.appearance import Part, digest_appearance, read_appearance
from provenance.media.canonical import Pixels
from provenance.media.media import Media
from provenance.media.pdq import pdq, pdq_dihedral
from provenance.media.phash import phash
from provenance.statement.appearance_digest import COLOURS, AppearanceDigest

PIXELS_SHA256 = "pixels_sha256"
PHASH = "org.countermark.phash.v1"
PDQ = "org.countermark.pdq.v1"


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of one picture.

    Attributes:
        sha256: of the bytes as received.
        pixels_sha256: of the decoded picture, see `digest_pixels`.
        phash: 64 bits, the DCT hash (`phash`) on the canonical picture, row by row.
        pdq: 256 bits, on the canonical picture.
        pdq_quality: 0 to 100; below 50 the picture is too plain to search by.
        shown_sha256: the appearance digest, see `digest_appearance`; None where the file has what it cannot cover.
        beside: what the file has beside its pixels, by name (`Appearance.names`).
        recoloured_by: the colour profile and colour values that show other colours than the pixels say (`Appearance`).
        pdq_dihedral: of the eight orientations (`pdq.ORIENTATIONS`), the first equal to `pdq`; for searching.
    """

    sha256: bytes
    pixels_sha256: bytes
    phash: bytes
    pdq: bytes
    pdq_quality: int
    pdq_dihedral: tuple[bytes, ...]
    shown_sha256: bytes | None = None
    appearance_parts: tuple[str, ...] = ()
    recoloured_by: tuple[Part, ...] = ()

    @property
    def appearance(self) -> AppearanceDigest:
        """The appearance digest with what it covers."""
        return AppearanceDigest(self.shown_sha256, may_have_colours=COLOURS in self.appearance_parts)

    def to_json(self) -> dict[str, Any]:
        """Return what a record states: everything but the digest of the bytes and the other orientations."""
        return {
            PIXELS_SHA256: self.pixels_sha256.hex(),
            PHASH: self.phash.hex(),
            PDQ: {"value": self.pdq.hex(), "quality": self.pdq_quality},
        }


def fingerprint(media: Media) -> Fingerprints:
    """Compute all fingerprints of `media`, decoding it if that has not been done.

    Raises:
        MediaError: it cannot be decoded.
    """
    # Hashing all pixels takes as long as shrinking them, and neither holds the interpreter's lock.
    with ThreadPoolExecutor(max_workers=1) as aside:
        pixels_sha256 = aside.submit(digest_pixels, media.pixels)
        hashes, quality = pdq_dihedral(media.canonical)
    appearance = read_appearance(media)
    return Fingerprints(
        sha256=media.sha256,
        pixels_sha256=pixels_sha256.result(),
        shown_sha256=digest_appearance(pixels_sha256.result(), appearance),
        appearance_parts=appearance.names,
        recoloured_by=appearance.recoloured_by,
        phash=phash(media.canonical),
        pdq=hashes[0],
        pdq_quality=quality,
        pdq_dihedral=hashes,
    )


@dataclass(frozen=True)
class Searchable:
    """What leads to registrations of a picture: the digest of its pixels and two hashes, as in `Fingerprints`."""

    pixels_sha256: bytes
    phash: bytes
    pdq: bytes
    pdq_quality: int


def searchable(media: Media) -> Searchable:
    """As `fingerprint`, in half its time: without orientations and appearance, and on one thread.

    Raises:
        MediaError: it cannot be decoded.
    """
    hashed, quality = pdq(media.canonical)
    return Searchable(digest_pixels(media.pixels), phash(media.canonical), hashed, quality)


def digest_pixels(pixels: Pixels) -> bytes:
    """Return the SHA-256 of the ASCII line "RGB8 <width> <height>" and a line feed, then the rows from the top,
    each pixel three bytes red, green, blue, without padding.

    The pixels are those of `Media.pixels`: upright, transparency over white. A lossless copy in another container has
    the same digest. Decoders of JPEG, WebP, AVIF and HEIC may differ in the last bit: equality proves equal pixels,
    inequality proves nothing.
    """
    height, width = pixels.shape[:2]
    return _digest(height, width, (pixels,))


def digest_drawn(media: Media) -> bytes:
    """`digest_pixels` of `media.pixels`, which are decoded for that and not held.

    Raises:
        MediaError: it cannot be decoded.
    """
    return _digest(media.height, media.width, media.strips())


def _digest(height: int, width: int, strips: Iterable[Pixels]) -> bytes:
    digest = hashlib.sha256(f"RGB8 {width} {height}\n".encode())
    for strip in strips:
        digest.update(np.ascontiguousarray(strip).data)
    return digest.digest()
