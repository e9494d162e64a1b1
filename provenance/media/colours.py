"""Colour values: the numbers by which a file says what its colours mean (ITU-T H.273), beside a profile or without one.

A PNG states them in the chunk `cICP`, and what its mastering display could show in `mDCV` and `cLLI` (third edition,
11.3.2.6 to 11.3.2.8); an AVIF and a HEIC in the item properties `colr` of type `nclx`, `mdcv`, `clli`, `cclv`, `amve`
(ISO/IEC 14496-12, 12.1.5; ISO/IEC 23008-12, 6.5). Nothing is decoded, and no length may lead beyond the file.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provenance.errors import UndecodableMedia
from provenance.statement.appearance_digest import STATE_COLOURS

Code = tuple[int, int]
"""Colour primaries and transfer characteristics."""

_SRGB_PRIMARIES = frozenset((1, 2))
_SRGB_TRANSFERS = frozenset((2, 13))
"""2 is "unspecified", 13 is sRGB."""

_VIDEO_TRANSFERS = frozenset((1, 6))
"""BT.709 and BT.601: Chromium shows an AVIF as by sRGB's, and moves the tones of a PNG by 9 of 255."""

_OTHER_TRANSFERS = frozenset((8, 9, 10, 16, 18))
"""Linear, logarithmic, PQ and HLG: they move a grey by more than 40 of 255 (`appearance`)."""

_XYZ = 10
"""Colour primaries that no display has."""

_LIGHT = frozenset((b"mdcv", b"clli", b"cclv", b"amve"))

_MAX_BOXES = 4096
"""Boxes of one level, and chunks before a PNG's picture: files in use have some dozens, of tiles some hundreds."""

_MAX_ASSOCIATIONS = 65_536
"""Properties of all items: a picture of 200 megapixels in tiles has some thousands."""


Box = tuple[bytes, memoryview]
"""Type and content (ISO/IEC 14496-12, 4.2)."""


@dataclass(frozen=True)
class Colours:
    """What a file states.

    Attributes:
        codes: each pair that it states, in its order; empty if it states none.
        narrow: of a PNG: black and white are 16 and 235, which its decoders leave as they are.
        video: whether tones as of BT.709 are shown as sRGB's.
        light: name and content of what says how bright its mastering display was.
    """

    codes: tuple[Code, ...] = ()
    narrow: bool = False
    video: bool = False
    light: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def usual(self) -> bool:
        """Whether it says what is taken where nothing is stated: sRGB."""
        tones = _SRGB_TRANSFERS | (_VIDEO_TRANSFERS if self.video else set())
        return not self.narrow and all(one in _SRGB_PRIMARIES and other in tones for one, other in self.codes)

    @property
    def recolours(self) -> bool:
        """Whether it shows plainly other colours than the numbers say, were they sRGB."""
        return any(is_recolouring(*code) for code in self.codes)

    @property
    def text(self) -> bytes:
        """What the digest is of: a line for each code, and one for each statement on light."""
        codes = [f"CICP {primaries} {transfer}{' narrow' if self.narrow else ''}" for primaries, transfer in self.codes]
        return "".join(f"{line}\n" for line in (*codes, *(f"{n.decode()} {v.hex()}" for n, v in self.light))).encode()


def is_recolouring(primaries: int, transfer: int) -> bool:
    """Whether two numbers show hues or tones as plainly others. The primaries of wide displays do not."""
    return primaries == _XYZ or transfer in _OTHER_TRANSFERS


def read_colours(data: bytes, media_type: str) -> Colours:
    """The colour values of a file; of an AVIF or HEIC, of its primary item (where that states none, of all items).

    Raises:
        UndecodableMedia: they cannot be read, or stand in the coded picture alone, or a film track has its own.
    """
    if media_type == "image/png":
        return _of_png(data)
    return _of_items(data) if media_type in STATE_COLOURS else Colours()


