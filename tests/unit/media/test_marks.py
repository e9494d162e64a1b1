"""What a file declares is read exactly, unverified and bounded, and private fields never leave."""

import hashlib
import json
import struct
import time
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from provenance import limits
from provenance.media import DeclaredMetadata, Mark, Media, read_declared

IPTC = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
PHOTOSHOP = 'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
A1111 = "a fox in snow\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 41, Size: 512x512"
COMFY = {"3": {"class_type": "KSampler", "inputs": {"steps": 20}}, "9": {"class_type": "SaveImage", "inputs": {}}}


def _xmp(attributes="", elements=""):
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


@pytest.fixture
def declared(encode):
    """Read what a small file declares, made with the given encoder options."""

    def read(form="PNG", **options):
        return read_declared(Media.from_bytes(encode(Image.new("RGB", (8, 8)), form, **options)))

    return read


@pytest.fixture
def texts(declared):
    """Read what a PNG with these text chunks declares."""

    def read(**chunks):
        info = PngInfo()
        for keyword, text in chunks.items():
            info.add_text(keyword.replace("__", "-"), text)
        return declared(pnginfo=info)

    return read


def _with_xmp(declared, packet, form):
    match form:
        case "PNG":
            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
            return declared(pnginfo=info)
        case "TIFF":
            return declared("TIFF", tiffinfo={700: packet})
        case _:
            return declared(form, xmp=packet)


def test_a_plain_picture_declares_nothing(declared):
    assert declared() == DeclaredMetadata()


# XMP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_the_digital_source_type_is_read_from_every_container(form, declared):
    packet = _xmp(f'{IPTC} Iptc4xmpExt:DigitalSourceType="{TERMS}trainedAlgorithmicMedia"')
    found = _with_xmp(declared, packet, form)
    assert found.marks == (Mark("iptc.digital_source_type", "trainedAlgorithmicMedia", "XMP", "ai_generated"),)
    assert found.digital_source_type == TERMS + "trainedAlgorithmicMedia"


@pytest.mark.parametrize(
    "element",
    [
        "<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>",
        '<Iptc4xmpExt:DigitalSourceType rdf:resource="{}"/>',
        "<Iptc4xmpExt:DigitalSourceType>\n  {}\n</Iptc4xmpExt:DigitalSourceType>",
    ],
)
@pytest.mark.parametrize(
    ("term", "meaning"),
    [
        ("compositeWithTrainedAlgorithmicMedia", "ai_edited"),
        ("digitalCapture", "capture"),
        ("algorithmicMedia", "other"),
        ("unheardOf", "other"),
    ],
)
def test_the_element_forms_mean_the_same_as_the_attribute(element, term, meaning, declared):
    found = declared("JPEG", xmp=_xmp(IPTC, element.format(TERMS + term)))
    assert [(mark.meaning, mark.kind) for mark in found.marks] == [(meaning, "iptc.digital_source_type")]


def test_a_bare_term_without_its_vocabulary_has_no_meaning(declared):
    found = declared("JPEG", xmp=_xmp(f'{IPTC} Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia"'))
    assert [mark.meaning for mark in found.marks] == ["other"]


def test_the_credit_of_google_ai_counts_together_with_a_source_type(declared):
    source = f'{IPTC} Iptc4xmpExt:DigitalSourceType="{TERMS}compositeWithTrainedAlgorithmicMedia"'
    credit = f'{PHOTOSHOP} photoshop:Credit="Made with Google AI"'
    both = declared("JPEG", xmp=_xmp(f"{source} {credit}"))
    assert both.marks[1] == Mark("google.ai_credit", "Made with Google AI", "XMP", "ai_edited")
    assert declared("JPEG", xmp=_xmp(credit)).marks == ()


