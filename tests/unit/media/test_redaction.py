"""What a file holds beside its picture is named, and left out without touching a pixel."""

import hashlib
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from provenance import limits
from provenance.errors import UnsupportedMedia
from provenance.media import Media, read_declared
from provenance.media.redaction import MAX_LISTED_METADATA, MetadataItem, redact
from provenance.media.redaction.boxes import strip_boxes
from provenance.media.redaction.metadata_names import Unstrippable
from tests.planted import AI, FORMS, MARKS, plant, xmp_packet
from tests.security import containers

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def picture(draw):
    return Image.fromarray(draw("landscape", 64, 48))


def _profile(data):
    media = Media.from_bytes(data)
    from provenance.media.formats import open_header

    return open_header(data, media.media_type).info.get("icc_profile")


@pytest.mark.parametrize("form", FORMS)
def test_every_planted_mark_is_named_and_gone_and_the_picture_is_the_same(form, picture):
    data = plant(picture, form, orientation=6, icc_profile=PROFILE)
    media = Media.from_bytes(data)
    assert all(mark in data for mark in MARKS[form].values())  # else the test would show nothing
    redaction = redact(media)
    assert redaction.reason is None
    assert not [name for name, mark in MARKS[form].items() if mark in redaction.data]
    names = {held.name for held in redaction.held}
    assert names >= set(MARKS[form])
    assert not names & {"Orientation", "ImageWidth", "StripOffsets", "ExifOffset", "ICC Profile"}
    stripped = Media.from_bytes(redaction.data)
    assert np.array_equal(stripped.pixels, media.pixels)
    assert (stripped.width, stripped.height, stripped.frames) == (media.width, media.height, media.frames)
    assert _profile(redaction.data) == _profile(data)
    assert redact(stripped).held == ()


@pytest.mark.parametrize("form", FORMS)
def test_a_plain_picture_holds_nothing_and_stays_as_it_is(form, picture, encode):
    data = encode(picture, form, icc_profile=PROFILE)
    redaction = redact(Media.from_bytes(data))
    assert redaction.held == ()
    assert redaction.data == data


