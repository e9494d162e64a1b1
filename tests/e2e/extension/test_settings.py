"""The settings, by keyboard alone; and the panel after them."""

from collections.abc import Iterator

import pytest
from countermark import Client
from playwright.sync_api import Page, expect

from demo.alterations import PHOTOS
from tests.e2e.extension.between import Between, running_between, truthful
from tests.e2e.extension.browsers import Chromium, ExtendedBrowser, once
from tests.e2e.extension.reader import CLICKED, Reader, as_source
from tests.e2e.pages.pictures import altered_picture, encode

SETTINGS = "options/options.html"
REACHED = "selector => document.activeElement.matches(selector)"


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    with running_between(tmp_path_factory.mktemp("between")) as between:
        assert between.service is not None
        with Client(between.service.url, api_key=between.service.api_key) as client:
            client.register(PHOTOS / "stream.jpg", title="A stream in the beech wood")
        yield between


@pytest.fixture
def settings(extended: ExtendedBrowser, between: Between) -> Iterator[Reader]:
    """Opened for the first time."""
    between.change = truthful
    reader = Reader(extended, SETTINGS)
    reader.empty()
    once(lambda: reader.text("#registries") == "None is entered yet.")
    yield reader
    assert reader.watched == []
    reader.tab.close()


def enter(settings: Reader, address: str, key: str = "") -> None:
    settings.tab.evaluate(
        """({ address, key }) => {
            document.querySelector("#address").value = address;
            document.querySelector("#key").value = key;
            document.querySelector("#add").requestSubmit();
        }""",
        {"address": address, "key": key},
    )


def test_a_registry_is_entered_with_its_key_and_removed_with_all_that_was_remembered(
    settings: Reader, between: Between
) -> None:
    assert settings.violations() == []
    enter(settings, between.url)
    once(lambda: "is entered" in settings.text("#status"))
    assert f"It is run by “The Test Daily”; its log is “{between.origin}”" in settings.text("#status")
    shown = settings.text(".registry")
    assert "as first seen" in shown
    assert f"{between.checkpoint().size} entries, shown by {between.host}" in shown
    (key,) = settings.kept(f"log:{between.origin}")["keys"]
    assert key in shown
    assert settings.violations() == []
    settings.press(".registry button")
    once(lambda: settings.text("#registries") == "None is entered yet.")
    assert settings.kept(f"log:{between.origin}") is None
    assert settings.kept("registries") == []


@pytest.mark.parametrize(
    "address", ["http://registry.example", "ftp://registry.example", "https://a:b@c.example", "??"]
)
def test_what_is_no_address_is_told(settings: Reader, address: str) -> None:
    enter(settings, address)
    assert "That is no address" in settings.text("#problem")
    assert settings.tab.evaluate(REACHED, "#address")
    assert settings.violations() == []


def test_an_address_where_no_registry_is_is_told(settings: Reader) -> None:
    enter(settings, "http://127.0.0.1:9")
    once(lambda: "127.0.0.1:9 could not be reached" in settings.text("#problem"))


def test_an_alarm_stands_in_the_settings_too(settings: Reader, between: Between) -> None:
    assert settings.enter(between.url) is None
    forked = between.signed(between.checkpoint().size, b"\x01" * 32)
    between.change = lambda asked, reply: reply.says(forked) if asked.path == "/log/checkpoint" else reply
    enter(settings, between.url)
    once(lambda: settings.has("#problem .alarm"))
    once(lambda: settings.has("#registries .alarm"))
    assert "has signed two histories" in settings.text("#registries")
    assert settings.violations() == []


def test_what_a_click_sends_is_kept(settings: Reader, extended: ExtendedBrowser) -> None:
    settings.press("#prefix")
    once(lambda: settings.text("#saved") == "Saved.")
    again = Reader(extended, SETTINGS)
    once(lambda: again.tab.evaluate("() => document.querySelector('#prefix').checked"))
    again.tab.close()


# By keyboard alone -------------------------------------------------------------------------------------


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(REACHED, selector):
            return
    pytest.fail(f"{selector} cannot be reached with the Tab key")


@pytest.mark.browser
@pytest.mark.display
def test_everything_is_done_by_keyboard_alone(extended_chromium: Chromium, between: Between) -> None:
    between.change = truthful
    reader = Reader(extended_chromium)
    reader.empty()
    panel: Page = reader.tab  # type: ignore[assignment]
    picture = as_source(encode(altered_picture(), "JPEG"))
    panel.evaluate(CLICKED, picture)
    tab_to(panel, "#answers .button")
    panel.keyboard.press("Enter")

    def opened() -> Page | None:
        panel.evaluate("() => 0")  # news of other pages comes with an answer
        return next((each for each in extended_chromium.context.pages if each.url.endswith(SETTINGS)), None)

    page: Page = once(opened)
    page.bring_to_front()
    tab_to(page, "#address")
    page.keyboard.type(between.url)
    page.keyboard.press("Enter")
    expect(page.locator(".registry")).to_be_visible()
    page.close()

    panel.bring_to_front()
    panel.evaluate(CLICKED, picture)
    expect(panel.locator(".button.large")).to_be_visible()
    tab_to(panel, ".button.large")
    panel.keyboard.press("Enter")
    once(lambda: panel.evaluate(REACHED, "h2[data-code]"))
    tab_to(panel, ".checks summary")
    panel.keyboard.press("Enter")
    expect(panel.locator(".checks table")).to_be_visible()
    tab_to(panel, ".links a")
    panel.close()
