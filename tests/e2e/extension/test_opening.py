"""The panel opens where a user asks for it, beside the page and not in it."""

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.loopback import serving

PAGE = "<!doctype html><title>News</title><img src='/picture.png' width=300 height=200><p>A page"


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
        assert once(lambda: extended.told().get("click"))["source"] == f"{url}/picture.png"
        assert extended.panel().evaluate("() => document.title") == "Countermark"
