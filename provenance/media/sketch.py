"""The sketch: a tiny picture kept with a registration, against which later copies are compared and their changes drawn.

It is a lossy WebP of at most 5 KB whose longest side is at most 256 pixels, drawn from the canonical picture. Its
digest stands in the record, so that the reference of every comparison is bound by the log.

The thumbnail: the picture as the pages show it, a WebP of at most 512 pixels a side without any metadata.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from PIL import Image

from provenance import limits
from provenance.errors import MediaTooLarge, UndecodableMedia, UnsupportedMedia
from provenance.media.canonical import Pixels, shrink
from provenance.media.formats import decoding, open_header, sniff
from provenance.media.raster import draw_pixels

SKETCH_VERSION = "countermark-sketch-2"

_TYPE = "image/webp"
_QUALITIES = (0, 4, 8, 13, 19, 25, 32, 40, 48, 56, 64, 72, 79, 85, 90)
_SIZES = (0.24, 0.42, 0.50, 0.58, 0.68, 0.77, 0.88, 1, 1.12, 1.23, 1.36, 1.49, 1.80, 2.30, 2.98)
"""Size at each quality against that at 40: means of the 36 fitting photographs (`bench/photographs.toml`)."""

_TRIED_FIRST = _SIZES.index(1)
_SIDES = (limits.SKETCH_SIDE, 192, 128, 64)  # fallbacks for noise, which no quality makes small enough


@dataclass(frozen=True)
class Sketch:
    """The WebP bytes of a sketch and their SHA-256."""

    data: bytes
    sha256: bytes

    @cached_property
    def pixels(self) -> Pixels:
        """Height × width × 3, RGB, read-only.

        Raises:
            UndecodableMedia: damaged.
        """
        with decoding(_TYPE):
            pixels = draw_pixels(open_header(self.data, _TYPE))
        pixels.flags.writeable = False
        return pixels

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Take `data` as a sketch: bounded first, then decoded.

        Raises:
            MediaTooLarge: more bytes than `limits.MAX_SKETCH_BYTES` or a side over `limits.SKETCH_SIDE`.
            UnsupportedMedia: no WebP, or one with more in it than a single lossy picture.
            UndecodableMedia: damaged.
        """
        if len(data) > limits.MAX_SKETCH_BYTES:
            raise MediaTooLarge(f"a sketch of {len(data):,} bytes; at most {limits.MAX_SKETCH_BYTES:,} are accepted")
        if sniff(data) != _TYPE or data[12:16] != b"VP8 ":
            raise UnsupportedMedia("a sketch is a plain lossy WebP, without metadata, transparency or animation")
        if int.from_bytes(data[4:8], "little") + 8 != len(data):
            raise UndecodableMedia("a sketch has bytes missing, or bytes after its end")
        if max(open_header(data, _TYPE).size) > limits.SKETCH_SIDE:
            raise MediaTooLarge(f"a sketch has at most {limits.SKETCH_SIDE} pixels a side")
        sketch = cls(data, hashlib.sha256(data).digest())
        _ = sketch.pixels
        return sketch


def draw_sketch(canonical: Pixels) -> Sketch:
    """Return the sketch of a picture: the highest quality that fits into `limits.SKETCH_BYTES`.

    A picture of noise that is too large even at the lowest is drawn smaller.
    """
    drawn = (_draw_finest(Image.fromarray(shrink(canonical, side))) for side in _SIDES)
    best = next(filter(None, drawn))
    return Sketch(best, hashlib.sha256(best).digest())


def _draw_finest(small: Image.Image) -> bytes | None:
    """Draw in the highest quality that fits; None where the lowest does not.

    Size grows with quality. What one quality takes tells which one fits, to within a step or two: of 113 photographs
    2.8 trials find it, 5 at most, where halving takes 4.
    """
    drawn: dict[int, bytes] = {}

    def fits(step: int) -> bool:
        if step not in drawn:
            drawn[step] = encode_webp(small, _QUALITIES[step])
        return len(drawn[step]) <= limits.SKETCH_BYTES

    fits(_TRIED_FIRST)
    step = bisect_right(_SIZES, limits.SKETCH_BYTES / len(drawn[_TRIED_FIRST])) - 1
    while step >= 0 and not fits(step):
        step -= 1
    while step + 1 < len(_QUALITIES) and fits(step + 1):
        step += 1
    return drawn.get(step)


def encode_webp(picture: Image.Image, quality: int) -> bytes:
    """Return `picture` as a lossy WebP of `quality` (0 to 100), without metadata."""
    file = BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4, exif=b"", xmp=b"", icc_profile=b"")
    return file.getvalue()


_QUALITY = 80


def draw_thumbnail(pixels: Pixels, side: int = limits.CANONICAL_SIDE) -> bytes:
    """Return the WebP bytes of a thumbnail of `pixels` (any size; the canonical picture spares the shrinking)."""
    return encode_webp(Image.fromarray(shrink(pixels, side)), _QUALITY)
