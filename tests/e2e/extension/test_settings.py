"""The settings, by keyboard alone; and the panel after them."""

from collections.abc import Iterator

import pytest
from countermark import Client

from demo.alterations import PHOTOS
from tests.e2e.extension.between import Between, running_between, truthful
from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.extension.reader import CLICKED, Reader, as_source
from tests.e2e.pages.pictures import HOSTILE, SHOWN, altered_picture, encode

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
    assert f"entries: {between.checkpoint().size}; shown by {between.host}" in shown
    (key,) = settings.kept(f"log:{between.origin}")["keys"]
    assert key in shown
    assert settings.violations() == []
    settings.press(".registry button")
    once(lambda: "is removed" in settings.text("#status"))
    assert settings.text("#registries") == "None is entered yet."
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


def test_nothing_of_a_registry_s_own_words_is_more_than_text_in_the_settings(
    settings: Reader, between: Between
) -> None:
    between.change = lambda asked, reply: (
        reply.says(reply.json | {"operator": HOSTILE}) if asked.path.startswith("/.well-known") else reply
    )
    enter(settings, between.url)
    once(lambda: settings.has(".registry"))
    assert settings.text("#status").count(SHOWN) == settings.text(".registry").count(SHOWN) == 1
    assert settings.tab.evaluate("() => document.querySelectorAll('img[src=x], [onerror], main script').length") == 0


@pytest.mark.parametrize("width", [320, 480])
def test_nothing_is_cut_off_in_narrow_settings(settings: Reader, between: Between, width: int) -> None:
    settings.resize(width, 900)
    assert settings.enter(between.url) is None
    forked = between.signed(between.checkpoint().size, b"\x01" * 32)
    between.change = lambda asked, reply: reply.says(forked) if asked.path == "/log/checkpoint" else reply
    enter(settings, between.url)
    once(lambda: settings.has("#registries .alarm"))
    for scheme in ("light", "dark"):
        settings.prefer(scheme)
        wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert settings.tab.evaluate(wide) <= 0
        assert settings.violations() == []


# By keyboard alone -------------------------------------------------------------------------------------


def test_everything_is_done_by_keyboard_alone(extended: ExtendedBrowser, between: Between) -> None:
    between.change = truthful
    panel, settings = Reader(extended), Reader(extended, SETTINGS, extended.beside)
    panel.empty()
    picture = as_source(encode(altered_picture(), "JPEG"))
    panel.tab.evaluate(CLICKED, picture)
    once(lambda: panel.has("#answers .button"))
    panel.see()
    panel.tab_to("#answers .button")
    panel.key("Enter")
    once(lambda: settings.tab.evaluate("async () => (await chrome.tabs.getCurrent()).active"))
    settings.tab_to("#address")
    settings.key(*between.url, "Enter")
    once(lambda: settings.has(".registry"))

    panel.see()
    panel.tab.evaluate(CLICKED, picture)
    once(lambda: panel.has(".button.large"))
    panel.tab_to(".button.large")
    panel.key("Enter")
    once(lambda: panel.tab.evaluate(REACHED, "h2[data-code]"))
    panel.tab_to(".checks summary")
    panel.key("Enter")
    once(lambda: panel.tab.evaluate("() => document.querySelector('.checks').open"))
    panel.tab_to(".links a")
    panel.tab.close()
