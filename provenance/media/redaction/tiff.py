"""TIFF (TIFF 6.0, section 2): directories of tags, whose values lie anywhere in the file."""

import struct
from dataclasses import dataclass

from PIL.TiffImagePlugin import TiffImageFile

from provenance import limits
from provenance.media.formats import open_header
from provenance.media.redaction.metadata_names import (
    MetadataItem,
    Unstrippable,
    name_directories,
    name_iptc,
    name_xmp,
    plain_xmp,
    refuse_gain_map,
    tag_name,
)
from provenance.media.redaction.ranges import Canvas
from provenance.media.redaction.segments import strip_jpeg

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes by type
_SHORT, _LONG = 3, 4

_COMPRESSION, _DNG_VERSION = 259, 50706
_OLD_JPEG, _JPEG = 6, 7
_PICTURE = frozenset(
    {*range(254, 260), *range(262, 267), 273, 274, *range(277, 285), *range(290, 294), 296, 297, 301}
    | {*range(317, 326), 332, 334, 336, *range(338, 342), 347, *range(529, 533), 34675, 52545}
)
"""Tags that the picture is decoded and shown by (34675 is its colour profile), and its C2PA manifest (52545)."""
_PLACES = ((273, 279), (324, 325))  # strips and tiles: where they lie, and how long they are


@dataclass(frozen=True)
class _Entry:
    raw: bytes
    tag: int
    kind: int
    count: int
    at: int  # where the value lies
    size: int


def strip_tiff(data: bytes) -> tuple[list[MetadataItem], bytes]:
    """What a TIFF holds, and the TIFF without it."""
    return _Tiff(data).strip()


class _Tiff:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._canvas = Canvas(data)
        self._held: list[MetadataItem] = []

    def strip(self) -> tuple[list[MetadataItem], bytes]:
        self._canvas.keep(0, 8)
        directory, seen = self._number(4), set[int]()
        while directory:
            if directory in seen or len(seen) >= limits.MAX_COUNTED_FRAMES:
                raise Unstrippable("its pages lead in a circle, or are too many")
            seen.add(directory)
            directory = self._directory(directory)
        cleared = self._canvas.clear([(0, len(self._data))])
        if not all(self._was_directory(*gap) for gap in cleared) and not self._held:
            self._held.append(MetadataItem("TIFF", "bytes that belong to no tag"))
        return self._held, bytes(self._canvas.data)

    def _was_directory(self, start: int, end: int) -> bool:
        """Whether a range is a directory of the picture alone, which c2pa leaves where it writes another."""
        count = int.from_bytes(self._data[start : start + 2], "little" if self._order == "<" else "big")
        behind = start + 2 + 12 * count + 4
        if not count or behind > end or any(self._data[behind:end]):
            return False
        return all(self._entry(start + 2 + 12 * number).tag in _PICTURE for number in range(count))

    def _directory(self, at: int) -> int:
        """Strip one directory; where the next one is."""
        (count,) = struct.unpack_from(self._order + "H", self._data, at)
        if count > limits.MAX_TAGS:
            raise Unstrippable("it has too many tags")
        size = 2 + 12 * count + 4
        self._canvas.read(at, size)
        entries = [self._entry(at + 2 + 12 * number) for number in range(count)]
        following = self._number(at + 2 + 12 * count)
        if any(entry.tag == _DNG_VERSION for entry in entries):
            raise Unstrippable("it is a camera's raw file")
        kept = [entry for entry in entries if self._keeps(entry)]
        self._keep_picture({entry.tag: entry for entry in kept})
        self._canvas.keep(at, size)
        entries_and_next = [struct.pack(self._order + "H", len(kept)), *(entry.raw for entry in kept)]
        self._canvas.write(at, size, b"".join(entries_and_next) + struct.pack(self._order + "I", following))
        return following

    def _entry(self, at: int) -> _Entry:
        tag, kind, count = struct.unpack_from(self._order + "HHI", self._data, at)
        size = _SIZES.get(kind, 0) * count
        return _Entry(self._data[at : at + 12], tag, kind, count, at + 8 if size <= 4 else self._number(at + 8), size)

    def _keeps(self, entry: _Entry) -> bool:
        """Whether a tag stays; what it holds is named where it does not."""
        if entry.tag in _PICTURE:
            if entry.size > 4:
                self._canvas.keep(entry.at, entry.size)
            return True
        match entry.tag:
            case 700:
                value = self._canvas.read(entry.at, entry.size)
                refuse_gain_map(value)
                self._held += name_xmp(value)
                plain = plain_xmp(value)
                if plain:
                    self._canvas.keep(entry.at, entry.size)
                    self._canvas.write(entry.at, entry.size, plain, b" ")
                return bool(plain)
            case 33723 | 34377:
                self._held += name_iptc(self._canvas.read(entry.at, entry.size))
            case 34665 | 34853:
                self._held += name_directories(self._picture().getexif())
            case _:
                self._held.append(MetadataItem("TIFF", tag_name(entry.tag)))
        return False

    def _keep_picture(self, entries: dict[int, _Entry]) -> None:
        coding = self._values(entries[_COMPRESSION])[0] if _COMPRESSION in entries else 1
        if coding == _OLD_JPEG:
            raise Unstrippable("its picture data are of an outdated kind")
        for places, sizes in _PLACES:
            if places not in entries:
                continue
            if sizes not in entries or entries[places].count != entries[sizes].count:
                raise Unstrippable("it does not say how long its picture data are")
            for start, size in zip(self._values(entries[places]), self._values(entries[sizes]), strict=True):
                self._canvas.keep(start, size)
                if coding == _JPEG:
                    held, _ = strip_jpeg(self._canvas.read(start, size))
                    if held:
                        raise Unstrippable("its picture data hold metadata themselves")

    def _values(self, entry: _Entry) -> tuple[int, ...]:
        form = {_SHORT: "H", _LONG: "I"}.get(entry.kind)
        if form is None or entry.count == 0:
            raise Unstrippable("a tag of its picture is damaged")
        return struct.unpack(f"{self._order}{entry.count}{form}", self._canvas.read(entry.at, entry.size))

    def _number(self, at: int) -> int:
        (number,) = struct.unpack_from(self._order + "I", self._data, at)
        return int(number)

    def _picture(self) -> TiffImageFile:
        picture = open_header(self._data, "image/tiff")
        assert isinstance(picture, TiffImageFile)  # noqa: S101  # the decoder of this type
        return picture
