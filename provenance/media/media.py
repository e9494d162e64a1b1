"""Media: untrusted bytes as a picture: sniffed, bounded, and decoded at most once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from provenance import limits
from provenance.errors import MediaTooLarge, UndecodableMedia
from provenance.media.canonical import Pixels, draw_canonical, shrink
from provenance.media.carriers import read_orientation
from provenance.media.formats import count_frames, decoding, open_header, sniff
from provenance.media.pieces import check_pieces
from provenance.media.raster import REDUCED_SIDE, draw_pixels, draw_reduced, draw_strips, turn

__all__ = ["Media", "Pixels"]


@dataclass(frozen=True, eq=False)
class Media:
    """A picture file. `width` and `height` are in pixels as displayed, after EXIF `orientation` (1 to 8).

    `frames` above 1 says that the file is animated or has pages; only the first is looked at.
    """

    data: bytes
    sha256: bytes
    media_type: str
    width: int
    height: int
    orientation: int
    frames: int

    @classmethod
    def from_bytes(cls, data: bytes, *, sha256: bytes | None = None) -> "Media":
        """Take `data` as a picture by its own first bytes, reading its header and nothing more.

        `sha256` saves a pass over the bytes to a caller who hashed them while receiving them.

        Raises:
            UnsupportedMedia: not a format of the allow-list.
            MediaTooLarge: more bytes or pixels than `limits` allows.
            UndecodableMedia: the header is damaged, or the file in countless pieces.
        """
        if len(data) > limits.MAX_MEDIA_BYTES:
            raise MediaTooLarge(f"{len(data):,} bytes; at most {limits.MAX_MEDIA_BYTES:,} are accepted")
        media_type = sniff(data)
        check_pieces(data, media_type)
        picture = open_header(data, media_type)
        stated = read_orientation(picture, data, media_type)
        width, height = picture.size
        if stated >= 5 and media_type != "image/tiff":  # Pillow states the size of a TIFF as displayed
            width, height = height, width
        return cls(
            data=data,
            sha256=hashlib.sha256(data).digest() if sha256 is None else sha256,
            media_type=media_type,
            width=width,
            height=height,
            orientation=stated,
            frames=count_frames(picture, data, media_type),
        )

    @cached_property
    def pixels(self) -> Pixels:
        """The first frame as displayed: height × width × 3, RGB, 8 bits, read-only. Decoded once.

        Raises:
            UndecodableMedia: damaged or truncated.
            MediaTooLarge: memory ran out.
        """
        with decoding(self.media_type):
            pixels = draw_pixels(open_header(self.data, self.media_type), self._to_turn)
        self._check_size(*pixels.shape[:2])
        pixels.flags.writeable = False
        return pixels

    def strips(self) -> Iterator[Pixels]:
        """The rows of `pixels` from the top, some at a time: decoded anew, and not held. Raises as `pixels` does."""
        height = width = 0
        with decoding(self.media_type):
            for strip in draw_strips(open_header(self.data, self.media_type), self._to_turn):
                height, width = height + len(strip), strip.shape[1]
                yield strip
        self._check_size(height, width)

    @cached_property
    def canonical(self) -> Pixels:
        """The canonical picture: longest side at most 512 pixels, RGB, read-only. Raises as `pixels` does."""
        return draw_canonical(self.pixels)

    @cached_property
    def reduced(self) -> Pixels:
        """Nearly the canonical picture, sooner: a JPEG is decoded at a fraction of its size where that suffices.

        For comparing alone; its pixels differ from the canonical ones by about a level. Raises as `pixels` does.
        """
        if self.media_type != "image/jpeg":
            return self.canonical
        return draw_canonical(self._at_least(REDUCED_SIDE), (self.width, self.height))

    @cached_property
    def detail(self) -> Pixels:
        """The picture with its longest side at most `limits.DETAIL_SIDE`, for a look at parts of it.

        A JPEG is decoded at a fraction of its size where that suffices. Raises as `pixels` does.
        """
        return self._no_larger_than(limits.DETAIL_SIDE)

    @cached_property
    def closest(self) -> Pixels:
        """The picture with its longest side at most `limits.FULL_DETAIL_SIDE`, for a comparison at full detail.

        As `detail` otherwise.
        """
        return self._no_larger_than(limits.FULL_DETAIL_SIDE)

    @property
    def _to_turn(self) -> int:
        """The orientation in which the decoder leaves the picture: Pillow turns a TIFF itself."""
        return 1 if self.media_type == "image/tiff" else self.orientation

    def _check_size(self, height: int, width: int) -> None:
        if (height, width) != (self.height, self.width):
            raise UndecodableMedia(f"this {self.media_type} decodes to another size than its header states")

    def _no_larger_than(self, side: int) -> Pixels:
        whole = self._at_least(side) if self.media_type == "image/jpeg" else self.pixels
        return shrink(whole, side)

    def _at_least(self, side: int) -> Pixels:
        """A JPEG, its longest side at least `side` where it has as many pixels."""
        with decoding(self.media_type):
            return turn(draw_reduced(open_header(self.data, self.media_type), side), self.orientation)
