"""Version 2 of the pixel digest: what decides how the same pixels are shown is covered, or named."""

import contextlib
import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pillow_heif import from_pillow

from provenance.errors import UndecodableMedia
from provenance.media.appearance import (
    FRAMES,
    GAIN_MAP,
    PICTURES,
    is_srgb,
    read_appearance,
    shows_other_colours,
)
from provenance.media.colours import read_colours
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.media import Media
from provenance.statement.appearance_digest import COLOURS, PROFILE, TRANSPARENCY
from tests.shown_otherwise import DISPLAY_P3, HLG, PQ, with_chunk, with_cicp, with_nclx
from tests.shown_otherwise import SRGB as SRGB_VALUES

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "media" / "appearance.json").read_text())
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
"""A profile by which red is shown as blue, and blue as red."""


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8))


def saved(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)  # type: ignore[arg-type]
    return file.getvalue()


def prints(data: bytes) -> Fingerprints:
    return fingerprint(Media.from_bytes(data))


def with_alpha(alpha: np.ndarray, hidden: int) -> bytes:  # type: ignore[type-arg]
    pixels = np.dstack([np.asarray(picture()), alpha])
    pixels[alpha == 0, :3] = hidden
    return saved(Image.fromarray(pixels))


def test_a_plain_copy_in_another_container_is_shown_the_same() -> None:
    one, other = prints(saved(picture())), prints(saved(picture(), "TIFF"))
    assert one.shown_sha256 == other.shown_sha256 is not None
    assert one.appearance_parts == ()
    assert one.shown_sha256 != one.pixels_sha256


def test_transparency_that_varies_is_covered_and_an_opaque_channel_is_nothing() -> None:
    ground = np.full((40, 60), 255, np.uint8)
    white = np.asarray(picture()).copy()
    ground[:20] = 0
    white[:20] = 255
    flat = prints(saved(Image.fromarray(white)))
    clear = prints(with_alpha(ground, 255))
    assert clear.pixels_sha256 == flat.pixels_sha256
    assert clear.shown_sha256 != flat.shown_sha256
    assert clear.appearance_parts == (TRANSPARENCY,)
    opaque = prints(with_alpha(np.full((40, 60), 255, np.uint8), 0))
    assert opaque.shown_sha256 == prints(saved(picture())).shown_sha256


def test_words_that_only_a_dark_page_shows_change_the_digest() -> None:
    """White words of half opacity over nothing: over white, both are white."""
    blank = np.zeros((40, 60, 4), np.uint8)
    worded = blank.copy()
    worded[10:20, 10:50] = (255, 255, 255, 128)
    blank[..., :3] = 255
    one, other = (prints(saved(Image.fromarray(each))) for each in (blank, worded))
    assert one.pixels_sha256 == other.pixels_sha256
    assert one.shown_sha256 != other.shown_sha256


