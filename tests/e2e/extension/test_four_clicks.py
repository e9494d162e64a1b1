"""From a picture on a page to its record, with the browser's own menu and question, by keys of a virtual display."""

import pytest
from countermark import Client
from PIL import Image, ImageDraw

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.extension.sites import Sites, encoded
from tests.e2e.pages.reader import Tab

TITLE = "A stream in the beech wood"
ENTER = """async (address) => {
    const { Registry } = await import(`${location.origin}/registry.js`);
    await Registry.enter(address);
}"""
SHOWN = "() => document.body.innerText"
ALLOW = ".allow-and-send, #allow-and-send"


def retold() -> bytes:
    """The demonstration's photograph as others pass it on: cropped, with a caption, smaller, and encoded again."""
    photo = Image.open(PHOTOS / "stream.jpg").convert("RGB")
    cropped = photo.crop((photo.width // 12, 0, photo.width, photo.height * 11 // 12))
    cropped = cropped.resize((1000, round(1000 * cropped.height / cropped.width)))
    captioned = Image.new("RGB", (1000, cropped.height + 70), "white")
    captioned.paste(cropped)
    ImageDraw.Draw(captioned).text((20, cropped.height + 20), "Nobody knows where this brook is", "black", font_size=28)
    return encoded(captioned, quality=72)


@pytest.fixture(scope="module")
def registered(service: Service) -> None:
    with Client(service.url, api_key=service.api_key) as client:
        client.register(PHOTOS / "stream.jpg", title=TITLE, credit="Aitzol Berasategi")


@pytest.mark.usefixtures("registered")
def test_a_copy_of_a_copy_on_another_site_is_checked_with_four_clicks(
    extended: ExtendedBrowser, service: Service, sites: Sites
) -> None:
    extended.beside.evaluate(ENTER, service.url)
    sites.files["retold.jpg"] = retold()
    address = sites.at("cdn", "/closed/retold.jpg")
    sites.pages["/"] = f"<!doctype html><title>News</title><img src={address} width=500>"
    page: Tab = extended.open(sites.at("news"))
    extended.open_menu(page, "img")  # 1
    extended.choose_in_menu()  # 2
    panel = extended.panel()
    once(lambda: panel.evaluate("(selector) => document.querySelector(selector)", ALLOW) is not None)
    extended.click_in_panel(ALLOW)  # 3
    extended.allow()  # 4
    once(lambda: TITLE in panel.evaluate(SHOWN))
    assert [path for host, path, _ in sites.asked if host == "cdn"].count("/closed/retold.jpg") >= 1
