"""Fingerprints that browsers make lead where those of Python lead."""

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from demo.alterations import PHOTOS
from demo.service import Service
from provenance.media.fingerprints import fingerprint
from provenance.media.media import Media
from tests.e2e.pages.reader import Tab
from tests.hamming import hamming

MAX_BITS = 4
"""Of 256: browsers decode JPEG, WebP and AVIF with other rounding than Pillow. A search goes to 31."""

PHOTO = Image.open(PHOTOS / "stream.jpg").convert("RGB")
FINGERPRINT = """async (data) => {
    const [version] = document.querySelector("script[src*='/static/']").src.match(/.*static\\/[^/]+/);
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const { fingerprint } = await import(`${version}/countermark/fingerprint.js`);
    const { toHex } = await import(`${version}/countermark/bytes.js`);
    try {
        const { sha256, pdq, pixelsSha256, width, height } = await fingerprint(new Blob([bytes]));
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


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees for display
    return encoded(PHOTO, "JPEG", quality=90, exif=exif)


def with_profile() -> bytes:
    """The profile of a display that shows red where others show blue: who applies it sees other colours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return encoded(PHOTO, "JPEG", quality=90, icc_profile=bytes(profile))


def see_through() -> bytes:
    image = PHOTO.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image, "PNG")


PICTURES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(PHOTO, "JPEG", quality=90),
    "JPEG, progressive, grey": lambda: encoded(ImageOps.grayscale(PHOTO), "JPEG", quality=70, progressive=True),
    "JPEG that is to be turned": turned,
    "JPEG with a colour profile": with_profile,
    "PNG": lambda: encoded(PHOTO, "PNG"),
    "PNG with transparency": see_through,
    "PNG with a palette": lambda: encoded(PHOTO.quantize(64), "PNG"),
    "WebP": lambda: encoded(PHOTO, "WEBP", quality=80),
    "WebP, lossless": lambda: encoded(PHOTO, "WEBP", lossless=True),
    "AVIF": lambda: encoded(PHOTO, "AVIF", quality=70),
    "small": lambda: encoded(PHOTO.resize((64, 48)), "PNG"),
    "large": lambda: encoded(PHOTO.resize((4000, 3000)), "JPEG", quality=80),
}


def fingerprints(tab: Tab, service: Service, data: bytes) -> dict[str, Any]:
    tab.goto(f"{service.url}/verify")
    found: dict[str, Any] = tab.evaluate(FINGERPRINT, base64.b64encode(data).decode())
    return found


@pytest.mark.parametrize("kind", PICTURES)
def test_a_browser_finds_the_same_picture(tab: Tab, service: Service, kind: str) -> None:
    data = PICTURES[kind]()
    found = fingerprints(tab, service, data)
    media = Media.from_bytes(data)
    expected = fingerprint(media)
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert (found["width"], found["height"]) == (media.width, media.height)
    assert hamming(bytes.fromhex(found["pdq"]), expected.pdq) <= MAX_BITS
    assert abs(found["quality"] - expected.pdq_quality) <= 2
    if found["pixels"] is not None:
        assert found["pixels"] == expected.pixels_sha256.hex()
    assert (found["pixels"] is not None) == (kind in ("PNG", "PNG with a palette", "small"))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_no_browser_can_decode_is_refused_in_words(tab: Tab, service: Service, data: bytes) -> None:
    assert fingerprints(tab, service, data) == {"refused": "this browser cannot decode the picture"}