@pytest.mark.parametrize(
    ("kind", "how"), [("PNG", {}), ("JPEG", {"quality": 95}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_a_profile_that_swaps_red_and_blue_changes_the_digest_and_srgb_does_not(
    kind: str, how: dict[str, object]
) -> None:
    plain, srgb, swapped = (
        prints(saved(picture(), kind, **how, **({"icc_profile": profile} if profile else {})))
        for profile in (b"", SRGB, SWAPPED)
    )
    assert plain.pixels_sha256 == srgb.pixels_sha256 == swapped.pixels_sha256
    assert plain.shown_sha256 == srgb.shown_sha256 != swapped.shown_sha256
    assert swapped.appearance_parts == (PROFILE,)


def test_a_gamma_of_a_png_that_is_not_that_of_srgb_is_a_profile() -> None:
    plain = saved(picture())
    head = plain.index(b"IDAT") - 4
    chunk = b"gAMA" + (100_000).to_bytes(4, "big")
    import zlib

    lightened = plain[:head] + (4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + plain[head:]
    assert prints(lightened).appearance_parts == (PROFILE,)
    assert prints(lightened).pixels_sha256 == prints(plain).pixels_sha256


def test_what_is_not_covered_leaves_no_digest_and_is_named() -> None:
    second = Image.new("RGB", (60, 40), (200, 40, 90))
    animated = saved(picture(), "PNG", save_all=True, append_images=[second])
    several = saved(picture(), "MPO", save_all=True, append_images=[second])
    for data, name in ((animated, FRAMES), (several, PICTURES)):
        assert prints(data).shown_sha256 is None
        assert prints(data).appearance_parts == (name,)
    lit = saved(picture(), "JPEG", xmp=b'<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>')
    assert read_appearance(Media.from_bytes(lit)).uncovered == (GAIN_MAP,)


def test_what_says_srgb_is_told_from_what_does_not() -> None:
    assert is_srgb(SRGB)
    assert not is_srgb(SWAPPED)
    assert not is_srgb(SRGB, grey=True)
    for damaged in (b"", SRGB[:140], SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:], bytes(200)):
        assert not is_srgb(damaged)


def profile(primaries: list[tuple[float, float, float]], gamma: float | None = None) -> bytes:
    """One of sRGB's with other primaries (XYZ at D50), and a plain power."""
    found = bytearray(SRGB)
    for place in range(struct.unpack_from(">I", found, 128)[0]):
        name, start, size = struct.unpack_from(">4sII", found, 132 + 12 * place)
        if name[1:] == b"XYZ":
            xyz = primaries[b"rgb".index(name[:1])]
            struct.pack_into(">iii", found, start + 8, *(round(value * 65536) for value in xyz))
        if name[1:] == b"TRC" and gamma is not None:
            found[start : start + size] = struct.pack(">4s4xHHi", b"para", 0, 0, round(gamma * 65536)).ljust(
                size, b"\0"
            )
    return bytes(found)


R, G, B = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)


@pytest.mark.parametrize(
    ("name", "primaries", "gamma", "other"),
    [
        ("sRGB", [R, G, B], None, False),
        ("Display P3", [(0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)], None, False),
        ("Adobe RGB", [(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)], 2.2, False),
        ("ProPhoto RGB", [(0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)], 1.8, False),
        ("Rec. 2020", [(0.6734, 0.2790, -0.0019), (0.1656, 0.6753, 0.0299), (0.1251, 0.0456, 0.7969)], None, False),
        ("a small monitor", [(0.35, 0.2, 0.05), (0.38, 0.68, 0.12), (0.23, 0.12, 0.65)], 2.2, False),
        ("red and blue swapped", [B, G, R], None, True),
        ("red and green swapped", [G, R, B], None, True),
        ("all turned", [G, B, R], None, True),
        ("greys alone", [(0.3214, 0.3333, 0.275)] * 3, None, True),
        ("much too bright", [R, G, B], 1.0, True),
        ("much too dark", [R, G, B], 4.0, True),
    ],
)
def test_a_profile_that_shows_other_colours_is_told_from_the_usual_ones(
    name: str, primaries: list[tuple[float, float, float]], gamma: float | None, other: bool
) -> None:
    stated = profile(primaries, gamma)
    assert shows_other_colours(stated) is other, name
    found = prints(saved(picture(), "JPEG", icc_profile=stated))
    assert found.recoloured_by == (((PROFILE, hashlib.sha256(stated).digest()),) if other else ())


def test_a_profile_that_cannot_be_applied_shows_no_other_colours() -> None:
    for damaged in (b"", SWAPPED[:140], bytes(16) + b"RGB " + bytes(300), SWAPPED[:200]):
        assert not shows_other_colours(damaged)


# Colour values: a PNG's cICP, the nclx of an AVIF or HEIC ------------------------------------------


def heic(**how: object) -> bytes:
    file = io.BytesIO()
    from_pillow(picture()).save(file, quality=90, **how)
    return file.getvalue()


FILES = {"PNG": saved(picture()), "AVIF": saved(picture(), "AVIF", quality=90), "HEIC": heic()}


def stating(kind: str, values: tuple[int, int]) -> bytes:
    return with_cicp(FILES[kind], values) if kind == "PNG" else with_nclx(FILES[kind], values)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("values", [PQ, HLG, DISPLAY_P3, (1, 8), (10, 13), (2, 16), (22, 17)])
def test_colour_values_that_do_not_mean_srgb_change_the_digest_and_not_the_pixels(
    kind: str, values: tuple[int, int]
) -> None:
    plain, stated = prints(FILES[kind]), prints(stating(kind, values))
    assert stated.pixels_sha256 == plain.pixels_sha256
    assert stated.shown_sha256 is not None
    assert stated.shown_sha256 != plain.shown_sha256
    assert (plain.appearance_parts, stated.appearance_parts) == ((), (COLOURS,))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *((kind, values) for kind in FILES for values in ((1, 13), (1, 2), (2, 2), (2, 13))),
        *((kind, (1, transfer)) for kind in ("AVIF", "HEIC") for transfer in (1, 6)),
    ],
)
def test_a_file_whose_colour_values_mean_srgb_keeps_the_digest_of_one_that_states_none(
    kind: str, values: tuple[int, int]
) -> None:
    stated = prints(stating(kind, values))
    lines = f"countermark-pixels-2\n{stated.pixels_sha256.hex()}\n"
    assert stated.shown_sha256 == hashlib.sha256(lines.encode()).digest()
    assert stated.appearance_parts == ()


