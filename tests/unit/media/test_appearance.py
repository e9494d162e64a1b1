"""Version 2 of the pixel digest: what decides how the same pixels are shown is covered, or named."""

import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from provenance.media.appearance import (
    FRAMES,
    GAIN_MAP,
    PICTURES,
    PROFILE,
    TRANSPARENCY,
    is_srgb,
    read_appearance,
    shows_other_colours,
)
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.media import Media

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
    assert one.beside == ()
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
    assert clear.beside == (TRANSPARENCY,)
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
    assert swapped.beside == (PROFILE,)


def test_a_gamma_of_a_png_that_is_not_that_of_srgb_is_a_profile() -> None:
    plain = saved(picture())
    head = plain.index(b"IDAT") - 4
    chunk = b"gAMA" + (100_000).to_bytes(4, "big")
    import zlib

    lightened = plain[:head] + (4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + plain[head:]
    assert prints(lightened).beside == (PROFILE,)
    assert prints(lightened).pixels_sha256 == prints(plain).pixels_sha256


def test_what_is_not_covered_leaves_no_digest_and_is_named() -> None:
    second = Image.new("RGB", (60, 40), (200, 40, 90))
    animated = saved(picture(), "PNG", save_all=True, append_images=[second])
    several = saved(picture(), "MPO", save_all=True, append_images=[second])
    for data, name in ((animated, FRAMES), (several, PICTURES)):
        assert prints(data).shown_sha256 is None
        assert prints(data).beside == (name,)
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
    assert found.recoloured_by == (hashlib.sha256(stated).digest() if other else None)


def test_a_profile_that_cannot_be_applied_shows_no_other_colours() -> None:
    for damaged in (b"", SWAPPED[:140], bytes(16) + b"RGB " + bytes(300), SWAPPED[:200]):
        assert not shows_other_colours(damaged)


def test_the_digest_is_that_of_the_vectors() -> None:
    for case in VECTORS:
        found = prints(bytes.fromhex(case["file"]))
        assert found.pixels_sha256.hex() == case["pixels_sha256"], case["name"]
        assert (found.shown_sha256 and found.shown_sha256.hex()) == case["shown_sha256"], case["name"]
        assert list(found.beside) == case["beside"], case["name"]