@pytest.mark.parametrize(
    ("label", "meaning"), [("1", "ai_generated"), (1, "ai_generated"), ("2", "other"), ("3", "other")]
)
def test_the_chinese_label_is_read(label, meaning, declared):
    label = json.dumps({"Label": label, "ContentProducer": "001", "ProduceID": "x"}).replace('"', "&quot;")
    found = declared("JPEG", xmp=_xmp(f'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" TC260:AIGC="{label}"'))
    assert [(mark.kind, mark.meaning) for mark in found.marks] == [("tc260.aigc", meaning)]


def test_xmp_after_the_pixels_of_a_png_is_found(encode):
    packet = _xmp(f'{IPTC} Iptc4xmpExt:DigitalSourceType="{TERMS}trainedAlgorithmicMedia"')
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet)
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    data = encode(Image.new("RGB", (8, 8)))
    assert len(read_declared(Media.from_bytes(data[:-12] + chunk + data[-12:])).marks) == 1


def _segment(body):
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _extended(encode, extended, digest):
    standard = _xmp(f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{digest}"')
    data = encode(Image.new("RGB", (8, 8)), "JPEG", xmp=standard)
    parts = [(at, extended[at : at + 60_000]) for at in range(0, len(extended), 60_000)]
    segments = b"".join(
        _segment(
            b"http://ns.adobe.com/xmp/extension/\0" + digest.encode() + struct.pack(">II", len(extended), at) + part
        )
        for at, part in reversed(parts)
    )
    return read_declared(Media.from_bytes(data[:2] + segments + data[2:]))


def test_extended_xmp_is_put_together_when_its_digest_agrees(encode):
    padding = "<!--" + "x" * 100_000 + "-->"
    extended = _xmp(f'{IPTC} Iptc4xmpExt:DigitalSourceType="{TERMS}trainedAlgorithmicMedia"', padding)
    digest = hashlib.md5(extended).hexdigest().upper()
    assert len(_extended(encode, extended, digest).marks) == 1
    assert _extended(encode, extended, "0" * 32).marks == ()


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><x>&c;</x>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>',
        b"<x><y></x>",
        b"not XML",
        b'<?xml version="1.0" encoding="no-such"?><x/>',
        b"<a>" * (limits.MAX_XMP_ELEMENTS + 1),
        b"\xff\xfe\x00",
    ],
)
def test_hostile_or_damaged_xmp_is_left_out_with_a_note(packet, declared):
    found = declared("WEBP", xmp=packet)
    assert found.marks == ()
    assert len(found.notes) == 1
    assert found.notes[0].startswith("XMP left out")


def test_xmp_over_the_limit_is_left_out_with_a_note(declared):
    found = declared("WEBP", xmp=_xmp(IPTC, " " * limits.MAX_XMP_BYTES))
    assert "bytes" in found.notes[0]


# Generators -------------------------------------------------------------------------------------


def test_settings_of_automatic1111_are_read_from_png_text(texts):
    (mark,) = texts(parameters=A1111).marks
    assert (mark.kind, mark.meaning, mark.location) == ("a1111.parameters", "ai_generated", "PNG tEXt")
    assert mark.value.startswith("Steps: 20, Sampler: Euler a")


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + A1111.encode("utf-16-be"),
        b"UNICODE\0" + A1111.encode("utf-16-le"),
        b"ASCII\0\0\0" + A1111.encode(),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_settings_of_automatic1111_are_read_from_the_exif_comment(form, comment, declared):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    (mark,) = declared(form, exif=exif).marks
    assert (mark.kind, mark.location) == ("a1111.parameters", "EXIF UserComment")


@pytest.mark.parametrize(
    "text", ["Steps: many, Sampler: x", "Steps: 20 to the summit", "parameters", "Seed: 4, Sampler: x"]
)
def test_other_text_named_parameters_is_no_mark(text, texts):
    assert texts(parameters=text).marks == ()