def _of_png(data: bytes) -> Colours:
    codes: list[Code] = []
    light: list[tuple[bytes, bytes]] = []
    narrow, at = False, 8
    for _ in range(_MAX_BOXES):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind in (b"IDAT", b"IEND", b""):
            return Colours(tuple(codes), narrow, light=tuple(light))
        body = data[at + 8 : at + 8 + length]
        if kind == b"cICP":
            if len(body) != 4:  # primaries, transfer, matrix, range
                raise UndecodableMedia("the colour values of this PNG cannot be read")
            codes.append((body[0], body[1]))
            narrow = narrow or body[3] == 0
        elif kind in (b"mDCV", b"cLLI"):
            light.append((kind.lower(), body))
        at += 12 + length
    raise UndecodableMedia("this PNG has too many chunks before its picture")


def _of_items(data: bytes) -> Colours:
    top = _by_kind(boxes(memoryview(data)))
    if b"meta" not in top or b"moov" in top:
        raise UndecodableMedia("the colour values of this picture lie elsewhere than in its items")
    meta = _by_kind(boxes(top[b"meta"][4:]))
    if b"pitm" not in meta or b"iprp" not in meta:
        raise UndecodableMedia("this picture does not say what its parts are")
    pitm, associated = meta[b"pitm"], _associations(meta[b"iprp"])
    primary = int.from_bytes(pitm[4:8] if int.from_bytes(pitm[:1]) == 1 else pitm[4:6])
    stated = _read_properties(associated.get(primary, ()))
    if stated is None:
        stated = _read_properties([each for item in sorted(associated) for each in associated[item]])
    if stated is None:
        raise UndecodableMedia("the colour values of this picture are stated in its coded form alone")
    return stated


def _by_kind(found_boxes: Iterable[Box]) -> dict[bytes, memoryview]:
    found: dict[bytes, memoryview] = {}
    for kind, body in found_boxes:
        if kind in found and kind in (b"meta", b"pitm", b"iprp"):
            raise UndecodableMedia("this picture says twice what its parts are")
        found[kind] = body
    return found


def _read_properties(properties: Sequence[Box]) -> Colours | None:
    """None where nothing is said of colours, by a profile neither."""
    colours = [body for kind, body in properties if kind == b"colr"]
    if not colours:
        return None
    codes = [(int.from_bytes(body[4:6]), int.from_bytes(body[6:8])) for body in colours if bytes(body[:4]) == b"nclx"]
    return Colours(
        tuple(codes), video=True, light=tuple((kind, bytes(body)) for kind, body in properties if kind in _LIGHT)
    )


def _associations(iprp: memoryview) -> dict[int, list[Box]]:
    """The properties of each item (ISO/IEC 23008-12, 9.3)."""
    parts = list(boxes(iprp))
    properties = [each for kind, body in parts if kind == b"ipco" for each in boxes(body)]
    found: dict[int, list[Box]] = {}
    left = _MAX_ASSOCIATIONS
    for body in (body for kind, body in parts if kind == b"ipma"):
        numbers, places, at = 4 if int.from_bytes(body[:1]) else 2, 1 + int.from_bytes(body[1:4]) % 2, 8
        for _ in range(int.from_bytes(body[4:8])):
            item, count = int.from_bytes(body[at : at + numbers]), int.from_bytes(body[at + numbers : at + numbers + 1])
            at += numbers + 1
            left -= 1 + count
            if left < 0 or at + count * places > len(body):
                raise UndecodableMedia("the properties of this picture cannot be read")
            for start in range(at, at + count * places, places):
                place = int.from_bytes(body[start : start + places]) & (0x7FFF if places > 1 else 0x7F)
                if place > len(properties):
                    raise UndecodableMedia("this picture names a property that it does not have")
                if place:
                    found.setdefault(item, []).append(properties[place - 1])
            at += count * places
    return found


def boxes(data: memoryview) -> Iterator[Box]:
    """The boxes that follow one another; stops at damage, as decoders do. Raises `UndecodableMedia`: too many."""
    at = 0
    for _ in range(_MAX_BOXES):
        header, length, kind = 8, int.from_bytes(data[at : at + 4]), bytes(data[at + 4 : at + 8])
        if length == 1:
            header, length = 16, int.from_bytes(data[at + 8 : at + 16])
        elif length == 0:
            length = len(data) - at
        if length < header or at + length > len(data):
            return
        yield kind, data[at + header : at + length]
        at += length
    raise UndecodableMedia("this picture has too many parts")
