"""Reading what a picture declares: its marks, its editorial fields, and the names of the fields that stay private.

Fields: XMP (ISO 16684-1; IPTC Photo Metadata 2023), IPTC-IIM 4.2 and EXIF 2.32, in that order of preference. Places
(GPS), serial numbers, owners and the EXIF artist, which cameras fill with their owner's name, are named and withheld.

Marks that picture generators leave: the settings they write into PNG text and EXIF, recognised by their form.

Each is an unsigned claim of the file. A generator's name alone, in whatever field, is no mark: it has flagged a camera
of 2003 whose maker field reads "Gemini11".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

from provenance import limits
from provenance.errors import MediaError
from provenance.media.carriers import Carriers, read_carriers
from provenance.media.formats import decoding, open_header
from provenance.media.marks import xmp
from provenance.media.marks.mark import Mark, clean
from provenance.media.media import Media
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX, Meaning, find_digital_source_type, find_stated_source_type

_GOOGLE_CREDIT = "Made with Google AI"

_UNREADABLE = "metadata left out: it cannot be read"
_GUESSED = "IPTC read as Windows-1252: it does not name its character set, and is not UTF-8"

_IIM_TEXTS = (5, 80, 105, 110, 116, 120)
_CODED_CHARACTER_SET = (1, 90)
_PARTS = {b"A": 1, b"B": 2, b"C": 3, b"D": 4, b"F": 7, b"G": 6, b"H": 8, b"L": 5, b"M": 9}
_CHARACTER_SETS: Mapping[bytes, str] = {
    b"\x1b%G": "utf-8",
    **{b"\x1b" + half + final: f"iso8859-{part}" for half in (b"-", b".", b"/") for final, part in _PARTS.items()},
}
"""Python's names of what IIM writers name by the escape sequences of ISO 2022: UTF-8, and the parts of ISO 8859."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_PRIVATE_EXIF = {0x013B: "Artist", 0x9C9D: "XPAuthor"}
_PRIVATE_EXIF_IFD = {
    0x927C: "MakerNote",
    0xA420: "ImageUniqueID",
    0xA430: "CameraOwnerName",
    0xA431: "BodySerialNumber",
    0xA435: "LensSerialNumber",
}
_PRIVATE_XMP = {
    xmp.AUX: ("aux", re.compile(r".*SerialNumber|OwnerName")),
    xmp.EXIF_EX: ("exifEX", re.compile(r".*SerialNumber|CameraOwnerName")),
    xmp.EXIF: ("exif", re.compile(r"GPS.*|ImageUniqueID")),
}


@dataclass(frozen=True)
class DeclaredMetadata:
    """What a file says about itself, unsigned, each text cleaned and bounded.

    Attributes:
        marks: statements on how the picture was made.
        captured_at: date and time of capture as RFC 3339, without offset where the file states none.
        digital_source_type: the IRI of the IPTC vocabulary, where the file states a known one.
        private_fields: names of the fields that are present and withheld; their values are never read out.
        notes: carriers that were left out, and why.
    """

    marks: tuple[Mark, ...] = ()
    title: str | None = None
    credit: str | None = None
    creator: str | None = None
    caption: str | None = None
    rights: str | None = None
    captured_at: str | None = None
    digital_source_type: str | None = None
    private_fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Editorial:
    """What the editorial fields of a file say, neither cleaned nor bounded; "" where none says anything.

    Attributes:
        texts: by the names of `DeclaredMetadata`.
        moments: when it was taken, as several fields say, with time zone or without.
        notes: what was left out or guessed, and why.
    """

    texts: Mapping[str, str]
    moments: tuple[datetime, ...]
    notes: tuple[str, ...]


def read_declared(media: Media) -> DeclaredMetadata:
    """Return what `media` declares. Nothing is decoded, and damaged metadata is left out with a note, not raised."""
    try:
        with decoding(media.media_type):
            return _declared(*_read(media))
    except MediaError:
        return DeclaredMetadata(notes=(_UNREADABLE,))


