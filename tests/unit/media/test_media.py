"""Taking bytes as a picture: known by content, bounded before decoding, the same pixels whatever the mode."""

import hashlib
import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from provenance import limits
from provenance.errors import MediaError, MediaTooLarge, UndecodableMedia, UnsupportedMedia
from provenance.media import Media, fingerprint, read_declared
from provenance.media.formats import sniff
from tests.security.containers import RATIONAL, directory, grey, longs, pages, pictures_below, stated, tiff

FORMS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
}


def _png(width, height, depth=8, colour=2):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def _close(pixels, expected, most=4):
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < most


@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_recognised_and_decoded(form, landscape, encode):
    data = encode(landscape, form)
    media = Media.from_bytes(data)
    assert (media.media_type, media.width, media.height, media.frames) == (FORMS[form], 360, 240, 1)
    assert media.sha256 == hashlib.sha256(data).digest()
    assert media.pixels.dtype == np.uint8
    _close(media.pixels, landscape, most=12 if form == "GIF" else 4)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"<svg/>", b"BM" + bytes(60), b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", bytes(99)]
)
def test_other_formats_are_unsupported(data):
    with pytest.raises(UnsupportedMedia):
        Media.from_bytes(data)


def test_a_digest_made_while_receiving_is_kept(landscape, encode):
    assert Media.from_bytes(encode(landscape), sha256=b"x" * 32).sha256 == b"x" * 32


def test_pixels_are_read_only_and_decoded_once(landscape, encode):
    media = Media.from_bytes(encode(landscape))
    assert media.pixels is media.pixels
    assert not media.pixels.flags.writeable
    assert not media.canonical.flags.writeable


# Size, before decoding --------------------------------------------------------------------------


def test_a_header_of_50000_by_50000_pixels_is_too_large():
    with pytest.raises(MediaTooLarge, match="50000 × 50000"):
        Media.from_bytes(_png(50_000, 50_000))


def test_a_webp_of_34_bytes_that_states_16383_by_16383_pixels_is_too_large():
    vp8l = b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14) + bytes(9)
    data = b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + struct.pack("<I", 14) + vp8l
    with pytest.raises(MediaTooLarge):
        Media.from_bytes(data)


@pytest.mark.parametrize(
    "chunk",
    [
        b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6,
        b"VP8 " + struct.pack("<I", 10) + bytes(3) + b"\x9d\x01\x2a" + b"\xff" * 4,
    ],
)
def test_the_other_webp_headers_are_bounded_too(chunk):
    with pytest.raises(MediaTooLarge):
        Media.from_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk)


def test_a_side_over_the_limit_is_too_large():
    with pytest.raises(MediaTooLarge, match="a side"):
        Media.from_bytes(_png(limits.MAX_SIDE_PIXELS + 1, 1))


def test_a_picture_of_102_megapixels_is_within_the_limit_of_jpeg_and_progressive_is_not(encode):
    small = encode(np.zeros((8, 8, 3), np.uint8), "JPEG")
    huge = struct.pack(">HH", 8_736, 11_648)
    assert Media.from_bytes(small.replace(struct.pack(">HH", 8, 8), huge)).width == 11_648
    progressive = encode(np.zeros((8, 8, 3), np.uint8), "JPEG", progressive=True)
    with pytest.raises(MediaTooLarge):
        Media.from_bytes(progressive.replace(struct.pack(">HH", 8, 8), huge))


def test_more_bytes_than_allowed_are_too_large(monkeypatch, landscape, encode):
    monkeypatch.setattr(limits, "MAX_MEDIA_BYTES", 100)
    with pytest.raises(MediaTooLarge, match="bytes"):
        Media.from_bytes(encode(landscape))


