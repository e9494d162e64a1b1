"""The thumbnail: the picture as the pages show it, a WebP of at most 512 pixels a side without any metadata."""

from PIL import Image

from provenance import limits
from provenance.media.canonical import Pixels, shrink
from provenance.media.sketch import encode_webp

_QUALITY = 80


def draw_thumbnail(pixels: Pixels) -> bytes:
    """Return the WebP bytes of a thumbnail of `pixels` (any size; the canonical picture spares the shrinking)."""
    return encode_webp(Image.fromarray(shrink(pixels, limits.CANONICAL_SIDE)), _QUALITY)