def test_a_comfyui_workflow_with_a_sampler_is_a_mark(texts, declared):
    (mark,) = texts(prompt=json.dumps(COMFY), workflow="{}").marks
    assert mark == Mark("comfyui.workflow", "KSampler", "PNG tEXt", "ai_generated")
    drawn = {"nodes": [{"type": "SamplerCustomAdvanced"}, {"type": "VAEDecode"}]}
    assert texts(workflow=json.dumps(drawn)).marks[0].value == "SamplerCustomAdvanced"
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(COMFY)
    exif[0x010F] = "workflow:" + json.dumps(drawn)
    assert declared("WEBP", exif=exif).marks[0].location == "EXIF"


@pytest.mark.parametrize("node", ["ImageScale", "ImageResampler", "ImageUpsampler", "KSamplerSelect", "Downsampler"])
def test_a_comfyui_workflow_that_only_resizes_is_no_mark(node, texts):
    prompt = {"1": {"class_type": "LoadImage", "inputs": {}}, "2": {"class_type": node, "inputs": {}}}
    assert texts(prompt=json.dumps(prompt)).marks == ()


@pytest.mark.parametrize(
    ("chunks", "kind", "meaning"),
    [
        ({"fooocus_scheme": "fooocus", "parameters": "{}"}, "fooocus.scheme", "ai_generated"),
        ({"Dream": '"a fox" -s 50 -S 1234 -W 512'}, "invokeai.dream", "ai_generated"),
        ({"sd__metadata": '{"model": "stable diffusion"}'}, "invokeai.metadata", "ai_generated"),
        ({"invokeai_metadata": '{"generation_mode": "txt2img"}'}, "invokeai.metadata", "ai_generated"),
        ({"invokeai_metadata": '{"generation_mode": "sdxl_inpaint"}'}, "invokeai.metadata", "ai_edited"),
        ({"Software": "NovelAI", "Comment": '{"steps": 28, "seed": 1}'}, "novelai.comment", "ai_generated"),
    ],
)
def test_other_generators_are_known_by_their_settings(chunks, kind, meaning, texts):
    assert [(mark.kind, mark.meaning) for mark in texts(**chunks).marks] == [(kind, meaning)]


@pytest.mark.parametrize(
    "chunks",
    [
        {"Software": "NovelAI"},
        {"Software": "NovelAI", "Comment": "a nice day"},
        {"fooocus_scheme": "fooocus"},
        {"Dream": "I had a dream"},
        {"invokeai_metadata": "[]"},
        {"prompt": "[" * 100_000},
        {"prompt": '{"1": 5, "2": {"class_type": 7}}', "workflow": '{"nodes": 3}'},
        {"Software": "Stable Diffusion Midjourney ComfyUI"},
    ],
)
def test_a_name_or_a_fragment_is_no_mark(chunks, texts):
    assert texts(**chunks).marks == ()


def test_a_generators_name_in_exif_is_no_mark(declared):
    exif = Image.Exif()
    exif[0x010F] = "Gemini11"
    exif[0x0110] = "Stable Diffusion"
    exif[0x0131] = "DALL-E Midjourney Firefly"
    found = declared("JPEG", exif=exif)
    assert found.marks == ()


def test_text_made_to_search_slowly_or_to_unpack_hugely_does_no_harm(texts, declared):
    began = time.thread_time()  # of the processor: what else a machine does is not in it
    assert texts(parameters="Steps: 1, " * 300_000, Dream="-s1 " * 300_000).marks == ()
    info = PngInfo()
    info.add_text("parameters", "x" * 900_000, zip=True)
    for _ in range(12):
        info.add_text("filler", "x" * 900_000, zip=True)
    assert "text left out" in declared(pnginfo=info).notes[0]
    assert time.thread_time() - began < 10


# Fields -----------------------------------------------------------------------------------------


def _iim(*fields):
    body = b"".join(b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text for number, text in fields)
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(body)) + body + b"\0" * (len(body) % 2)


def _with_app13(encode, block):
    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    return read_declared(Media.from_bytes(data[:2] + segment + data[2:]))


