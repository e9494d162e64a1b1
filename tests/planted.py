"""Pictures with private metadata: a mark of its own in each field, which can be looked for in any bytes.

The writer here is Pillow's, and a few lines for what Pillow does not write; tests with exiftool are elsewhere.
"""

import struct
import zlib
from io import BytesIO
from typing import Any

import pillow_heif
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

FORMS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC")

AI = "trainedAlgorithmicMedia"
_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_SECONDS = (48_271_828, 1_000_003)  # of the latitude: no other eight bytes of a file are likely to be these

_EXIF = {
    "Artist": (ExifTags.Base.Artist, "PLANTED-ARTIST"),
    "Copyright": (ExifTags.Base.Copyright, "PLANTED-HOLDER"),
    "Make": (ExifTags.Base.Make, "PLANTED-MAKER"),
    "Software": (ExifTags.Base.Software, "PLANTED-SOFTWARE"),
}
_DETAILS = {
    "BodySerialNumber": (0xA431, "PLANTED-SERIAL"),
    "CameraOwnerName": (0xA430, "PLANTED-OWNER"),
    "LensModel": (0xA434, "PLANTED-LENS"),
    "LensSerialNumber": (0xA435, "PLANTED-GLASS"),
    "DateTimeOriginal": (0x9003, "2026:11:28 16:41:07"),
    "MakerNote": (0x927C, b"PLANTED-NOTE"),
}
_XMP = {
    "City": "PLANTED-CITY",
    "SerialNumber": "PLANTED-XMP-SERIAL",
    "PersonInImage": "PLANTED-PERSON",
    "Name": "PLANTED-FACE",
    "creator": "PLANTED-CREATOR",
}
_IPTC = {"By-line": (80, b"PLANTED-BYLINE"), "Sub-location": (92, b"PLANTED-STREET")}


def _marks(form: str) -> dict[str, bytes]:
    exif = {name: value for name, (_, value) in {**_EXIF, **_DETAILS}.items()}
    texts = exif | _XMP if form != "GIF" else dict(_XMP)
    found = {name: value.encode() if isinstance(value, str) else value for name, value in texts.items()}
    if form != "GIF":
        found["GPSLatitude"] = struct.pack("<II" if form == "TIFF" else ">II", *_SECONDS)
    if form == "JPEG":
        found |= {name: value for name, (_, value) in _IPTC.items()} | {"comment": b"PLANTED-COMMENT"}
    if form == "PNG":
        found |= {"Author": b"PLANTED-AUTHOR", "Comment": zlib.compress(b"PLANTED-COMPRESSED")}
    if form == "GIF":
        found |= {"comment": b"PLANTED-COMMENT"}
    return found


MARKS = {form: _marks(form) for form in FORMS}
"""By format: the name of a field as it is listed, and the bytes that tell its value in the file."""


def xmp_packet(attributes: str = "", elements: str = "") -> bytes:
    """An XMP packet with these attributes and elements in its description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def plant(
    picture: Image.Image, form: str, *, orientation: int = 1, source_type: str | None = None, **more: Any
) -> bytes:
    """The file of a picture in Pillow's format name, or "HEIC", with all of `MARKS` in it."""
    packet = _packet(source_type)
    options: dict[str, Any] = {"exif": _exif(orientation), "xmp": packet, **more}
    match form:
        case "JPEG":
            options["comment"] = b"PLANTED-COMMENT"
        case "PNG":
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
            options["pnginfo"].add_text("Author", "PLANTED-AUTHOR")
            options["pnginfo"].add_text("Comment", "PLANTED-COMPRESSED", zip=True)
        case "GIF":
            options["comment"] = b"PLANTED-COMMENT"
        case "TIFF":
            options["exif"][700] = packet
            options["exif"] = options["exif"].tobytes()
    file = BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(picture).save(file, **options)
    else:
        picture.save(file, form, **options)
    data = file.getvalue()
    if form == "JPEG":
        return data[:2] + _photoshop() + data[2:]
    if form == "GIF" and packet not in data:
        return data[:-1] + b"!\xff\x0bXMP DataXMP" + packet + b"\x01" + bytes(range(255, -1, -1)) + b"\0;"
    return data


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for tag, text in _EXIF.values():
        exif[tag] = text
    exif.get_ifd(ExifTags.IFD.Exif).update(dict(_DETAILS.values()))
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (47.0, 22.0, IFDRational(*_SECONDS))})
    return exif


def _packet(source_type: str | None) -> bytes:
    names = (
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"'
        ' xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' photoshop:City="{_XMP["City"]}" aux:SerialNumber="{_XMP["SerialNumber"]}"'
    )
    if source_type is not None:
        names += f' Iptc4xmpExt:DigitalSourceType="{_TERMS}{source_type}"'
    face = f'<rdf:Description mwg-rs:Name="{_XMP["Name"]}" mwg-rs:Type="Face"/>'
    regions = f"<mwg-rs:RegionList><rdf:Bag><rdf:li>{face}</rdf:li></rdf:Bag></mwg-rs:RegionList>"
    return xmp_packet(
        names,
        f"<dc:creator><rdf:Seq><rdf:li>{_XMP['creator']}</rdf:li></rdf:Seq></dc:creator>"
        f"<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>{_XMP['PersonInImage']}</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>"
        f'<mwg-rs:Regions rdf:parseType="Resource">{regions}</mwg-rs:Regions>',
    )


def _photoshop() -> bytes:
    sets = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in _IPTC.values())
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(sets)) + sets + bytes(len(sets) % 2)
    body = b"Photoshop 3.0\0" + resource
    return struct.pack(">HH", 0xFFED, len(body) + 2) + body
