"""What a browser shows otherwise has another digest: the digests are held against Chromium."""

import base64
import io

import pytest
from PIL import Image

from provenance.media import Media, fingerprint
from tests.shown_otherwise import DISPLAY_P3, HLG, PQ, SRGB, with_cicp, with_nclx

CASES = [SRGB, (1, 1), (1, 6), (1, 2), (2, 2), (2, 13), (1, 8), DISPLAY_P3, (9, 13), PQ, HLG]

_DRAWN = """async address => {
  const image = new Image()
  image.src = address
  await image.decode()
  const canvas = new OffscreenCanvas(64, 64).getContext("2d")
  canvas.drawImage(image, 0, 0)
  return Array.from(canvas.getImageData(30, 30, 1, 1).data)
}"""


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
def test_colour_values_by_which_chromium_shows_other_colours_change_the_digest(kind: str, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    file = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 140, 200)).save(file, kind)
    plain = file.getvalue()
    say = with_cicp if kind == "PNG" else with_nclx
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()

        def drawn(data: bytes) -> list[int]:
            address = f"data:image/{kind.lower()};base64,{base64.b64encode(data).decode()}"
            return list(page.evaluate(_DRAWN, address))

        shown = {values: drawn(say(plain, values)) == drawn(plain) for values in CASES}
        browser.close()
    digests = {values: fingerprint(Media.from_bytes(say(plain, values))).shown_sha256 for values in CASES}
    own = fingerprint(Media.from_bytes(plain)).shown_sha256
    assert shown[SRGB]
    assert not shown[PQ]
    assert {values for values in CASES if digests[values] == own} == {values for values in CASES if shown[values]}