PIECES = limits.MAX_READS + 1
IN_PIECES = {  # where in the file, and what
    "JPEG": [(2, b"\xff" * PIECES), (2, b"\xff\xfe\0\2" * PIECES)],
    "PNG": [(33, (bytes(4) + b"teSt" + zlib.crc32(b"teSt").to_bytes(4)) * (PIECES // 2))],
    "GIF": [(13 + 3 * 256, b"!\xfe\0" * PIECES), (13 + 3 * 256, b"!\xfe" + b"\1a" * PIECES + b"\0")],
    "WEBP": [(-1, b"teSt\0\0\0\0" * PIECES)],
    "AVIF": [(-1, b"\0\0\0\x08free" * (limits.MAX_BOXES + 1))],
}


@pytest.mark.parametrize(
    ("form", "place", "pieces"), [(form, *each) for form, several in IN_PIECES.items() for each in several]
)
def test_a_file_in_countless_pieces_is_refused_before_it_costs(form, place, pieces, landscape, encode):
    data = encode(landscape, form)
    place %= len(data) + 1
    few = pieces[:12_000] + (b"\0" if pieces[2:4] == b"\1a" else b"")
    Media.from_bytes(data[:place] + few + data[place:])  # what stands there is allowed as such
    with pytest.raises(UndecodableMedia, match=r"pieces|too many parts"):
        Media.from_bytes(data[:place] + pieces + data[place:])


def test_pictures_that_a_tiff_lists_below_another_count_as_its_pages_do():
    assert Media.from_bytes(pictures_below(2)).media_type == "image/tiff"
    with pytest.raises(UndecodableMedia, match="pieces"):  # of 50 KB: it kept c2pa for more than a minute
        Media.from_bytes(pictures_below(400))


def test_the_numbers_in_the_exif_of_a_tiff_are_counted_before_they_are_read():
    def of(numbers):
        return tiff(grey(8, 8, {34665: longs(8)}), directory({33434: stated(RATIONAL, numbers)}, 8) + bytes(4096))

    assert Media.from_bytes(of(500)).media_type == "image/tiff"
    with pytest.raises(UndecodableMedia, match="pieces"):  # as objects, a million took three seconds
        Media.from_bytes(of(limits.MAX_READS + 1))


@pytest.mark.parametrize("tag", [258, 273, 279, 282, 320, 65_000])
def test_a_tiff_of_countless_numbers_is_refused_before_they_are_read(tag, landscape, encode):
    data = encode(landscape, "TIFF")
    (at,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, at)
    entries = [e for e in struct.iter_unpack("<HHI4s", data[at + 2 : at + 2 + 12 * tags]) if e[0] != tag]

    def stating(count):
        directory = struct.pack("<H", len(entries) + 1)
        directory += b"".join(struct.pack("<HHI4s", *e) for e in entries) + struct.pack("<HHII", tag, 4, count, 8)
        return b"II*\0" + struct.pack("<I", len(data)) + data[8:] + directory + bytes(4)

    def said(count):
        try:
            return Media.from_bytes(stating(count)).media_type
        except UndecodableMedia as error:
            return str(error)

    most = limits.MAX_STRIPS if tag == 273 else limits.MAX_READS
    assert "pieces" in said(most + 1)
    assert "pieces" not in said(most)


def test_a_tiff_whose_pages_lie_over_one_another_is_refused():
    """Seventy kilobytes of pages that begin six bytes apart, with four thousand tags each: c2pa reads them all."""
    with pytest.raises(UndecodableMedia, match="pieces"):
        Media.from_bytes(pages(4000))


@pytest.mark.parametrize("below", [None, 330, 34665, 34853])
def test_a_tiff_of_countless_tags_is_refused(below):
    many = b"".join(struct.pack("<HHII", tag, 4, 1, 1) for tag in range(40_000, 40_000 + limits.MAX_TAGS + 1))
    many = struct.pack("<H", limits.MAX_TAGS + 1) + many + bytes(4)
    one = b"" if below is None else struct.pack("<HHHIII", 1, below, 4, 1, 26, 0)
    with pytest.raises(UndecodableMedia, match="4,096 tags"):
        Media.from_bytes(b"II*\0\x08\0\0\0" + one + many)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
def test_exif_larger_than_any_camera_writes_is_left_out(form, landscape, encode):
    def declared(comment):
        exif = Image.Exif()
        exif[0x010E], exif[0x9003] = comment, "2020:01:02 03:04:05"
        return read_declared(Media.from_bytes(encode(landscape, form, exif=exif)))

    assert declared("x" * 1000).notes == ()
    assert "EXIF left out: it cannot be read" in declared("x" * limits.MAX_EXIF_BYTES).notes


def test_a_png_in_chunks_of_a_kilobyte_is_read():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(b"".join(b"\0" + random.Random(1).randbytes(3 * 1000) for _ in range(1000)), 0)
    head = struct.pack(">IIBBBBB", 1000, 1000, 8, 2, 0, 0, 0)
    parts = b"".join(chunk(b"IDAT", rows[at : at + 1024]) for at in range(0, len(rows), 1024))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + parts + chunk(b"IEND", b"")
    assert Media.from_bytes(data).pixels.shape == (1000, 1000, 3)


@pytest.mark.parametrize("shape", [(1, 1), (10_000, 1), (1, 10_000)])
def test_pictures_one_pixel_wide_work_throughout(shape, encode):
    media = Media.from_bytes(encode(np.full((*shape, 3), 80, np.uint8)))
    assert media.pixels.shape == (*shape, 3)
    assert len(fingerprint(media).pdq_dihedral) == 8


# Damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_picture_is_undecodable(form, draw, encode):
    data = encode(draw("noise", 90, 70), form)
    with pytest.raises(UndecodableMedia):
        _ = Media.from_bytes(data[: len(data) * 6 // 10]).pixels


def test_a_truncated_jpeg_still_tells_its_size(landscape, encode):
    data = encode(landscape, "JPEG")
    assert Media.from_bytes(data[: len(data) // 2]).width == 360


@pytest.mark.parametrize("form", FORMS)
def test_only_media_errors_escape_from_damaged_files(form, draw, encode):
    data = encode(draw("landscape", 61, 43), form)
    rng = random.Random(form)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(rng.randrange(1, 12)):
            damaged[rng.randrange(12, min(len(damaged), 600))] = rng.randrange(256)
        try:
            media = Media.from_bytes(bytes(damaged))
            read_declared(media)
            assert media.pixels.shape == (media.height, media.width, 3)
        except MediaError:
            pass


# Colour modes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("L", "PNG"),
        ("L", "JPEG"),
        ("1", "PNG"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("LAB", "TIFF"),
        ("YCbCr", "TIFF"),
    ],
)
def test_every_colour_mode_becomes_rgb(mode, form, draw, encode):
    gradient = draw("gradient", 64, 48)
    source = Image.fromarray(gradient).convert(mode if mode not in ("LAB", "YCbCr") else "RGB")
    if mode in ("LAB", "YCbCr"):
        data = encode(Image.merge(mode, Image.fromarray(gradient).split()), form)
        expected = None
    else:
        data, expected = encode(source, form), np.asarray(source.convert("RGB"))
    pixels = Media.from_bytes(data).pixels
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    if expected is not None:
        _close(pixels, expected, most=6)


def test_16_bit_samples_are_scaled_not_clipped():
    ramp = np.tile(np.arange(0, 65_536, 256, dtype=np.uint16), (4, 1))
    expected = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (4, 1))[:, :, None], 3, axis=2)
    for suffix in (".png", ".tiff"):
        for samples in (ramp, np.repeat(ramp[:, :, None], 3, axis=2)):
            data = cv2.imencode(suffix, samples)[1].tobytes()
            assert np.array_equal(Media.from_bytes(data).pixels, expected), (suffix, samples.ndim)


def test_32_bit_samples_are_unsupported(encode):
    for mode in ("I", "F"):
        with pytest.raises(UnsupportedMedia, match="32-bit"):
            Media.from_bytes(encode(Image.new(mode, (8, 8)), "TIFF"))


@pytest.mark.parametrize(
    ("mode", "form"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "AVIF"), ("RGBA", "TIFF")]
)
def test_transparency_is_composed_over_white(mode, form, encode):
    picture = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 128), (20, 0, 40, 20))
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = Media.from_bytes(encode(picture.convert(mode), form, **options)).pixels
    _close(pixels[:, :18], np.full((20, 18, 3), 255), most=2)
    _close(pixels[:, 22:], np.full((20, 18, 3), 127), most=2)


def test_a_transparent_palette_entry_becomes_white(encode):
    picture = Image.new("P", (10, 10), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    for form in ("PNG", "GIF"):
        assert (Media.from_bytes(encode(picture, form, transparency=1)).pixels == 255).all()
        assert (Media.from_bytes(encode(picture, form)).pixels == (0, 0, 255)).all()


def test_a_transparent_grey_or_colour_becomes_white(encode):
    assert (Media.from_bytes(encode(Image.new("L", (4, 4), 7), transparency=7)).pixels == 255).all()
    assert (Media.from_bytes(encode(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3))).pixels == 255).all()
    assert (Media.from_bytes(encode(Image.new("I;16", (4, 4), 700), transparency=700)).pixels == 255).all()


# Orientation and frames -------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(form, orientation, landscape, encode):
    shown = {
        1: landscape,
        2: landscape[:, ::-1],
        3: landscape[::-1, ::-1],
        4: landscape[::-1],
        5: landscape.swapaxes(0, 1),
        6: np.rot90(landscape, -1),
        7: landscape[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(landscape, 1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    media = Media.from_bytes(encode(landscape, form, exif=exif))
    assert media.orientation == orientation
    assert (media.height, media.width) == shown.shape[:2]
    _close(media.pixels, shown)
    assert (np.vstack(list(media.strips())) == media.pixels).all()


def test_a_heic_is_shown_upright_by_its_own_rotation(landscape, encode):
    exif = Image.Exif()
    exif[274] = 6
    media = Media.from_bytes(encode(landscape, "HEIC", exif=exif.tobytes()))
    assert (media.width, media.height, media.orientation) == (240, 360, 1)
    _close(media.pixels, np.rot90(landscape, -1))


def test_an_orientation_in_xmp_alone_turns_nothing(landscape, encode):
    packet = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    for form, options in (("JPEG", {"xmp": packet}), ("TIFF", {"tiffinfo": {700: packet}})):
        media = Media.from_bytes(encode(landscape, form, **options))
        assert (media.width, media.height, media.orientation) == (360, 240, 1)
        _close(media.pixels, landscape)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_does_no_harm(exif, landscape, encode):
    media = Media.from_bytes(encode(landscape, "JPEG", exif=exif))
    assert media.orientation == 1
    _close(media.pixels, landscape)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_are_counted_and_the_first_is_looked_at(form, landscape, encode):
    others = [Image.fromarray(255 - landscape), Image.fromarray(landscape // 2)]
    options = {} if form == "TIFF" else {"duration": 100}
    media = Media.from_bytes(encode(landscape, form, save_all=True, append_images=others, **options))
    assert media.frames == 3
    _close(media.pixels, landscape, most=12)


def test_counting_frames_ends_on_a_tiff_that_loops(landscape, encode):
    data = bytearray(encode(landscape, "TIFF"))
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    struct.pack_into(order + "I", data, start + 2 + 12 * entries, start)
    assert Media.from_bytes(bytes(data)).frames == 1


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_reduced_picture_is_nearly_the_canonical_one(form, orientation, landscape, encode):
    large = cv2.resize(landscape, (3601, 2401), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[274] = orientation
    media = Media.from_bytes(encode(large, form, exif=exif))
    _close(media.reduced, media.canonical, most=1)


def test_a_truncated_jpeg_has_no_reduced_picture(landscape, encode):
    data = encode(cv2.resize(landscape, (3600, 2400)), "JPEG")
    with pytest.raises(UndecodableMedia):
        Media.from_bytes(data[: len(data) // 2]).reduced  # noqa: B018


def raw_photograph(tags: dict[int, object], picture: Image.Image) -> bytes:
    """A file of the form of a TIFF with these tags in its first directory."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    file = io.BytesIO()
    picture.save(file, "TIFF", tiffinfo=directory)
    return file.getvalue()


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1}], ids=["DNG", "a preview of another picture"])
def test_a_raw_photograph_is_not_taken_for_its_preview(tags):
    data = raw_photograph(tags, Image.new("RGB", (256, 171), "navy"))
    with pytest.raises(UnsupportedMedia, match="raw photograph"):
        Media.from_bytes(data)


CANON = b"II*\0\x10\0\0\0CR\2\0" + bytes(64)
COLOUR_FILTER_ARRAY = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 262, 3, 1, 32803, 0)


@pytest.mark.parametrize("data", [CANON, COLOUR_FILTER_ARRAY])
def test_a_cameras_own_raw_form_is_not_taken(data):
    with pytest.raises(UnsupportedMedia, match="raw photograph"):
        sniff(data)


def test_a_tiff_of_pages_of_which_the_first_is_whole_is_taken():
    assert Media.from_bytes(raw_photograph({254: 2}, Image.new("RGB", (64, 48)))).media_type == "image/tiff"
    assert sniff(b"II*\0") == "image/tiff"