def test_tones_of_video_are_shown_otherwise_in_a_png() -> None:
    for transfer in (1, 6):
        assert prints(stating("PNG", (1, transfer))).appearance_parts == (COLOURS,)
        assert prints(stating("PNG", (1, transfer))).recoloured_by == ()


def test_the_same_colour_values_give_the_same_digest_in_another_container() -> None:
    lossless = saved(Image.fromarray(np.array(Media.from_bytes(FILES["HEIC"]).pixels)))
    assert prints(with_cicp(lossless, PQ)).shown_sha256 == prints(stating("HEIC", PQ)).shown_sha256


@pytest.mark.parametrize("values", [PQ, HLG, (1, 8), (10, 13)])
def test_values_that_show_plainly_other_colours_are_told_from_those_of_wide_displays(values: tuple[int, int]) -> None:
    assert [name for name, _ in prints(stating("AVIF", values)).recoloured_by] == [COLOURS]
    for usual in (DISPLAY_P3, (9, 14), (5, 6), (1, 4)):
        assert prints(stating("AVIF", usual)).recoloured_by == ()


def test_a_png_with_a_narrow_range_or_with_values_in_place_of_its_profile_is_shown_otherwise() -> None:
    plain = FILES["PNG"]
    assert prints(with_cicp(plain, SRGB_VALUES, full=False)).shown_sha256 != prints(plain).shown_sha256
    wide = saved(picture(), icc_profile=SWAPPED)
    assert prints(with_cicp(wide, SRGB_VALUES)).shown_sha256 != prints(wide).shown_sha256
    assert prints(with_cicp(wide, SRGB_VALUES)).appearance_parts == (PROFILE, COLOURS)


def test_how_bright_the_display_of_a_mastering_was_is_covered_where_it_counts() -> None:
    plain, light = FILES["PNG"], (1000).to_bytes(4, "big") + (400).to_bytes(4, "big")
    assert prints(with_chunk(plain, b"cLLI", light)).shown_sha256 == prints(plain).shown_sha256
    bright = with_cicp(plain, PQ)
    assert prints(with_chunk(bright, b"cLLI", light)).shown_sha256 != prints(bright).shown_sha256


def test_an_avif_with_a_profile_that_pillow_made_keeps_its_digest() -> None:
    """Beside a profile, `nclx` says how the samples become RGB: the profile says what is shown (ISO/IEC 23000-22)."""
    file = saved(picture(), "AVIF", quality=90, icc_profile=SWAPPED)
    assert prints(file).appearance_parts == (PROFILE,)
    assert prints(with_nclx(file, PQ)).appearance_parts == (PROFILE, COLOURS)