def read_editorial(media: Media) -> Editorial:
    """Return the editorial fields alone, whole. Nothing is decoded or raised."""
    try:
        with decoding(media.media_type):
            carriers, properties, notes = _read(media)
            texts = {name: next(filter(None, found), "") for name, found in _texts(carriers, properties).items()}
            guessed = (_GUESSED,) if any(_is_guessed(carriers, number) for number in _IIM_TEXTS) else ()
            return Editorial(texts, tuple(_moments(carriers, properties)), (*notes, *guessed))
    except MediaError:
        return Editorial({}, (), (_UNREADABLE,))


def _read(media: Media) -> tuple[Carriers, xmp.Properties, tuple[str, ...]]:
    carriers = read_carriers(open_header(media.data, media.media_type), media.data, media.media_type)
    return (carriers, *_properties(carriers))


def _declared(carriers: Carriers, properties: xmp.Properties, notes: tuple[str, ...]) -> DeclaredMetadata:
    exif = carriers.exif
    source = find_digital_source_type(_first(properties, xmp.IPTC_EXTENSION + "DigitalSourceType"))
    taken = next(_moments(carriers, properties), None)
    return DeclaredMetadata(
        marks=(*_xmp_marks(properties), *find_generator_marks(carriers)),
        **{name: _text(*found) for name, found in _texts(carriers, properties).items()},
        captured_at=None if taken is None else taken.isoformat(timespec="seconds"),
        digital_source_type=source.iri if source else None,
        private_fields=tuple(dict.fromkeys((*_private_exif(exif), *_private_xmp(properties)))),
        notes=notes,
    )


def _texts(carriers: Carriers, properties: xmp.Properties) -> dict[str, tuple[str, ...]]:
    """What the fields say, by the names of `DeclaredMetadata`, the preferred one first."""
    exif = carriers.exif
    return {
        "title": (
            _first(properties, xmp.DC + "title"),
            _iim(carriers, 5),
            _first(properties, xmp.PHOTOSHOP + "Headline"),
            _iim(carriers, 105),
        ),
        "credit": (_first(properties, xmp.PHOTOSHOP + "Credit"), _iim(carriers, 110)),
        "creator": ("; ".join(properties.get(xmp.DC + "creator", ())), _iim(carriers, 80)),
        "caption": (
            _first(properties, xmp.DC + "description"),
            _iim(carriers, 120),
            _ascii(exif.get(0x010E)),
        ),
        "rights": (_first(properties, xmp.DC + "rights"), _iim(carriers, 116), _ascii(exif.get(0x8298))),
    }


def _properties(carriers: Carriers) -> tuple[xmp.Properties, tuple[str, ...]]:
    """Return the properties of all packets, the first of each name, and the notes so far."""
    found: dict[str, tuple[str, ...]] = {}
    notes = list(carriers.notes)
    for packet in carriers.xmp:
        try:
            found = {**xmp.parse_xmp(packet), **found}
        except MediaError as error:
            notes.append(f"XMP left out: {error}")
    return found, tuple(notes)


def _xmp_marks(properties: xmp.Properties) -> Iterator[Mark]:
    stated = _first(properties, xmp.IPTC_EXTENSION + "DigitalSourceType")
    # The vocabulary also knows bare names; in XMP only the full IRI has a defined meaning.
    source = find_stated_source_type(stated) if "://" in stated else None
    meaning: Meaning = source.meaning if source else "other"
    if stated:
        yield Mark.of("iptc.digital_source_type", stated.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX), "XMP", meaning)
    credit = _first(properties, xmp.PHOTOSHOP + "Credit")
    if credit == _GOOGLE_CREDIT and meaning in ("ai_generated", "ai_edited"):
        yield Mark.of("google.ai_credit", credit, "XMP", meaning)
    label = parse_json(_first(properties, xmp.TC260 + "AIGC"))
    if "Label" in label:
        text = ", ".join(
            f"{name}: {label[name]}" for name in ("Label", "ContentProducer", "ProduceID") if name in label
        )
        # GB 45438-2025: 1 says generated; 2 (possibly) and 3 (suspected) are a platform's guess
        yield Mark.of("tc260.aigc", text, "XMP", "ai_generated" if str(label["Label"]) == "1" else "other")


