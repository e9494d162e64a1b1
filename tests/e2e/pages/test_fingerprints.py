"""Fingerprints that browsers make lead where those of Python lead."""

import base64
import hashlib
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from demo.alterations import PHOTOS
from demo.service import Service
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.media import Media
from tests.e2e.pages.reader import Tab
from tests.hamming import hamming

MAX_BITS = 4
"""Of 256: browsers decode JPEG, WebP and AVIF with other rounding than Pillow. A search goes to 31."""

PHOTO = Image.open(PHOTOS / "stream.jpg").convert("RGB").resize((900, 600))
FINGERPRINT = """async ([data, sized]) => {
    const [version] = document.querySelector("script[src*='/static/']").src.match(/.*static\\/[^/]+/);
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const { fingerprint } = await import(`${version}/countermark/fingerprint.js`);
    const { toHex } = await import(`${version}/countermark/bytes.js`);
    const file = new Blob([bytes]);
    const shown = new Image();
    if (sized) await new Promise((onload) => Object.assign(shown, { onload, src: URL.createObjectURL(file) }));
    const size = sized ? { width: shown.naturalWidth, height: shown.naturalHeight } : undefined;
    try {
        const { sha256, pdq, pixelsSha256, width, height } = await fingerprint(file, size);
        return { sha256: toHex(sha256), pdq: toHex(pdq.hash), quality: pdq.quality, width, height,
                 pixels: pixelsSha256 && toHex(pixelsSha256) };
    } catch (error) {
        return { refused: error.message };
    }
}"""


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def turned(orientation: int) -> dict[str, Any]:
    """How a picture is saved that is to be turned for display."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def with_profile() -> dict[str, Any]:
    """And one with the profile of a display that shows red where others show blue, so that applying it shows."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return {"icc_profile": bytes(profile)}


def see_through() -> bytes:
    image = PHOTO.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image, "PNG")


FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WEBP": {"quality": 80},
    "AVIF": {"quality": 70},
}
PICTURES: dict[str, Callable[[], bytes]] = (
    {
        f"{form}{stated}": partial(encoded, PHOTO, form, **options, **more)
        for form, options in FORMATS.items()
        for stated, more in {
            "": {},
            " with a colour profile": with_profile(),
            " that is to be turned": turned(6),
        }.items()
    }
    | {
        f"WEBP of orientation {orientation}": partial(encoded, PHOTO, "WEBP", quality=80, **turned(orientation))
        for orientation in (2, 3, 4, 5, 7, 8)  # no browser turns it
    }
    | {
        "JPEG, progressive, grey": lambda: encoded(ImageOps.grayscale(PHOTO), "JPEG", quality=70, progressive=True),
        "transparent": see_through,
        "PNG with a palette": lambda: encoded(PHOTO.quantize(64), "PNG"),
        "WebP, lossless": lambda: encoded(PHOTO, "WEBP", lossless=True),
        "PNG, small": lambda: encoded(PHOTO.resize((64, 48)), "PNG"),
        "large": lambda: encoded(PHOTO.resize((4000, 3000)), "JPEG", quality=80),
    }
)


LARGE = PHOTO.resize((4000, 2667))
LARGE_ONES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(LARGE, "JPEG", quality=80),
    "JPEG that is to be turned": lambda: encoded(LARGE, "JPEG", quality=80, **turned(6)),
    "WebP that is to be turned": lambda: encoded(LARGE, "WEBP", quality=80, **turned(6)),
    "AVIF that is to be turned": lambda: encoded(LARGE, "AVIF", quality=60, speed=9, **turned(6)),
    "PNG": lambda: encoded(LARGE, "PNG", compress_level=1),
    "wide": lambda: encoded(LARGE.crop((0, 1000, 4000, 1300)), "JPEG", quality=80),
}


def fingerprints(tab: Tab, service: Service, data: bytes, sized: bool = False) -> dict[str, Any]:
    address = f"{service.url}/verify"
    if tab.evaluate("() => location.href") != address:
        tab.goto(address)
    found: dict[str, Any] = tab.evaluate(FINGERPRINT, [base64.b64encode(data).decode(), sized])
    return found


def check_same_picture(found: dict[str, Any], data: bytes) -> Fingerprints:
    """What a browser found, against what Python finds, which is returned."""
    media = Media.from_bytes(data)
    expected = fingerprint(media)
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert (found["width"], found["height"]) == (media.width, media.height)
    assert hamming(bytes.fromhex(found["pdq"]), expected.pdq) <= MAX_BITS
    assert abs(found["quality"] - expected.pdq_quality) <= 2
    return expected


@pytest.mark.parametrize("kind", PICTURES)
def test_a_browser_finds_the_same_picture(tab: Tab, service: Service, kind: str) -> None:
    data = PICTURES[kind]()
    found = fingerprints(tab, service, data)
    expected = check_same_picture(found, data)
    if found["pixels"] is not None:
        assert found["pixels"] == expected.pixels_sha256.hex()
    assert (found["pixels"] is not None) == kind.startswith("PNG")


@pytest.mark.parametrize("kind", LARGE_ONES)
def test_a_large_picture_whose_size_is_known_is_shrunk_while_it_is_decoded_and_found_all_the_same(
    tab: Tab, service: Service, kind: str
) -> None:
    data = LARGE_ONES[kind]()
    found = fingerprints(tab, service, data, sized=True)
    check_same_picture(found, data)
    assert found["pixels"] is None


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_no_browser_can_decode_is_refused_in_words(tab: Tab, service: Service, data: bytes) -> None:
    assert fingerprints(tab, service, data) == {"refused": "this browser cannot decode the picture"}