def test_values_that_a_profile_states_count_as_those_of_the_file_do() -> None:
    """ICC.1:2022, `cicpTag`: browsers take it before the curves of the profile."""
    bright = bytearray(SRGB)
    (count,) = struct.unpack_from(">I", bright, 128)
    bright[132:132] = struct.pack(">4sII", b"cicp", len(SRGB) + 12, 12)
    struct.pack_into(">I", bright, 128, count + 1)
    for place in range(1, count + 1):
        name, start, size = struct.unpack_from(">4sII", bright, 132 + 12 * place)
        struct.pack_into(">4sII", bright, 132 + 12 * place, name, start + 12, size)
    usual, pq = (bytes(bright) + b"cicp" + bytes(4) + bytes((*each, 0, 1)) for each in (SRGB_VALUES, PQ))
    assert is_srgb(usual)
    assert not is_srgb(pq)
    assert (shows_other_colours(usual), shows_other_colours(pq)) == (False, True)


def which_item(file: bytes, primary: int) -> bytes:
    """The same AVIF with a second box of colour values, and the picture taken to state the `primary`-th of both."""
    first = file.index(b"colrnclx") - 4
    box = file[first : first + 19]
    end = file.index(b"ipma") - 4
    assert first + 19 == end
    other = box[:12] + struct.pack(">HH", *PQ) + box[16:]
    grown = bytearray(file[:end] + other + file[end:])
    for name in (b"meta", b"iprp", b"ipco"):
        at = grown.index(name) - 4
        struct.pack_into(">I", grown, at, struct.unpack_from(">I", grown, at)[0] + 19)
    place = grown.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2  # version 0, one item with one extent, 32-bit offsets
    struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + 19)
    associations = grown.index(b"ipma") + 4 + 4 + 4 + 2
    assert grown[associations] == 4
    grown[associations + 4] += primary
    return bytes(grown)


def test_the_values_that_count_are_those_of_the_picture_itself_and_not_any_in_the_file() -> None:
    plain, bright = prints(which_item(FILES["AVIF"], 0)), prints(which_item(FILES["AVIF"], 1))
    assert plain.pixels_sha256 == bright.pixels_sha256 == prints(FILES["AVIF"]).pixels_sha256
    assert plain.shown_sha256 == prints(FILES["AVIF"]).shown_sha256
    assert bright.shown_sha256 == prints(stating("AVIF", PQ)).shown_sha256


def test_colour_values_that_cannot_be_read_leave_no_digest_and_are_named() -> None:
    """Without any, a reader takes those inside the coded picture, which are not read here."""
    for kind in ("AVIF", "HEIC"):
        coded = FILES[kind].replace(b"colrnclx", b"freenclx")
        assert prints(coded).shown_sha256 is None
        assert prints(coded).appearance_parts == (COLOURS,)
    odd = with_chunk(FILES["PNG"], b"cICP", b"\x09\x10")
    assert (prints(odd).shown_sha256, prints(odd).appearance_parts) == (None, (COLOURS,))


@given(st.sampled_from(sorted(FILES)), st.data())
def test_no_damage_to_a_file_makes_reading_its_colour_values_fail_otherwise_than_as_unread(
    kind: str, data: st.DataObject
) -> None:
    file = bytearray(FILES[kind][:900])
    for place in data.draw(st.lists(st.integers(8, len(file) - 1), max_size=6)):
        file[place] = data.draw(st.integers(0, 255))
    media_type = f"image/{kind.lower()}"
    with contextlib.suppress(UndecodableMedia):
        read_colours(bytes(file[: data.draw(st.integers(12, len(file)))]), media_type)


def test_the_digest_is_that_of_the_vectors() -> None:
    for case in VECTORS:
        found = prints(bytes.fromhex(case["file"]))
        assert found.pixels_sha256.hex() == case["pixels_sha256"], case["name"]
        assert (found.shown_sha256 and found.shown_sha256.hex()) == case["shown_sha256"], case["name"]
        assert list(found.appearance_parts) == case["beside"], case["name"]
