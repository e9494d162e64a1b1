"""AVIF and HEIC: items in ISO base media boxes (ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12; C2PA 2.2, annex A.5)."""

from collections.abc import Iterator
from dataclasses import dataclass

from provenance import limits
from provenance.media.redaction.metadata_names import (
    MetadataItem,
    Unstrippable,
    load_exif,
    name_exif,
    name_xmp,
    own_name,
    plain_exif,
    plain_xmp,
    refuse_gain_map,
)
from provenance.media.redaction.ranges import Canvas, Range

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_CODED = frozenset((b"hvc1", b"lhv1", b"av01", b"jpeg", b"grid", b"iden", b"iovl"))
_META = frozenset((b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"dinf", b"grpl"))
_PROPERTIES = frozenset(
    b"ispe pixi colr hvcC av1C jpgC auxC irot imir clap pasp clli mdcv cclv amve rloc lsel a1op a1lx oinf tols "
    b"free".split()
)
_NAMES = frozenset((b"", b"Color", b"Alpha", b"Exif", b"XMP", b"Primary", b"Grid"))
_EXIF_OFFSET = bytes(4)  # before the EXIF block: the block begins at once
_EMPTY_EXIF = b"II*\0\x08\0\0\0" + bytes(6)
_MAX_EXTENTS = 65536


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int  # of the header
    body: int  # of the content
    end: int


@dataclass(frozen=True)
class _Item:
    kind: bytes
    name: Range
    content_type: bytes


def strip_boxes(data: bytes) -> tuple[list[MetadataItem], bytes]:
    """What an AVIF or HEIC holds, and the same without it."""
    return _Boxes(data).strip()


