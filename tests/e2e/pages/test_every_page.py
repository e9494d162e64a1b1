"""All pages: what they have to hold for every reader, and against every text."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import RegisteredAsset
from playwright.sync_api import Page, expect

from demo.service import Service
from tests.e2e.pages.pictures import HOSTILE, SHOWN, hostile_copy
from tests.e2e.pages.reader import OpenPage, hand_in, headline, open_all

pytestmark = pytest.mark.browser

FOREIGN = (
    "img[src='x'], script:not([src]), iframe, object, embed, base, [onerror], [href^='javascript:'], [style*='url']"
)
"""Selects what only an attack could have put there."""


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_has_to_be_scrolled_sideways(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, width: int, language: str
) -> None:
    page = open_page("/verify", viewport={"width": width, "height": 800}, locale=language)
    hand_in(page, altered)
    headline(page)
    open_all(page)
    assert _overhang(page) <= 0
    for path in ("/", "/log", "/reference", f"/a/{stream.id}", f"/publishers/{stream.publisher.id}"):
        page.goto(path)
        assert _overhang(page) <= 0, path


def _overhang(page: Page) -> int:
    overhang: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return overhang


def test_registrations_are_a_list_on_a_narrow_screen(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/log", viewport={"width": 320, "height": 900})
    for path, name in (
        ("/log", "Newest registrations"),
        (f"/publishers/{stream.publisher.id}", "newest registrations"),
    ):
        page.goto(path)
        listed = page.get_by_role("region", name=name)
        assert listed.get_by_role("row").count() > 0
        assert listed.evaluate("each => each.scrollWidth - each.clientWidth") <= 0


def test_the_growth_of_the_log_can_be_read_on_a_narrow_screen(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/log", viewport={"width": 320, "height": 900})
    for each in page.locator(".growth.ends span").all():
        assert each.evaluate("each => parseFloat(getComputedStyle(each).fontSize)") >= 12


def test_a_registration_that_does_not_exist_has_a_page_that_says_so(open_page: OpenPage) -> None:
    page = open_page(f"/a/{'0' * 64}")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such registration here")


def test_the_log_page_has_the_key_and_how_to_audit_with_it(
    open_page: OpenPage, service: Service, stream: RegisteredAsset
) -> None:
    page = open_page("/log")
    key = page.get_by_role("region", name="The key to pin").inner_text()
    assert re.fullmatch(r"\S+\+[0-9a-f]{8}\+\S+", key)
    expect(page.get_by_role("region", name="Command that checks a receipt")).to_contain_text(f"--vkey '{key}'")
    expect(page.get_by_role("region", name="The latest checkpoint")).to_contain_text(key.split("+")[0])
    expect(page.get_by_role("region", name="Publishers")).to_contain_text("The Test Daily")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_any_page(
    open_page: OpenPage, stream: RegisteredAsset, hostile: RegisteredAsset, altered: bytes, scheme: str
) -> None:
    page = open_page("/verify", color_scheme=scheme)
    found = _barriers(page, "/verify")
    hand_in(page, b"no picture")
    expect(page.get_by_role("alert")).not_to_be_empty()
    found += _barriers(page, "refusal")
    hand_in(page, altered)
    headline(page)
    open_all(page)
    found += _barriers(page, "side by side")
    page.get_by_role("radio", name="Slider").check()
    found += _barriers(page, "slider")
    for path in (
        "/",
        "/log?find=1",
        "/reference",
        f"/a/{stream.id}",
        f"/a/{hostile.id}",
        "/a/none",
        "/publishers/hostile",
    ):
        page.goto(path)
        found += _barriers(page, path)
    assert found == []


def _barriers(page: Page, where: str) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{where}: {violation['impact']} {violation['id']}: {violation['nodes'][0]['html'][:200]}"
        for violation in violations
    ]


def test_hostile_text_in_a_registration_is_text_on_every_page(open_page: OpenPage, hostile: RegisteredAsset) -> None:
    page = open_page("/")
    assert SHOWN in page.locator("main").inner_text()
    for path in (f"/a/{hostile.id}", "/log", "/publishers/hostile"):
        page.goto(path)
        assert SHOWN in page.locator("main").inner_text()
        assert page.locator(FOREIGN).count() == 0
    page.goto("/verify")
    hand_in(page, hostile_copy(), f"{HOSTILE.replace('/', '')}.png")
    headline(page)
    open_all(page)
    issued = page.locator("section.panel", has=page.get_by_role("heading", name="Issued by")).inner_text()
    assert issued.count(SHOWN) >= 4, "title, credit, caption, licence and publisher are shown"
    assert SHOWN in page.locator("#advanced").inner_text(), "and so are the marks of the file"
    assert page.locator(FOREIGN).count() == 0
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.locator("main").inner_text())
    page.reload()
    headline(page)
    assert page.locator(FOREIGN).count() == 0
    assert page.evaluate("window.violations") == []
