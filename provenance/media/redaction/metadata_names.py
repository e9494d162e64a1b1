"""The names of metadata, and what redaction keeps of it: the orientation, and the digital source type.

Names: EXIF 2.32 and TIFF 6.0 (Pillow's tables), XMP properties by their local names, IPTC-IIM 4.2 data sets.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import ExifTags, Image

from provenance import limits
from provenance.errors import MediaError
from provenance.media.appearance import GAIN_MAPS
from provenance.media.formats import decoding
from provenance.media.marks import xmp
from provenance.media.marks.mark import clean
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX, find_digital_source_type

MAX_LISTED_METADATA = 256
"""Names of metadata that are listed: a camera's file has about 80."""

_MAX_NAME = 60  # characters of a name that the file itself gives
_MAX_PLAIN_EXIF = 512  # bytes: the tags of `_PLAIN_EXIF` alone need about 300; in a larger block something is hidden
_NO_EXIF = (b"", b"II*\0\x08", b"MM\0*\0\0\0\x08")  # blocks without a tag, but for zeros

_ORIENTATION, _EXIF_IFD, _GPS_IFD, _INTEROPERABILITY = 274, 0x8769, 0x8825, 0xA005
_PLAIN_EXIF = frozenset(
    {*range(256, 260), 262, _ORIENTATION, 277, 282, 283, 284, 296, 301, 318, 319, 529, 530, 531, 532}
    | {_EXIF_IFD, _INTEROPERABILITY, 36864, 37121, 40960, 40961, 40962, 40963}
)
"""Tags that say how the picture is to be shown, and nothing else."""

_IPTC_NAMES = {
    5: "Object Name",
    15: "Category",
    20: "Supplemental Categories",
    25: "Keywords",
    26: "Content Location Code",
    27: "Content Location Name",
    40: "Special Instructions",
    55: "Date Created",
    60: "Time Created",
    80: "By-line",
    85: "By-line Title",
    90: "City",
    92: "Sub-location",
    95: "Province/State",
    100: "Country Code",
    101: "Country Name",
    103: "Transmission Reference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "Copyright Notice",
    118: "Contact",
    120: "Caption/Abstract",
    122: "Writer/Editor",
}
_IPTC_DATA_SET = re.compile(rb"\x1c(.)(.)(..)", re.DOTALL)
_IPTC_RECORD = 2
_XML_NAMES = ("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://www.w3.org/XML/1998/namespace}")


@dataclass(frozen=True)
class MetadataItem:
    """One piece of metadata: its carrier ("EXIF", "XMP", "IPTC", "PNG tEXt", "JPEG" …) and its name there."""

    carrier: str
    name: str


class Unstrippable(Exception):  # caught within this package
    """The metadata cannot be left out without changing the picture."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load_exif(block: bytes) -> Image.Exif:
    """The EXIF of a block, with or without its "Exif" prefix; none where it cannot be read."""
    exif = Image.Exif()
    if len(block) > limits.MAX_EXIF_BYTES:
        return exif
    try:
        with decoding("image/jpeg"):
            exif.load(block)
    except MediaError:
        return Image.Exif()
    return exif


def name_exif(exif: Image.Exif, block: bytes = b"") -> Iterator[MetadataItem]:
    """What is held in EXIF, read from `block`, beside what says how the picture is shown."""
    try:
        with decoding("image/jpeg"):
            found = list(_exif_names(exif))
    except MediaError:
        found = []
    said = block.strip(b"\0")
    if not found and said not in _NO_EXIF and (len(said) > _MAX_PLAIN_EXIF or not len(exif)):
        found = ["bytes that are no tags"]
    yield from (MetadataItem("EXIF", name) for name in found)


def plain_exif(exif: Image.Exif) -> bytes:
    """An EXIF block that states the orientation of `exif` alone; empty where that is upright."""
    stated = exif.get(_ORIENTATION)
    if not isinstance(stated, int) or not 2 <= stated <= 8:
        return b""
    return struct.pack("<4sI H HHIHH I", b"II*\0", 8, 1, _ORIENTATION, 3, 1, stated, 0, 0)


def name_xmp(packet: bytes) -> Iterator[MetadataItem]:
    """What is held in an XMP packet beside a known digital source type."""
    if (said := packet.strip(b" \t\r\n\0")) and said != plain_xmp(packet):
        yield from (MetadataItem("XMP", name) for name in _xmp_names(packet))


def plain_xmp(packet: bytes) -> bytes:
    """An XMP packet that states the digital source type of `packet` alone; empty where that states none we know."""
    try:
        stated = xmp.parse_xmp(packet).get(xmp.IPTC_EXTENSION + "DigitalSourceType", ("",))[0]
    except MediaError:
        return b""
    source = find_digital_source_type(stated) if "://" in stated else None
    if source is None:
        return b""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE_PREFIX}{source.name}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def refuse_gain_map(content: bytes, *, stated: bool = False) -> None:
    """Raise `Unstrippable` where a part belongs to a gain map, by which other screens show another picture.

    `stated`: its kind says so.
    """
    if stated or any(mark in content for mark in GAIN_MAPS):
        raise Unstrippable("it holds a gain map, which describes how bright screens show the picture")


def name_iptc(content: bytes) -> Iterator[MetadataItem]:
    """What is held in IPTC-IIM data sets, or in the Photoshop resources around them."""
    names = [
        _IPTC_NAMES.get(match[2][0], f"2:{match[2][0]}")
        for match in _IPTC_DATA_SET.finditer(content, 0, limits.MAX_EXIF_BYTES)
        if match[1][0] == _IPTC_RECORD and match[2][0]
    ]
    yield from (MetadataItem("IPTC", name) for name in names or ["Photoshop resources"])


def own_name(text: bytes) -> str:
    """A name that the file gives, as it may be shown."""
    return clean(text.decode("latin-1"), _MAX_NAME) or "(without a name)"


def tag_name(tag: int) -> str:
    """The name of a TIFF or EXIF tag."""
    return ExifTags.TAGS.get(tag, f"tag {tag}")


def name_directories(exif: Image.Exif) -> Iterator[MetadataItem]:
    """What is held in the directories below the first one: of the camera, and of the place."""
    yield from (MetadataItem("EXIF", name) for name in _directory_names(exif))


def _exif_names(exif: Image.Exif) -> Iterator[str]:
    yield from (tag_name(tag) for tag in exif if tag not in _PLAIN_EXIF and tag != _GPS_IFD)
    yield from _directory_names(exif)
    if exif.get_ifd(ExifTags.IFD.IFD1):
        yield "thumbnail"


def _directory_names(exif: Image.Exif) -> Iterator[str]:
    yield from (tag_name(tag) for tag in exif.get_ifd(_EXIF_IFD) if tag not in _PLAIN_EXIF)
    yield from (ExifTags.GPSTAGS.get(tag, f"GPS tag {tag}") for tag in exif.get_ifd(_GPS_IFD))


def _xmp_names(packet: bytes) -> list[str]:
    try:
        if len(packet) > limits.MAX_XMP_BYTES or packet.count(b"<") > limits.MAX_XMP_ELEMENTS:
            return ["a packet larger than is read"]
        root = fromstring(packet.strip(b" \t\r\n\0"), forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError, RecursionError):
        return ["a packet that cannot be read"]
    spelt = [name for element in root.iter() for name in (element.tag, *element.attrib)]
    names = [xmp.split_name(name)[1] for name in spelt if not name.startswith((*_XML_NAMES, "{adobe:ns:meta/}"))]
    return [clean(name, _MAX_NAME) for name in names] or ["an empty packet"]