class _Boxes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._canvas = Canvas(data)
        self._held: list[MetadataItem] = []
        self._left = limits.MAX_BOXES
        self._media: list[Range] = []  # contents of `mdat` and `idat`

    def strip(self) -> tuple[list[MetadataItem], bytes]:
        meta: dict[bytes, _Box] = {}
        for box in self._walk(0, len(self._data)):
            match box.kind:
                case b"ftyp":
                    pass
                case b"uuid" if self._data[box.body : box.body + 16] == _C2PA:
                    pass
                case b"mdat":
                    self._media.append((box.body, box.end))
                case b"meta" if not meta:
                    meta = self._meta(box)
                case b"free" | b"skip" | b"uuid":
                    self._blank(box)
                case _:
                    raise Unstrippable("it holds a film or a part of an unknown kind")
        if any(kind not in meta for kind in (b"iinf", b"iloc")):
            raise Unstrippable("it does not list its parts")
        self._properties(meta)
        self._items(self._read_items(meta[b"iinf"]), self._read_places(meta))
        if self._canvas.clear(self._media) and not self._held:
            self._held.append(MetadataItem("file", "bytes that belong to no part"))
        return self._held, bytes(self._canvas.data)

    def _meta(self, box: _Box) -> dict[bytes, _Box]:
        found: dict[bytes, _Box] = {}
        for inner in self._walk(box.body + 4, box.end):
            if inner.kind in _META:
                found[inner.kind] = inner
            elif inner.kind in (b"free", b"skip", b"uuid"):
                self._blank(inner)
            else:
                raise Unstrippable("it has a part of an unknown kind")
        if b"idat" in found:
            self._media.append((found[b"idat"].body, found[b"idat"].end))
        return found

    def _blank(self, box: _Box) -> None:
        """Make a box one that is passed over, without content."""
        if any(self._data[box.body : box.end]):
            self._held.append(MetadataItem("file", f"{own_name(box.kind)} box"))
        self._canvas.write(box.body, box.end - box.body, b"")
        self._canvas.data[box.start + 4 : box.start + 8] = b"free"

    def _properties(self, meta: dict[bytes, _Box]) -> None:
        if b"iprp" not in meta:
            return
        for container in self._walk(meta[b"iprp"].body, meta[b"iprp"].end):
            if container.kind == b"ipco":
                for each in self._walk(container.body, container.end):
                    if each.kind not in _PROPERTIES:
                        self._blank(each)

    def _items(self, items: dict[int, _Item], places: dict[int, list[Range]]) -> None:
        for number, item in items.items():
            start, end = item.name
            if self._data[start:end] not in _NAMES:
                self._held.append(MetadataItem("file", "the name of a part"))
                self._canvas.write(start, end - start, b"", b" ")
            extents = places.get(number, [])
            if item.kind in _CODED:
                for first, last in extents:
                    self._canvas.keep(first, last - first)
                continue
            content = b"".join(self._canvas.read(first, last - first) for first, last in extents)
            refuse_gain_map(content, stated=item.kind == b"tmap")
            plain, padding = self._plain(item, content)
            if plain and len(extents) != 1:
                raise Unstrippable("it declares how the picture was made in several pieces")
            for first, last in extents:
                self._canvas.keep(first, last - first)
                self._canvas.write(first, last - first, plain if len(content) >= len(plain) else b"", padding)

    def _plain(self, item: _Item, content: bytes) -> tuple[bytes, bytes]:
        """What an item of metadata becomes, and what it is padded with; what it holds is named."""
        if item.kind == b"Exif":
            block = content[4 + int.from_bytes(content[:4]) :]
            exif = load_exif(block)
            self._held += name_exif(exif, block)
            return _EXIF_OFFSET + (plain_exif(exif) or _EMPTY_EXIF), b"\0"
        if item.kind == b"mime" and item.content_type == b"application/rdf+xml":
            self._held += name_xmp(content)
            return plain_xmp(content), b" "
        if any(content):
            self._held.append(MetadataItem("file", f"a part of type {own_name(item.kind)}"))
        return b"", b"\0"

    def _read_items(self, box: _Box) -> dict[int, _Item]:
        data, version = self._data, self._data[box.body]
        items: dict[int, _Item] = {}
        for entry in self._walk(box.body + (6 if version == 0 else 8), box.end):
            kind = data[entry.body] if entry.kind == b"infe" else 0
            if kind not in (2, 3):
                raise Unstrippable("its parts are listed in an outdated way")
            at = entry.body + 4
            width = 2 if kind == 2 else 4
            number, at = int.from_bytes(data[at : at + width]), at + width + 2
            item_kind, at = data[at : at + 4], at + 4
            name_end = data.find(b"\0", at, entry.end)
            if name_end < 0:
                raise Unstrippable("its list of parts is damaged")
            content_type = data[name_end + 1 : entry.end].partition(b"\0")[0] if item_kind == b"mime" else b""
            items[number] = _Item(item_kind, (at, name_end), content_type)
        return items

    def _read_places(self, meta: dict[bytes, _Box]) -> dict[int, list[Range]]:
        """The extents of each item, as ranges of the file."""
        box = meta[b"iloc"]
        cursor = _Cursor(self._data, box.body + 4, box.end)
        version = self._data[box.body]
        sizes = cursor.number(2)
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        places: dict[int, list[Range]] = {}
        left = _MAX_EXTENTS
        for _ in range(cursor.number(2 if version < 2 else 4)):
            number = cursor.number(2 if version < 2 else 4)
            method = cursor.number(2) & 15 if version else 0
            source = cursor.number(2)
            base = cursor.number(base_size)
            if method > 1 or source or (method == 1 and b"idat" not in meta):
                raise Unstrippable("parts of it lie in other files or parts")
            origin = meta[b"idat"].body if method else 0
            extents = cursor.number(2)
            left -= extents
            if left < 0:
                raise Unstrippable("it has too many parts")
            for _ in range(extents):
                if version:
                    cursor.number(index_size)
                start = origin + base + cursor.number(offset_size)
                length = cursor.number(length_size)
                if not length:
                    raise Unstrippable("it does not say how long its parts are")
                places.setdefault(number, []).append((start, start + length))
        return places

    def _walk(self, at: int, end: int) -> Iterator[_Box]:
        while at < end:
            self._left -= 1
            header, length, kind = 8, int.from_bytes(self._data[at : at + 4]), self._data[at + 4 : at + 8]
            if length == 1:
                header, length = 16, int.from_bytes(self._data[at + 8 : at + 16])
            elif length == 0:
                length = end - at
            if self._left < 0 or length < header or at + length > end:
                raise Unstrippable("a part is damaged")
            yield _Box(kind, at, at + header, at + length)
            at += length


class _Cursor:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data = data
        self._at = at
        self._end = end

    def number(self, size: int) -> int:
        """The next number of `size` bytes; 0 for none."""
        if self._at + size > self._end:
            raise Unstrippable("its list of places is damaged")
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at])