@pytest.mark.parametrize("form", [form for form in FORMS if form != "GIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_alone_is_no_private_metadata(form, orientation, picture, encode):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encode(picture, form, exif=exif)
    redaction = redact(Media.from_bytes(data))
    assert redaction.held == ()
    assert redaction.data == data


@pytest.mark.parametrize("form", FORMS)
def test_a_stated_source_type_outlives_what_stood_beside_it(form, picture):
    data = plant(picture, form, source_type=AI)
    redaction = redact(Media.from_bytes(data))
    assert redaction.reason is None
    assert AI.encode() in redaction.data
    assert read_declared(Media.from_bytes(redaction.data)).marks == read_declared(Media.from_bytes(data)).marks
    assert not [name for name, mark in MARKS[form].items() if mark in redaction.data]
    assert redact(Media.from_bytes(redaction.data)).held == ()


def test_a_declaration_that_cannot_be_kept_alone_is_not_lost_without_a_word(picture, encode):
    info = PngInfo()
    info.add_text("parameters", "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 41, Size: 512x512")
    redaction = redact(Media.from_bytes(encode(picture, "PNG", pnginfo=info)))
    assert redaction.data is None
    assert "how the picture was made" in redaction.reason
    assert MetadataItem("PNG tEXt", "parameters") in redaction.held


def test_a_gain_map_is_not_thrown_away(picture, encode):
    packet = xmp_packet('xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"')
    redaction = redact(Media.from_bytes(encode(picture, "JPEG", xmp=packet)))
    assert redaction.data is None
    assert "gain map" in redaction.reason


def test_the_bytes_behind_a_picture_go(picture, encode):
    for form in ("JPEG", "PNG", "GIF", "WEBP"):
        data = encode(picture, form)
        redaction = redact(Media.from_bytes(data + b"a film with a voice"))
        assert [held.name for held in redaction.held] == ["bytes behind the picture"]
        assert redaction.data == data


def test_a_preview_in_the_metadata_goes(picture, encode):
    """An editor that crops the picture may leave the preview of the whole."""
    small = encode(picture.resize((16, 12)), "JPEG")
    entries = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(small))
    block = b"Exif\0\0" + struct.pack("<4sIHI", b"II*\0", 8, 0, 14) + entries + bytes(4) + small
    redaction = redact(Media.from_bytes(encode(picture, "JPEG", exif=block)))
    assert MetadataItem("EXIF", "thumbnail") in redaction.held
    assert small[20:] not in redaction.data


def test_the_thumbnail_of_jfif_goes_and_its_density_stays(picture, encode):
    data = encode(picture, "JPEG", dpi=(300, 300))
    jfif = data[2:20]
    thumbnail = jfif[:2] + struct.pack(">H", 16 + 3) + jfif[4:16] + b"\1\1" + b"\xaa\xbb\xcc"
    redaction = redact(Media.from_bytes(data[:2] + thumbnail + data[20:]))
    assert redaction.held == (MetadataItem("JFIF", "thumbnail"),)
    assert redaction.data == data


def test_a_value_whose_tag_was_deleted_goes_too(picture):
    """A program that deletes a tag may leave its value where it lay."""
    data, hidden = plant(picture, "TIFF"), MARKS["TIFF"]["Artist"]
    clean = redact(Media.from_bytes(data)).data
    at = data.index(hidden)
    slack = clean[:at] + hidden + clean[at + len(hidden) :]
    redaction = redact(Media.from_bytes(slack))
    assert redaction.held == (MetadataItem("TIFF", "bytes that belong to no tag"),)
    assert redaction.data == clean


def test_every_page_of_a_tiff_is_looked_at(picture):
    file = BytesIO()
    second = picture.copy()
    second.encoderinfo = {"tiffinfo": {315: "PLANTEDARTIST"}}
    picture.save(file, "TIFF", save_all=True, append_images=[second], tiffinfo={315: "PLANTEDARTIST"})
    media = Media.from_bytes(file.getvalue())
    redaction = redact(media)
    assert media.frames == 2
    assert b"PLANTED" not in redaction.data
    assert Media.from_bytes(redaction.data).frames == 2


def test_a_raw_file_is_not_reduced_to_its_preview(picture, encode):
    data = encode(picture, "TIFF", tiffinfo={50706: b"\1\4\0\0", 315: "PLANTED"})
    with pytest.raises(UnsupportedMedia, match="raw"):
        Media.from_bytes(data)


def test_an_animation_keeps_its_frames_and_times(picture):
    other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for form in ("GIF", "WEBP", "PNG"):
        file = BytesIO()
        picture.save(file, form, save_all=True, append_images=[other], duration=70, loop=0)
        data = file.getvalue()
        redaction = redact(Media.from_bytes(data))
        assert redaction.held == ()
        assert redaction.data == data


def test_the_list_of_names_is_bounded(picture, encode):
    info = PngInfo()
    for number in range(2 * MAX_LISTED_METADATA):
        info.add_text(f"key {number}", "value")
    assert len(redact(Media.from_bytes(encode(picture, "PNG", pnginfo=info))).held) == MAX_LISTED_METADATA


def test_a_name_from_the_file_is_cleaned(picture, encode):
    chunk = b"tEXt" + b"a\x1b[31m\nname\0value"
    data = encode(picture, "PNG")
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (held,) = redact(Media.from_bytes(data[:33] + chunk + data[33:])).held
    assert held.name.isprintable()


@pytest.mark.parametrize("form", FORMS)
@given(damage=st.data())
def test_damage_ends_in_a_value_and_never_in_another_exception(form, picture_of, damage):
    data = bytearray(picture_of(form))
    for _ in range(damage.draw(st.integers(1, 4))):
        data[damage.draw(st.integers(0, len(data) - 1))] = damage.draw(st.integers(0, 255))
    try:
        media = Media.from_bytes(bytes(data), sha256=hashlib.sha256(b"").digest())
    except Exception:  # noqa: BLE001 - no picture any more: nothing to strip
        return
    redaction = redact(media)
    assert (redaction.data is None) == (redaction.reason is not None)
    if redaction.data is None:
        assert redaction.held


@pytest.fixture(scope="session")
def picture_of(draw):
    made = {form: plant(Image.fromarray(draw("landscape", 24, 16)), form) for form in FORMS}
    return made.__getitem__


# What costs more than it is large ---------------------------------------------------------------


def test_fill_bytes_in_a_scan_are_passed_over_once(picture, encode):
    """Two million of them, each of which might begin a marker: hours, where each is tried with all that follow."""
    data = encode(picture, "JPEG")
    at = data.index(b"\xff\xda")
    header = at + 2 + int.from_bytes(data[at + 2 : at + 4])
    filled = data[:header] + b"\xff" * 2_000_000 + b"\0" + data[header:]
    assert redact(Media.from_bytes(filled)).data == filled


def test_segments_without_number_behind_a_scan_are_not_listed(picture, encode):
    data = encode(picture, "JPEG")
    many = data[:-2] + b"\xff\xfe\0\2" * (limits.MAX_READS + 1) + data[-2:]
    redaction = redact(Media.from_bytes(many))
    assert (redaction.data, redaction.reason) == (None, "a part of it cannot be read")


def test_tags_of_a_tiff_that_are_all_the_same_bytes_are_not_all_read(picture, encode):
    data = encode(picture, "TIFF")
    (at,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, at)
    entries = data[at + 2 : at + 2 + 12 * tags]

    def with_iptc(times):
        more = b"".join(struct.pack("<HHII", 33723, 7, len(data) // 2, 0) for _ in range(times))
        directory = struct.pack("<H", tags + times) + entries + more + bytes(4)
        return redact(Media.from_bytes(b"II*\0" + struct.pack("<I", len(data)) + data[8:] + directory))

    assert with_iptc(1).reason is None
    assert with_iptc(1000).reason == "its parts lie over one another"


def test_a_part_of_an_avif_that_is_said_to_lie_everywhere_is_not_read():
    def with_metadata(*extents):
        return containers.picture(
            "AVIF",
            containers.listed(containers.item(2, b"Exif")),
            containers.places(containers.place(2, *extents)),
            media=bytes(1000),
        )

    assert strip_boxes(with_metadata((40, 500)))
    with pytest.raises(Unstrippable, match="its parts lie over one another"):
        strip_boxes(with_metadata(*[(40, 500)] * 1000))