def _private_exif(exif: Image.Exif) -> Iterator[str]:
    for tag, name in _PRIVATE_EXIF.items():
        if exif.get(tag):
            yield f"EXIF {name}"
    details = exif.get_ifd(_EXIF_IFD)
    for tag, name in _PRIVATE_EXIF_IFD.items():
        if details.get(tag):
            yield f"EXIF {name}"
    if exif.get_ifd(_GPS_IFD):
        yield "EXIF GPSInfo"


def _private_xmp(properties: xmp.Properties) -> Iterator[str]:
    for name in properties:
        namespace, local = xmp.split_name(name)
        prefix, pattern = _PRIVATE_XMP.get(namespace, ("", None))
        if pattern and pattern.fullmatch(local):
            yield f"XMP {prefix}:{clean(local, 60)}"


def _moments(carriers: Carriers, properties: xmp.Properties) -> Iterator[datetime]:
    """When the picture was taken, as the fields say that can be read, the preferred one first."""
    details = carriers.exif.get_ifd(_EXIF_IFD)
    offset = _ascii(details.get(0x9011))
    taken = re.sub(r"^(\d{4}):(\d\d):(\d\d) ", r"\1-\2-\3T", _ascii(details.get(0x9003)))
    day, time = _iim(carriers, 55), _iim(carriers, 60)
    for candidate in (
        taken + offset,
        taken,
        _first(properties, xmp.EXIF + "DateTimeOriginal"),
        _first(properties, xmp.PHOTOSHOP + "DateCreated"),
        f"{day}T{time}",
        day,
    ):
        try:
            yield datetime.fromisoformat(candidate)
        except ValueError:
            continue


def _first(properties: xmp.Properties, name: str) -> str:
    return properties.get(name, ("",))[0]


def _iim(carriers: Carriers, number: int) -> str:
    """Return a data set of the IPTC-IIM application record (IIM 4.2, 1:90 names the character set).

    Without a character set it is UTF-8, or else what most writers mean: Windows-1252.
    """
    value = carriers.iptc.get((2, number), b"")
    named = _CHARACTER_SETS.get(carriers.iptc.get(_CODED_CHARACTER_SET, b""))
    if named is not None:
        return value.decode(named, "replace")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _is_guessed(carriers: Carriers, number: int) -> bool:
    """Whether the character set of a data set is neither named nor UTF-8."""
    value = carriers.iptc.get((2, number), b"")
    try:
        value.decode()
    except UnicodeDecodeError:
        return carriers.iptc.get(_CODED_CHARACTER_SET, b"") not in _CHARACTER_SETS
    return False


def _ascii(value: object) -> str:
    """Return an EXIF text; Pillow reads it as Latin-1, and many writers put UTF-8."""
    if not isinstance(value, str):
        return ""
    try:
        return value.encode("latin-1").decode().strip("\0 ")
    except UnicodeError:
        return value.strip("\0 ")


def _text(*candidates: str) -> str | None:
    cleaned = (clean(each, limits.MAX_DECLARED_CHARACTERS) for each in candidates)
    return next((each for each in cleaned if each), None)


_MAKE, _MODEL, _MAKER_NOTE, _USER_COMMENT = 0x010F, 0x0110, 0x927C, 0x9286
_COMMENT_CODES = {b"ASCII\0\0\0": ("utf-8",), b"UNICODE\0": ("utf-16-be", "utf-16-le"), bytes(8): ("utf-8",)}

_A1111 = re.compile(r"(?<!\w)Steps: \d+, (?=.{0,2000}?(?:Sampler|Seed): )", re.DOTALL)
_DREAM = re.compile(
    r"(?<!\S)-s ?\d+(?=\s)(?=.{0,2000}?\s-S ?\d+)", re.DOTALL
)  # InvokeAI's command line: steps and seed
_SAMPLER = re.compile(r"(?<!re)(?<!up)(?<!down)(?<!super)sampler(?!.{0,2}select)", re.IGNORECASE)
_SEARCHED_CHARACTERS = 65_536  # settings follow the prompt, which has thousands of characters at most
_FOOOCUS_SCHEMES = frozenset(("fooocus", "a1111"))
_INVOKE_EDITS = frozenset(("img2img", "inpaint", "outpaint"))