def test_editorial_fields_are_read_from_xmp(declared):
    dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    found = declared(
        "JPEG",
        xmp=_xmp(
            f'{dc} {PHOTOSHOP} photoshop:Credit="Wire" photoshop:DateCreated="2024-05-01T12:30:00+02:00"',
            '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Fox</rdf:li></rdf:Alt></dc:title>'
            "<dc:creator><rdf:Seq><rdf:li>A. One</rdf:li><rdf:li>B. Two</rdf:li></rdf:Seq></dc:creator>"
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">In snow</rdf:li></rdf:Alt></dc:description>',
        ),
    )
    assert (found.title, found.creator, found.caption, found.credit) == ("Fox", "A. One; B. Two", "In snow", "Wire")
    assert found.captured_at == "2024-05-01T12:30:00+02:00"


def test_editorial_fields_are_read_from_iptc(encode):
    fields = (
        (5, "Füchse".encode()),
        (80, b"A. One"),
        (110, b"Wire"),
        (120, "Im Schnee, früh".encode("latin-1")),
        (55, b"20240501"),
    )
    found = _with_app13(encode, _iim(*fields))
    assert (found.title, found.creator, found.credit) == ("Füchse", "A. One", "Wire")
    assert found.caption == "Im Schnee, früh"
    assert found.captured_at == "2024-05-01T00:00:00"


def test_damaged_iptc_is_left_out_with_a_note(encode):
    assert _with_app13(encode, _iim((5, b"Fox"))[:-4] + b"\x99\x99\x99\x99").title in (None, "™™™")
    broken = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 6) + b"garbag"
    assert _with_app13(encode, broken).notes == ("IPTC left out: it cannot be read",)


def test_the_capture_time_of_exif_comes_with_its_offset(declared):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:30:05"
    assert declared("JPEG", exif=exif).captured_at == "2024-05-01T12:30:05"
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    assert declared("JPEG", exif=exif).captured_at == "2024-05-01T12:30:05+02:00"
    exif.get_ifd(0x8769)[0x9003] = "0000:00:00 00:00:00"
    assert declared("JPEG", exif=exif).captured_at is None


def test_private_fields_are_named_and_their_values_never_leave(declared):
    exif = Image.Exif()
    exif[0x013B] = "Planted Artist"
    exif.get_ifd(0x8769).update(
        {0xA430: "Planted Owner", 0xA431: "Planted Serial", 0xA435: "Planted Lens", 0x927C: b"Planted"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 17.0, 31.0)})
    packet = _xmp(
        'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" aux:SerialNumber="Planted" aux:OwnerName="Planted" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="Planted 59,17N" '
        'xmlns:exifEX="http://cipa.jp/exif/1.0/" exifEX:BodySerialNumber="Planted"'
    )
    found = declared("JPEG", exif=exif, xmp=packet)
    assert set(found.private_fields) == {
        "EXIF Artist",
        "EXIF CameraOwnerName",
        "EXIF BodySerialNumber",
        "EXIF LensSerialNumber",
        "EXIF MakerNote",
        "EXIF GPSInfo",
        "XMP aux:SerialNumber",
        "XMP aux:OwnerName",
        "XMP exif:GPSLatitude",
        "XMP exifEX:BodySerialNumber",
    }
    assert "Planted" not in repr(found)
    assert "59" not in repr(found)


def test_values_are_cut_and_stripped_of_control_characters(declared):
    exif = Image.Exif()
    exif[0x010E] = "two\r\nlines\x00\x1b[31m" + "y" * 5_000
    packet = _xmp(f'{PHOTOSHOP} photoshop:Credit="evil \u202e gnp.exe"')
    found = declared("JPEG", exif=exif, xmp=packet)
    assert found.caption is not None
    assert found.caption.startswith("two lines")
    assert "\x1b" not in found.caption
    assert len(found.caption) <= limits.MAX_DECLARED_CHARACTERS
    assert found.credit == "evil gnp.exe"


def test_the_value_of_a_mark_is_bounded(texts):
    (mark,) = texts(parameters=A1111 + ", Model: " + "m" * 9_000).marks
    assert len(mark.value) <= limits.MAX_MARK_CHARACTERS
