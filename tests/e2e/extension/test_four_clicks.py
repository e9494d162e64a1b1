"""From a picture on a page to its record, with the browser's own menu and question, by keys of a virtual display."""

from collections.abc import Callable, Iterator

import pytest
from countermark import Client
from PIL import Image, ImageDraw

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.extension.sites import Sites, encoded, photo
from tests.e2e.pages.reader import Tab

TITLE = "A stream in the beech wood"
ENTER = """async (address) => {
    const { Registry } = await import(`${location.origin}/registry.js`);
    await Registry.enter(address);
}"""
SHOWN = "() => document.body.innerText"
HAS = "(selector) => document.querySelector(selector) !== null"
CODE = "() => document.querySelector('h2[data-code]')?.dataset.code"
ALLOW, READ = ".allow-and-send", ".notice .button.quiet"
SEND = ".answer .button.large"
ANSWERED = ".answer[aria-busy=false]"


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


@pytest.fixture
def entered(extended: ExtendedBrowser, service: Service, registered: None) -> ExtendedBrowser:
    """A browser in which the registry is entered that has the photograph."""
    extended.beside.evaluate(ENTER, service.url)
    return extended


@pytest.fixture
def click(entered: ExtendedBrowser, sites: Sites) -> Iterator[Callable[..., Tab]]:
    """Clicks on a picture of a page by the menu: two clicks. It waits for the panel to have something to say of it."""
    opened: list[Tab] = []

    def click(address: str) -> Tab:
        sites.pages["/"] = f"<!doctype html><title>News</title><img src={address} width=500>"
        opened.append(entered.open(sites.at("news")))
        entered.open_menu(opened[-1], "img")
        entered.choose_in_menu()
        return entered.panel()

    yield click
    entered.panel().evaluate("() => document.querySelector('#answers').replaceChildren()")
    for page in opened:
        page.close()


def test_a_copy_of_a_copy_on_another_site_is_checked_with_four_clicks(
    entered: ExtendedBrowser, sites: Sites, click: Callable[..., Tab]
) -> None:
    sites.files["retold.jpg"] = retold()
    panel = click(sites.at("cdn", "/closed/retold.jpg"))  # 1, 2
    once(lambda: panel.evaluate(HAS, ALLOW))
    entered.click_in_panel(ALLOW)  # 3
    entered.allow()  # 4
    once(lambda: TITLE in panel.evaluate(SHOWN))
    assert [path for host, path, _ in sites.asked if host == "cdn"].count("/closed/retold.jpg") >= 1


def test_what_its_digest_settles_is_not_sent_though_it_may_be(
    entered: ExtendedBrowser, sites: Sites, click: Callable[..., Tab]
) -> None:
    sites.files["same.jpg"] = (PHOTOS / "stream.jpg").read_bytes()
    panel = click(sites.at("same", "/closed/same.jpg"))
    once(lambda: panel.evaluate(HAS, ALLOW))
    entered.click_in_panel(ALLOW)
    entered.allow()
    once(lambda: panel.evaluate(HAS, ANSWERED))
    assert "The digest settles it" in panel.evaluate(SHOWN)


def test_whoever_only_lets_it_be_read_has_sent_digests_alone(
    entered: ExtendedBrowser, sites: Sites, click: Callable[..., Tab]
) -> None:
    sites.files["retold.jpg"] = retold()
    panel = click(sites.at("reading", "/closed/retold.jpg"))
    once(lambda: panel.evaluate(HAS, READ))
    entered.click_in_panel(READ)
    entered.allow()
    once(lambda: panel.evaluate(HAS, SEND))
    assert f"Its bytes were fetched from reading.localhost:{sites.port}, as you allowed." in panel.evaluate(SHOWN)
    assert TITLE not in panel.evaluate(SHOWN)
    panel.evaluate("(selector) => document.querySelector(selector).click()", SEND)
    once(lambda: TITLE in panel.evaluate(SHOWN))


def test_whoever_says_no_to_the_browser_has_it_from_the_screen_and_sends_nothing(
    entered: ExtendedBrowser, sites: Sites, click: Callable[..., Tab]
) -> None:
    sites.files["retold.jpg"] = retold()
    panel = click(sites.at("refused", "/closed/retold.jpg"))
    once(lambda: panel.evaluate(HAS, ALLOW))
    entered.click_in_panel(ALLOW)
    entered.refuse()
    once(lambda: panel.evaluate(HAS, ANSWERED))
    assert panel.evaluate(HAS, SEND)
    assert "It was taken from the screen: a new copy" in panel.evaluate(SHOWN)
    assert panel.evaluate(CODE) in (None, "POSSIBLE_MATCH")


def test_a_picture_that_its_site_encodes_anew_at_each_request_is_found_by_sending_it(
    sites: Sites, click: Callable[..., Tab]
) -> None:
    sites.files["stream.jpg"] = encoded(photo("stream.jpg", 1000))
    panel = click(sites.at("cdn", "/live/stream.jpg"))
    once(lambda: panel.evaluate(HAS, SEND))
    assert panel.evaluate(CODE) in (None, "POSSIBLE_MATCH")  # its digest is nobody's
    panel.evaluate("(selector) => document.querySelector(selector).click()", SEND)
    once(lambda: panel.evaluate(CODE) == "MATCH_NO_DIFFERENCE_FOUND")