def find_generator_marks(carriers: Carriers) -> Iterator[Mark]:
    """Yield the marks of AUTOMATIC1111 and Forge, ComfyUI, Fooocus, InvokeAI and NovelAI."""
    texts: dict[str, tuple[str, str]] = {}
    for each in carriers.texts:
        texts.setdefault(each.keyword, (each.text, f"PNG {each.chunk}"))
    comment = _user_comment(carriers.exif)
    yield from _a1111(texts, comment)
    yield from _comfyui(texts, carriers.exif)
    yield from _fooocus(texts, carriers.exif, comment)
    yield from _invokeai(texts)
    yield from _novelai(texts)


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, empty where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_Texts = Mapping[str, tuple[str, str]]


def _a1111(texts: _Texts, comment: str) -> Iterator[Mark]:
    for text, location in (texts.get("parameters", ("", "")), (comment, "EXIF UserComment")):
        if settings := _A1111.search(text, 0, _SEARCHED_CHARACTERS):
            yield Mark.of("a1111.parameters", text[settings.start() :], location, "ai_generated")


def _comfyui(texts: _Texts, exif: Image.Exif) -> Iterator[Mark]:
    prompt, location = texts.get("prompt", ("", ""))
    workflow, workflow_location = texts.get("workflow", ("", ""))
    for tag in (_MAKE, _MODEL):
        value = exif.get(tag)
        if isinstance(value, str):
            if value.startswith("prompt:{"):
                prompt, location = value[len("prompt:") :], "EXIF"
            elif value.startswith("workflow:{"):
                workflow, workflow_location = value[len("workflow:") :], "EXIF"
    nodes = [node.get("class_type") for node in parse_json(prompt).values() if isinstance(node, dict)]
    if not any(nodes):
        drawn = parse_json(workflow).get("nodes")
        nodes = [node.get("type") for node in drawn if isinstance(node, dict)] if isinstance(drawn, list) else []
        location = workflow_location
    samplers = sorted({node for node in nodes if isinstance(node, str) and _SAMPLER.search(node)})
    if samplers:  # without one, the workflow may have done no more than resize
        yield Mark.of("comfyui.workflow", ", ".join(samplers), location, "ai_generated")


def _fooocus(texts: _Texts, exif: Image.Exif, comment: str) -> Iterator[Mark]:
    scheme, location = texts.get("fooocus_scheme", ("", ""))
    if scheme in _FOOOCUS_SCHEMES and "parameters" in texts:
        yield Mark.of("fooocus.scheme", scheme, location, "ai_generated")
    note = exif.get(_MAKER_NOTE)
    if isinstance(note, str) and note in _FOOOCUS_SCHEMES and comment:
        yield Mark.of("fooocus.scheme", note, "EXIF MakerNote", "ai_generated")


def _invokeai(texts: _Texts) -> Iterator[Mark]:
    command, location = texts.get("Dream", ("", ""))
    if settings := _DREAM.search(command, 0, _SEARCHED_CHARACTERS):
        yield Mark.of("invokeai.dream", command[settings.start() :], location, "ai_generated")
    for keyword in ("sd-metadata", "invokeai_metadata"):
        text, location = texts.get(keyword, ("", ""))
        if metadata := parse_json(text):
            mode = str(metadata.get("generation_mode", ""))
            edited = mode.removeprefix("sdxl_").removeprefix("flux_") in _INVOKE_EDITS
            kind = "invokeai.metadata"
            yield Mark.of(kind, mode or keyword, location, "ai_edited" if edited else "ai_generated")


def _novelai(texts: _Texts) -> Iterator[Mark]:
    software, location = texts.get("Software", ("", ""))
    comment = parse_json(texts.get("Comment", ("", ""))[0])
    if software == "NovelAI" and comment:
        kept = {name: comment[name] for name in ("steps", "sampler", "seed") if name in comment}
        yield Mark.of("novelai.comment", json.dumps(kept), location, "ai_generated")


def _user_comment(exif: Image.Exif) -> str:
    """Return the EXIF UserComment as text (EXIF 2.32, section 4.6.5), with the byte order that reads as Latin text."""
    value = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT) or exif.get(_USER_COMMENT)
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    encodings = _COMMENT_CODES.get(value[:8], ())
    readings = [value[8:].decode(encoding, "replace") for encoding in encodings]
    return max(readings, key=lambda text: text.count(" "), default="")
