"""The panel opens where a user asks for it, beside the page and not in it."""

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.e2e.extension.browsers import ExtendedBrowser, ExtendedFirefox, once
from tests.loopback import serving

PAGE = "<!doctype html><title>News</title><img src='/picture.png' width=300 height=200><p>A page"


def clicked(extended: ExtendedBrowser) -> str | None:
    """The source of the picture that was clicked last."""
    click = extended.told().get("click")
    return click["source"] if click else None


def test_the_toolbar_opens_the_panel(extended: ExtendedBrowser) -> None:
    with serving(Starlette(routes=[Route("/", lambda _: HTMLResponse(PAGE))])) as url:
        page = extended.open(url)
        extended.click_toolbar(page)
        assert extended.panel().evaluate("() => document.title") == "Countermark"
        assert once(lambda: extended.told().get("choose"))["tabId"]


def test_the_menu_of_a_picture_opens_the_panel(extended: ExtendedBrowser) -> None:
    with serving(Starlette(routes=[Route("/", lambda _: HTMLResponse(PAGE))])) as url:
        page = extended.open(url)
        extended.open_menu(page, "img")
        extended.choose_in_menu()
        once(lambda: clicked(extended) == f"{url}/picture.png")
        assert extended.panel().evaluate("() => document.title") == "Countermark"


def test_the_shortcut_opens_the_panel(extended: ExtendedBrowser) -> None:
    before = extended.told().get("choose")
    with serving(Starlette(routes=[Route("/", lambda _: HTMLResponse(PAGE))])) as url:
        extended.focus(extended.open(url))
        once(lambda: extended.display.press("alt+shift+m") or extended.told().get("choose") != before)
        assert extended.panel().evaluate("() => document.title") == "Countermark"


@pytest.mark.firefox
@pytest.mark.display
def test_the_menu_of_firefox_is_taken_by_keys(extended_firefox: ExtendedFirefox) -> None:
    """As that of Chromium is in every test."""
    with serving(Starlette(routes=[Route("/", lambda _: HTMLResponse(PAGE))])) as url:
        page = extended_firefox.open(url)
        extended_firefox.open_menu(page, "img")
        extended_firefox.display.press(*["Down"] * extended_firefox.lines_down(), "Return")
        once(lambda: clicked(extended_firefox) == f"{url}/picture.png")
